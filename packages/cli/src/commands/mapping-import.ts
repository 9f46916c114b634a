// Takes over mappings of Segment's: shown as ours, with what could not be carried over, or added
// to sluice.yaml.
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '@sluice/core';
import type { JsonObject, JsonValue } from '@sluice/core';
import {
  actionOf,
  createRegistry,
  importSubscription,
  mappingReferences,
  parseSubscriptions,
} from '@sluice/destinations';
import { shownPath } from '../config/project.ts';
import { didYouMean } from '../config/suggest.ts';
import { writeMapping } from '../config/write-mapping.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { importLines } from '../views/mapping-import.ts';
import type { MappingImportOptions } from './mappings-program.ts';
import { answer, loadProject, sessionOf } from './session.ts';

const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** `{ mappings: [{ name, mapping, notCarried, problems, written }] }`. */
export async function mappingImportCommand(io: Io, file: string, options: MappingImportOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options, 'entries');
  const subscriptions = parseSubscriptions(await readJson(io, file));
  const model = chosen('model', options.model, project.modelNames);
  const destinationName = chosen('destination', options.destination, project.destinationNames);
  const { type } = project.destination(destinationName);
  const registry = createRegistry({ baseDirectory: project.directory });
  const info = registry.describe(type);
  if (info === undefined) {
    throw new AppError(`there is no destination of type "${type}"`, {
      code: 'UNKNOWN_DESTINATION',
      kind: 'invalid',
      where: project.placeOf(['destinations', destinationName, 'type']),
      fix: 'sluice destinations list',
    });
  }
  const names = new Set(project.mappingNames);
  const mappings = subscriptions.map((subscription) => {
    const action =
      options.action === undefined
        ? actionOf(subscription, info.actions)
        : info.actions.find(({ key }) => key === options.action);
    if (action === undefined) {
      const keys = info.actions.map(({ key }) => key);
      const asked = options.action ?? subscription.actionSlug ?? subscription.name;
      throw new AppError(`the destination ${type} has no action "${asked}" (mapping "${subscription.name}")`, {
        code: 'UNKNOWN_ACTION',
        kind: 'invalid',
        fix: `Name one with --action. ${didYouMean(asked, keys)}`,
      });
    }
    const { title, fields, syncMode, send, notCarried } = importSubscription(subscription, action);
    const name = options.name ?? freeName(title, names);
    names.add(name);
    const mapping: JsonObject = {
      model,
      destination: destinationName,
      action: action.key,
      ...(syncMode === undefined ? {} : { sync_mode: syncMode }),
      ...(send === undefined ? {} : { send: [...send] }),
      fields: escaped(fields),
    };
    const spec = { type, settings: {}, action: action.key, fields, mappingId: 'import', syncId: 'import' };
    // Only the mapping itself: its columns and the destination's settings are checked by sluice plan.
    const columns = mappingReferences(fields).flatMap(({ keys }) => (keys === 'all' ? [] : keys.slice(1, 2)));
    const problems = registry.validate(spec, columns).filter(({ path: at }) => at.startsWith('fields'));
    return { name, mapping, notCarried, problems, written: options.write === true };
  });
  if (options.name !== undefined && mappings.length > 1) {
    throw new AppError(`the file holds ${mappings.length} mappings, but --name names one`, {
      code: 'USAGE',
      kind: 'invalid',
      fix: "Leave --name out; the names are made from Segment's.",
    });
  }
  if (options.write === true) {
    const load = { directory: project.directory, cwd: io.cwd, environment: io.environment };
    for (const { name, mapping } of mappings) await writeMapping(load, name, mapping);
  }
  answer(session, { mappings }, () => mappings.flatMap((each) => importLines(each, session.style)));
  return EXIT.ok;
}

async function readJson(io: Io, file: string): Promise<JsonValue> {
  const full = path.resolve(io.cwd, file);
  const shown = shownPath(io.cwd, full);
  const fail = (why: string, fix: string): AppError =>
    new AppError(`${shown} ${why}`, { code: 'CANNOT_READ', kind: 'invalid', where: shown, fix });
  const found = await stat(full).catch((error: NodeJS.ErrnoException) => {
    throw fail(`cannot be read (${error.code ?? 'unknown reason'})`, 'Name a JSON file that exists.');
  });
  if (!found.isFile() || found.size > MAX_FILE_BYTES) throw fail('is no file of at most 4 MiB', 'Name the JSON file.');
  const text = await readFile(full, 'utf8');
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')) as JsonValue;
  } catch {
    throw fail('is not valid JSON', 'Save the answer of the Public API as it came.');
  }
}

/** What the option names, or the only one that there is. */
function chosen(kind: 'model' | 'destination', name: string | undefined, known: readonly string[]): string {
  const [only, more] = known;
  if (name === undefined && only !== undefined && more === undefined) return only;
  if (name !== undefined && known.includes(name)) return name;
  throw new AppError(name === undefined ? `which ${kind} is the mapping for?` : `there is no ${kind} "${name}"`, {
    code: `UNKNOWN_${kind.toUpperCase()}`,
    kind: 'invalid',
    fix: name === undefined ? `Name it with --${kind}. Known: ${known.join(', ') || 'none'}.` : didYouMean(name, known),
  });
}

function freeName(title: string, taken: ReadonlySet<string>): string {
  const plain = title
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, 55);
  const base = plain === '' ? 'imported' : plain;
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? base : `${base}-${count}`;
    if (!taken.has(name)) return name;
  }
}

/** In sluice.yaml `${…}` is a variable; here it is a text. */
function escaped(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.replaceAll('${', () => '$${');
  if (Array.isArray(value)) return value.map(escaped);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, escaped(item)]));
}

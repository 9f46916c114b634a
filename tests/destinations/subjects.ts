// Conformance subjects of the catalogue: settings, mapping and rows made from a definition's
// own fields, with the particulars of `vendors.ts`.
import type { JsonObject } from '@sluice/core';
import type { ActionShape, CaseSubject, DestinationShape, DestinationSpec, InputField } from '@sluice/destination-kit';
import { RESERVED_KEYS, capabilitiesOf, samplePayload, sampleSettings } from '@sluice/destination-kit';
import { createRegistry } from '@sluice/destinations';
import type { DestinationEntry } from '../../packages/destinations/src/entry.ts';
import type { Particulars } from './vendors.ts';
import { particulars } from './vendors.ts';

const AUDIENCE = { key: 'members', externalId: 'audience-1' };

export type Subject = CaseSubject & { readonly spec: DestinationSpec; readonly action: string };

/** Actions in the order in which one is looked for that can stand for the destination. */
export function actionsToTry(entry: DestinationEntry): string[] {
  const { actions } = entry.shape();
  const chosen = particulars[entry.type]?.action;
  const keys = Object.keys(actions).filter((key) => key !== chosen);
  const batched = (key: string): boolean => 'performBatch' in (actions[key] ?? {});
  const ordered = [...keys.filter(batched), ...keys.filter((key) => !batched(key))];
  return chosen === undefined ? ordered : [chosen, ...ordered];
}

export function subjectOf(entry: DestinationEntry, actionKey: string): Subject {
  const shape = entry.shape();
  const action = shape.actions[actionKey];
  if (action === undefined) throw new Error(`${entry.type} has no action ${actionKey}`);
  const known: Particulars = particulars[entry.type] ?? {};
  const audience = known.audience ?? readsAudience(shape, action);
  const given = {
    ...(audience ? membershipFields(action) : {}),
    ...known.fields?.['*'],
    ...known.fields?.[actionKey],
  };
  const { settings, secrets } = sampleSettings(shape.authentication?.fields ?? {}, known.settings);
  const oauth = shape.authentication?.scheme.startsWith('oauth') === true;
  const names = sampledFields(action, given, audience);
  const columnOf = new Map(names.map((name, index) => [name, `c${index}`]));
  const spec: DestinationSpec = {
    type: entry.type,
    action: actionKey,
    settings,
    fields: {
      ...Object.fromEntries(names.map((name) => [name, { '@path': `$.properties.${columnOf.get(name)}` }])),
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null)),
      ...('enable_batching' in action.fields || 'performBatch' in action ? { enable_batching: true } : {}),
      ...(action.syncMode === undefined ? {} : { __segment_internal_sync_mode: action.syncMode.default }),
    },
    mappingId: 'conformance',
    syncId: 'conformance-1',
    ...(audience
      ? {
          audience: {
            ...AUDIENCE,
            settings: sampleSettings(shape.audienceFields ?? {}, known.audienceSettings).settings,
          },
        }
      : {}),
    ...(oauth ? { credentials: { accessToken: 'zQ7secretAccessToken0123456789' } } : {}),
  };
  const columns = (ordinal: number): JsonObject => {
    const payload = samplePayload(action.fields, ordinal);
    return Object.fromEntries(names.map((name) => [columnOf.get(name) ?? name, payload[name] ?? null]));
  };
  const text = textFieldOf(action, names);
  const textColumn = text === undefined ? undefined : columnOf.get(text);
  const invalid = invalidColumns(action, names, columnOf, columns(0));
  const registry = (runner: object) => createRegistry({ runner });
  return {
    spec,
    action: actionKey,
    open: async (runner) => registry(runner).open(spec),
    columns,
    ...(invalid === undefined ? {} : { invalid }),
    ...(textColumn === undefined ? {} : { textColumn }),
    deletes: capabilitiesOf(action).deletes !== 'none',
    perRow: capabilitiesOf(action).perRowOutcomes,
    ...(known.vendor === undefined ? {} : { vendor: known.vendor }),
    ...(known.partial === undefined ? {} : { partial: known.partial }),
    ...(known.without === undefined ? {} : { without: known.without }),
    secrets: [...secrets, ...(oauth ? ['zQ7secretAccessToken0123456789'] : [])],
  };
}

function sampledFields(action: ActionShape, given: JsonObject, audience: boolean): string[] {
  return Object.entries(action.fields)
    .filter(([name, field]) => {
      if (RESERVED_KEYS.has(name) || field.type === 'hidden' || name in given) return false;
      return !(audience && readsPersonas(field));
    })
    .map(([name]) => name);
}

/** Fields that the definition searches for the audience's key: they take the whole record, where it is added. */
function membershipFields(action: ActionShape): JsonObject {
  const found = Object.entries(action.fields).filter(
    ([name, field]) => field.type === 'object' && field.properties === undefined && /trait|prop/i.test(name),
  );
  return Object.fromEntries(found.map(([name]) => [name, { '@path': '$.properties' }]));
}

function readsAudience(shape: DestinationShape, action: ActionShape): boolean {
  return (
    shape.audienceConfig !== undefined ||
    Object.values(action.fields).some((field) => field.required === true && readsPersonas(field))
  );
}

function readsPersonas(field: InputField): boolean {
  return JSON.stringify(field.default ?? null).includes('$.context.personas');
}

function isFreeText(field: InputField): boolean {
  return (
    (field.type === 'string' || field.type === 'text') &&
    field.choices === undefined &&
    field.format === undefined &&
    field.multiple !== true
  );
}

/** The field that may hold any text: one whose name promises nothing about its form. */
function textFieldOf(action: ActionShape, names: readonly string[]): string | undefined {
  const free = names.filter((name) => isFreeText(action.fields[name] as InputField));
  const usual = /^(.*name|title|description|text|message|content|body|event|.*city|company)$/i;
  return (
    free.find((name) => usual.test(name) && !/event/i.test(name)) ?? free.find((name) => usual.test(name)) ?? undefined
  );
}

/** Without a required field, or with a value of the wrong type. */
function invalidColumns(
  action: ActionShape,
  names: readonly string[],
  columnOf: ReadonlyMap<string, string>,
  good: JsonObject,
): JsonObject | undefined {
  const required = names.find((name) => action.fields[name]?.required === true);
  if (required !== undefined) return { ...good, [columnOf.get(required) ?? '']: null };
  const object = names.find((name) => action.fields[name]?.type === 'object' && action.fields[name].multiple !== true);
  if (object !== undefined) return { ...good, [columnOf.get(object) ?? '']: 'not an object' };
  const text = names.find((name) => isFreeText(action.fields[name] as InputField));
  return text === undefined ? undefined : { ...good, [columnOf.get(text) ?? '']: { not: 'a text' } };
}

import type { Change } from '@sluice/core';
import type { Behaviour, DestinationDefinition, ReceivedRequest } from '@sluice/destination-kit';
import { Receiver, eventOf, withLiteralDefaults, withSettingDefaults } from '@sluice/destination-kit';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { catalogueEntries } from '../../packages/destinations/src/catalogue/entries.ts';
import { loadDefinition } from '../../packages/destinations/src/catalogue/load.ts';
import { offers } from '../../packages/destinations/src/catalogue/offers.ts';
import { passes, readRecord } from './conformance-record.ts';
import { knownDifferences } from './known-differences.ts';
import type { RowEnding } from './stock.ts';
import { leadNodeTo, runStock } from './stock.ts';
import type { Subject } from './subjects.ts';
import { subjectOf } from './subjects.ts';

// The same rows through our runner and through the package's own runtime, against the same
// local server: the same requests, the same outcome for each row.
const TIMESTAMP = '2026-01-02T03:04:05.000Z';
const CASES: Readonly<Record<string, Behaviour>> = {
  success: { kind: 'answer' },
  'an invalid row between good ones': { kind: 'answer' },
  'status 400': { kind: 'status', status: 400 },
  'status 401': { kind: 'status', status: 401 },
  'status 429': { kind: 'status', status: 429 },
  'status 500': { kind: 'status', status: 500 },
};
const subjects = Object.entries(readRecord()).filter(([, record]) => passes(record));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date(TIMESTAMP) });
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  for (const entry of catalogueEntries)
    for (const name of entry.shape().environment ?? []) vi.stubEnv(name, 'environment0123456789');
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

it('compares at least 60 destinations', () => {
  expect(subjects.length).toBeGreaterThanOrEqual(60);
});

it.each(subjects)('%s: the same requests and outcomes as the stock runtime', async (type, { action }) => {
  const entry = catalogueEntries.find((each) => each.type === type);
  const directory = offers.find((each) => each.type === type)?.directory;
  if (entry === undefined || directory === undefined || action === undefined) throw new Error(`no ${type}`);
  const subject = subjectOf(entry, action);
  const definition = loadDefinition(directory);
  const found: string[] = [];
  for (const [name, behaviour] of Object.entries(CASES)) {
    const ours = await runOurs(subject, name, behaviour);
    const theirs = await runTheirs(definition, subject, name, behaviour);
    if (JSON.stringify(ours.requests) !== JSON.stringify(theirs.requests)) found.push(`${name}: requests`);
    if (JSON.stringify(ours.endings) !== JSON.stringify(theirs.endings)) found.push(`${name}: outcomes`);
    if (process.env['SHOW_DIFFERENCES'] === type)
      process.stdout.write(`${name} ${JSON.stringify({ ours, theirs }, null, 1)}\n`);
  }
  const known = knownDifferences.filter((each) => each.type === type);
  const allowed = known.flatMap(({ when, differs }) =>
    (when === '*' ? Object.keys(CASES) : [when]).map((name) => `${name}: ${differs}`),
  );
  expect(found.filter((each) => !allowed.includes(each))).toEqual([]);
  // A fault that is gone is to be taken out of the list.
  expect(known.filter(({ when, differs }) => when !== '*' && !found.includes(`${when}: ${differs}`))).toEqual([]);
});

type Run = { readonly requests: readonly string[]; readonly endings: readonly RowEnding[] };

function changesOf(subject: Subject, name: string, count: number): Change[] {
  return Array.from({ length: count }, (_, ordinal) => ({
    ordinal,
    operation: 'added',
    recordId: `r${ordinal}`,
    checksum: `c${ordinal}`,
    columns:
      name.startsWith('an invalid row') && ordinal === Math.min(1, count - 1) && subject.invalid !== undefined
        ? subject.invalid
        : subject.columns(ordinal),
  }));
}

async function runOurs(subject: Subject, name: string, behaviour: Behaviour): Promise<Run> {
  await using receiver = await Receiver.start(subject.vendor);
  receiver.behaviour = behaviour;
  seedRandom();
  await using destination = await subject.open({ connector: receiver.connector, timestamp: TIMESTAMP });
  const count = destination.batching.maxRows === 1 ? 1 : Math.min(3, destination.batching.maxRows);
  const endings: RowEnding[] = [];
  const rows = changesOf(subject, name, count).flatMap((change) => {
    const row = destination.prepare(change);
    endings.push('payload' in row ? 'delivered' : 'rejected');
    return 'payload' in row ? [{ row, at: endings.length - 1 }] : [];
  });
  const result = await destination.deliver(
    rows.map(({ row }) => row),
    { signal: new AbortController().signal, idempotencyKey: 'k' },
  );
  for (const [index, { at }] of rows.entries()) {
    if (result.kind === 'failed') endings[at] = result.cause === 'rows' ? 'rejected' : result.cause;
    else {
      const outcome = result.outcomes[index]?.outcome ?? 'later';
      endings[at] = outcome === 'retry' ? 'later' : outcome;
    }
  }
  return { requests: requestsOf(receiver.requests), endings };
}

async function runTheirs(
  definition: DestinationDefinition,
  subject: Subject,
  name: string,
  behaviour: Behaviour,
): Promise<Run> {
  await using receiver = await Receiver.start(subject.vendor);
  receiver.behaviour = behaviour;
  using _lead = leadNodeTo(receiver.port);
  seedRandom();
  const { spec } = subject;
  const action = definition.actions[spec.action];
  if (action === undefined) throw new Error(`no action ${spec.action}`);
  const audience = spec.audience === undefined ? {} : { audience: spec.audience };
  const context = { mappingId: 'conformance', syncId: 'conformance-1', timestamp: TIMESTAMP, ...audience };
  const batch = action.performBatch !== undefined && spec.fields['enable_batching'] === true;
  const count = batch ? 3 : 1;
  const endings = await runStock(definition, {
    action: spec.action,
    batch,
    events: changesOf(subject, name, count).map((change) => eventOf(change, context)),
    mapping: withLiteralDefaults(action, structuredClone(spec.fields), spec.audience !== undefined),
    settings: withSettingDefaults(definition.authentication?.fields, spec.settings),
    auth: spec.credentials === undefined ? undefined : { accessToken: spec.credentials.accessToken, refreshToken: '' },
  });
  return { requests: requestsOf(receiver.requests), endings };
}

/** Headers that the clients, not the definitions, set. */
const OF_THE_CLIENT = new Set([
  'user-agent',
  'idempotency-key',
  'connection',
  'accept',
  'accept-encoding',
  'content-length',
  'transfer-encoding',
]);

function requestsOf(requests: readonly ReceivedRequest[]): string[] {
  return requests
    .map(({ method, path, headers, body }) => {
      const kept = Object.entries(headers).filter(([name]) => !OF_THE_CLIENT.has(name));
      return JSON.stringify([method, path, Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1))), body]);
    })
    .sort();
}

/** The same identifiers in both runs. */
function seedRandom(): void {
  let state = 1;
  vi.spyOn(Math, 'random').mockImplementation(() => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  });
}

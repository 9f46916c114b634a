import type { Change, JsonObject, Operation } from '@sluice/core';
import type { BatchResult, DestinationSpec, Prepared } from '@sluice/destination-kit';
import { Receiver, conformanceProblems, runCases } from '@sluice/destination-kit';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createRegistry } from '../registry.ts';

let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start();
});
beforeEach(() => {
  receiver.requests.length = 0;
  receiver.behaviour = { kind: 'answer' };
  receiver.vendor = () => ({ body: { success: true } });
});
afterAll(async () => receiver[Symbol.asyncDispose]());

const registryOf = () =>
  createRegistry({ runner: { connector: receiver.connector, timestamp: '2026-01-02T03:04:05.000Z' } });

function spec(action: string, fields: JsonObject, settings: JsonObject = {}): DestinationSpec {
  return {
    type: 'segment',
    action,
    settings: { write_key: 'zQ7secretWriteKey', ...settings },
    fields,
    mappingId: 'm',
    syncId: 's',
  };
}

function change(ordinal: number, columns: JsonObject, operation: Operation = 'added'): Change {
  return { ordinal, operation, recordId: `r${ordinal}`, checksum: `c${ordinal}`, columns };
}

async function deliver(target: DestinationSpec, list: readonly Change[]): Promise<BatchResult> {
  await using destination = await registryOf().open(target);
  const rows = list.map((each) => destination.prepare(each) as Prepared);
  return await destination.deliver(rows, { signal: new AbortController().signal, idempotencyKey: 'k' });
}

type Body = { readonly batch: readonly JsonObject[]; readonly sentAt: string };
const bodies = (): Body[] => receiver.requests.map(({ body }) => JSON.parse(body) as Body);
const user = { userId: { '@path': '$.properties.id' } };

it.each<[string, JsonObject, JsonObject]>([
  ['identify', user, { type: 'identify', userId: 'u', traits: { id: 'u', name: 'Zoë' } }],
  [
    'track',
    { ...user, event: 'Signed up', properties: { n: { '@path': '$.properties.name' } } },
    { type: 'track', userId: 'u', event: 'Signed up', properties: { n: 'Zoë' } },
  ],
  ['group', { ...user, groupId: 'g', traits: {} }, { type: 'group', userId: 'u', groupId: 'g', traits: {} }],
  [
    'page',
    { anonymousId: 'a', name: 'Home', properties: { '@path': '$.properties' } },
    { type: 'page', anonymousId: 'a', name: 'Home', properties: { id: 'u', name: 'Zoë' } },
  ],
  [
    'screen',
    { ...user, category: 'c' },
    { type: 'screen', userId: 'u', category: 'c', properties: { id: 'u', name: 'Zoë' } },
  ],
  ['alias', { ...user, previousId: 'old' }, { type: 'alias', userId: 'u', previousId: 'old' }],
])('sends %s calls', async (action, fields, expected) => {
  expect(registryOf().validate(spec(action, fields), ['id', 'name'])).toEqual([]);
  const rows = [change(0, { id: 'u', name: 'Zoë' })];
  expect(await deliver(spec(action, fields), rows)).toEqual({ kind: 'rows', outcomes: [{ outcome: 'delivered' }] });
  expect(receiver.requests[0]).toMatchObject({
    host: 'api.segment.io',
    path: '/v1/batch',
    headers: { authorization: `Basic ${Buffer.from('zQ7secretWriteKey:').toString('base64')}` },
  });
  const [{ batch: [message] } = { batch: [] }] = bodies();
  const { messageId, timestamp, ...rest } = message ?? {};
  expect(rest).toEqual(expected);
  expect(timestamp).toBe('2026-01-02T03:04:05.000Z');
  expect(messageId).toMatch(/^[0-9a-f]{32}$/);
});

it('gives a message the same id whenever it is sent, and others to other records and contents', async () => {
  const rows = [change(0, { id: 'u' }), change(1, { id: 'v' })];
  for (let time = 0; time < 2; time += 1) await deliver(spec('identify', user), rows);
  await deliver(spec('identify', user), [{ ...change(0, { id: 'u' }), checksum: 'other' }]);
  const ids = bodies().map(({ batch }) => batch.map(({ messageId }) => messageId));
  expect(ids[0]).toEqual(ids[1]);
  expect(new Set(ids.flat()).size).toBe(3);
  await deliver(
    spec('identify', { ...user, messageId: { '@path': '$.__segment_id' }, timestamp: '2020-01-01T00:00:00Z' }),
    rows,
  );
  expect(bodies()[3]?.batch[0]).toMatchObject({ messageId: 'r0', timestamp: '2020-01-01T00:00:00Z' });
});

it('goes to the endpoint of the region, or of the settings', async () => {
  await deliver(spec('identify', user, { region: 'eu' }), [change(0, { id: 'u' })]);
  await deliver(spec('identify', user, { endpoint: 'https://events.example.com/v1/' }), [change(0, { id: 'u' })]);
  expect(receiver.requests.map(({ host, path }) => host + path)).toEqual([
    'events.eu1.segmentapis.com/v1/batch',
    'events.example.com/v1/batch',
  ]);
});

it('cuts requests at 500 kB and rejects messages over 32 kB and rows without an id alone', async () => {
  const large = 'é'.repeat(15_000);
  const rows = Array.from({ length: 40 }, (_, ordinal) => change(ordinal, { id: `u${ordinal}`, large }));
  rows[3] = change(3, { id: 'u3', large: 'é'.repeat(17_000) });
  rows[7] = change(7, { id: null, large: '' });
  const result = await deliver(spec('identify', user), rows);
  const outcomes = result.kind === 'rows' ? result.outcomes : [];
  expect(outcomes.flatMap((each, place) => (each.outcome === 'delivered' ? [] : [place]))).toEqual([3, 7]);
  expect(outcomes[3]).toMatchObject({ outcome: 'rejected', message: expect.stringContaining('32768') as string });
  expect(outcomes[7]).toMatchObject({ outcome: 'rejected', message: expect.stringContaining('anonymousId') as string });
  expect(receiver.requests.length).toBeGreaterThan(1);
  for (const { body } of receiver.requests) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(500 * 1024);
  expect(bodies().flatMap(({ batch }) => batch.map(({ userId }) => userId))).toEqual(
    rows.flatMap(({ columns }, place) => (place === 3 || place === 7 ? [] : [columns['id']])),
  );
});

it('asks to send the rows of a failed request again, and no others', async () => {
  const rows = Array.from({ length: 30 }, (_, ordinal) =>
    change(ordinal, { id: `u${ordinal}`, large: 'x'.repeat(30_000) }),
  );
  receiver.vendor = ({ body }) =>
    body.includes('"u29"') ? { status: 429, headers: { 'retry-after': '3' } } : undefined;
  const result = await deliver(spec('identify', user), rows);
  const outcomes = result.kind === 'rows' ? result.outcomes : [];
  expect(outcomes[0]).toEqual({ outcome: 'delivered' });
  expect(outcomes[29]).toMatchObject({ outcome: 'retry', retryAfterMs: 3000 });
});

it('sends deleted records like all others', async () => {
  await deliver(spec('identify', { userId: { '@path': '$.__segment_id' } }), [change(0, { id: null }, 'deleted')]);
  expect(bodies()[0]?.batch[0]).toMatchObject({ userId: 'r0', traits: { id: null } });
});

it('goes through every case of the conformance suite', async () => {
  const target = spec('track', { userId: { '@path': '$.__segment_id' }, event: { '@path': '$.properties.text' } });
  const results = await runCases({
    open: (runner) => createRegistry({ runner }).open(target),
    columns: (ordinal) => ({ text: `text ${ordinal}` }),
    invalid: { text: null },
    textColumn: 'text',
    deletes: false,
    perRow: true,
    secrets: ['zQ7secretWriteKey'],
  });
  expect(results.filter(({ verdict }) => verdict !== 'ok').map(({ name, verdict }) => [name, verdict])).toEqual([
    ['partial failure', 'none'],
    ['deletes', 'none'],
  ]);
});

it('keeps the promises of every destination, and says that nobody can test the key', async () => {
  const registry = registryOf();
  const target = spec('track', {
    userId: { '@path': '$.__segment_id' },
    event: { '@path': '$.properties.name' },
    properties: {},
  });
  const subject = {
    open: () => registry.open(target),
    reads: registry.columns(target),
    columns: { name: 'a', other: 2 },
  };
  expect(await conformanceProblems(subject)).toEqual([]);
  expect(await registry.testAuthentication(target)).toEqual({ result: 'untested' });
  expect(registry.describe('segment')?.authentication.canTest).toBe(false);
});

it('names what is wrong with settings and fields', () => {
  const registry = registryOf();
  const paths = (target: DestinationSpec): string[] => registry.validate(target, ['id']).map(({ path }) => path);
  expect(paths(spec('identify', {}))).toEqual(['fields.userId']);
  expect(paths(spec('track', user))).toEqual(['fields.event']);
  expect(paths(spec('identify', user, { region: 'asia' }))).toEqual(['settings.region']);
  expect(paths(spec('identify', user, { endpoint: 'events.example.com' }))).toEqual(['settings.endpoint']);
  expect(paths(spec('identify', user, { write_key: '' }))).toEqual(['settings.write_key']);
});

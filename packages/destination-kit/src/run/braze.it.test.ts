// A second definition of the catalogue, with answers per row, held against Segment's own
// `Destination` class: same requests, same verdict on each row.
import { createRequire } from 'node:module';
import type { JsonObject } from '@sluice/core';
import { expect, it } from 'vitest';
import type { DestinationSpec, RowOutcome } from '../destination.ts';
import type { Answer } from '../request/test-server.ts';
import { TestServer } from '../request/test-server.ts';
import type { DestinationDefinition } from '../segment/definition.ts';
import { openDefinition } from './definition-runner.ts';

type Node = { readonly status: number; readonly errormessage?: string };
type Stock = { executeBatch(action: string, data: unknown): Promise<Node[]> };

const require = createRequire(import.meta.url);
const catalogued = (directory: string): DestinationDefinition =>
  (
    require(`@segment/action-destinations/dist/destinations/${directory}/index.js`) as {
      default: DestinationDefinition;
    }
  ).default;
const braze = catalogued('braze');
const { Destination } = require('@segment/actions-core') as { Destination: new (definition: unknown) => Stock };

const fields: JsonObject = {
  external_id: { '@path': '$.properties.id' },
  name: 'Signed up',
  time: { '@path': '$.properties.at' },
  properties: { plan: { '@path': '$.properties.plan' } },
  _update_existing_only: false,
  enable_batching: true,
};
const at = '2026-01-01T00:00:00.000Z';
const good = [
  { id: 'a', at, plan: 'x' },
  { id: 'b', at, plan: 'y' },
  { id: 'c', at, plan: null },
];
const json =
  (status: number, body: unknown): Answer =>
  (_, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

async function ours(server: TestServer, rows: readonly JsonObject[]): Promise<(RowOutcome | string)[]> {
  const spec: DestinationSpec = {
    type: braze.slug,
    action: 'trackEvent',
    settings: { api_key: 'k', app_id: 'app', endpoint: server.url },
    fields,
    mappingId: 'm',
    syncId: 's',
  };
  await using destination = openDefinition(braze, spec, { fetchTimeoutMs: 2000, userAgent: 'Segment (Actions)' });
  const prepared = rows.map((columns, ordinal) =>
    destination.prepare({ ordinal, operation: 'added', recordId: String(ordinal), checksum: '', columns }),
  );
  const valid = prepared.filter((row) => 'payload' in row);
  const result = await destination.deliver(valid, { signal: new AbortController().signal, idempotencyKey: 'k' });
  if (result.kind === 'failed') return [result.cause];
  let next = 0;
  return prepared.map((row) => ('payload' in row ? (result.outcomes[next++] as RowOutcome) : row));
}

async function theirs(server: TestServer, rows: readonly JsonObject[]): Promise<Node[]> {
  const stock = new Destination({ ...braze, name: braze.slug });
  const events = rows.map((properties, index) => ({
    type: 'track',
    event: 'new',
    __segment_id: String(index),
    properties,
  }));
  return stock.executeBatch('trackEvent', {
    events,
    mapping: fields,
    settings: { api_key: 'k', app_id: 'app', endpoint: server.url },
  });
}

it.each([
  ['all rows are good', good, json(201, { message: 'success' })],
  ['a row lacks its time', [good[0], { id: 'b', plan: 'y' }, good[2]], json(201, { message: 'success' })],
  ['a row lacks its id', [good[0], { at, plan: 'y' }, good[2]], json(201, { message: 'success' })],
  [
    'one row is refused',
    good,
    json(201, { message: 'ok', errors: [{ type: 'bad', input_array: 'events', index: 1 }] }),
  ],
  ['the batch is refused', good, json(400, { message: 'bad batch' })],
  ['the server fails', good, json(500, { message: 'oops' })],
  ['there are too many requests', good, json(429, { message: 'slow down' })],
])('agrees when %s', async (_, rows, answer) => {
  await using server = await TestServer.start(answer);
  const outcomes = await ours(server, rows as JsonObject[]);
  const nodes = await theirs(server, rows as JsonObject[]);
  const [mine, other] = server.received;
  expect(server.received).toHaveLength(2);
  expect([mine?.method, mine?.url, mine?.body]).toEqual([other?.method, other?.url, other?.body]);
  expect(mine?.headers.authorization).toBe(other?.headers.authorization);

  const verdict = ({ status }: Node): string => {
    if (status < 300) return 'delivered';
    return status === 429 || status >= 500 ? 'retry' : 'rejected';
  };
  expect(outcomes.map((outcome) => (typeof outcome === 'string' ? outcome : outcome.outcome))).toEqual(
    nodes.map(verdict),
  );
  const messages = outcomes.map((outcome) =>
    typeof outcome !== 'string' && 'message' in outcome ? outcome.message : undefined,
  );
  expect(messages).toEqual(nodes.map((node) => node.errormessage));
});

// `then` is a key of the `@if` directive.
/* oxlint-disable unicorn/no-thenable */
import { createRequire } from 'node:module';
import type { Change, JsonObject, Operation } from '@sluice/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { BatchResult, DestinationSpec, OpenDestination, Prepared, Rejection } from '../destination.ts';
import type { Answer } from '../request/test-server.ts';
import { TestServer } from '../request/test-server.ts';
import { segmentCore } from '../segment/core.ts';
import type { ActionDefinition, DestinationDefinition } from '../segment/definition.ts';
import type { RunnerOptions } from './definition-runner.ts';
import { columnsRead, openDefinition } from './definition-runner.ts';

const require = createRequire(import.meta.url);
const catalogued = (directory: string): DestinationDefinition =>
  (
    require(`@segment/action-destinations/dist/destinations/${directory}/index.js`) as {
      default: DestinationDefinition;
    }
  ).default;
const webhook = catalogued('webhook');

const change = (ordinal: number, columns: JsonObject, operation: Operation = 'added'): Change => ({
  ordinal,
  operation,
  recordId: JSON.stringify(columns['id'] ?? ordinal),
  checksum: `c${ordinal}`,
  columns,
});

function spec(fields: JsonObject, more: Partial<DestinationSpec> = {}): DestinationSpec {
  return { type: 'actions-webhook', action: 'send', settings: {}, fields, mappingId: 'm', syncId: 's1', ...more };
}

const isPrepared = (row: Prepared | Rejection): row is Prepared => 'payload' in row;

function prepareAll(destination: OpenDestination, changes: readonly Change[]): Prepared[] {
  return changes.map((item) => {
    const row = destination.prepare(item);
    if (!isPrepared(row)) throw new Error(row.message);
    return row;
  });
}

async function deliver(
  destination: OpenDestination,
  rows: readonly Prepared[],
  signal = new AbortController().signal,
): Promise<BatchResult> {
  return destination.deliver(rows, { signal, idempotencyKey: 'key-1' });
}

async function openWebhook(
  answer: Answer | undefined,
  fields: JsonObject = {},
  options: Partial<RunnerOptions> = {},
  settings: JsonObject = {},
) {
  const server = await TestServer.start(answer);
  const all = { url: server.url, data: { '@path': '$.properties' }, enable_batching: true, ...fields };
  const destination = openDefinition(webhook, spec(all, { settings }), {
    fetchTimeoutMs: 2000,
    userAgent: 'Sluice test',
    ...options,
  });
  onTestFinished(async () => {
    await destination[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  return { server, destination, rows: prepareAll(destination, [change(0, { id: 1 }), change(1, { id: 2 })]) };
}

describe('the webhook of the catalogue', () => {
  it('sends a batch as one request with an array, and one idempotency key', async () => {
    const { server, destination, rows } = await openWebhook(undefined, { headers: { 'X-Team': 'data' } });
    expect(destination.batching).toMatchObject({ maxRows: 1000 });
    expect(await deliver(destination, rows)).toEqual({
      kind: 'rows',
      outcomes: [{ outcome: 'delivered' }, { outcome: 'delivered' }],
    });
    expect(server.received).toHaveLength(1);
    expect(server.received[0]).toMatchObject({ method: 'POST', body: '[{"id":1},{"id":2}]' });
    expect(server.received[0]?.headers).toMatchObject({
      'idempotency-key': 'key-1',
      'x-team': 'data',
      'user-agent': 'Sluice test',
    });
  });

  it('sends each row alone when batching is off, with the row as the body', async () => {
    const { server, destination, rows } = await openWebhook(undefined, { enable_batching: false });
    expect(destination.batching.maxRows).toBe(1);
    await deliver(destination, rows.slice(0, 1));
    await deliver(destination, rows);
    expect(server.received.map(({ body }) => body)).toEqual(['{"id":1}', '{"id":1}', '{"id":2}']);
    expect(server.received.map(({ headers }) => headers['idempotency-key'])).toEqual(['key-1', 'key-1-0', 'key-1-1']);
  });

  it('separates rows by the fields that a batch must share', async () => {
    const server = await TestServer.start();
    const grouped = spec({
      url: { '@template': `${server.url}/{{properties.place}}` },
      headers: { b: { '@path': '$.properties.b' }, a: '1' },
      data: { id: { '@path': '$.properties.id' } },
      batch_size: 10,
    });
    await using destination = openDefinition(webhook, grouped, { fetchTimeoutMs: 1000, userAgent: 'x' });
    const keys = prepareAll(destination, [
      change(0, { id: 1, place: 'x', b: 'q' }),
      change(1, { id: 2, place: 'x', b: 'q' }),
      change(2, { id: 3, place: 'y', b: 'q' }),
      change(3, { id: 4, place: 'x', b: 'r' }),
    ]).map((row) => row.batchKey);
    expect(keys[0]).toBe(keys[1]);
    expect(new Set(keys).size).toBe(3);
    expect(columnsRead(webhook, grouped)).toEqual(new Set(['place', 'b', 'id']));
    await server[Symbol.asyncDispose]();
  });

  it('rejects a row that is not valid and says why', async () => {
    const fields = { url: { '@path': '$.properties.url' }, data: {} };
    await using destination = openDefinition(webhook, spec(fields), { fetchTimeoutMs: 1000, userAgent: 'x' });
    expect(destination.prepare(change(0, { url: 'https://example.com/' }))).toHaveProperty('payload');
    expect(destination.prepare(change(0, { url: 'not a url' }))).toMatchObject({
      outcome: 'rejected',
      code: 'PAYLOAD_VALIDATION_FAILED',
    });
    expect(destination.prepare(change(0, { url: null }))).toMatchObject({
      outcome: 'rejected',
      message: expect.stringContaining('url') as string,
    });
  });

  it('does not change the row that it was given', async () => {
    const { destination } = await openWebhook(undefined);
    const row = change(0, { id: 7, nested: { a: null, b: [1, null] } });
    const before = structuredClone(row);
    destination.prepare(row);
    expect(row).toEqual(before);
  });
});

describe('failures of a batch', () => {
  const status =
    (code: number, headers: Record<string, string> = {}, body = 'the reason'): Answer =>
    (_, response) =>
      void response.writeHead(code, headers).end(body);

  it.each([
    [400, 'rows', false],
    [401, 'stop', false],
    [404, 'rows', false],
    [408, 'later', true],
    [413, 'rows', false],
    [423, 'later', false],
    [429, 'later', false],
    [500, 'later', true],
    [501, 'rows', false],
    [503, 'later', true],
  ])('of status %i are to be treated as %s', async (code, cause, maybeDelivered) => {
    const { destination, rows } = await openWebhook(status(code));
    const result = await deliver(destination, rows);
    expect(result).toMatchObject({ kind: 'failed', cause, message: expect.stringContaining('the reason') as string });
    expect('maybeDelivered' in result).toBe(maybeDelivered);
  });

  it('carry what Retry-After says', async () => {
    const { destination, rows } = await openWebhook(status(429, { 'retry-after': '3' }));
    expect(await deliver(destination, rows)).toMatchObject({
      cause: 'later',
      code: 'TOO_MANY_REQUESTS',
      retryAfterMs: 3000,
    });
  });

  it('reject the row when the batch holds only one', async () => {
    const { destination, rows } = await openWebhook(status(400));
    expect(await deliver(destination, rows.slice(0, 1))).toMatchObject({
      kind: 'rows',
      outcomes: [{ outcome: 'rejected', code: 'BAD_REQUEST' }],
    });
  });

  it('name the address that a refused redirect points to, without its query', async () => {
    const { destination, rows } = await openWebhook(status(301, { location: 'https://example.org/new?token=abcdef' }));
    const result = await deliver(destination, rows);
    expect(result).toMatchObject({
      cause: 'stop',
      message: expect.stringContaining('https://example.org/new') as string,
    });
    expect(JSON.stringify(result)).not.toContain('abcdef');
  });

  it('are worth another try when no answer comes, and may have been delivered', async () => {
    const { destination, rows } = await openWebhook(() => undefined, {}, { fetchTimeoutMs: 200 });
    expect(await deliver(destination, rows)).toMatchObject({
      kind: 'failed',
      cause: 'later',
      code: 'REQUEST_TIMEOUT',
      maybeDelivered: true,
    });
  });

  it('are worth another try when the connection breaks in the middle of the answer', async () => {
    const { destination, rows } = await openWebhook((_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('x');
      setTimeout(() => response.destroy(), 10);
    });
    expect(await deliver(destination, rows)).toMatchObject({
      cause: 'later',
      code: 'REQUEST_NO_ANSWER',
      maybeDelivered: true,
    });
  });

  it('were certainly not delivered when nobody listens', async () => {
    const { server, destination, rows } = await openWebhook(undefined);
    await server[Symbol.asyncDispose]();
    const result = await deliver(destination, rows);
    expect(result).toMatchObject({ kind: 'failed', cause: 'later', code: 'REQUEST_NOT_SENT' });
    expect(result).not.toHaveProperty('maybeDelivered');
  });

  it('end with the signal', async () => {
    const { destination, rows } = await openWebhook(() => undefined);
    expect(await deliver(destination, rows, AbortSignal.timeout(50))).toMatchObject({
      kind: 'failed',
      cause: 'later',
      code: 'REQUEST_CANCELLED',
    });
    expect(await deliver(destination, rows, AbortSignal.abort())).toMatchObject({
      kind: 'failed',
      cause: 'later',
      code: 'REQUEST_CANCELLED',
    });
  });

  it('never show a secret that the destination repeats', async () => {
    const secret = 'sk_live_12345';
    const echo: Answer = ({ headers }, response) =>
      void response
        .writeHead(403)
        .end(`bad key ${String(headers['x-api-key'])} or ${Buffer.from(secret).toString('base64')}`);
    const { server, destination, rows } = await openWebhook(echo, { headers: { 'X-Api-Key': secret } });
    const result = await deliver(destination, rows);
    expect(server.received[0]?.headers['x-api-key']).toBe(secret);
    expect(JSON.stringify(result)).toContain('bad key [redacted] or [redacted]');
    expect(JSON.stringify(result)).not.toContain(secret);
  });

  it('do not repeat a secret that is no valid header', async () => {
    const { destination, rows } = await openWebhook(undefined, { headers: { Authorization: 'Bearer top\nsecret' } });
    const result = await deliver(destination, rows);
    expect(result).toMatchObject({
      kind: 'failed',
      cause: 'rows',
      message: expect.stringContaining('"Authorization"') as string,
    });
    expect(JSON.stringify(result)).not.toContain('top');
  });
});

// A definition of our own shows what the runner makes of each kind of answer.
function definitionWith(
  performBatch: ActionDefinition['performBatch'],
  perform: ActionDefinition['perform'] = () => undefined,
): DestinationDefinition {
  return {
    name: 'Test destination',
    slug: 'runner-test',
    actions: {
      put: {
        title: 'Put',
        description: '',
        fields: {
          id: { label: 'Id', type: 'number', required: true },
          enable_batching: { label: 'Batch', type: 'boolean', required: true },
        },
        syncMode: { default: 'mirror', choices: [{ label: 'Mirror', value: 'mirror' }] },
        perform,
        ...(performBatch === undefined ? {} : { performBatch }),
      },
    },
  };
}

async function run(
  performBatch: ActionDefinition['performBatch'],
  columns: readonly JsonObject[],
  options: Partial<RunnerOptions> = {},
) {
  const fields = { id: { '@path': '$.properties.id' }, __segment_internal_sync_mode: 'mirror' };
  await using destination = openDefinition(definitionWith(performBatch), spec(fields, { action: 'put' }), {
    fetchTimeoutMs: 500,
    userAgent: 'x',
    ...options,
  });
  return deliver(
    destination,
    prepareAll(
      destination,
      columns.map((row, index) => change(index, row, index === 0 ? 'deleted' : 'updated')),
    ),
  );
}

describe('what a definition returns', () => {
  const rows = [{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4 }];

  it('gives each row its own outcome when it is a MultiStatus', async () => {
    const result = await run((_request, { payload }) => {
      const answer = new segmentCore.MultiStatusResponse();
      const list = payload as readonly JsonObject[];
      answer.pushSuccessResponse({ status: 200, sent: list[0], body: {} });
      answer.pushErrorResponse({ status: 400, errormessage: 'no such thing' });
      answer.pushErrorResponse({ status: 503, errormessage: 'busy' });
      return answer;
    }, rows);
    expect(result).toEqual({
      kind: 'rows',
      outcomes: [
        { outcome: 'delivered' },
        { outcome: 'rejected', code: 'BAD_REQUEST', message: 'no such thing' },
        { outcome: 'retry', code: 'SERVICE_UNAVAILABLE', message: 'busy' },
        expect.objectContaining({ outcome: 'rejected', code: 'OUTCOME_UNKNOWN' }),
      ],
    });
  });

  it('stops the sync when every row got 401', async () => {
    const result = await run(() => {
      const answer = new segmentCore.MultiStatusResponse();
      for (let index = 0; index < 4; index += 1) answer.pushErrorResponse({ status: 401, errormessage: 'who are you' });
      return answer;
    }, rows);
    expect(result).toMatchObject({ kind: 'failed', cause: 'stop', message: 'who are you' });
  });

  it('delivers all rows when it is nothing', async () => {
    expect(await run(() => undefined, rows)).toMatchObject({ kind: 'rows', outcomes: { length: 4 } });
  });

  it.each([
    ['RetryableError', () => new segmentCore.RetryableError('later'), 'later'],
    ['InvalidAuthenticationError', () => new segmentCore.InvalidAuthenticationError('no'), 'stop'],
    ['RequestTimeoutError', () => new segmentCore.RequestTimeoutError(), 'later'],
    ['a TypeError of the definition', () => new TypeError('undefined is not a function'), 'later'],
  ])('is sorted when it throws %s', async (_, make, cause) => {
    const result = await run(async () => {
      throw make();
    }, rows);
    expect(result).toMatchObject({ kind: 'failed', cause });
  });

  it('is not waited for past the limit, even when it ignores the signal', async () => {
    const result = await run(() => new Promise(() => undefined), rows, { callTimeoutMs: 100 });
    expect(result).toMatchObject({ kind: 'failed', cause: 'later', code: 'REQUEST_TIMEOUT', maybeDelivered: true });
  });

  it('is computed from rows, events and memberships in the same order', async () => {
    let seen: unknown;
    await run(
      (_request, data) => {
        seen = data;
      },
      rows.slice(0, 2),
    );
    expect(seen).toMatchObject({
      payload: [
        { id: 1, enable_batching: true },
        { id: 2, enable_batching: true },
      ],
      rawData: [
        { event: 'deleted', __segment_id: '1' },
        { event: 'updated', __segment_id: '2' },
      ],
      audienceMembership: [false, true],
      syncMode: 'mirror',
      subscriptionMetadata: { actionConfigId: 's1' },
    });
  });
});

/** The stock class, as Segment's own platform runs it, is the yardstick. */
describe("compared with Segment's Destination class", () => {
  type Node = { status: number; errormessage?: string };
  type Stock = { executeBatch(action: string, data: unknown): Promise<Node[]> };
  const { Destination } = require('@segment/actions-core') as { Destination: new (definition: unknown) => Stock };

  it.each([
    [
      'texts, numbers and nulls',
      [
        { id: 1, name: 'a' },
        { id: 2, name: null },
        { id: 3, name: '' },
      ],
    ],
    [
      'a row that is not valid between two that are',
      [
        { id: 1, name: 'a' },
        { id: 2, name: 'b', method: 'BREW' },
        { id: 3, name: 'c' },
      ],
    ],
  ])('sends the same request for %s', async (_, columns: readonly JsonObject[]) => {
    await using server = await TestServer.start();
    const fields: JsonObject = {
      url: `${server.url}/hook`,
      method: {
        '@if': {
          exists: { '@path': '$.properties.method' },
          then: { '@path': '$.properties.method' },
          else: 'PUT',
        },
      },
      headers: { 'X-Number': 5, 'x-text': 'abc' },
      data: {
        id: { '@path': '$.properties.id' },
        label: { '@template': 'n:{{properties.name}}' },
        name: { '@path': '$.properties.name' },
      },
      enable_batching: true,
    };
    await using destination = openDefinition(webhook, spec(fields), {
      fetchTimeoutMs: 2000,
      userAgent: 'Segment (Actions)',
      timestamp: '2026-01-01T00:00:00.000Z',
    });
    const prepared = columns.map((row, index) => destination.prepare(change(index, row)));
    await destination.deliver(prepared.filter(isPrepared), {
      signal: new AbortController().signal,
      idempotencyKey: 'k',
    });

    const events = columns.map((row) => ({ type: 'track', event: 'new', properties: row }));
    const stock = new Destination({ ...webhook, name: webhook.slug });
    const nodes = await stock.executeBatch('send', { events, mapping: fields, settings: {} });

    const [ours, theirs] = server.received;
    expect(server.received).toHaveLength(2);
    expect(ours).toMatchObject({ method: theirs?.method, url: theirs?.url, body: theirs?.body });
    for (const name of ['content-type', 'x-number', 'x-text', 'user-agent', 'accept', 'content-length']) {
      expect([name, ours?.headers[name]]).toEqual([name, theirs?.headers[name]]);
    }
    const rejected = prepared.map((row) => (isPrepared(row) ? undefined : row.message));
    expect(rejected).toEqual(nodes.map((node) => node.errormessage));
  });
});

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Change, JsonObject, Operation } from '@sluice/core';
import type { BatchResult, DestinationSpec, OpenDestination, Prepared } from '@sluice/destination-kit';
import { conformanceProblems } from '@sluice/destination-kit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry } from '../registry.ts';

const LIMIT_MS = 60_000;
const SECRET = 'T0/B0/zQ7secretOfTheHook';
const registry = createRegistry();
const posts: { at: number; body: JsonObject }[] = [];
let answer: (response: ServerResponse, request: IncomingMessage) => void;
let server: ReturnType<typeof createServer>;

beforeEach(async () => {
  posts.length = 0;
  answer = (response) => void response.end('ok');
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      posts.push({ at: performance.now(), body: JSON.parse(Buffer.concat(chunks).toString()) as JsonObject });
      answer(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function spec(action: string, fields: JsonObject): DestinationSpec {
  const { port } = server.address() as AddressInfo;
  const settings = { webhook_url: `http://127.0.0.1:${port}/services/${SECRET}` };
  return { type: 'slack', action, settings, fields, mappingId: 'people', syncId: 's1' };
}

function change(ordinal: number, columns: JsonObject, operation: Operation = 'added'): Change {
  return { ordinal, operation, recordId: `r${ordinal}`, checksum: `c${ordinal}`, columns };
}

async function send(destination: OpenDestination, list: readonly Change[], signal?: AbortSignal): Promise<BatchResult> {
  const rows = list.map((each) => destination.prepare(each) as Prepared);
  return destination.deliver(rows, { signal: signal ?? new AbortController().signal, idempotencyKey: 'k' });
}

async function deliver(target: DestinationSpec, list: readonly Change[]): Promise<BatchResult> {
  await using destination = await registry.open(target);
  return await send(destination, list);
}

const named = { text: { '@template': 'Hello {{properties.name}}' } };
const ok = (rows: number): BatchResult => ({
  kind: 'rows',
  outcomes: Array.from({ length: rows }, () => ({ outcome: 'delivered' })),
});

describe('a message per row', () => {
  it('carries text and blocks, and shows what would call somebody as it is', async () => {
    const blocks = [{ type: 'section', text: { type: 'mrkdwn', text: { '@path': '$.properties.name' } } }];
    const rows = [change(0, { name: '日本 <!channel> & "co"' })];
    expect(await deliver(spec('message', { ...named, blocks }), rows)).toEqual(ok(1));
    expect(posts[0]?.body).toEqual({
      text: 'Hello 日本 &lt;!channel&gt; &amp; "co"',
      blocks: [{ type: 'section', text: { type: 'mrkdwn', text: '日本 &lt;!channel&gt; &amp; "co"' } }],
    });
    await deliver(spec('message', { text: '<https://example.com|more>', markup: true }), rows);
    expect(posts[1]?.body).toEqual({ text: '<https://example.com|more>' });
  });

  it('posts no more than one message per second, in order', async () => {
    await using destination = await registry.open(spec('message', named));
    expect(destination.batching).toMatchObject({
      maxRows: 1,
      concurrency: 1,
      rateLimit: { requestsPerSecond: 1, burst: 1 },
    });
    for (const name of ['a', 'b', 'c']) await send(destination, [change(0, { name })]);
    expect(posts.map(({ body }) => body['text'])).toEqual(['Hello a', 'Hello b', 'Hello c']);
    expect((posts[2]?.at ?? 0) - (posts[0]?.at ?? 0)).toBeGreaterThan(1900);
  });

  it.each<[number, string, string, string]>([
    [400, 'invalid_blocks', 'rows', 'invalid_blocks'],
    [403, 'invalid_token', 'stop', 'invalid_token'],
    [404, 'no_service', 'stop', 'no_service'],
    [410, 'channel_is_archived', 'stop', 'channel_is_archived'],
    [500, 'rollup_error', 'later', 'rollup_error'],
    [503, '', 'later', 'HTTP_503'],
  ])('%i %s means %s', async (status, text, cause, code) => {
    answer = (response) => void response.writeHead(status).end(text);
    const result = await deliver(spec('message', named), [change(0, { name: 'x' })]);
    expect(result).toMatchObject({ kind: 'failed', cause, code });
    expect(posts).toHaveLength(1);
  });

  it('waits as long as Slack says, and shows nothing of the URL', async () => {
    answer = (response, request) =>
      void response.writeHead(429, { 'retry-after': '30' }).end(`slow ${request.url ?? ''}`);
    const result = await deliver(spec('message', named), [change(0, { name: 'x' })]);
    expect(result).toMatchObject({ cause: 'later', retryAfterMs: 30_000 });
    expect(JSON.stringify(result)).not.toContain('zQ7secret');
  });

  it('asks to try later when nobody answers, or only in part', async () => {
    answer = (response, request) => {
      response.writeHead(200, { 'content-length': '100' }).write('o');
      setTimeout(() => request.socket.destroy(), 5);
    };
    expect(await deliver(spec('message', named), [change(0, { name: 'x' })])).toMatchObject({
      cause: 'later',
      maybeDelivered: true,
    });
    const target = spec('message', named);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const refused = await deliver(target, [change(0, { name: 'x' })]);
    expect(refused).toMatchObject({ cause: 'later', code: 'ECONNREFUSED' });
    expect(JSON.stringify(refused)).not.toContain('zQ7secret');
  });

  it('follows no redirect', async () => {
    answer = (response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end();
    expect(await deliver(spec('message', named), [change(0, { name: 'x' })])).toMatchObject({
      cause: 'stop',
      code: 'HTTP_302',
    });
    expect(posts).toHaveLength(1);
  });

  it('ends when it is cancelled', async () => {
    await using destination = await registry.open(spec('message', named));
    const cancel = new AbortController();
    answer = () => cancel.abort();
    expect(await send(destination, [change(0, { name: 'x' })], cancel.signal)).toMatchObject({ cause: 'later' });
  });

  it('rejects texts that Slack would cut, also of 5 MB, and rows without a text', async () => {
    expect(await deliver(spec('message', named), [change(0, { name: 'x'.repeat(5_000_000) })])).toMatchObject({
      outcomes: [{ outcome: 'rejected', code: 'MESSAGE_TOO_LONG' }],
    });
    await using destination = await registry.open(spec('message', { text: { '@path': '$.properties.name' } }));
    expect(destination.prepare(change(0, { name: null }, 'deleted'))).toMatchObject({ outcome: 'rejected' });
    expect(posts).toEqual([]);
  });
});

describe('a digest', () => {
  const fields = { line: { '@path': '$.properties.name' }, max_lines: 2 };
  const rows = [
    change(0, { name: 'Zoë <b>' }),
    change(1, { name: 'Bob' }, 'updated'),
    change(2, { name: 'x' }),
    change(3, { name: 'y' }),
  ];

  it('counts the changes and shows the first of them', async () => {
    expect(await deliver(spec('digest', fields), rows)).toEqual(ok(4));
    expect(posts.map(({ body }) => body)).toEqual([
      {
        text: 'people: 3 added, 1 updated, 0 deleted',
        blocks: [
          {
            type: 'section',
            text: {
              type: 'mrkdwn',
              text: '*people: 3 added, 1 updated, 0 deleted*\n• Zoë &lt;b&gt;\n• Bob\n… and 2 more',
            },
          },
        ],
      },
    ]);
  });

  it('is one per sync where the sync has a beginning and an end', async () => {
    await using destination = await registry.open(spec('digest', { ...fields, title: '{total} in {sync}' }));
    const { transaction } = destination;
    await transaction?.begin(new AbortController().signal);
    expect(await send(destination, rows.slice(0, 2))).toEqual(ok(2));
    expect(await send(destination, rows.slice(2))).toEqual(ok(2));
    expect(posts).toEqual([]);
    await transaction?.commit(new AbortController().signal);
    await transaction?.commit(new AbortController().signal);
    expect(posts.map(({ body }) => body['text'])).toEqual(['4 in s1']);
    await transaction?.begin(new AbortController().signal);
    await send(destination, rows);
    await transaction?.abort();
    await transaction?.commit(new AbortController().signal);
    expect(posts).toHaveLength(1);
  });

  it('stays within what Slack takes', async () => {
    const long = Array.from({ length: 200 }, (_, ordinal) =>
      change(ordinal, { name: `${ordinal} ${'é'.repeat(2000)}` }),
    );
    expect(await deliver(spec('digest', { ...fields, max_lines: 100 }), long)).toEqual(ok(200));
    const blocks = posts[0]?.body['blocks'] as { text: { text: string } }[];
    expect(blocks.length).toBeLessThanOrEqual(50);
    for (const { text } of blocks) expect(text.text.length).toBeLessThanOrEqual(3000);
    expect(blocks.at(-1)?.text.text).toMatch(/… and 1\d\d more$/);
  });
});

it.each([
  ['message', named],
  ['digest', { line: { '@path': '$.properties.name' } }],
])(
  'the action %s keeps the promises of every destination',
  async (action, fields) => {
    const target = spec(action, fields);
    const subject = {
      open: () => registry.open(target),
      reads: registry.columns(target),
      columns: { name: 'a', other: 2 },
    };
    expect(await conformanceProblems(subject)).toEqual([]);
    expect(await registry.testAuthentication(target)).toEqual({ result: 'untested' });
  },
  LIMIT_MS,
);

it('names what is wrong with settings and fields', () => {
  const paths = (target: DestinationSpec): string[] => registry.validate(target, ['name']).map(({ path }) => path);
  expect(paths(spec('message', named))).toEqual([]);
  expect(paths({ ...spec('message', named), settings: { webhook_url: 'hooks.slack.com/services/x' } })).toEqual([
    'settings.webhook_url',
  ]);
  expect(paths({ ...spec('message', named), settings: { webhook_url: 'http://hooks.slack.com/services/x' } })).toEqual([
    'settings.webhook_url',
  ]);
  expect(paths(spec('digest', { line: 'x', title: { '@path': '$.properties.name' } }))).toEqual(['fields.title']);
  expect(paths(spec('digest', {}))).toEqual(['fields.line']);
  expect(paths(spec('digest', { line: 'x', max_lines: 101 }))).toEqual(['fields.max_lines']);
});

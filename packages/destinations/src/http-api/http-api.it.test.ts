import { createHmac } from 'node:crypto';
import type { Change, JsonObject, Operation } from '@sluice/core';
import type { BatchResult, DestinationSpec, Prepared, SimulatedAnswer, Vendor } from '@sluice/destination-kit';
import { Receiver, conformanceProblems, runCases } from '@sluice/destination-kit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry } from '../registry.ts';

let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start();
});
beforeEach(() => {
  receiver.requests.length = 0;
  receiver.behaviour = { kind: 'answer' };
  receiver.vendor = () => undefined;
});
afterAll(async () => receiver[Symbol.asyncDispose]());

const registryOf = () => createRegistry({ runner: { connector: receiver.connector } });

function spec(fields: JsonObject = {}, settings: JsonObject = {}): DestinationSpec {
  return {
    type: 'http-api',
    action: 'send',
    settings: { base_url: 'https://api.example.com/v2/', ...settings },
    fields,
    mappingId: 'm',
    syncId: 's',
  };
}

function changes(count: number, operation: Operation = 'added'): Change[] {
  return Array.from({ length: count }, (_, ordinal) => ({
    ordinal,
    operation,
    recordId: `r/${ordinal}`,
    checksum: `c${ordinal}`,
    columns: operation === 'deleted' ? { id: null, name: null } : { id: ordinal, name: `Zoë ${ordinal}` },
  }));
}

async function deliver(target: DestinationSpec, list: readonly Change[]): Promise<BatchResult> {
  await using destination = await registryOf().open(target);
  const rows = list.map((change) => destination.prepare(change) as Prepared);
  return await destination.deliver(rows, { signal: new AbortController().signal, idempotencyKey: 'k' });
}

async function outcomes(fields: JsonObject, answer: SimulatedAnswer, count = 3): Promise<string[]> {
  receiver.vendor = () => answer;
  const result = await deliver(spec({ enable_batching: true, ...fields }), changes(count));
  if (result.kind === 'failed') return [`${result.cause}: ${result.code}`];
  return result.outcomes.map((each) => ('message' in each ? `${each.outcome}: ${each.message}` : each.outcome));
}

const sent = (place = 0): unknown => JSON.parse(receiver.requests[place]?.body ?? 'null');

describe('requests', () => {
  it('carry one row at a path of its own, percent-encoded, with query and headers', async () => {
    const fields = {
      method: 'PUT',
      path: '/lists/{list}/contacts/{record_id}',
      path_values: { list: { '@path': '$.properties.name' } },
      query: { dry: 'no', tag: ['a', 'b&c'] },
      headers: { 'X-Source': 'sluice' },
      body: { n: { '@path': '$.properties.name' } },
    };
    expect(registryOf().validate(spec(fields), ['id', 'name'])).toEqual([]);
    expect(registryOf().columns(spec(fields))).toEqual(new Set(['name']));
    expect(await deliver(spec(fields), changes(1))).toEqual({ kind: 'rows', outcomes: [{ outcome: 'delivered' }] });
    expect(receiver.requests[0]).toMatchObject({
      method: 'PUT',
      path: '/v2/lists/Zo%C3%AB%200/contacts/r%2F0?dry=no&tag=a&tag=b%26c',
      host: 'api.example.com',
      headers: { 'x-source': 'sluice', 'content-type': 'application/json', 'idempotency-key': 'k' },
      body: '{"n":"Zoë 0"}',
    });
  });

  it.each<[JsonObject, string]>([
    [{}, '[{"id":0,"name":"Zoë 0"},{"id":1,"name":"Zoë 1"}]'],
    [
      { envelope: { source: 'sluice', data: { kind: 'x' } }, rows_at: 'data.records' },
      '{"source":"sluice","data":{"kind":"x","records":[{"id":0,"name":"Zoë 0"},{"id":1,"name":"Zoë 1"}]}}',
    ],
    [{ body_format: 'ndjson' }, '{"id":0,"name":"Zoë 0"}\n{"id":1,"name":"Zoë 1"}\n'],
  ])('carry a batch as %j says', async (fields, body) => {
    await deliver(spec({ enable_batching: true, ...fields }), changes(2));
    expect(receiver.requests.map((request) => request.body)).toEqual([body]);
  });

  it('carry a form', async () => {
    await deliver(spec({ body_format: 'form' }), changes(1));
    expect(receiver.requests[0]).toMatchObject({
      body: 'id=0&name=Zo%C3%AB+0',
      headers: { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' },
    });
  });

  it.each<[JsonObject, string, string]>([
    [{ auth: 'basic', username: 'u', password: 'pass:word' }, 'authorization', 'Basic dTpwYXNzOndvcmQ='],
    [{ auth: 'bearer', token: 'abcdef' }, 'authorization', 'Bearer abcdef'],
    [{ auth: 'header', header_name: 'X-Key', header_value: 'abcdef' }, 'x-key', 'abcdef'],
  ])('are let in by %j', async (settings, header, value) => {
    await deliver(spec({}, settings), changes(1));
    expect(receiver.requests[0]?.headers[header]).toBe(value);
  });

  it('carry a signature of exactly their body', async () => {
    const settings = { signature_secret: 'shared secret', signature_prefix: 'sha256=', signature_header: 'X-Hub' };
    await deliver(spec({ enable_batching: true }, settings), changes(3));
    const [request] = receiver.requests;
    const hmac = createHmac('sha256', 'shared secret')
      .update(request?.body ?? '')
      .digest('hex');
    expect(request?.headers['x-hub']).toBe(`sha256=${hmac}`);
    await deliver(spec({}, { ...settings, signature_algorithm: 'sha512', signature_encoding: 'base64' }), changes(1));
    const other = createHmac('sha512', 'shared secret')
      .update(receiver.requests[1]?.body ?? '')
      .digest('base64');
    expect(receiver.requests[1]?.headers['x-hub']).toBe(`sha256=${other}`);
  });

  it('send deleted records like all others, or to a path of their own', async () => {
    await deliver(
      spec({ body: { id: { '@path': '$.__segment_id' }, op: { '@path': '$.event' } } }),
      changes(1, 'deleted'),
    );
    expect(sent()).toEqual({ id: 'r/0', op: 'deleted' });
    const own = { enable_batching: true, delete_path: '/contacts/{record_id}' };
    receiver.vendor = ({ path }) => (path.endsWith('1') ? { status: 404, body: { message: 'gone' } } : undefined);
    expect(await deliver(spec(own), changes(3, 'deleted'))).toMatchObject({
      outcomes: [
        { outcome: 'delivered' },
        { outcome: 'rejected', message: expect.stringContaining('gone') as string },
        { outcome: 'delivered' },
      ],
    });
    expect(
      receiver.requests
        .slice(1)
        .map(({ method, path, body }) => `${method} ${path} ${body}`)
        .sort(),
    ).toEqual([0, 1, 2].map((n) => `DELETE /v2/contacts/r%2F${n} `));
    const both = spec({ ...own, success_statuses: '200-299,404' });
    expect(await deliver(both, changes(3, 'deleted'))).toMatchObject({
      outcomes: [{ outcome: 'delivered' }, { outcome: 'delivered' }, { outcome: 'delivered' }],
    });
    receiver.requests.length = 0;
    const together = {
      enable_batching: true,
      delete_path: '/contacts',
      delete_body: { id: { '@path': '$.__segment_id' } },
    };
    await deliver(spec({ ...together, delete_method: 'POST' }), changes(2, 'deleted'));
    expect([receiver.requests.length, receiver.requests[0]?.method, sent()]).toEqual([
      1,
      'POST',
      [{ id: 'r/0' }, { id: 'r/1' }],
    ]);
    await using destination = await registryOf().open(spec(own));
    const keys = [...changes(1), ...changes(1, 'deleted')].map(
      (each) => (destination.prepare(each) as Prepared).batchKey,
    );
    expect(keys[0]).not.toBe(keys[1]);
  });

  it('reject the row whose place in the path is empty', async () => {
    const fields = { path: '/contacts/{id}', path_values: { id: { '@path': '$.properties.none' } } };
    expect(await deliver(spec(fields), changes(1))).toMatchObject({
      outcomes: [{ outcome: 'rejected', message: expect.stringContaining('{id}') as string }],
    });
    expect(receiver.requests).toEqual([]);
  });
});

describe('answers', () => {
  const status = { results_at: 'results', result_status: 'status', result_message: 'error.text' };
  const results = [{ status: 201 }, { status: 400, error: { text: 'too\n long' } }, { status: 'OK' }];

  it('are read in the order of the rows', async () => {
    expect(await outcomes(status, { body: { results } })).toEqual(['delivered', 'rejected: too long', 'delivered']);
    expect(await outcomes({ ...status, results_at: '$' }, { body: results })).toEqual([
      'delivered',
      'rejected: too long',
      'delivered',
    ]);
    expect(
      await outcomes(
        { ...status, result_status: 'fine' },
        { body: { results: [{ fine: true }, { fine: false }, {}] } },
      ),
    ).toEqual(['delivered', 'rejected: the result says false', 'rejected: the result says {}']);
  });

  it('are read by identifier, whatever their order and type', async () => {
    const fields = { ...status, result_id: 'contact.id', row_id: { '@path': '$.properties.id' } };
    const answer = [
      { contact: { id: 2 }, status: 409, error: { text: 'taken' } },
      { contact: { id: '0' }, status: 200 },
    ];
    expect(await outcomes(fields, { body: { results: answer } })).toEqual([
      'delivered',
      'rejected: the answer says nothing about this row; it may have been delivered',
      'rejected: taken',
    ]);
  });

  it('may list failures only', async () => {
    const fields = { results_at: 'errors', results_are: 'failures', result_index: 'index', result_message: 'reason' };
    const answer = (errors: unknown): SimulatedAnswer => ({ body: { errors } });
    expect(await outcomes(fields, answer([{ index: 1, reason: 'no e-mail' }]))).toEqual([
      'delivered',
      'rejected: no e-mail',
      'delivered',
    ]);
    expect(await outcomes(fields, { body: {} })).toEqual(['delivered', 'delivered', 'delivered']);
    const stray = await outcomes(fields, answer([{ index: 7, reason: 'whose?' }]));
    expect(new Set(stray)).toEqual(
      new Set(['rejected: the answer says nothing about this row; it may have been delivered']),
    );
  });

  it('ask for a row again that was refused for now', async () => {
    expect(
      await outcomes(status, {
        body: { results: [{ status: 200 }, { status: 429, error: { text: 'slow' } }, { status: 503 }] },
      }),
    ).toEqual(['delivered', 'retry: slow', 'retry: the result says 503']);
  });

  it('that do not have the results say nothing about the rows', async () => {
    for (const answer of [{ body: {} }, { body: 'gibberish' }, { body: { results: {} } }])
      expect(new Set(await outcomes(status, answer))).toEqual(
        new Set(['rejected: the answer says nothing about this row; it may have been delivered']),
      );
  });

  it('count by the statuses of the mapping', async () => {
    expect(await outcomes({ success_statuses: '200-299,409' }, { status: 409 })).toEqual([
      'delivered',
      'delivered',
      'delivered',
    ]);
    expect(await outcomes({ success_statuses: '200' }, { status: 202 })).toEqual(['rows: UNEXPECTED_STATUS']);
    expect(await outcomes({ retry_statuses: '404' }, { status: 404 })).toEqual([expect.stringMatching(/^later: /)]);
    expect(await outcomes({}, { status: 404 })).toEqual([expect.stringMatching(/^rows: /)]);
    expect(await outcomes({}, { status: 401 })).toEqual([expect.stringMatching(/^stop: /)]);
  });
});

describe('the destination', () => {
  it.each([false, true])('goes through every case of the conformance suite (batches: %s)', async (batches) => {
    const secret = 'zQ7secretOfTheApi';
    const target = spec(
      {
        enable_batching: batches,
        delete_path: '/gone/{record_id}',
        results_at: 'results',
        result_status: 'status',
        body: { text: { '@path': '$.properties.text' } },
        row_id: { '@path': '$.properties.text' },
      },
      { auth: 'bearer', token: secret, signature_secret: `${secret}-too` },
    );
    const answer: Vendor = ({ body }) => {
      const rows = body === '' ? [] : [JSON.parse(body) as unknown].flat();
      return { body: { results: rows.map(() => ({ status: 200 })) } };
    };
    const results = await runCases({
      open: (runner) => createRegistry({ runner }).open(target),
      columns: (ordinal) => ({ text: `text ${ordinal}` }),
      invalid: { text: { not: 'a text' } },
      textColumn: 'text',
      deletes: true,
      perRow: true,
      vendor: answer,
      partial: () => ({ body: { results: [{ status: 200 }, { status: 400 }, { status: 200 }] } }),
      secrets: [secret, `${secret}-too`],
    });
    const none = batches ? [] : ['partial failure', 'whole batch refused'];
    expect(results.filter(({ verdict }) => verdict !== 'ok').map(({ name, verdict }) => [name, verdict])).toEqual(
      none.map((name) => [name, 'none']),
    );
  });

  it('keeps the promises of every destination', async () => {
    const target = spec({ enable_batching: true, body: { id: { '@path': '$.properties.id' } } });
    const registry = registryOf();
    const subject = {
      open: () => registry.open(target),
      reads: registry.columns(target),
      columns: { id: 1, other: 2 },
    };
    expect(await conformanceProblems(subject)).toEqual([]);
  });

  it('is tested where there is a path for it', async () => {
    const settings = { auth: 'bearer', token: 'abcdefgh' };
    expect(await registryOf().testAuthentication(spec({}, settings))).toEqual({ result: 'untested' });
    const tested = spec({}, { ...settings, test_path: '/me' });
    expect(await registryOf().testAuthentication(tested)).toEqual({ result: 'valid' });
    expect(receiver.requests[0]).toMatchObject({
      method: 'GET',
      path: '/v2/me',
      headers: { authorization: 'Bearer abcdefgh' },
    });
    receiver.behaviour = { kind: 'echo', status: 401 };
    const refused = await registryOf().testAuthentication(tested);
    expect(refused).toMatchObject({ result: 'invalid' });
    expect(JSON.stringify(refused)).not.toContain('abcdefgh');
  });

  it.each<[JsonObject, string]>([
    [{ path: 'contacts' }, 'fields.path'],
    [{ path: '/a/../b' }, 'fields.path'],
    [{ path: '/a?b=c' }, 'fields.path'],
    [{ path: '/a/{id}' }, 'fields.path'],
    [{ path: { '@template': '/{{properties.id}}' } }, 'fields.path'],
    [{ path: '/{record_id}', enable_batching: true }, 'fields.path'],
    [{ body_format: 'form', enable_batching: true }, 'fields.body_format'],
    [{ method: 'GET' }, 'fields.method'],
    [{ delete_path: '/all' }, 'fields.delete_path'],
    [{ success_statuses: '2xx' }, 'fields.success_statuses'],
    [{ retry_statuses: '700' }, 'fields.retry_statuses'],
    [{ rows_at: 'a..b' }, 'fields.rows_at'],
    [{ rows_at: 'a.__proto__' }, 'fields.rows_at'],
    [{ result_status: 'status' }, 'fields.result_status'],
    [{ results_at: 'errors', results_are: 'failures' }, 'fields.results_are'],
    [{ results_at: 'results' }, 'fields.results_at'],
    [{ envelope: { a: 1 } }, 'fields.envelope'],
  ])('names what is wrong with the fields %j', (fields, path) => {
    expect(
      registryOf()
        .validate(spec(fields), ['id'])
        .map((each) => each.path),
    ).toEqual([path]);
  });

  it.each<[JsonObject, string]>([
    [{ base_url: 'api.example.com' }, 'settings.base_url'],
    [{ base_url: 'https://u:p@example.com' }, 'settings.base_url'],
    [{ auth: 'bearer' }, 'settings.token'],
    [{ auth: 'header', header_name: 'a b', header_value: 'x' }, 'settings.header_name'],
    [{ auth: 'digest' }, 'settings.auth'],
    [{ test_path: 'me' }, 'settings.test_path'],
    [{ auth: 'bearer', token: 'a\nb' }, 'settings.token'],
  ])('names what is wrong with the settings %j', (settings, path) => {
    expect(
      registryOf()
        .validateConnection(spec({}, settings))
        .map((each) => each.path),
    ).toEqual([path]);
  });
});

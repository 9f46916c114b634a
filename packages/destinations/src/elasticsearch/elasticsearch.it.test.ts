// No package of npm or Debian brings an Elasticsearch or an OpenSearch server. These tests run
// both client libraries against a stand-in that speaks the bulk API as it is documented.
import type { JsonObject } from '@sluice/core';
import type { DestinationSpec } from '@sluice/destination-kit';
import { conformanceProblems } from '@sluice/destination-kit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { allDelivered, deliver, thrownBy } from '../deliver-in-tests.ts';
import { createRegistry } from '../registry.ts';
import { ClusterUnderTest, LOGIN } from './cluster-under-test.ts';

let cluster: ClusterUnderTest;

beforeEach(async () => {
  cluster = await ClusterUnderTest.start();
  cluster.indexes.set('people', new Map());
});
afterEach(async () => cluster[Symbol.asyncDispose]());

describe.each(['elasticsearch', 'opensearch'])('%s destination', (type) => {
  function spec(fields: JsonObject = {}, settings: JsonObject = {}, action = 'sync'): DestinationSpec {
    return {
      type,
      action,
      settings: { node: cluster.url, user: LOGIN.user, password: LOGIN.password, ...settings },
      fields: {
        index: 'people',
        ...(action === 'sync' ? { __segment_internal_sync_mode: 'mirror' } : {}),
        ...fields,
      },
      mappingId: 'people',
      syncId: 's1',
    };
  }

  test.each(['sync', 'append'])('%s keeps the promises of every destination', async (action) => {
    const registry = createRegistry();
    const tested = spec({ row: { name: { '@path': '$.properties.name' } } }, {}, action);
    expect(registry.validate(tested, ['name'])).toEqual([]);
    const problems = await conformanceProblems({
      open: () => registry.open(tested),
      reads: registry.columns(tested),
      columns: { name: 'Ada', age: 36 },
    });
    expect(problems).toEqual([]);
  });

  test('writes, replaces and deletes documents; a batch that comes again changes nothing', async () => {
    await using destination = await createRegistry().open(spec());
    const rows = [
      {
        id: '1',
        name: 'Zoë \u{1F600}\n"quoted" \\ud800',
        big: '9007199254740993',
        tags: ['a', null],
        facts: { x: [1] },
      },
      { id: 'a/b ?#"', name: null, big: '1', tags: [], facts: null },
    ];
    for (let again = 0; again < 2; again += 1)
      expect(await deliver(destination, 'added', rows)).toEqual(allDelivered(2));
    expect(cluster.document('people', '1')).toEqual(rows[0]);
    expect(await deliver(destination, 'updated', [{ id: '1', name: 'Zoë' }])).toEqual(allDelivered(1));
    expect(cluster.document('people', '1')).toEqual({ id: '1', name: 'Zoë' });
    for (let again = 0; again < 2; again += 1)
      expect(await deliver(destination, 'deleted', rows)).toEqual(allDelivered(2));
    expect(cluster.indexes.get('people')?.size).toBe(0);
  });

  test('merging leaves the fields that the row does not name', async () => {
    cluster.indexes.set('people', new Map([['1', { name: 'old', other: 'stays' }]]));
    await using destination = await createRegistry().open(spec({ write: 'merge', pipeline: 'clean', refresh: true }));
    const rows = [
      { id: '1', name: 'new' },
      { id: '2', name: 'new' },
    ];
    expect(await deliver(destination, 'updated', rows)).toEqual(allDelivered(2));
    expect(cluster.document('people', '1')).toEqual({ id: '1', name: 'new', other: 'stays' });
    expect(cluster.document('people', '2')).toEqual({ id: '2', name: 'new' });
    const query = cluster.requests.at(-1)?.url.searchParams;
    expect([query?.get('pipeline'), query?.get('refresh')]).toEqual(['clean', 'wait_for']);
  });

  test.each([
    ['add', ['1 old', '2 new']],
    ['update', ['1 new']],
    ['upsert', ['1 new', '2 new']],
    ['delete', ['1 old']],
  ])('the sync mode %s does no more than it says', async (mode, expected) => {
    cluster.indexes.set('people', new Map([['1', { name: 'old' }]]));
    await using destination = await createRegistry().open(spec({ __segment_internal_sync_mode: mode }));
    const rows = [
      { id: '1', name: 'new' },
      { id: '2', name: 'new' },
    ];
    expect(await deliver(destination, 'updated', rows)).toEqual(allDelivered(2));
    const stored = [...(cluster.indexes.get('people') ?? [])].map(([id, { name }]) => `${id} ${name as string}`);
    expect(stored).toEqual(expected);
    expect(await deliver(destination, 'deleted', rows)).toEqual(allDelivered(2));
    expect(cluster.document('people', '1') === undefined).toBe(mode === 'delete');
  });

  test('append keeps one document per change, also when a change is sent again', async () => {
    const fields = { operation_field: 'op', record_id_field: 'record' };
    await using destination = await createRegistry().open(spec(fields, {}, 'append'));
    for (let again = 0; again < 2; again += 1) {
      expect(await deliver(destination, 'added', [{ id: '1', name: 'Ada' }])).toEqual(allDelivered(1));
      expect(await deliver(destination, 'deleted', [{ id: '1', name: 'Ada' }])).toEqual(allDelivered(1));
    }
    expect([...(cluster.indexes.get('people')?.values() ?? [])]).toEqual([
      { op: 'added', record: '1', id: '1', name: 'Ada' },
      { op: 'deleted', record: '1', id: null, name: null },
    ]);
  });

  test('each document has its own outcome', async () => {
    cluster.mappings.set('people', { properties: { age: { type: 'long' } } });
    cluster.busy.set('3', { status: 429, error: { type: 'es_rejected_execution_exception', reason: 'queue is full' } });
    await using destination = await createRegistry().open(spec());
    const result = await deliver(destination, 'added', [
      { id: '1', age: 1 },
      { id: '2', age: 'old' },
      { id: '3', age: 3 },
      { id: 'x'.repeat(513), age: 4 },
      { id: '5', name: 'half \ud800' },
      { id: '6', age: '9007199254740993' },
    ]);
    expect(result).toMatchObject({
      kind: 'rows',
      outcomes: [
        { outcome: 'delivered' },
        {
          outcome: 'rejected',
          code: 'document_parsing_exception',
          message: expect.stringContaining('[age]') as string,
        },
        { outcome: 'retry', code: 'es_rejected_execution_exception' },
        { outcome: 'rejected', code: 'ID_UNFIT' },
        { outcome: 'rejected', code: 'VALUE_UNFIT' },
        { outcome: 'delivered' },
      ],
    });
    expect([...(cluster.indexes.get('people')?.keys() ?? [])]).toEqual(['1', '6']);
  });

  test.each<[string, ClusterUnderTest['faults'][number], object]>([
    ['429 with a pause', { status: 429, headers: { 'retry-after': '7' } }, { cause: 'later', retryAfterMs: 7000 }],
    ['503', { status: 503 }, { cause: 'later', code: 'HTTP_503', maybeDelivered: true }],
    ['401', { status: 401 }, { cause: 'stop' }],
    ['403', { status: 403 }, { cause: 'stop' }],
    ['413', { status: 413 }, { cause: 'rows', code: 'HTTP_413' }],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, { kind: 'failed' }],
    ['no JSON', { status: 200, body: '{"items": [' }, { cause: 'later', maybeDelivered: true }],
    ['an answer without items', { status: 200, body: '{"ok":true}' }, { cause: 'later', code: 'UNEXPECTED_ANSWER' }],
    [
      'too few items',
      { status: 200, body: '{"errors":false,"items":[]}' },
      { cause: 'later', code: 'UNEXPECTED_ANSWER' },
    ],
    ['a reset', 'reset', { cause: 'later', maybeDelivered: true }],
  ])('%s fails the batch as it should, and the next one can go through', async (_, fault, expected) => {
    await using destination = await createRegistry().open(spec());
    cluster.faults.push(fault);
    expect(await deliver(destination, 'added', [{ id: '1' }])).toMatchObject({ kind: 'failed', ...expected });
    expect(await deliver(destination, 'added', [{ id: '1' }])).toEqual(allDelivered(1));
  });

  test('cancelling ends a request that nobody answers', async () => {
    await using destination = await createRegistry().open(spec());
    cluster.faults.push('silent');
    const cancel = new AbortController();
    const result = deliver(destination, 'added', [{ id: '1' }], { signal: cancel.signal });
    setTimeout(() => cancel.abort(), 100);
    expect(await result).toMatchObject({ kind: 'failed', cause: 'later' });
  });

  test('an index that goes away stops the sync', async () => {
    await using destination = await createRegistry().open(spec());
    const gone = { type: 'index_not_found_exception', reason: 'no such index [people]' };
    cluster.busy.set('1', { status: 404, error: gone });
    expect(await deliver(destination, 'added', [{ id: '1' }])).toMatchObject({
      kind: 'failed',
      cause: 'stop',
      code: 'index_not_found_exception',
    });
  });

  test('a document of 5 MB arrives whole', async () => {
    await using destination = await createRegistry().open(spec());
    const row = { id: '1', name: 'ä\t'.repeat(2_500_000) };
    expect(await deliver(destination, 'added', [row])).toEqual(allDelivered(1));
    expect(cluster.document('people', '1')).toEqual(row);
  });

  test.each([
    [{ index: 'peopel' }, {}, 'INDEX_NOT_FOUND', /"peopel" does not exist/],
    [{}, { password: 'wrong-and-secret' }, 'HTTP_401', /unable to authenticate/],
    [{}, { node: 'http://127.0.0.1:1' }, 'ECONNREFUSED', /127\.0\.0\.1:1/],
    [{ index: 'strict', row: { nmae: 'x' } }, {}, 'UNKNOWN_FIELD', /without a field "nmae"; it has name/],
  ])('opening with %j and %j ends with %s', async (fields: JsonObject, settings: JsonObject, code, message) => {
    cluster.indexes.set('strict', new Map());
    cluster.mappings.set('strict', { dynamic: 'strict', properties: { name: { type: 'text' } } });
    const thrown = await thrownBy(createRegistry().open(spec(fields, settings)));
    expect(thrown.code).toBe(code);
    expect(thrown.message).toMatch(message);
    expect(thrown.fix).toBeDefined();
    expect(JSON.stringify([thrown.message, thrown.fix])).not.toContain('wrong-and-secret');
  });

  test('a missing index may be left to the server', async () => {
    await using destination = await createRegistry().open(spec({ index: 'new', create_index: true }));
    expect(await deliver(destination, 'added', [{ id: '1' }])).toEqual(allDelivered(1));
    expect(cluster.document('new', '1')).toEqual({ id: '1' });
  });

  test('secrets that a server repeats are taken out', async () => {
    await using destination = await createRegistry().open(spec());
    const reason = `sign-in ${LOGIN.password} and ${Buffer.from(LOGIN.password).toString('base64')}`;
    cluster.faults.push({ status: 403, body: JSON.stringify({ error: { type: 'security_exception', reason } }) });
    const result = await deliver(destination, 'added', [{ id: '1' }]);
    expect(JSON.stringify(result)).toContain('security_exception: sign-in [redacted]');
    expect(JSON.stringify(result)).not.toContain(LOGIN.password);
  });

  test('the connection test tells valid, invalid and unreachable apart', async () => {
    const registry = createRegistry();
    const result = async (settings: JsonObject): Promise<string> =>
      (await registry.testAuthentication(spec({}, settings))).result;
    expect(await result({})).toBe('valid');
    expect(await result({ password: 'wrong' })).toBe('invalid');
    expect(await result({ node: 'http://127.0.0.1:1' })).toBe('unavailable');
  });

  test.each([
    [{ index: 'People' }, {}, 'fields.index'],
    [{ index: '_all' }, {}, 'fields.index'],
    [{ index: 'a,b' }, {}, 'fields.index'],
    [{ index: '../people' }, {}, 'fields.index'],
    [{ index: { '@path': '$.properties.id' } }, {}, 'fields.index'],
    [{ write: 'maybe' }, {}, 'fields.write'],
    [{}, { node: 'search.example.com' }, 'settings.node'],
    [{}, { node: 'http://me:secret@search.example.com' }, 'settings.node'],
    [{}, { user: '' }, 'settings.user'],
  ])(
    'the fields %j and settings %j are refused before anything is sent',
    (fields: JsonObject, settings: JsonObject, path) => {
      const problems = createRegistry().validate(spec(fields, settings), ['id', 'name']);
      expect(problems.map((problem) => problem.path)).toContain(path);
      expect(JSON.stringify(problems)).not.toContain('me:secret');
    },
  );
});

describe('elasticsearch destination', () => {
  test('signs in with an API key, and tells a server that is something else', async () => {
    const fields = { index: 'people', __segment_internal_sync_mode: 'mirror' };
    const settings = { node: cluster.url, api_key: LOGIN.apiKey };
    const spec = { type: 'elasticsearch', action: 'sync', settings, fields, mappingId: 'm', syncId: 's' };
    const registry = createRegistry();
    expect(await registry.testAuthentication(spec)).toEqual({ result: 'valid' });
    cluster.product = '';
    expect(await registry.testAuthentication(spec)).toMatchObject({
      result: 'invalid',
      code: 'PRODUCT_NOT_SUPPORTED',
      message: expect.stringContaining('opensearch') as string,
    });
  });
});

import type { JsonObject } from '@sluice/core';
import type { DestinationSpec } from '@sluice/destination-kit';
import { conformanceProblems } from '@sluice/destination-kit';
import { hasDebianPackages, startRedis } from '@sluice/testkit/servers';
import type { RedisServer } from '@sluice/testkit/servers';
import { createClient } from 'redis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { allDelivered, deliver, thrownBy } from '../deliver-in-tests.ts';
import { createRegistry } from '../registry.ts';

const PASSWORD = 'a-redis-password-of-tests';
let server: RedisServer;
let client: ReturnType<typeof createClient>;

// The server comes from a Debian package; elsewhere there is none to test against.
describe.skipIf(!hasDebianPackages)('Redis destination', () => {
  beforeAll(async () => {
    server = await startRedis({ password: PASSWORD });
    client = createClient({ url: server.url });
    client.on('error', () => undefined);
    await client.connect();
  }, 300_000);
  afterAll(async () => {
    client.destroy();
    await server[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await client.flushAll();
  });

  function spec(action: string, fields: JsonObject = {}, settings: JsonObject = {}): DestinationSpec {
    return {
      type: 'redis',
      action,
      settings: { host: '127.0.0.1', port: server.port, password: PASSWORD, ssl: 'disable', ...settings },
      fields:
        action === 'set' || action === 'stream'
          ? { key: action, ...fields }
          : { key: 'customer:{id}', __segment_internal_sync_mode: 'mirror', ...fields },
      mappingId: 'm',
      syncId: 's',
    };
  }

  test.each(['hash', 'json', 'text', 'set', 'stream'])('%s keeps the promises of every destination', async (action) => {
    const registry = createRegistry();
    const name = { '@path': '$.properties.name' };
    const tested = spec(action, action === 'text' ? { value: name } : action === 'set' ? {} : { row: { name } });
    expect(registry.validate(tested, ['name'])).toEqual([]);
    const problems = await conformanceProblems({
      open: () => registry.open(tested),
      reads: registry.columns(tested),
      columns: { name: 'Ada', age: 36 },
    });
    expect(problems).toEqual([]);
  });

  test('hashes are added, changed field by field and deleted; a batch that comes again changes nothing', async () => {
    await using destination = await createRegistry().open(spec('hash'));
    const rows = [
      { id: '1', name: 'Zoë \u{1F600}', big: '9007199254740993', tags: ['a', null], ok: true, none: null },
      { id: '2', name: '', big: 5, tags: [], ok: false, none: null },
    ];
    for (let again = 0; again < 2; again += 1)
      expect(await deliver(destination, 'added', rows)).toEqual(allDelivered(2));
    expect({ ...(await client.hGetAll('customer:1')) }).toEqual({
      id: '1',
      name: 'Zoë \u{1F600}',
      big: '9007199254740993',
      tags: '["a",null]',
      ok: 'true',
    });
    await client.hSet('customer:1', 'of another program', 'stays');
    expect(await deliver(destination, 'updated', [{ id: '1', name: null, big: 1 }])).toEqual(allDelivered(1));
    expect({ ...(await client.hGetAll('customer:1')) }).toEqual({
      id: '1',
      big: '1',
      tags: '["a",null]',
      ok: 'true',
      'of another program': 'stays',
    });
    for (let again = 0; again < 2; again += 1)
      expect(await deliver(destination, 'deleted', rows)).toEqual(allDelivered(2));
    expect(await client.dbSize()).toBe(0);
  });

  test('texts and JSON hold the value, also one of 5 MB', async () => {
    await using json = await createRegistry().open(spec('json'));
    const row = { id: '1', facts: { deep: [1, null, 'ä'] }, raw: 'x'.repeat(5_000_000) };
    expect(await deliver(json, 'added', [row])).toEqual(allDelivered(1));
    expect(JSON.parse((await client.get('customer:1')) ?? '')).toEqual(row);
    const value = { '@path': '$.properties.name' };
    await using text = await createRegistry().open(spec('text', { key: 'name:{{id}}', value }));
    expect(
      await deliver(text, 'added', [
        { id: '1', name: 'Ada' },
        { id: '2', name: 'Bob' },
      ]),
    ).toEqual(allDelivered(2));
    expect(await deliver(text, 'updated', [{ id: '2', name: null }])).toEqual(allDelivered(1));
    expect(await client.get('name:{1}')).toBe('Ada');
    expect(await client.exists('name:{2}')).toBe(0);
  });

  test.each(['hash', 'json'])('keys of %s go away after their time to live', async (action) => {
    await using destination = await createRegistry().open(spec(action, { ttl_seconds: 500 }));
    expect(await deliver(destination, 'added', [{ id: '1', name: 'Ada' }])).toEqual(allDelivered(1));
    const left = await client.pTTL('customer:1');
    expect(left).toBeGreaterThan(100_000);
    expect(left).toBeLessThanOrEqual(500_000);
  });

  test.each([
    ['add', ['1 old', '2 new']],
    ['update', ['1 new', '2 null']],
    ['upsert', ['1 new', '2 new']],
    ['delete', ['1 old', '2 null']],
  ])('the sync mode %s does no more than it says', async (mode, expected) => {
    for (const action of ['hash', 'json']) {
      await client.flushAll();
      if (action === 'hash') await client.hSet('customer:1', { name: 'old' });
      else await client.set('customer:1', '{"name":"old"}');
      await using destination = await createRegistry().open(spec(action, { __segment_internal_sync_mode: mode }));
      const rows = [
        { id: '1', name: 'new' },
        { id: '2', name: 'new' },
      ];
      expect(await deliver(destination, 'updated', rows)).toEqual(allDelivered(2));
      const stored = async (id: number): Promise<unknown> =>
        action === 'hash'
          ? client.hGet(`customer:${id}`, 'name')
          : (JSON.parse((await client.get(`customer:${id}`)) ?? '{"name":null}') as { name: string }).name;
      expect([`1 ${String(await stored(1))}`, `2 ${String(await stored(2))}`]).toEqual(expected);
      expect(await deliver(destination, 'deleted', rows)).toEqual(allDelivered(2));
      expect(await client.exists('customer:1')).toBe(mode === 'delete' ? 0 : 1);
    }
  });

  test('a set holds the identifiers of the records that are there', async () => {
    await using destination = await createRegistry().open(spec('set'));
    await deliver(destination, 'added', [{ id: 'a' }, { id: 'b' }, { id: 'a' }]);
    await deliver(destination, 'deleted', [{ id: 'b' }, { id: 'c' }]);
    expect(await client.sMembers('set')).toEqual(['a']);
  });

  test('a stream gets one entry per change, in order', async () => {
    await using destination = await createRegistry().open(spec('stream', { max_length: 1000 }));
    await deliver(destination, 'added', [{ id: '1', name: 'Ada' }]);
    await deliver(destination, 'deleted', [{ id: '1', name: 'Ada' }]);
    const entries = await client.xRange('stream', '-', '+');
    expect((entries ?? []).map(({ message }) => ({ ...message }))).toEqual([
      { _operation: 'added', _record_id: '1', id: '1', name: 'Ada' },
      { _operation: 'deleted', _record_id: '1' },
    ]);
  });

  test('a row that the server or the text forbids is the only one that is not stored', async () => {
    await client.set('customer:2', 'of another program');
    await using destination = await createRegistry().open(spec('hash', { ttl_seconds: 100 }));
    const result = await deliver(destination, 'added', [
      { id: '1', name: 'Ada' },
      { id: '2', name: 'Bob' },
      { id: '3', name: 'half \ud800' },
      { id: '4', name: 'Dan' },
    ]);
    expect(result).toMatchObject({
      kind: 'rows',
      outcomes: [
        { outcome: 'delivered' },
        { outcome: 'rejected', code: 'WRONGTYPE' },
        { outcome: 'rejected', code: 'VALUE_UNFIT', message: expect.stringContaining('"name"') as string },
        { outcome: 'delivered' },
      ],
    });
    expect(await client.get('customer:2')).toBe('of another program');
    expect(await client.pTTL('customer:2')).toBe(-1);
  });

  test('names and values cannot become commands', async () => {
    const id = '\r\nFLUSHALL\r\n {id} $& *1';
    await using destination = await createRegistry().open(spec('hash'));
    await deliver(destination, 'added', [{ id: '0', name: 'Ada' }]);
    expect(await deliver(destination, 'added', [{ id, 'na\r\nme': '\r\nFLUSHALL\r\n' }])).toEqual(allDelivered(1));
    expect({ ...(await client.hGetAll(`customer:${id}`)) }).toEqual({ id, 'na\r\nme': '\r\nFLUSHALL\r\n' });
    expect(await client.dbSize()).toBe(2);
  });

  test('a lost connection and a flushed script fail at most one batch', async () => {
    await using destination = await createRegistry().open(spec('hash'));
    await client.scriptFlush();
    expect(await deliver(destination, 'added', [{ id: '1', name: 'Ada' }])).toMatchObject({
      outcomes: [{ outcome: 'retry', code: 'NOSCRIPT' }],
    });
    expect(await deliver(destination, 'added', [{ id: '1', name: 'Ada' }])).toEqual(allDelivered(1));
    await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    const results = [];
    for (let attempt = 0; attempt < 2; attempt += 1)
      results.push(await deliver(destination, 'added', [{ id: '2', name: 'Bob' }]));
    // Whether the loss is known before the first batch or met by it is a matter of time.
    expect(results[0]?.kind === 'rows' || results[0]?.cause === 'later').toBe(true);
    expect(results[1]).toEqual(allDelivered(1));
    expect(await client.dbSize()).toBe(2);
  });

  test('cancelling ends a batch that waits', async () => {
    await using destination = await createRegistry().open(spec('hash'));
    await client.sendCommand(['CLIENT', 'PAUSE', '600000', 'WRITE']);
    try {
      const cancel = new AbortController();
      const result = deliver(destination, 'added', [{ id: '1', name: 'Ada' }], { signal: cancel.signal });
      setTimeout(() => cancel.abort(), 100);
      expect(await result).toMatchObject({ kind: 'failed', cause: 'later' });
    } finally {
      await client.sendCommand(['CLIENT', 'UNPAUSE']);
    }
    expect(await deliver(destination, 'added', [{ id: '2', name: 'Bob' }])).toEqual(allDelivered(1));
  });

  test('a server that is gone fails each batch as one to try later', async () => {
    await using gone = await startRedis();
    const settings = { port: gone.port, password: '' };
    await using destination = await createRegistry().open(spec('hash', {}, settings));
    gone.process.kill('SIGKILL');
    for (let attempt = 0; attempt < 2; attempt += 1)
      expect(await deliver(destination, 'added', [{ id: '1', name: 'Ada' }])).toMatchObject({
        kind: 'failed',
        cause: 'later',
      });
  });

  test.each([
    [{ password: 'wrong-and-secret' }, 'WRONGPASS', 'invalid'],
    [{ password: '' }, 'NOAUTH', 'invalid'],
    [{ database: 99 }, 'ERR', 'invalid'],
    [{ port: 1 }, 'ECONNREFUSED', 'unavailable'],
  ])('with the settings %j it says %s', async (settings, code, expected) => {
    const registry = createRegistry();
    const thrown = await thrownBy(registry.open(spec('hash', {}, settings)));
    expect(thrown).toMatchObject({ code, fix: expect.stringContaining('password') as string });
    const tested = await registry.testAuthentication(spec('hash', {}, settings));
    expect(tested).toMatchObject({ result: expected, code });
    expect(JSON.stringify([thrown.message, tested])).not.toContain('wrong-and-secret');
    expect(await registry.testAuthentication(spec('hash'))).toEqual({ result: 'valid' });
  });

  test.each([
    ['hash', { key: 'customer' }, 'fields.key'],
    ['hash', { key: { '@path': '$.properties.name' } }, 'fields.key'],
    ['set', { key: 'members:{id}' }, 'fields.key'],
    ['hash', { ttl_seconds: 0.5 }, 'fields.ttl_seconds'],
    ['hash', { __segment_internal_sync_mode: 'merge' }, 'fields.__segment_internal_sync_mode'],
  ])('%s with %j is refused before anything is sent', (action, fields: JsonObject, path) => {
    expect(
      createRegistry()
        .validate(spec(action, fields), ['name'])
        .map((problem) => problem.path),
    ).toContain(path);
  });
});

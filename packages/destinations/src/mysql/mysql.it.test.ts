import type { JsonObject } from '@sluice/core';
import type { BatchResult, DestinationSpec } from '@sluice/destination-kit';
import { conformanceProblems } from '@sluice/destination-kit';
import { hasDebianPackages, startMariaDb } from '@sluice/testkit/servers';
import type { MariaDbServer } from '@sluice/testkit/servers';
import { createConnection } from 'mysql2/promise';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { settingText } from '../connection-settings.ts';
import { allDelivered, deliver, thrownBy } from '../deliver-in-tests.ts';
import { createRegistry } from '../registry.ts';

let server: MariaDbServer;
let client: Connection;

async function connect(): Promise<Connection> {
  const { host, port, database, user, password } = server;
  const login = { host, port, database, user, password };
  return createConnection({
    ...login,
    multipleStatements: true,
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    timezone: 'Z',
  });
}

async function rowsOf(sql: string): Promise<readonly JsonObject[]> {
  const [rows] = await client.query<(RowDataPacket & JsonObject)[]>(sql);
  return rows.map((row) => ({ ...row }));
}

// The server comes from a Debian package; elsewhere there is none to test against.
describe.skipIf(!hasDebianPackages)('MySQL destination', () => {
  beforeAll(async () => {
    server = await startMariaDb();
    client = await connect();
    await client.query(`SET time_zone = '+00:00'`);
  }, 400_000);
  afterAll(async () => {
    await client.end();
    await server[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await client.query(`DROP TABLE IF EXISTS people;
      CREATE TABLE people (id bigint PRIMARY KEY, name longtext CHARACTER SET utf8mb4 NOT NULL, spent decimal(38,9),
        seen timestamp(6) NULL, at datetime(6), day date, facts json, raw blob, small smallint, score double, flag bool,
        CHECK (name <> 'nobody'))`);
  });

  function spec(fields: JsonObject = {}, settings: JsonObject = {}, action = 'sync'): DestinationSpec {
    const { host, port, database, user, password } = server;
    return {
      type: 'mysql',
      action,
      settings: { host, port, database, user, password, ssl: 'disable', ...settings },
      fields: {
        table: 'people',
        ...(action === 'sync' ? { key: ['id'], __segment_internal_sync_mode: 'mirror' } : {}),
        ...fields,
      },
      mappingId: 'people',
      syncId: 's1',
    };
  }

  const names = async (table = 'people'): Promise<unknown[]> =>
    (await rowsOf(`SELECT CONCAT(id, ' ', name) AS line FROM ${table} ORDER BY id`)).map(({ line }) => line);

  test.each(['bigint', 'varchar(20)'])('keeps the promises of every destination with a key of %s', async (type) => {
    await client.query(`DROP TABLE IF EXISTS labels; CREATE TABLE labels (id ${type} PRIMARY KEY, name text)`);
    const id = type === 'bigint' ? '$.properties.age' : '$.__segment_id';
    const tested = spec({ table: 'labels', row: { id: { '@path': id }, name: { '@path': '$.properties.name' } } });
    const registry = createRegistry();
    const problems = await conformanceProblems({
      open: () => registry.open(tested),
      reads: registry.columns(tested),
      columns: { name: 'Ada', age: 36 },
    });
    expect(problems).toEqual([]);
  });

  test('adds, updates and deletes rows; sending a batch again changes nothing', async () => {
    await using destination = await createRegistry().open(spec());
    const rows = [
      { id: '0', name: 'Ada', spent: '12345678901234567890.123456789' },
      { id: '9007199254740993', name: 'Bob', spent: null },
      { id: '3', name: 'Cleo', spent: '0.5' },
    ];
    for (let again = 0; again < 2; again += 1)
      expect(await deliver(destination, 'added', rows)).toEqual(allDelivered(3));
    expect(await deliver(destination, 'updated', [{ id: '0', name: 'Ada L.', spent: '1' }])).toEqual(allDelivered(1));
    for (let again = 0; again < 2; again += 1)
      expect(await deliver(destination, 'deleted', [{ id: '3', name: '', spent: null }])).toEqual(allDelivered(1));
    expect(await rowsOf('SELECT id, name, spent FROM people ORDER BY id')).toEqual([
      { id: '0', name: 'Ada L.', spent: '1.000000000' },
      { id: '9007199254740993', name: 'Bob', spent: null },
    ]);
  });

  test('carries every type without loss', async () => {
    await using destination = await createRegistry().open(spec());
    const record = {
      id: '-9223372036854775808',
      name: 'tab\t line\n back\\slash \u{1F600} "q" \'; -- \0 \x1a',
      spent: '-12345678901234567890123456789.123456789',
      seen: '2026-11-21T10:11:12.123456Z',
      at: '9999-12-31T23:59:59.999999',
      day: '1582-10-15',
      facts: { deep: [1, null, 'x"\\'] },
      raw: Buffer.from([0, 255, 10, 39, 92]).toString('base64'),
      small: 32767,
      score: 1.7976931348623157e308,
      flag: true,
    };
    expect(await deliver(destination, 'added', [record])).toEqual(allDelivered(1));
    const [stored] = await rowsOf('SELECT *, CONCAT(facts) AS facts, TO_BASE64(raw) AS raw FROM people');
    expect({ ...stored, facts: JSON.parse(stored?.['facts'] as string) as JsonObject }).toEqual({
      ...record,
      seen: '2026-11-21 10:11:12.123456',
      at: '9999-12-31 23:59:59.999999',
      flag: 1,
    });
    const shifted = { id: '1', name: 'x', seen: '2026-11-21T10:11:12.000001+02:00', facts: 'text' };
    expect(await deliver(destination, 'added', [shifted])).toEqual(allDelivered(1));
    expect(await rowsOf('SELECT seen, CONCAT(facts) AS facts FROM people WHERE id = 1')).toEqual([
      { seen: '2026-11-21 08:11:12.000001', facts: '"text"' },
    ]);
  });

  test('a row that the types refuse is the only one that is not stored; a constraint fails the batch', async () => {
    await using destination = await createRegistry().open(spec());
    const result = await deliver(destination, 'added', [
      { id: '1', name: 'Ada', small: 1 },
      { id: '2', name: 'Bob', small: 70_000 },
      { id: '3', name: 'Cleo', small: 1.5 },
      { id: '4', name: 'half \ud800', small: 4 },
      { id: null, name: 'nothing', small: 5 },
      { id: '6', name: 'Fay', small: 5 },
    ]);
    expect(result).toMatchObject({
      kind: 'rows',
      outcomes: [
        { outcome: 'delivered' },
        { outcome: 'rejected', code: 'ER_WARN_DATA_OUT_OF_RANGE', message: expect.stringContaining('small') as string },
        { outcome: 'rejected', code: 'VALUE_UNFIT', message: expect.stringContaining('whole number') as string },
        { outcome: 'rejected', code: 'VALUE_UNFIT', message: expect.stringContaining('surrogate') as string },
        { outcome: 'rejected', code: 'ROW_INCOMPLETE' },
        { outcome: 'delivered' },
      ],
    });
    const refused = await deliver(destination, 'added', [
      { id: '7', name: 'Gil' },
      { id: '8', name: 'nobody' },
    ]);
    expect(refused).toMatchObject({ kind: 'failed', cause: 'rows' });
    expect(await names()).toEqual(['1 Ada', '6 Fay']);
  });

  test.each([
    ['add', ['1 old', '2 new']],
    ['update', ['1 new']],
    ['upsert', ['1 new', '2 new']],
    ['delete', ['1 old']],
  ])('the sync mode %s does no more than it says', async (mode, expected) => {
    await client.query(`DROP TABLE IF EXISTS labels; CREATE TABLE labels (id varchar(9) PRIMARY KEY, name text)`);
    for (const table of ['people', 'labels']) {
      await client.query(`INSERT INTO ${table} (id, name) VALUES (1, 'old')`);
      await using destination = await createRegistry().open(spec({ table, __segment_internal_sync_mode: mode }));
      const rows = [
        { id: '1', name: 'new' },
        { id: '2', name: 'new' },
      ];
      expect(await deliver(destination, 'updated', rows)).toEqual(allDelivered(2));
      expect(await names(table)).toEqual(expected);
    }
  });

  test('a record never overwrites another that only looks equal or shares another unique value', async () => {
    await client.query(`DROP TABLE IF EXISTS labels;
      CREATE TABLE labels (id varchar(20) PRIMARY KEY, name varchar(20) UNIQUE) COLLATE utf8mb4_general_ci`);
    await using destination = await createRegistry().open(spec({ table: 'labels' }));
    expect(await deliver(destination, 'added', [{ id: 'a', name: 'one' }])).toEqual(allDelivered(1));
    for (const row of [
      { id: 'A', name: 'two' },
      { id: 'b', name: 'one' },
    ])
      expect(await deliver(destination, 'added', [row])).toMatchObject({
        kind: 'failed',
        cause: 'rows',
        code: 'ER_DUP_ENTRY',
      });
    expect(await deliver(destination, 'deleted', [{ id: 'A' }])).toEqual(allDelivered(1));
    expect(await names('labels')).toEqual(['a one']);
    expect(await deliver(destination, 'updated', [{ id: 'a', name: 'ONE' }])).toEqual(allDelivered(1));
    expect(await names('labels')).toEqual(['a ONE']);
  });

  test('append keeps a history with the operation and the identifier', async () => {
    await client.query(
      'DROP TABLE IF EXISTS history; CREATE TABLE history (op text, record text, name text, id bigint)',
    );
    const fields = { table: 'history', operation_column: 'op', record_id_column: 'record' };
    await using destination = await createRegistry().open(spec(fields, {}, 'append'));
    await deliver(destination, 'added', [{ id: '1', name: 'Ada' }]);
    await deliver(destination, 'deleted', [{ id: '1', name: 'Ada' }]);
    expect(await rowsOf('SELECT * FROM history')).toEqual([
      { op: 'added', record: '1', name: 'Ada', id: '1' },
      { op: 'deleted', record: '1', name: null, id: null },
    ]);
  });

  test('a missing table is made, a missing column added, where the mapping gives the types', async () => {
    await client.query('DROP TABLE IF EXISTS made');
    const first = spec({ table: 'made', column_types: { id: 'bigint', name: 'varchar(40)' } });
    await using one = await createRegistry().open(first);
    expect(await deliver(one, 'added', [{ id: '1', name: 'Ada' }])).toEqual(allDelivered(1));
    const second = spec({ table: 'made', column_types: { id: 'bigint', spent: 'decimal(38, 9)' } });
    await using two = await createRegistry().open(second);
    expect(await deliver(two, 'updated', [{ id: '1', spent: '2.5' }])).toEqual(allDelivered(1));
    expect(await rowsOf('SELECT * FROM made')).toEqual([{ id: '1', name: 'Ada', spent: '2.500000000' }]);
  });

  test.each([
    [{ table: 'peopel' }, {}, 'TABLE_NOT_FOUND', /`shop`.`peopel` does not exist/],
    [{ table: 'peopel', column_types: { name: 'text' } }, {}, 'KEY_WITHOUT_TYPE', /`id` has no type/],
    [{ table: 'peopel', column_types: { id: 'nonsense' } }, {}, 'TABLE_NOT_MADE', /CREATE TABLE/],
    [{ key: ['spent'] }, {}, 'NO_UNIQUE_INDEX', /no unique index on \(`spent`\)/],
    [{ key: ['nmae'] }, {}, 'NO_UNIQUE_INDEX', /`nmae`/],
    [{ row: { id: 1, nmae: 'x' } }, {}, 'UNKNOWN_COLUMN', /has no column `nmae`; it has `id`, `name`/],
    [{}, { password: 'wrong-and-secret' }, 'ER_ACCESS_DENIED_ERROR', /Access denied/],
    [{}, { database: 'shpo' }, 'ER_BAD_DB_ERROR', /shpo/],
    [{}, { port: 1 }, 'ECONNREFUSED', /ECONNREFUSED/],
    [{}, { ssl: 'require' }, 'HANDSHAKE_NO_SSL_SUPPORT', /does not support secure connection/],
  ])('opening with %j and %j ends with %s', async (fields: JsonObject, settings: JsonObject, code, message) => {
    const thrown = await thrownBy(createRegistry().open(spec(fields, settings)));
    expect(thrown.code).toBe(code);
    expect(thrown.message).toMatch(message);
    expect(thrown.fix).toBeDefined();
    expect(JSON.stringify([thrown.message, thrown.fix])).not.toContain('wrong-and-secret');
  });

  test('a column that the table lacks stops the sync and names itself', async () => {
    await using destination = await createRegistry().open(spec());
    const result = await deliver(destination, 'added', [{ id: '1', name: 'Ada', nmae: 'x' }]);
    expect(result).toMatchObject({ kind: 'failed', cause: 'stop', code: 'UNKNOWN_COLUMN' });
    expect(result).toMatchObject({ message: expect.stringContaining('ADD COLUMN `nmae`') as string });
  });

  test('names are quoted, whatever is in them', async () => {
    const table = 'we`ird; DROP TABLE people';
    await client.query('DROP TABLE IF EXISTS `we``ird; DROP TABLE people`');
    await client.query('CREATE TABLE `we``ird; DROP TABLE people` (`k\'ey``"` int PRIMARY KEY, `v -- ?` text)');
    const fields = {
      table,
      key: ['k\'ey`"'],
      row: { 'k\'ey`"': { '@path': '$.properties.id' }, 'v -- ?': { '@path': '$.properties.name' } },
    };
    await using destination = await createRegistry().open(spec(fields));
    const name = `'; DROP TABLE people; -- \\' ?`;
    expect(await deliver(destination, 'added', [{ id: '1', name }])).toEqual(allDelivered(1));
    expect(await rowsOf('SELECT * FROM `we``ird; DROP TABLE people`')).toEqual([{ 'k\'ey`"': 1, 'v -- ?': name }]);
    expect(await deliver(destination, 'deleted', [{ id: '1', name: '' }])).toEqual(allDelivered(1));
    expect(await names()).toEqual([]);
  });

  test('a broken connection fails one batch, which can be sent again', async () => {
    await using destination = await createRegistry().open(spec());
    await deliver(destination, 'added', [{ id: '1', name: 'Ada' }]);
    const others = await rowsOf(`SELECT CONCAT('KILL CONNECTION ', ID) AS statement FROM information_schema.PROCESSLIST
      WHERE USER = 'sluice' AND ID <> CONNECTION_ID()`);
    for (const { statement } of others) await client.query(settingText(statement));
    const results: BatchResult[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      results.push(await deliver(destination, 'added', [{ id: '2', name: 'Bob' }]));
      if (results.at(-1)?.kind === 'rows') break;
    }
    for (const result of results.slice(0, -1)) expect(result).toMatchObject({ kind: 'failed', cause: 'later' });
    expect(results.at(-1)).toEqual(allDelivered(1));
    expect(await names()).toEqual(['1 Ada', '2 Bob']);
  });

  test('cancelling ends a batch that waits for a lock, and leaves nothing of it', async () => {
    await client.query(`INSERT INTO people (id, name) VALUES (1, 'old')`);
    const blocker = await connect();
    await blocker.query('START TRANSACTION; SELECT * FROM people WHERE id = 1 FOR UPDATE');
    await using destination = await createRegistry().open(spec());
    const cancel = new AbortController();
    const result = deliver(destination, 'updated', [{ id: '1', name: 'new' }], { signal: cancel.signal });
    setTimeout(() => cancel.abort(new Error('cancelled')), 300);
    expect(await result).toMatchObject({ kind: 'failed', cause: 'later' });
    await blocker.query('ROLLBACK');
    await blocker.end();
    expect(await names()).toEqual(['1 old']);
    expect(await deliver(destination, 'updated', [{ id: '1', name: 'new' }])).toEqual(allDelivered(1));
  });

  test('a row of 5 MB arrives whole; one that the server cannot take is rejected alone', async () => {
    await using destination = await createRegistry().open(spec());
    const name = 'ä\t'.repeat(2_500_000);
    const result = await deliver(destination, 'added', [
      { id: '1', name },
      { id: '2', name: 'x'.repeat(17_000_000) },
      { id: '3', name: 'Cleo' },
    ]);
    expect(result).toMatchObject({
      outcomes: [
        { outcome: 'delivered' },
        { outcome: 'rejected', message: expect.stringContaining('max_allowed_packet') as string },
        { outcome: 'delivered' },
      ],
    });
    const [rows] = await client.query<RowDataPacket[]>('SELECT name = ? AS same FROM people WHERE id = 1', [name]);
    expect(rows).toMatchObject([{ same: 1 }]);
  });

  test('the connection test tells valid, invalid and unreachable apart', async () => {
    const registry = createRegistry();
    const result = async (settings: JsonObject): Promise<string> =>
      (await registry.testAuthentication(spec({}, settings))).result;
    expect(await result({})).toBe('valid');
    expect(await result({ password: 'wrong' })).toBe('invalid');
    expect(await result({ port: 1 })).toBe('unavailable');
  });

  test.each([
    [{ table: { '@path': '$.properties.name' } }, 'fields.table'],
    [{ key: ['id', 'name'] }, 'fields.key'],
    [{ table: 'x'.repeat(65) }, 'fields.table'],
    [{ column_types: { name: 'text, x int' } }, 'fields.column_types.name'],
    [{ column_types: { name: 'text) ENGINE=MyISAM -- ' } }, 'fields.column_types.name'],
    [{ __segment_internal_sync_mode: 'merge' }, 'fields.__segment_internal_sync_mode'],
  ])('the fields %j are refused before anything is sent', (fields: JsonObject, path) => {
    const problems = createRegistry().validate(spec(fields), ['id', 'name']);
    expect(problems.map((problem) => problem.path)).toContain(path);
  });
});

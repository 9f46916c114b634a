import type { Change, JsonObject, Operation } from '@sluice/core';
import type { BatchResult, DestinationSpec, OpenDestination, Prepared } from '@sluice/destination-kit';
import { conformanceProblems } from '@sluice/destination-kit';
import { startPostgres } from '@sluice/testkit/servers';
import type { PostgresServer } from '@sluice/testkit/servers';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRegistry } from '../registry.ts';

const LIMIT_MS = 120_000;
let server: PostgresServer;
let client: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  client = new pg.Client({ connectionString: server.url });
  client.on('error', () => undefined);
  await client.connect();
}, LIMIT_MS);

afterAll(async () => {
  await client.end();
  await server[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await client.query(`DROP TABLE IF EXISTS people;
    CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL, spent numeric, seen timestamptz, tags text[],
      facts jsonb, raw bytea, small smallint, CHECK (name <> 'nobody'))`);
});

function spec(fields: JsonObject = {}, settings: JsonObject = {}, action = 'sync'): DestinationSpec {
  const { host, port, database, user, password } = server;
  return {
    type: 'postgresql',
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

function changes(operation: Operation, records: readonly JsonObject[]): Change[] {
  return records.map((columns, ordinal) => ({
    ordinal,
    operation,
    recordId: columns['id'] as string,
    checksum: `c${ordinal}`,
    columns: operation === 'deleted' ? Object.fromEntries(Object.keys(columns).map((name) => [name, null])) : columns,
  }));
}

function prepared(destination: OpenDestination, list: readonly Change[]): Prepared[] {
  return list.map((change) => {
    const row = destination.prepare(change);
    if ('outcome' in row) throw new Error(row.message);
    return row;
  });
}

async function deliver(
  destination: OpenDestination,
  operation: Operation,
  records: readonly JsonObject[],
  signal = new AbortController().signal,
): Promise<BatchResult> {
  return destination.deliver(prepared(destination, changes(operation, records)), { signal, idempotencyKey: 'k' });
}

type Stored = {
  readonly id: string;
  readonly name: string;
  readonly spent: string | null;
  readonly small: number | null;
};

async function stored(): Promise<readonly Stored[]> {
  const { rows } = await client.query<Stored>('SELECT id, name, spent::text, small FROM people ORDER BY id');
  return rows;
}

const ok = (rows: number): BatchResult => ({
  kind: 'rows',
  outcomes: Array.from({ length: rows }, () => ({ outcome: 'delivered' })),
});

describe('PostgreSQL destination', () => {
  test('keeps the promises of every destination', async () => {
    await client.query('DROP TABLE IF EXISTS labels; CREATE TABLE labels (id text PRIMARY KEY, name text)');
    const fields = {
      table: 'labels',
      row: { id: { '@path': '$.__segment_id' }, name: { '@path': '$.properties.name' } },
    };
    const registry = createRegistry();
    const problems = await conformanceProblems({
      open: () => registry.open(spec(fields)),
      reads: registry.columns(spec(fields)),
      columns: { name: 'Ada', age: 36 },
    });
    expect(problems).toEqual([]);
  });

  test('adds, updates and deletes rows; sending a batch again changes nothing', async () => {
    await using destination = await createRegistry().open(spec());
    const rows = [
      { id: '1', name: 'Ada', spent: '12345678901234567890.123456789' },
      { id: '9007199254740993', name: 'Bob', spent: null },
      { id: '3', name: 'Cleo', spent: '0.5' },
    ];
    for (let again = 0; again < 2; again += 1) expect(await deliver(destination, 'added', rows)).toEqual(ok(3));
    expect(await deliver(destination, 'updated', [{ id: '1', name: 'Ada L.', spent: '1' }])).toEqual(ok(1));
    for (let again = 0; again < 2; again += 1)
      expect(await deliver(destination, 'deleted', [{ id: '3', name: '', spent: null }])).toEqual(ok(1));
    expect(await stored()).toEqual([
      { id: '1', name: 'Ada L.', spent: '1', small: null },
      { id: '9007199254740993', name: 'Bob', spent: null, small: null },
    ]);
  });

  test('carries every type without loss', async () => {
    await using destination = await createRegistry().open(spec());
    const record = {
      id: '-9223372036854775808',
      name: 'tab\t line\n back\\slash \u{1F600} "quoted" \\N',
      seen: '2026-11-21T10:11:12.123456Z',
      tags: ['a', 'b "c" {d}, \\e', null, ''],
      facts: { deep: [1, null, 'x'] },
      raw: Buffer.from([0, 255, 10]).toString('base64'),
      small: 32767,
    };
    expect(await deliver(destination, 'added', [record])).toEqual(ok(1));
    const { rows } = await client.query<JsonObject>(
      `SELECT id::text, name, to_char(seen AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS seen, tags, facts,
       encode(raw, 'base64') AS raw, small FROM people`,
    );
    expect(rows).toEqual([record]);
  });

  test('a row that the types or a constraint refuse is the only one that is not stored', async () => {
    await using destination = await createRegistry().open(spec());
    const result = await deliver(destination, 'added', [
      { id: '1', name: 'Ada', small: 1 },
      { id: '2', name: 'Bob', small: 70_000 },
      { id: 'three', name: 'Cleo', small: 3 },
      { id: '4', name: 'D\u0000n', small: 4 },
      { id: '5', name: 'Eve', small: 5 },
    ]);
    expect(result).toMatchObject({
      kind: 'rows',
      outcomes: [
        { outcome: 'delivered' },
        { outcome: 'rejected', code: '22003', message: expect.stringContaining('out of range') as string },
        { outcome: 'rejected', code: '22P02', message: expect.stringContaining('"three"') as string },
        { outcome: 'rejected', code: 'VALUE_UNFIT', message: expect.stringContaining('zero character') as string },
        { outcome: 'delivered' },
      ],
    });
    // What a constraint refuses has no line number: the engine splits the batch.
    const refused = await deliver(destination, 'added', [
      { id: '6', name: 'Fay' },
      { id: '7', name: 'nobody' },
    ]);
    expect(refused).toMatchObject({ kind: 'failed', cause: 'rows', code: '23514' });
    expect((await stored()).map(({ id }) => id)).toEqual(['1', '5']);
  });

  test.each([
    ['add', ['1 old', '2 new']],
    ['update', ['1 new']],
    ['upsert', ['1 new', '2 new']],
    ['delete', ['1 old']],
  ])('the sync mode %s does no more than it says', async (mode, expected) => {
    await client.query(`INSERT INTO people (id, name) VALUES (1, 'old')`);
    await using destination = await createRegistry().open(spec({ __segment_internal_sync_mode: mode }));
    const result = await deliver(destination, 'updated', [
      { id: '1', name: 'new' },
      { id: '2', name: 'new' },
    ]);
    expect(result).toEqual(ok(2));
    expect((await stored()).map(({ id, name }) => `${id} ${name}`)).toEqual(expected);
  });

  test('append keeps a history with the operation and the identifier', async () => {
    await client.query(
      'DROP TABLE IF EXISTS history; CREATE TABLE history (op text, record text, name text, id bigint)',
    );
    const fields = { table: 'history', operation_column: 'op', record_id_column: 'record' };
    await using destination = await createRegistry().open(spec(fields, {}, 'append'));
    await deliver(destination, 'added', [{ id: '1', name: 'Ada' }]);
    await deliver(destination, 'deleted', [{ id: '1', name: 'Ada' }]);
    const { rows } = await client.query('SELECT op, record, name, id FROM history');
    expect(rows).toEqual([
      { op: 'added', record: '1', name: 'Ada', id: '1' },
      { op: 'deleted', record: '1', name: null, id: null },
    ]);
  });

  test.each([
    [{ table: 'peopel' }, {}, 'TABLE_NOT_FOUND', /"public"."peopel" does not exist/],
    [{ key: ['name'] }, {}, 'NO_UNIQUE_INDEX', /no unique index on \("name"\)/],
    [{ key: ['nmae'] }, {}, 'UNKNOWN_COLUMN', /has no column "nmae"; it has "id", "name"/],
    [{}, { password: 'wrong-and-secret' }, '28P01', /password authentication failed/],
    [{}, { database: 'shpo' }, '3D000', /"shpo" does not exist/],
    [{}, { port: 1 }, 'ECONNREFUSED', /ECONNREFUSED/],
    [{}, { ssl: 'require' }, 'NOT_REACHED', /does not support SSL/],
  ])('opening with %j and %j ends with %s', async (fields, settings, code, message) => {
    const thrown = await createRegistry()
      .open(spec(fields, settings))
      .then(
        () => undefined,
        (error: unknown) => error as Error & { code: string; fix?: string },
      );
    expect(thrown?.code).toBe(code);
    expect(thrown?.message).toMatch(message);
    expect(thrown?.fix).toBeDefined();
    expect(JSON.stringify([thrown?.message, thrown?.fix])).not.toContain('wrong-and-secret');
  });

  test('a column that the table lacks stops the sync and names itself', async () => {
    await using destination = await createRegistry().open(spec());
    const result = await deliver(destination, 'added', [{ id: '1', name: 'Ada', nmae: 'x' }]);
    expect(result).toMatchObject({ kind: 'failed', cause: 'stop', code: 'UNKNOWN_COLUMN' });
    expect(result).toMatchObject({ message: expect.stringContaining('ADD COLUMN "nmae"') as string });
  });

  test('names are quoted, whatever is in them', async () => {
    await client.query(`DROP TABLE IF EXISTS "we""ird; DROP TABLE people"`);
    await client.query(`CREATE TABLE "we""ird; DROP TABLE people" ("k'ey""" int PRIMARY KEY, "v -- " text)`);
    const fields = {
      table: 'we"ird; DROP TABLE people',
      key: [`k'ey"`],
      row: { [`k'ey"`]: { '@path': '$.properties.id' }, 'v -- ': { '@path': '$.properties.name' } },
    };
    await using destination = await createRegistry().open(spec(fields));
    expect(await deliver(destination, 'added', [{ id: '1', name: `'; DROP TABLE people; --` }])).toEqual(ok(1));
    expect(await deliver(destination, 'deleted', [{ id: '1', name: '' }])).toEqual(ok(1));
    expect(await stored()).toEqual([]);
  });

  test('a broken connection fails one batch, which can be sent again', async () => {
    await using destination = await createRegistry().open(spec());
    await deliver(destination, 'added', [{ id: '1', name: 'Ada' }]);
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice' AND pid <> pg_backend_pid()`,
    );
    const results: BatchResult[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      results.push(await deliver(destination, 'added', [{ id: '2', name: 'Bob' }]));
      if (results.at(-1)?.kind === 'rows') break;
    }
    for (const result of results.slice(0, -1)) expect(result).toMatchObject({ kind: 'failed', cause: 'later' });
    expect(results.at(-1)).toEqual(ok(1));
    expect((await stored()).map(({ id }) => id)).toEqual(['1', '2']);
  });

  test('cancelling ends the batch and leaves nothing of it', async () => {
    const blocker = new pg.Client({ connectionString: server.url });
    await blocker.connect();
    await blocker.query('BEGIN; LOCK TABLE people IN ACCESS EXCLUSIVE MODE');
    try {
      await using destination = await createRegistry()
        .open(spec())
        .catch(() => undefined as never);
      const cancel = new AbortController();
      const result = deliver(destination, 'added', [{ id: '1', name: 'Ada' }], cancel.signal);
      setTimeout(() => cancel.abort(new Error('cancelled')), 200);
      expect(await result).toMatchObject({ kind: 'failed', cause: 'later' });
    } finally {
      await blocker.query('ROLLBACK');
      await blocker.end();
    }
    expect(await stored()).toEqual([]);
  });

  test('a row of 5 MB arrives whole', async () => {
    await using destination = await createRegistry().open(spec());
    const name = 'ä\t'.repeat(2_500_000);
    expect(await deliver(destination, 'added', [{ id: '1', name }])).toEqual(ok(1));
    const { rows } = await client.query<{ same: boolean }>('SELECT name = $1 AS same FROM people', [name]);
    expect(rows).toEqual([{ same: true }]);
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
    [{ table: 'x'.repeat(64) }, 'fields.table'],
    [{ __segment_internal_sync_mode: 'merge' }, 'fields.__segment_internal_sync_mode'],
  ])('the fields %j are refused before anything is sent', (fields, path) => {
    const problems = createRegistry().validate(spec(fields), ['id', 'name']);
    expect(problems.map((problem) => problem.path)).toContain(path);
  });
});

import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@sluice/core';
import type { DestinationSpec, OpenDestination } from '@sluice/destination-kit';
import { conformanceProblems } from '@sluice/destination-kit';
import { startLocalBigQuery } from '@sluice/testkit/servers';
import type { LocalBigQuery, ServiceAccountKeyFile } from '@sluice/testkit/servers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { allDelivered, deliver, thrownBy } from '../deliver-in-tests.ts';
import { createRegistry } from '../registry.ts';

const PROJECT = 'shop-data';
let directory: string;
let server: LocalBigQuery;
let key: ServiceAccountKeyFile;
let reader: ServiceAccountKeyFile;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-bigquery-destination-'));
  server = await startLocalBigQuery({ dataDir: directory, project: PROJECT, owner: 'owner@example.com' });
  await server.query('CREATE SCHEMA crm');
  await server.query('CREATE SCHEMA scratch');
  key = await server.serviceAccount('writer', ['roles/bigquery.jobUser', 'roles/bigquery.dataEditor']);
  reader = await server.serviceAccount('reader', ['roles/bigquery.jobUser', 'roles/bigquery.dataViewer']);
}, 180_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, maxRetries: 5 });
});
beforeEach(async () => {
  await server.query('CREATE OR REPLACE TABLE crm.people (id INT64, name STRING NOT NULL, spent NUMERIC)');
});

function spec(fields: JsonObject = {}, settings: JsonObject = {}, action = 'sync'): DestinationSpec {
  return {
    type: 'bigquery',
    action,
    settings: { project: PROJECT, credentials: JSON.stringify(key), endpoint: server.restUrl, ...settings },
    fields: {
      dataset: 'crm',
      table: 'people',
      ...(action === 'sync' ? { key: ['id'], __segment_internal_sync_mode: 'mirror' } : {}),
      ...fields,
    },
    mappingId: 'people',
    syncId: 's1',
  };
}

const signal = (): AbortSignal => AbortSignal.timeout(60_000);

async function commit(destination: OpenDestination): Promise<void> {
  await destination.transaction?.commit(signal());
}

async function rowsOf(sql: string): Promise<readonly unknown[]> {
  const body = { query: `SELECT TO_JSON_STRING(r) FROM (${sql}) r`, useLegacySql: false };
  const answer = await server.call('POST', `/bigquery/v2/projects/${PROJECT}/queries`, body);
  const rows = (answer['rows'] ?? []) as readonly { readonly f: readonly { readonly v: string }[] }[];
  return rows.map(({ f }) => JSON.parse(f[0]?.v ?? 'null') as unknown);
}

const people = (): Promise<readonly unknown[]> =>
  rowsOf('SELECT id, name, CAST(spent AS STRING) AS spent FROM crm.people ORDER BY id');

async function tablesOf(dataset: string): Promise<readonly string[]> {
  const answer = await server.call(
    'GET',
    `/bigquery/v2/projects/${PROJECT}/datasets/${dataset}/tables?maxResults=1000`,
  );
  const tables = (answer['tables'] ?? []) as readonly { readonly tableReference: { readonly tableId: string } }[];
  return tables.map(({ tableReference }) => tableReference.tableId);
}

describe('BigQuery destination', () => {
  test('keeps the promises of every destination', async () => {
    const registry = createRegistry();
    const tested = spec({ row: { id: { '@path': '$.properties.age' }, name: { '@path': '$.properties.name' } } });
    expect(registry.validate(tested, ['name', 'age'])).toEqual([]);
    const problems = await conformanceProblems({
      open: () => registry.open(tested),
      reads: registry.columns(tested),
      columns: { name: 'Ada', age: 36 },
    });
    expect(problems).toEqual([]);
    // Nothing was committed, and nothing stays behind.
    expect(await people()).toEqual([]);
    expect((await tablesOf('crm')).filter((name) => name.startsWith('_sluice_'))).toEqual([]);
  });

  test('adds, updates and deletes rows in one statement, all or nothing', async () => {
    await server.query(`INSERT INTO crm.people (id, name) VALUES (3, 'Cleo'), (4, 'Dan')`);
    await using destination = await createRegistry().open(spec({ staging_dataset: 'scratch' }));
    await destination.transaction?.begin(signal());
    const rows = [
      { id: '1', name: 'Ada', spent: '12345678901234567890.123456789' },
      { id: '9007199254740993', name: 'Bob', spent: null },
      { id: '4', name: 'Dan D.', spent: '0.5' },
    ];
    // The same batch twice, as after a lost answer.
    for (let again = 0; again < 2; again += 1)
      expect(await deliver(destination, 'added', rows)).toEqual(allDelivered(3));
    const gone = { id: '3', name: '', spent: null };
    expect(await deliver(destination, 'deleted', [gone], { idempotencyKey: 'other', firstOrdinal: 3 })).toEqual(
      allDelivered(1),
    );
    expect(await people()).toHaveLength(2);
    expect(await tablesOf('scratch')).toHaveLength(1);
    await commit(destination);
    expect(await people()).toEqual([
      { id: 1, name: 'Ada', spent: '12345678901234567890.123456789' },
      { id: 4, name: 'Dan D.', spent: '0.5' },
      { id: '9007199254740993', name: 'Bob', spent: null },
    ]);
    expect(await tablesOf('scratch')).toEqual([]);
  });

  test('a sync that comes again changes nothing; an aborted one leaves nothing', async () => {
    for (let again = 0; again < 2; again += 1) {
      await using destination = await createRegistry().open(spec());
      await destination.transaction?.begin(signal());
      await deliver(destination, 'added', [{ id: '1', name: 'Ada', spent: '1' }]);
      await commit(destination);
    }
    await using destination = await createRegistry().open(spec());
    await destination.transaction?.begin(signal());
    await deliver(destination, 'added', [{ id: '2', name: 'Bob', spent: '1' }]);
    await destination.transaction?.abort();
    await destination.transaction?.abort();
    expect(await people()).toEqual([{ id: 1, name: 'Ada', spent: '1' }]);
    expect(await tablesOf('crm')).toEqual(['people']);
  });

  test('carries every type without loss', async () => {
    await server.query(`CREATE OR REPLACE TABLE crm.kinds (id STRING, big BIGNUMERIC, float FLOAT64, flag BOOL, raw BYTES,
      day DATE, clock TIME, local DATETIME, seen TIMESTAMP, facts JSON, tags ARRAY<STRING>,
      place STRUCT<city STRING, codes ARRAY<INT64>>)`);
    await using destination = await createRegistry().open(spec({ table: 'kinds' }));
    const record = {
      id: 'tab\t line\n back\\slash \u{1F600} "quoted" \u0000',
      big: '123456789012345678901234567890.12345678901234567890123456789012345678',
      float: 0.1,
      flag: true,
      raw: Buffer.from([0, 255, 10]).toString('base64'),
      day: '0001-01-01',
      clock: '23:59:59.999999',
      local: '9999-12-31T23:59:59.999999',
      seen: '2026-11-21T10:11:12.123456Z',
      facts: { deep: [1, null, 'x', { y: '"' }] },
      tags: ['a', ''],
      place: { city: 'Zürich', codes: ['9223372036854775807', 1] },
    };
    expect(await deliver(destination, 'added', [record])).toEqual(allDelivered(1));
    await commit(destination);
    const [stored] = await rowsOf(`SELECT * EXCEPT (big, place), CAST(big AS STRING) AS big, place.city AS city,
      ARRAY(SELECT CAST(code AS STRING) FROM UNNEST(place.codes) code) AS codes FROM crm.kinds`);
    const { place, ...rest } = record;
    expect(stored).toEqual({ ...rest, city: place.city, codes: ['9223372036854775807', '1'] });
    // A JSON that is a text, and one that is null.
    const texts = [
      { id: 'a', facts: '{"a":1}' },
      { id: 'b', facts: null },
    ];
    await deliver(destination, 'added', texts);
    await commit(destination);
    expect(
      await rowsOf(`SELECT id, JSON_TYPE(facts) AS type FROM crm.kinds WHERE id IN ('a', 'b') ORDER BY id`),
    ).toEqual([
      { id: 'a', type: 'string' },
      { id: 'b', type: null },
    ]);
  });

  test('a row whose values do not fit is the only one that is not stored', async () => {
    await using destination = await createRegistry().open(spec());
    const result = await deliver(destination, 'added', [
      { id: '1', name: 'Ada', spent: '1' },
      { id: 'two', name: 'Bob', spent: '1' },
      { id: '9223372036854775808', name: 'Cleo', spent: '1' },
      { id: '4', name: null, spent: '1' },
      { id: '5', name: 'Eve', spent: '0.0000000001' },
      { id: '6', name: 'half \ud800', spent: '1' },
      { id: null, name: 'Gil', spent: '1' },
      { id: '8', name: 'Hal', spent: '-1.500' },
    ]);
    const rejected = (text: string): object => ({
      outcome: 'rejected',
      code: 'VALUE_UNFIT',
      message: expect.stringContaining(text) as string,
    });
    expect(result).toMatchObject({
      kind: 'rows',
      outcomes: [
        { outcome: 'delivered' },
        rejected('"id" is INT64 and wants a whole number, not "two"'),
        rejected('64 bits'),
        rejected('REQUIRED'),
        rejected('9 behind the point'),
        rejected('surrogate'),
        rejected('key column "id"'),
        { outcome: 'delivered' },
      ],
    });
    await commit(destination);
    expect(await people()).toEqual([
      { id: 1, name: 'Ada', spent: '1' },
      { id: 8, name: 'Hal', spent: '-1.5' },
    ]);
  });

  test.each([
    ['add', ['1 old', '2 new']],
    ['update', ['1 new']],
    ['upsert', ['1 new', '2 new']],
    ['delete', ['1 old']],
  ])('the sync mode %s does no more than it says', async (mode, expected) => {
    await server.query(`INSERT INTO crm.people (id, name) VALUES (1, 'old')`);
    await using destination = await createRegistry().open(spec({ __segment_internal_sync_mode: mode }));
    const rows = [
      { id: '1', name: 'new' },
      { id: '2', name: 'new' },
    ];
    expect(await deliver(destination, 'updated', rows)).toEqual(allDelivered(2));
    await commit(destination);
    const lines = await rowsOf(`SELECT FORMAT('%d %s', id, name) AS line FROM crm.people ORDER BY id`);
    expect(lines).toEqual(expected.map((line) => ({ line })));
  });

  test('a row that does not write a column leaves it as it is', async () => {
    await server.query(`INSERT INTO crm.people (id, name, spent) VALUES (1, 'old', 1), (2, 'old', 2)`);
    await using destination = await createRegistry().open(spec());
    await deliver(destination, 'updated', [
      { id: '1', name: 'new' },
      { id: '2', name: 'new', spent: null },
      { id: '3', name: 'new' },
    ]);
    await commit(destination);
    expect(await people()).toEqual([
      { id: 1, name: 'new', spent: '1' },
      { id: 2, name: 'new', spent: null },
      { id: 3, name: 'new', spent: null },
    ]);
  });

  test('append keeps a history with the operation and the identifier', async () => {
    await server.query('CREATE OR REPLACE TABLE crm.history (op STRING, record STRING, name STRING, id INT64)');
    const fields = { table: 'history', operation_column: 'op', record_id_column: 'record' };
    await using destination = await createRegistry().open(spec(fields, {}, 'append'));
    await deliver(destination, 'added', [{ id: '1', name: 'Ada' }]);
    await commit(destination);
    await deliver(destination, 'deleted', [{ id: '1', name: 'Ada' }]);
    await commit(destination);
    expect(await rowsOf('SELECT * FROM crm.history ORDER BY op')).toEqual([
      { op: 'added', record: '1', name: 'Ada', id: 1 },
      { op: 'deleted', record: '1', name: null, id: null },
    ]);
  });

  test('a missing table is made, a missing column added, where the mapping gives the types', async () => {
    await using one = await createRegistry().open(
      spec({ table: 'made', column_types: { id: 'INT64', name: 'STRING' } }),
    );
    await deliver(one, 'added', [{ id: '1', name: 'Ada' }]);
    await commit(one);
    const types = { id: 'INT64', tags: 'ARRAY<STRING>' };
    await using two = await createRegistry().open(spec({ table: 'made', column_types: types }));
    await deliver(two, 'updated', [{ id: '1', tags: ['x'] }]);
    await commit(two);
    expect(await rowsOf('SELECT * FROM crm.made')).toEqual([{ id: 1, name: 'Ada', tags: ['x'] }]);
  });

  test('a row of 10 MB arrives whole', async () => {
    await using destination = await createRegistry().open(spec());
    const name = 'ä\t'.repeat(2_500_000);
    expect(await deliver(destination, 'added', [{ id: '1', name }])).toEqual(allDelivered(1));
    await commit(destination);
    const [stored] = await rowsOf('SELECT LENGTH(name) AS length, TO_HEX(MD5(name)) AS md5 FROM crm.people');
    expect(stored).toEqual({ length: 5_000_000, md5: hash('md5', name) });
  });

  test('values and names cannot become statements', async () => {
    await server.query("CREATE OR REPLACE TABLE crm.odd (id STRING, `na'me <x> & %` STRING)");
    await using destination = await createRegistry().open(spec({ table: 'odd' }));
    const id = `'); DROP TABLE crm.people; -- \\' \` """`;
    await deliver(destination, 'added', [{ id, "na'me <x> & %": id }, { id: 'other' }]);
    await commit(destination);
    expect(await rowsOf("SELECT id, `na'me <x> & %` AS name FROM crm.odd ORDER BY id")).toEqual([
      { id, name: id },
      { id: 'other', name: null },
    ]);
    await deliver(destination, 'deleted', [{ id }]);
    await commit(destination);
    expect(await rowsOf('SELECT id FROM crm.odd')).toEqual([{ id: 'other' }]);
    expect(await people()).toEqual([]);
  });

  test.each([
    [{ table: 'peopel' }, {}, 'TABLE_NOT_FOUND', /`shop-data.crm.peopel` does not exist/],
    [{ dataset: 'crn' }, {}, 'notFound', /crn/],
    [{ row: { id: 1, nmae: 'x' } }, {}, 'UNKNOWN_COLUMN', /has no column `nmae`; it has `id`, `name`/],
    [{ key: ['nmae'] }, {}, 'UNKNOWN_COLUMN', /`nmae`/],
    [{}, { endpoint: 'http://127.0.0.1:1' }, 'ECONNREFUSED', /ECONNREFUSED/],
  ])('opening with %j and %j ends with %s', async (fields: JsonObject, settings: JsonObject, code, message) => {
    const thrown = await thrownBy(createRegistry().open(spec(fields, settings)));
    expect(thrown.code).toBe(code);
    expect(thrown.message).toMatch(message);
    expect(thrown.fix).toBeDefined();
  });

  test('a column that the table lacks stops the sync and names itself', async () => {
    await using destination = await createRegistry().open(spec());
    const result = await deliver(destination, 'added', [{ id: '1', name: 'Ada', nmae: 'x' }]);
    expect(result).toMatchObject({ kind: 'failed', cause: 'stop', code: 'UNKNOWN_COLUMN' });
  });

  test('a key that may only read stops the sync with the missing permission', async () => {
    const settings = { credentials: JSON.stringify(reader) };
    await using destination = await createRegistry().open(spec({}, settings));
    const result = await deliver(destination, 'added', [{ id: '1', name: 'Ada' }]);
    expect(result).toMatchObject({
      kind: 'failed',
      cause: 'stop',
      message: expect.stringContaining('bigquery.tables.create') as string,
    });
  });

  test('the connection test tells valid, refused and unreachable apart, without secrets', async () => {
    const registry = createRegistry();
    const tested = async (settings: JsonObject) => registry.testAuthentication(spec({}, settings));
    expect(await tested({})).toEqual({ result: 'valid' });
    const stranger = JSON.stringify({ ...key, client_email: 'nobody@shop-data.iam.gserviceaccount.com' });
    const refused = await tested({ credentials: stranger });
    expect(refused).toMatchObject({ result: 'invalid' });
    expect(await tested({ endpoint: 'http://127.0.0.1:1' })).toMatchObject({ result: 'unavailable' });
    const broken = await tested({ credentials: JSON.stringify({ ...key, private_key: 'no-key-but-secret' }) });
    expect(broken).toMatchObject({ result: 'invalid' });
    expect(JSON.stringify([refused, broken])).not.toMatch(/no-key-but-secret|PRIVATE KEY/);
  });

  test('cancelling ends a batch and a commit; the target stays as it is', async () => {
    await using destination = await createRegistry().open(spec());
    await deliver(destination, 'added', [{ id: '1', name: 'Ada' }]);
    const cancelled = deliver(destination, 'added', [{ id: '2', name: 'Bob' }], { signal: AbortSignal.abort() });
    expect(await cancelled).toMatchObject({ kind: 'failed', cause: 'later' });
    await expect(destination.transaction?.commit(AbortSignal.abort())).rejects.toThrow(/abort/i);
    await destination.transaction?.abort();
    expect(await people()).toEqual([]);
  });

  test.each([
    [{ table: { '@path': '$.properties.name' } }, {}, 'fields.table'],
    [{ table: 'a`b' }, {}, 'fields.table'],
    [{ key: ['id', 'name'] }, {}, 'fields.key'],
    [{ column_types: { name: 'VARCHAR' } }, {}, 'fields.column_types.name'],
    [{ column_types: { name: 'ARRAY<STRING' } }, {}, 'fields.column_types.name'],
    [{}, { credentials: '{"a":1}' }, 'settings.credentials'],
    [{}, { endpoint: 'localhost' }, 'settings.endpoint'],
  ])(
    'the fields %j and settings %j are refused before anything is sent',
    (fields: JsonObject, settings: JsonObject, path) => {
      const problems = createRegistry().validate(spec(fields, settings), ['id', 'name']);
      expect(problems.map((problem) => problem.path)).toContain(path);
    },
  );
});

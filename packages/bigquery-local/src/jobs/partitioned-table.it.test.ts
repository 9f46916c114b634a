import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT, ServerUnderTest } from '../server-under-test.ts';

let server: ServerUnderTest;

const rows = (sql: string) => server.rows(sql);

async function failure(sql: string): Promise<string> {
  const { status, body } = await server.query(sql);
  if (status === 200) throw new Error(`No failure: ${sql}`);
  return body.error.message;
}

/** A query job into `tableId`, which may have a decorator; answers the error's text, if any. */
async function into(tableId: string, query: string, more: Record<string, unknown> = {}): Promise<string | undefined> {
  const { body } = await server.request('POST', `/bigquery/v2/projects/${PROJECT}/jobs`, {
    configuration: {
      query: {
        query,
        useLegacySql: false,
        destinationTable: { projectId: PROJECT, datasetId: 'ds', tableId },
        writeDisposition: 'WRITE_TRUNCATE',
        ...more,
      },
    },
  });
  if (body.error !== undefined) return body.error.message;
  return (await server.finished(body.jobReference.jobId)).status.errorResult?.message;
}

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

describe('a table by ingestion time', () => {
  it('has _PARTITIONTIME and _PARTITIONDATE, which are no part of *', async () => {
    await rows('CREATE TABLE ds.ing (n INT64) PARTITION BY _PARTITIONDATE');
    await rows('INSERT INTO ds.ing (n) VALUES (1)');
    await rows("INSERT INTO ds.ing (_PARTITIONTIME, n) VALUES (TIMESTAMP '2026-01-02', 2)");
    expect(await rows('SELECT * FROM ds.ing ORDER BY n')).toEqual([['1'], ['2']]);
    expect(await rows("SELECT n, _PARTITIONDATE FROM ds.ing WHERE _PARTITIONTIME = TIMESTAMP '2026-01-02'")).toEqual([
      ['2', '2026-01-02'],
    ]);
    expect(await rows('SELECT n FROM ds.ing WHERE _PARTITIONDATE = CURRENT_DATE()')).toEqual([['1']]);
    await rows("DELETE FROM ds.ing WHERE _PARTITIONDATE = '2026-01-02'");
    expect(await rows('SELECT COUNT(*) FROM ds.ing')).toEqual([['1']]);
  });

  it('keeps partitions through ALTER TABLE, copies and streamed rows', async () => {
    await rows("INSERT INTO ds.ing (_PARTITIONTIME, n) VALUES (TIMESTAMP '2026-01-03', 3)");
    await rows('ALTER TABLE ds.ing ADD COLUMN word STRING');
    await rows('CREATE TABLE ds.ing_copy COPY ds.ing');
    const { body } = await server.request('POST', `/bigquery/v2/projects/${PROJECT}/datasets/ds/tables/ing/insertAll`, {
      rows: [{ json: { n: 4 } }],
    });
    expect(body.insertErrors).toBeUndefined();
    for (const table of ['ing', 'ing_copy'])
      expect(await rows(`SELECT n FROM ds.${table} WHERE _PARTITIONDATE = '2026-01-03'`)).toEqual([['3']]);
    expect(await rows('SELECT COUNT(*) FROM ds.ing WHERE _PARTITIONDATE = CURRENT_DATE()')).toEqual([['2']]);
  });

  it('is written one partition at a time through a decorator', async () => {
    expect(await into('deco$20260105', 'SELECT 5 AS n')).toBeUndefined();
    expect(await into('deco$20260106', 'SELECT 6 AS n')).toBeUndefined();
    expect(await into('deco$20260105', 'SELECT 50 AS n UNION ALL SELECT 51')).toBeUndefined();
    expect(await into('deco$20260106', 'SELECT 60 AS n', { writeDisposition: 'WRITE_APPEND' })).toBeUndefined();
    expect(await into('deco$20260106', 'SELECT 0 AS n', { writeDisposition: 'WRITE_EMPTY' })).toContain(
      'Already Exists',
    );
    expect(await rows('SELECT _PARTITIONDATE, n FROM ds.deco ORDER BY n')).toEqual([
      ['2026-01-06', '6'],
      ['2026-01-05', '50'],
      ['2026-01-05', '51'],
      ['2026-01-06', '60'],
    ]);
    const load = await server.load('deco$20260107', '{"n": 7}\n', {
      sourceFormat: 'NEWLINE_DELIMITED_JSON',
      schema: { fields: [{ name: 'n', type: 'INTEGER' }] },
    });
    expect(load.status.errorResult).toBeUndefined();
    expect(await rows("SELECT n FROM ds.deco WHERE _PARTITIONDATE = '2026-01-07'")).toEqual([['7']]);
    expect(await into('deco$2026010', 'SELECT 0 AS n')).toContain('Invalid time partition decorator $2026010');
    expect(await into('deco$20260230', 'SELECT 0 AS n')).toContain('Invalid time partition decorator $20260230');
  });
});

describe('a table by a column', () => {
  it('takes only rows of the partition that a decorator names', async () => {
    await rows('CREATE TABLE ds.days (d DATE, n INT64) PARTITION BY DATE_TRUNC(d, MONTH)');
    expect(await into('days$202601', "SELECT DATE '2026-01-15' AS d, 1 AS n")).toBeUndefined();
    expect(await into('days$202602', "SELECT DATE '2026-02-15' AS d, 2 AS n")).toBeUndefined();
    expect(await into('days$202601', "SELECT DATE '2026-02-01' AS d, 3 AS n")).toBe(
      'Some rows belong to different partitions rather than destination partition 202601',
    );
    expect(await rows('SELECT d, n FROM ds.days ORDER BY n')).toEqual([
      ['2026-01-15', '1'],
      ['2026-02-15', '2'],
    ]);
    await rows('CREATE TABLE ds.ranges (n INT64) PARTITION BY RANGE_BUCKET(n, GENERATE_ARRAY(0, 30, 10))');
    expect(await into('ranges$10', 'SELECT 12 AS n')).toBeUndefined();
    expect(await into('ranges$11', 'SELECT 12 AS n')).toContain('Invalid range partition decorator');
    expect(await into('ranges$20', 'SELECT 12 AS n')).toContain('Some rows belong to different partitions');
    await rows('INSERT INTO ds.ranges VALUES (NULL), (-5), (29), (30)');
    expect(
      await rows(
        "SELECT partition_id, total_rows FROM ds.INFORMATION_SCHEMA.PARTITIONS WHERE table_name = 'ranges' ORDER BY 1",
      ),
    ).toEqual([
      ['10', '1'],
      ['20', '1'],
      ['__NULL__', '1'],
      ['__UNPARTITIONED__', '2'],
    ]);
  });
});

describe('require_partition_filter', () => {
  const message = `Cannot query over table '${PROJECT}.ds.strict' without a filter over column(s) 'at_time' that can be used for partition elimination`;

  beforeAll(async () => {
    await rows(
      'CREATE TABLE ds.strict (at_time TIMESTAMP, n INT64) PARTITION BY DATE(at_time) OPTIONS(require_partition_filter = TRUE)',
    );
    await rows("INSERT INTO ds.strict VALUES (TIMESTAMP '2026-01-01', 1), (TIMESTAMP '2026-01-02', 2)");
    await rows('CREATE TABLE ds.plain AS SELECT 1 AS n');
    await rows('CREATE VIEW ds.strict_view AS SELECT * FROM ds.strict');
  });

  it.each([
    'SELECT n FROM ds.strict',
    'SELECT COUNT(*) FROM ds.strict',
    'SELECT n FROM ds.strict WHERE n = 1',
    "SELECT n FROM ds.strict WHERE at_time > TIMESTAMP '2026-01-01' OR n = 1",
    'SELECT p.n FROM ds.strict AS s JOIN ds.plain AS p ON s.n = p.n',
    'SELECT n FROM ds.strict_view',
    'UPDATE ds.strict SET n = 3 WHERE n = 1',
    'DELETE FROM ds.strict WHERE TRUE',
    'INSERT INTO ds.plain SELECT n FROM ds.strict',
    'SELECT (SELECT MAX(n) FROM ds.strict)',
  ])('refuses %s', async (sql) => {
    expect(await failure(sql)).toBe(message);
  });

  it.each([
    "SELECT n FROM ds.strict WHERE at_time >= TIMESTAMP '2026-01-02'",
    "SELECT n FROM ds.strict WHERE DATE(at_time) = '2026-01-02' AND n > 0",
    "SELECT n FROM ds.strict AS s WHERE s.at_time BETWEEN TIMESTAMP '2026-01-02' AND TIMESTAMP '2026-01-03'",
    "SELECT s.n FROM ds.strict AS s CROSS JOIN ds.plain AS p WHERE s.at_time = TIMESTAMP '2026-01-02'",
    "SELECT n FROM (SELECT * FROM ds.strict) WHERE at_time = TIMESTAMP '2026-01-02'",
    "WITH w AS (SELECT * FROM ds.strict) SELECT n FROM w WHERE at_time = TIMESTAMP '2026-01-02'",
    "SELECT n FROM ds.strict_view WHERE at_time = TIMESTAMP '2026-01-02'",
  ])('allows %s', async (sql) => {
    expect(await rows(sql)).toEqual([['2']]);
  });
});

it('removes partitions whose time is over', async () => {
  await rows('CREATE TABLE ds.brief (d DATE, n INT64) PARTITION BY d OPTIONS(partition_expiration_days = 2)');
  await rows(
    'INSERT INTO ds.brief VALUES (CURRENT_DATE(), 1), (DATE_SUB(CURRENT_DATE(), INTERVAL 10 DAY), 2), (NULL, 3)',
  );
  await server.restart(); // expired things go at the start
  let left: unknown[][] = [];
  for (let i = 0; i < 300 && left.length !== 2; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    left = await rows('SELECT n FROM ds.brief ORDER BY n');
  }
  expect(left).toEqual([['1'], ['3']]);
});

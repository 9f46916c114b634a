import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../../server-under-test.ts';

const BOB = 'bob@example.com';
const EVE = 'eve@example.com';

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds', { description: 'a "dataset"', labels: { team: 'x' } });
  await server.createDataset('far', { location: 'EU' });
  for (const user of [BOB, EVE]) await server.grant(`user:${user}`, ['roles/bigquery.jobUser']);
  for (const sql of [
    `CREATE TABLE ds.orders (id INT64 NOT NULL OPTIONS(description = 'key'), made TIMESTAMP, tags ARRAY<STRING>,
       who STRUCT<name STRING, age INT64>, state STRING DEFAULT 'new', PRIMARY KEY (id) NOT ENFORCED)
       PARTITION BY DATE(made) CLUSTER BY state OPTIONS(description = 'all orders', labels = [('a', 'b')], partition_expiration_days = 36500)`,
    `INSERT INTO ds.orders (id, made) VALUES (1, TIMESTAMP '2026-01-01 10:00:00'), (2, TIMESTAMP '2026-01-01 11:00:00'),
       (3, TIMESTAMP '2026-01-02 00:00:00'), (4, NULL)`,
    'CREATE TABLE ds.lines (order_id INT64, n INT64, CONSTRAINT fk FOREIGN KEY (order_id) REFERENCES ds.orders(id) NOT ENFORCED)',
    'CREATE VIEW ds.v AS SELECT id FROM ds.orders',
    'CREATE MATERIALIZED VIEW ds.mv AS SELECT state, COUNT(*) AS n FROM ds.orders GROUP BY state',
    'CREATE SNAPSHOT TABLE ds.snap CLONE ds.orders',
    'CREATE TABLE ds.ingested (n INT64) PARTITION BY _PARTITIONDATE',
    `GRANT \`roles/bigquery.metadataViewer\` ON SCHEMA ds TO 'user:${BOB}'`,
  ])
    await server.rows(sql);
}, 90_000);

afterAll(() => server[Symbol.asyncDispose]());

const rows = (sql: string, as = OWNER) => server.rows(sql, { as });

async function failure(sql: string, as = OWNER): Promise<string> {
  const { status, body } = await server.query(sql, { as });
  if (status === 200) throw new Error(`No failure: ${sql}`);
  return body.error.message;
}

describe('INFORMATION_SCHEMA', () => {
  it('SCHEMATA shows the datasets of a region, the US by default', async () => {
    expect(await rows('SELECT schema_name, location FROM INFORMATION_SCHEMA.SCHEMATA')).toEqual([['ds', 'US']]);
    expect(await rows('SELECT schema_name FROM `region-eu`.INFORMATION_SCHEMA.SCHEMATA')).toEqual([['far']]);
    expect(await rows(`SELECT schema_name FROM \`${PROJECT}\`.INFORMATION_SCHEMA.SCHEMATA`, EVE)).toEqual([]);
    expect(await rows('SELECT ddl FROM INFORMATION_SCHEMA.SCHEMATA', BOB)).toEqual([
      [
        `CREATE SCHEMA \`${PROJECT}.ds\`\nOPTIONS(\n  description="a \\"dataset\\"",\n  labels=[STRUCT("team", "x")],\n  location="us"\n);`,
      ],
    ]);
    expect(
      await rows('SELECT option_name, option_type, option_value FROM INFORMATION_SCHEMA.SCHEMATA_OPTIONS ORDER BY 1'),
    ).toEqual([
      ['description', 'STRING', '"a \\"dataset\\""'],
      ['labels', 'ARRAY<STRUCT<STRING, STRING>>', '[STRUCT("team", "x")]'],
    ]);
  });

  it('TABLES shows every kind of table, of a dataset and of a region', async () => {
    const sql = (qualifier: string): string =>
      `SELECT table_name, table_type, is_insertable_into, base_table_name FROM ${qualifier}.INFORMATION_SCHEMA.TABLES ORDER BY 1`;
    const expected = [
      ['ingested', 'BASE TABLE', 'YES', null],
      ['lines', 'BASE TABLE', 'YES', null],
      ['mv', 'MATERIALIZED VIEW', 'NO', null],
      ['orders', 'BASE TABLE', 'YES', null],
      ['snap', 'SNAPSHOT', 'NO', 'orders'],
      ['v', 'VIEW', 'NO', null],
    ];
    expect(await rows(sql('ds'))).toEqual(expected);
    expect(await rows(sql(`\`${PROJECT}.ds\``))).toEqual(expected);
    expect(await rows(sql(`\`${PROJECT}\`.\`region-us\``))).toEqual(expected);
    expect(await rows(sql('far'))).toEqual([]);
  });

  it('TABLES.ddl makes the same table again', async () => {
    const [[ddl] = []] = await rows("SELECT ddl FROM ds.INFORMATION_SCHEMA.TABLES WHERE table_name = 'orders'");
    expect(ddl).toBe(
      `CREATE TABLE \`${PROJECT}.ds.orders\`
(
  id INT64 NOT NULL OPTIONS(description="key"),
  made TIMESTAMP,
  tags ARRAY<STRING>,
  who STRUCT<name STRING, age INT64>,
  state STRING DEFAULT 'new',
  PRIMARY KEY (id) NOT ENFORCED
)
PARTITION BY DATE(made)
CLUSTER BY state
OPTIONS(
  partition_expiration_days=36500.0,
  description="all orders",
  labels=[STRUCT("a", "b")]
);`,
    );
    await rows(String(ddl).replace('ds.orders', 'ds.again'));
    const again = "SELECT REPLACE(ddl, 'again', 'orders') FROM ds.INFORMATION_SCHEMA.TABLES WHERE table_name = 'again'";
    expect(await rows(again)).toEqual([[ddl]]);
    await rows('DROP TABLE ds.again');
  });

  it('COLUMNS and COLUMN_FIELD_PATHS show types, positions, partitions and defaults', async () => {
    const columns = `SELECT column_name, ordinal_position, is_nullable, data_type, is_partitioning_column,
      clustering_ordinal_position, column_default FROM ds.INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'orders' ORDER BY 2`;
    expect(await rows(columns)).toEqual([
      ['id', '1', 'NO', 'INT64', 'NO', null, 'NULL'],
      ['made', '2', 'YES', 'TIMESTAMP', 'YES', null, 'NULL'],
      ['tags', '3', 'YES', 'ARRAY<STRING>', 'NO', null, 'NULL'],
      ['who', '4', 'YES', 'STRUCT<name STRING, age INT64>', 'NO', null, 'NULL'],
      ['state', '5', 'YES', 'STRING', 'NO', '1', "'new'"],
    ]);
    expect(
      await rows(
        "SELECT column_name, is_hidden, is_system_defined FROM ds.INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'ingested' ORDER BY 1",
      ),
    ).toEqual([
      ['_PARTITIONDATE', 'YES', 'YES'],
      ['_PARTITIONTIME', 'YES', 'YES'],
      ['n', 'NO', 'NO'],
    ]);
    expect(
      await rows(
        "SELECT field_path, data_type, description FROM `region-us`.INFORMATION_SCHEMA.COLUMN_FIELD_PATHS WHERE table_name = 'orders' AND column_name IN ('who', 'id') ORDER BY 1",
      ),
    ).toEqual([
      ['id', 'INT64', 'key'],
      ['who', 'STRUCT<name STRING, age INT64>', null],
      ['who.age', 'INT64', null],
      ['who.name', 'STRING', null],
    ]);
  });

  it('TABLE_OPTIONS, VIEWS and MATERIALIZED_VIEWS', async () => {
    expect(
      await rows(
        "SELECT option_name, option_value FROM ds.INFORMATION_SCHEMA.TABLE_OPTIONS WHERE table_name = 'orders' ORDER BY 1",
      ),
    ).toEqual([
      ['description', '"all orders"'],
      ['labels', '[STRUCT("a", "b")]'],
      ['partition_expiration_days', '36500.0'],
    ]);
    expect(
      await rows('SELECT table_name, view_definition, use_standard_sql FROM ds.INFORMATION_SCHEMA.VIEWS ORDER BY 1'),
    ).toEqual([
      ['mv', 'SELECT state, COUNT(*) AS n FROM ds.orders GROUP BY state', 'YES'],
      ['v', 'SELECT id FROM ds.orders', 'YES'],
    ]);
    expect(
      await rows('SELECT table_name, last_refresh_status.reason FROM ds.INFORMATION_SCHEMA.MATERIALIZED_VIEWS'),
    ).toEqual([['mv', null]]);
  });

  it('PARTITIONS and TABLE_STORAGE count rows and bytes', async () => {
    expect(
      await rows(
        "SELECT partition_id, total_rows, total_logical_bytes > 0 FROM ds.INFORMATION_SCHEMA.PARTITIONS WHERE table_name = 'orders' ORDER BY 1",
      ),
    ).toEqual([
      ['20260101', '2', 'true'],
      ['20260102', '1', 'true'],
      ['__NULL__', '1', 'true'],
    ]);
    expect(
      await rows("SELECT partition_id, total_rows FROM ds.INFORMATION_SCHEMA.PARTITIONS WHERE table_name = 'lines'"),
    ).toEqual([[null, '0']]);
    expect(
      await rows(
        "SELECT total_rows, total_partitions, total_logical_bytes = active_logical_bytes FROM `region-us`.INFORMATION_SCHEMA.TABLE_STORAGE WHERE table_name = 'orders'",
      ),
    ).toEqual([['4', '3', 'true']]);
  });

  it('shows key constraints', async () => {
    expect(
      await rows(
        'SELECT constraint_name, table_name, constraint_type, enforced FROM ds.INFORMATION_SCHEMA.TABLE_CONSTRAINTS ORDER BY 1',
      ),
    ).toEqual([
      ['lines.fk', 'lines', 'FOREIGN KEY', 'NO'],
      ['orders.pk$', 'orders', 'PRIMARY KEY', 'NO'],
      ['snap.pk$', 'snap', 'PRIMARY KEY', 'NO'],
    ]);
    expect(
      await rows(
        "SELECT constraint_name, column_name, ordinal_position, position_in_unique_constraint FROM ds.INFORMATION_SCHEMA.KEY_COLUMN_USAGE WHERE table_name != 'snap' ORDER BY 1",
      ),
    ).toEqual([
      ['lines.fk', 'order_id', '1', '1'],
      ['orders.pk$', 'id', '1', null],
    ]);
    expect(
      await rows(
        "SELECT table_name, column_name FROM ds.INFORMATION_SCHEMA.CONSTRAINT_COLUMN_USAGE WHERE constraint_name = 'lines.fk'",
      ),
    ).toEqual([['orders', 'id']]);
  });

  it('JOBS shows the jobs of all to who may list them, JOBS_BY_USER those of the caller', async () => {
    const marked = 'SELECT 42 AS marked';
    await rows(marked, BOB);
    const found = `SELECT user_email, job_type, statement_type, state, cache_hit, error_result.reason FROM \`region-us\`.INFORMATION_SCHEMA`;
    expect(await rows(`${found}.JOBS WHERE query = '${marked}'`)).toEqual([
      [BOB, 'QUERY', 'SELECT', 'DONE', 'false', null],
    ]);
    expect(await rows(`${found}.JOBS_BY_USER WHERE query = '${marked}'`)).toEqual([]);
    expect(await failure(`${found}.JOBS_BY_PROJECT`, BOB)).toBe(
      `Access Denied: Table ${PROJECT}:region-us.INFORMATION_SCHEMA.JOBS_BY_PROJECT: User does not have permission to query table ${PROJECT}:region-us.INFORMATION_SCHEMA.JOBS_BY_PROJECT, or perhaps it does not exist.`,
    );
    expect(
      await rows(
        "SELECT r.table_id FROM `region-us`.INFORMATION_SCHEMA.JOBS, UNNEST(referenced_tables) AS r WHERE query = 'CREATE VIEW ds.v AS SELECT id FROM ds.orders'",
      ),
    ).toEqual([['orders']]);
  });

  it('__TABLES__ and __TABLES_SUMMARY__ show tables with their counts', async () => {
    expect(
      await rows("SELECT table_id, row_count, type FROM ds.__TABLES__ WHERE table_id IN ('orders', 'v') ORDER BY 1"),
    ).toEqual([
      ['orders', '4', '1'],
      ['v', null, '2'],
    ]);
    expect(await rows(`SELECT COUNT(*) FROM \`${PROJECT}.ds.__TABLES_SUMMARY__\``)).toEqual([['6']]);
    expect(await failure('SELECT table_id FROM ds.__TABLES__', BOB)).toContain(
      'User does not have permission to query',
    );
  });

  it('is denied to who may not list the tables, whether the dataset exists or not', async () => {
    for (const dataset of ['ds', 'nothing'])
      expect(await failure(`SELECT 1 FROM ${dataset}.INFORMATION_SCHEMA.TABLES`, EVE)).toBe(
        `Access Denied: Table ${PROJECT}:${dataset}.INFORMATION_SCHEMA.TABLES: User does not have permission to query table ${PROJECT}:${dataset}.INFORMATION_SCHEMA.TABLES, or perhaps it does not exist.`,
      );
    expect(await failure('SELECT 1 FROM nothing.INFORMATION_SCHEMA.TABLES')).toContain(
      `Not found: Dataset ${PROJECT}:nothing`,
    );
    expect(await rows('SELECT COUNT(*) FROM ds.INFORMATION_SCHEMA.TABLES', BOB)).toEqual([['6']]);
    expect(await rows('SELECT COUNT(*) FROM `region-us`.INFORMATION_SCHEMA.TABLES', BOB)).toEqual([['6']]);
    expect(await rows('SELECT COUNT(*) FROM `region-us`.INFORMATION_SCHEMA.TABLES', EVE)).toEqual([['0']]);
  });

  it.each([
    ['SELECT 1 FROM INFORMATION_SCHEMA.TABLES', 'must be qualified with a dataset'],
    ['SELECT 1 FROM INFORMATION_SCHEMA.JOBS', 'must be qualified with a region'],
    ['SELECT nope FROM ds.INFORMATION_SCHEMA.TABLES', 'Unrecognized name: nope'],
    ['DELETE FROM ds.INFORMATION_SCHEMA.TABLES WHERE TRUE', 'cannot be modified'],
  ])('refuses %s', async (sql, text) => {
    expect(await failure(sql)).toContain(text);
  });
});

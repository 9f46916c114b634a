import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest, type Answer } from '../server-under-test.ts';

const BOB = 'bob@example.com';
const DATASETS = `/bigquery/v2/projects/${PROJECT}/datasets`;

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
  await server.grant(`user:${BOB}`, ['roles/bigquery.jobUser']);
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

const table = async (id: string, dataset = 'ds') =>
  (await server.request('GET', `${DATASETS}/${dataset}/tables/${id}`)).body;

async function run(sql: string, as = OWNER) {
  const { status, body } = await server.query(sql, { as });
  if (status !== 200) throw new Error(body.error.message);
  return server.finished(body.jobReference.jobId);
}

async function failure(sql: string, as = OWNER): Promise<string> {
  const answer: Answer = await server.query(sql, { as });
  if (answer.status === 200) throw new Error(`No failure: ${sql}`);
  return answer.body.error.message;
}

describe('CREATE TABLE', () => {
  it('keeps defaults, NOT NULL, descriptions, partitioning, clustering, keys and options', async () => {
    await run('CREATE TABLE ds.customers (id INT64 NOT NULL, PRIMARY KEY (id) NOT ENFORCED)');
    await run(`CREATE TABLE ds.orders (
        id INT64 NOT NULL OPTIONS(description = 'the id'), customer INT64, day DATE,
        state STRING DEFAULT 'new', PRIMARY KEY (id) NOT ENFORCED,
        CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES ds.customers(id) NOT ENFORCED)
      PARTITION BY day CLUSTER BY customer, state
      OPTIONS(description = 'all orders', friendly_name = 'Orders', labels = [('team', 'sales')],
        partition_expiration_days = 36500, require_partition_filter = TRUE)`);
    expect(await table('orders')).toMatchObject({
      description: 'all orders',
      friendlyName: 'Orders',
      labels: { team: 'sales' },
      timePartitioning: { type: 'DAY', field: 'day', expirationMs: String(36_500 * 86_400_000) },
      requirePartitionFilter: true,
      clustering: { fields: ['customer', 'state'] },
      tableConstraints: {
        primaryKey: { columns: ['id'] },
        foreignKeys: [
          {
            name: 'of_customer',
            referencedTable: { projectId: PROJECT, datasetId: 'ds', tableId: 'customers' },
            columnReferences: [{ referencingColumn: 'customer', referencedColumn: 'id' }],
          },
        ],
      },
      schema: {
        fields: [
          { name: 'id', mode: 'REQUIRED', description: 'the id' },
          { name: 'customer' },
          { name: 'day' },
          { name: 'state', defaultValueExpression: "'new'" },
        ],
      },
    });
  });

  it('partitions by integer range, and by the time of ingestion', async () => {
    await run('CREATE TABLE ds.ranges (n INT64) PARTITION BY RANGE_BUCKET(n, GENERATE_ARRAY(0, 100, 10))');
    expect((await table('ranges')).rangePartitioning).toEqual({
      field: 'n',
      range: { start: '0', end: '100', interval: '10' },
    });
    await run('CREATE TABLE ds.ingested (n INT64) PARTITION BY _PARTITIONDATE');
    expect((await table('ingested')).timePartitioning).toEqual({ type: 'DAY' });
    await run('CREATE TABLE ds.hourly (n INT64) PARTITION BY TIMESTAMP_TRUNC(_PARTITIONTIME, HOUR)');
    expect((await table('hourly')).timePartitioning).toEqual({ type: 'HOUR' });
  });

  it('fills left-out columns with the default of each row', async () => {
    await run('CREATE TABLE ds.filled (n INT64, word STRING DEFAULT GENERATE_UUID())');
    await run('INSERT INTO ds.filled (n) SELECT n FROM UNNEST([1, 2, 3]) AS n');
    await run('INSERT INTO ds.filled (n) VALUES (4), (5)');
    expect(await server.rows('SELECT COUNT(DISTINCT word), COUNTIF(LENGTH(word) = 36) FROM ds.filled')).toEqual([
      ['5', '5'],
    ]);
  });

  it('fills them in appended queries, loads and streamed rows too', async () => {
    await run(
      "CREATE TABLE ds.appended (n INT64, word STRING DEFAULT CONCAT('w', 1), who STRING DEFAULT SESSION_USER())",
    );
    const destinationTable = { projectId: PROJECT, datasetId: 'ds', tableId: 'appended' };
    const job = await server.request('POST', `/bigquery/v2/projects/${PROJECT}/jobs`, {
      configuration: {
        query: { query: 'SELECT 1 AS n', useLegacySql: false, destinationTable, writeDisposition: 'WRITE_APPEND' },
      },
    });
    expect((await server.finished(job.body.jobReference.jobId)).status.errorResult).toBeUndefined();
    const load = await server.load('appended', '{"n": 2}\n', {
      sourceFormat: 'NEWLINE_DELIMITED_JSON',
      schema: { fields: [{ name: 'n', type: 'INTEGER' }] },
      writeDisposition: 'WRITE_APPEND',
    });
    expect(load.status.errorResult).toBeUndefined();
    const insertAll = `${DATASETS}/ds/tables/appended/insertAll`;
    const streamed = await server.request('POST', insertAll, { rows: [{ json: { n: 3, who: 'x' } }] });
    expect(streamed.body.insertErrors).toBeUndefined();
    const mixed = await server.request('POST', insertAll, { rows: [{ json: { word: 'a' } }, { json: { n: 4 } }] });
    expect(mixed.body.insertErrors).toBeUndefined();
    expect(await server.rows('SELECT * FROM ds.appended ORDER BY n')).toEqual([
      [null, 'a', OWNER],
      ['1', 'w1', OWNER],
      ['2', 'w1', OWNER],
      ['3', 'w1', 'x'],
      ['4', 'w1', OWNER],
    ]);
  });

  it('makes a table LIKE another, a COPY and a CLONE with its rows, and a snapshot that nobody changes', async () => {
    await run(
      "CREATE TABLE ds.origin (n INT64 NOT NULL, s STRING DEFAULT 'x') CLUSTER BY s OPTIONS(description = 'o')",
    );
    await run("INSERT INTO ds.origin VALUES (1, 'a'), (2, 'b')");
    await run('CREATE TABLE ds.alike LIKE ds.origin');
    await run('CREATE TABLE ds.copied COPY ds.origin');
    await run("CREATE TABLE ds.cloned CLONE ds.origin OPTIONS(description = 'c')");
    const job = await run("CREATE SNAPSHOT TABLE ds.snap CLONE ds.origin OPTIONS(friendly_name = 'Snap')");
    expect(job.statistics.query).toMatchObject({
      statementType: 'CREATE_SNAPSHOT_TABLE',
      ddlOperationPerformed: 'CREATE',
      ddlTargetTable: { tableId: 'snap' },
    });
    await run('DELETE FROM ds.origin WHERE n = 1');
    expect(await server.rows('SELECT * FROM ds.alike')).toEqual([]);
    for (const id of ['copied', 'cloned', 'snap'])
      expect(await server.rows(`SELECT n, s FROM ds.${id} ORDER BY n`)).toEqual([
        ['1', 'a'],
        ['2', 'b'],
      ]);
    expect((await table('alike')).schema.fields).toEqual((await table('origin')).schema.fields);
    expect(await table('cloned')).toMatchObject({
      type: 'TABLE',
      description: 'c',
      clustering: { fields: ['s'] },
      cloneDefinition: { baseTableReference: { tableId: 'origin' } },
    });
    expect(await table('snap')).toMatchObject({
      type: 'SNAPSHOT',
      friendlyName: 'Snap',
      snapshotDefinition: { baseTableReference: { tableId: 'origin' } },
      numRows: '2',
    });
    expect(await failure('INSERT INTO ds.snap VALUES (3, "c")')).toContain(
      'Modifying table snapshots is not supported',
    );
    expect(await failure('DROP TABLE ds.snap')).toContain('which has type SNAPSHOT');
    await run('CREATE TABLE ds.restored CLONE ds.snap');
    expect(await server.rows('SELECT COUNT(*) FROM ds.restored')).toEqual([['2']]);
    expect((await table('restored')).type).toBe('TABLE');
    await run('DROP SNAPSHOT TABLE ds.snap');
    expect((await run('DROP SNAPSHOT TABLE IF EXISTS ds.snap')).statistics.query.ddlOperationPerformed).toBe('SKIP');
  });

  it.each([
    [
      "CREATE TABLE ds.bad (n INT64) OPTIONS(kms_key_name = 'k')",
      'Option kms_key_name of CREATE TABLE is not supported',
    ],
    ['CREATE TABLE ds.bad (n INT64) OPTIONS(require_partition_filter = TRUE)', 'table is not partitioned'],
    ['CREATE TABLE ds.bad (n INT64) PARTITION BY MOD(n, 3)', 'PARTITION BY expression must be'],
    ['CREATE TABLE ds.bad (n INT64, PRIMARY KEY (n))', 'write NOT ENFORCED'],
    [
      "CREATE EXTERNAL TABLE ds.bad OPTIONS(format = 'CSV', uris = ['gs://b/o'])",
      'not supported by the local BigQuery',
    ],
    ['CREATE SEARCH INDEX i ON ds.origin(ALL COLUMNS)', 'not supported by the local BigQuery'],
    ['UNDROP SCHEMA gone', 'UNDROP is not supported by the local BigQuery'],
    ["EXPORT DATA OPTIONS(uri = 'gs://b/*', format = 'CSV') AS SELECT 1 AS x", 'not supported by the local BigQuery'],
  ])('refuses %s', async (sql, text) => {
    expect(await failure(sql)).toContain(text);
  });
});

describe('ALTER TABLE', () => {
  it('adds, drops, renames and changes columns; rows keep their values', async () => {
    await run("CREATE TABLE ds.alt (a INT64 NOT NULL, b STRING, c STRING) OPTIONS(description = 'd')");
    await run("INSERT INTO ds.alt VALUES (1, 'x', 'y')");
    const job = await run(
      "ALTER TABLE ds.alt ADD COLUMN d ARRAY<STRING>, ADD COLUMN IF NOT EXISTS b STRING, DROP COLUMN c, ADD COLUMN e STRUCT<f INT64> OPTIONS(description = 'new')",
    );
    expect(job.statistics.query).toMatchObject({ statementType: 'ALTER_TABLE', ddlOperationPerformed: 'ALTER' });
    await run('ALTER TABLE ds.alt RENAME COLUMN b TO word');
    await run('ALTER TABLE ds.alt ALTER COLUMN a SET DATA TYPE NUMERIC, ALTER COLUMN a DROP NOT NULL');
    await run(
      "ALTER TABLE ds.alt ALTER COLUMN word SET DEFAULT 'w', ALTER COLUMN word SET OPTIONS(description = 'a word')",
    );
    await run('INSERT INTO ds.alt (a) VALUES (NULL)');
    expect(await server.rows('SELECT a, word, d, e.f FROM ds.alt ORDER BY a')).toEqual([
      [null, 'w', [], null],
      ['1', 'x', [], null],
    ]);
    expect((await table('alt')).schema.fields).toEqual([
      { name: 'a', type: 'NUMERIC', mode: 'NULLABLE' },
      { name: 'word', type: 'STRING', mode: 'NULLABLE', defaultValueExpression: "'w'", description: 'a word' },
      { name: 'd', type: 'STRING', mode: 'REPEATED' },
      {
        name: 'e',
        type: 'RECORD',
        mode: 'NULLABLE',
        description: 'new',
        fields: [{ name: 'f', type: 'INTEGER', mode: 'NULLABLE' }],
      },
    ]);
    await run('ALTER TABLE ds.alt ALTER COLUMN word DROP DEFAULT');
    await run('INSERT INTO ds.alt (a) VALUES (7)');
    expect(await server.rows('SELECT word FROM ds.alt WHERE a = 7')).toEqual([[null]]);
  });

  it('renames a table with its policies', async () => {
    await run('CREATE TABLE ds.before AS SELECT 1 AS n UNION ALL SELECT 2');
    await run(`GRANT \`roles/bigquery.dataViewer\` ON TABLE ds.before TO 'user:${BOB}'`);
    await run(`CREATE ROW ACCESS POLICY p ON ds.before GRANT TO ('user:${BOB}') FILTER USING (n = 2)`);
    await run('ALTER TABLE ds.before RENAME TO after');
    expect(await server.rows('SELECT n FROM ds.after', { as: BOB })).toEqual([['2']]);
    expect(await failure('SELECT n FROM ds.before')).toContain('Not found: Table');
    await run('CREATE TABLE ds.taken (x INT64)');
    expect(await failure('ALTER TABLE ds.after RENAME TO taken')).toContain('Already Exists');
    expect(await server.rows('SELECT n FROM ds.after', { as: BOB })).toEqual([['2']]);
  });

  it('sets and resets options', async () => {
    await run("CREATE TABLE ds.opt (d DATE) PARTITION BY d OPTIONS(description = 'x', labels = [('a', 'b')])");
    await run(
      "ALTER TABLE ds.opt SET OPTIONS(description = NULL, friendly_name = 'F', require_partition_filter = TRUE, partition_expiration_days = 1000, expiration_timestamp = TIMESTAMP '2100-01-01')",
    );
    const changed = await table('opt');
    expect(changed).toMatchObject({
      friendlyName: 'F',
      labels: { a: 'b' },
      requirePartitionFilter: true,
      timePartitioning: { expirationMs: '86400000000' },
      expirationTime: String(Date.UTC(2100, 0, 1)),
    });
    expect(changed.description).toBeUndefined();
    await run(
      'ALTER TABLE ds.opt SET OPTIONS(require_partition_filter = FALSE, partition_expiration_days = NULL, expiration_timestamp = NULL)',
    );
    const reset = await table('opt');
    expect(reset.timePartitioning).toEqual({ type: 'DAY', field: 'd' });
    expect(reset.expirationTime).toBeUndefined();
    expect(reset.requirePartitionFilter).toBeUndefined();
  });

  it('shows key constraints that tables.insert and tables.patch set', async () => {
    const inserted = await server.request('POST', `${DATASETS}/ds/tables`, {
      tableReference: { tableId: 'rest_keys' },
      schema: { fields: [{ name: 'a', type: 'INTEGER' }] },
      tableConstraints: { primaryKey: { columns: ['a'] } },
    });
    expect(inserted.body.tableConstraints).toEqual({ primaryKey: { columns: ['a'] } });
    const bad = await server.request('PATCH', `${DATASETS}/ds/tables/rest_keys`, {
      tableConstraints: { foreignKeys: [{ name: 'f', referencedTable: {} }] },
    });
    expect(bad.status).toBe(400);
    const patched = await server.request('PATCH', `${DATASETS}/ds/tables/rest_keys`, { tableConstraints: null });
    expect(patched.body.tableConstraints).toBeUndefined();
  });

  it('adds and drops key constraints', async () => {
    await run('CREATE TABLE ds.keys (a INT64, b INT64)');
    await run('ALTER TABLE ds.keys ADD PRIMARY KEY (a) NOT ENFORCED');
    await run('ALTER TABLE ds.keys ADD CONSTRAINT fk FOREIGN KEY (b) REFERENCES ds.customers(id) NOT ENFORCED');
    expect((await table('keys')).tableConstraints).toMatchObject({
      primaryKey: { columns: ['a'] },
      foreignKeys: [{ name: 'fk' }],
    });
    expect(await failure('ALTER TABLE ds.keys DROP COLUMN a')).toContain('part of a key constraint');
    await run('ALTER TABLE ds.keys DROP PRIMARY KEY');
    await run('ALTER TABLE ds.keys DROP CONSTRAINT fk');
    expect((await table('keys')).tableConstraints).toBeUndefined();
  });

  it.each([
    ['ALTER TABLE ds.missing ADD COLUMN x INT64', 'Not found: Table'],
    ['ALTER TABLE ds.customers ADD COLUMN id INT64', 'already exists'],
    ['ALTER TABLE ds.customers ADD COLUMN x INT64 NOT NULL', 'Cannot add required columns'],
    ['ALTER TABLE ds.orders DROP COLUMN day', 'partitioning column'],
    ['ALTER TABLE ds.orders DROP COLUMN state', 'clustering column'],
    ['ALTER TABLE ds.alt ALTER COLUMN word SET DATA TYPE INT64', 'assignable to'],
    ['ALTER TABLE ds.customers DROP COLUMN nope', 'nope'],
    ['ALTER VIEW ds.customers SET OPTIONS(description = "x")', 'currently a TABLE'],
  ])('refuses %s', async (sql, text) => {
    expect(await failure(sql)).toContain(text);
  });

  it('IF EXISTS says that nothing was done', async () => {
    const job = await run('ALTER TABLE IF EXISTS ds.missing ADD COLUMN x INT64');
    expect(job.statistics.query.ddlOperationPerformed).toBe('SKIP');
  });

  it('needs the right to update the table', async () => {
    await run(`GRANT \`roles/bigquery.dataViewer\` ON TABLE ds.customers TO 'user:${BOB}'`);
    expect(await failure('ALTER TABLE ds.customers ADD COLUMN x INT64', BOB)).toBe(
      `Access Denied: Table ${PROJECT}:ds.customers: Permission bigquery.tables.update denied on table ${PROJECT}:ds.customers (or it may not exist).`,
    );
    expect(await failure('ALTER TABLE ds.keys ADD COLUMN x INT64', BOB)).toContain('Access Denied');
    expect(await failure('ALTER TABLE ds.no_such ADD COLUMN x INT64', BOB)).toContain('Access Denied');
  });
});

describe('views and schemas', () => {
  it('evaluates a materialized view over the rows as they are now', async () => {
    await run('CREATE TABLE ds.base AS SELECT 1 AS k, 10 AS v');
    const job = await run(
      'CREATE MATERIALIZED VIEW ds.mv CLUSTER BY k OPTIONS(enable_refresh = FALSE, refresh_interval_minutes = 60) AS SELECT k, SUM(v) AS total FROM ds.base GROUP BY k',
    );
    expect(job.statistics.query.statementType).toBe('CREATE_MATERIALIZED_VIEW');
    await run('INSERT INTO ds.base VALUES (1, 5), (2, 7)');
    expect(await server.rows('SELECT * FROM ds.mv ORDER BY k')).toEqual([
      ['1', '15'],
      ['2', '7'],
    ]);
    expect(await table('mv')).toMatchObject({
      type: 'MATERIALIZED_VIEW',
      materializedView: { enableRefresh: false, refreshIntervalMs: '3600000' },
      clustering: { fields: ['k'] },
    });
    await run("ALTER MATERIALIZED VIEW ds.mv SET OPTIONS(enable_refresh = TRUE, friendly_name = 'M')");
    expect(await table('mv')).toMatchObject({ friendlyName: 'M', materializedView: { enableRefresh: true } });
    expect(await failure('INSERT INTO ds.mv VALUES (3, 4)')).toContain('Modifying views is not supported');
    expect(await failure('DROP VIEW ds.mv')).toContain('which has type MATERIALIZED_VIEW');
    await run('DROP MATERIALIZED VIEW ds.mv');
    expect(await failure('CREATE MATERIALIZED VIEW ds.mv AS SELECT RAND() AS r FROM ds.base')).toContain(
      'non-deterministic',
    );
  });

  it('alters views and schemas', async () => {
    await run('CREATE VIEW ds.seen AS SELECT 1 AS x');
    await run("ALTER VIEW ds.seen SET OPTIONS(description = 'v', labels = [('k', 'l')])");
    expect(await table('seen')).toMatchObject({ description: 'v', labels: { k: 'l' }, type: 'VIEW' });
    await run(
      "CREATE SCHEMA other OPTIONS(description = 'o', default_table_expiration_days = 3, location = 'US', labels = [('a', 'b')])",
    );
    await run(
      "ALTER SCHEMA other SET OPTIONS(friendly_name = 'Other', max_time_travel_hours = 48, description = NULL)",
    );
    const { body } = await server.request('GET', `${DATASETS}/other`);
    expect(body).toMatchObject({
      friendlyName: 'Other',
      defaultTableExpirationMs: '259200000',
      maxTimeTravelHours: '48',
      labels: { a: 'b' },
    });
    expect(body.description).toBeUndefined();
    expect((await run('ALTER SCHEMA IF EXISTS nowhere SET OPTIONS(description = "x")')).statistics.query).toMatchObject(
      {
        statementType: 'ALTER_SCHEMA',
        ddlOperationPerformed: 'SKIP',
      },
    );
    expect(await failure("ALTER SCHEMA other SET OPTIONS(default_kms_key_name = 'k')")).toContain(
      'Option default_kms_key_name of ALTER SCHEMA is not supported',
    );
    expect(await failure('ALTER SCHEMA ds SET OPTIONS(description = "x")', BOB)).toContain(
      'Permission bigquery.datasets.get denied',
    );
  });
});

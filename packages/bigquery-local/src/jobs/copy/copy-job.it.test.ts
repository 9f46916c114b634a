import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../../server-under-test.ts';

let server: ServerUnderTest;

const COPIER = 'copier@example.com';

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
  await server.createDataset('other');
  await server.grant(`user:${COPIER}`, ['roles/bigquery.jobUser']);
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

type Reference = { projectId: string; datasetId: string; tableId: string };

function ref(name: string): Reference {
  const [datasetId = '', tableId = ''] = name.split('.');
  return { projectId: PROJECT, datasetId, tableId };
}

/* oxlint-disable-next-line typescript/no-explicit-any -- a job as it comes */
async function copy(from: string | string[], to: string, more: Record<string, unknown> = {}, as = OWNER): Promise<any> {
  const sources = Array.isArray(from) ? { sourceTables: from.map(ref) } : { sourceTable: ref(from) };
  const { status, body } = await server.request(
    'POST',
    `/bigquery/v2/projects/${PROJECT}/jobs`,
    { configuration: { copy: { ...sources, destinationTable: ref(to), ...more } } },
    { as },
  );
  return status === 200 ? server.finished(body.jobReference.jobId) : body;
}

async function tableOf(name: string) {
  const { datasetId, tableId } = ref(name);
  const { body } = await server.request(
    'GET',
    `/bigquery/v2/projects/${PROJECT}/datasets/${datasetId}/tables/${tableId}`,
  );
  return body;
}

async function grantOn(datasetId: string, role: string, userByEmail: string): Promise<void> {
  const path = `/bigquery/v2/projects/${PROJECT}/datasets/${datasetId}`;
  const { body } = await server.request('GET', path);
  await server.request('PATCH', path, { access: [...body.access, { role, userByEmail }] });
}

describe('a copy job', () => {
  test('makes a table with the schema, layout and rows of its source, and counts them', async () => {
    await server.rows(
      `CREATE TABLE ds.a (id INT64 NOT NULL OPTIONS(description='the id'), day DATE, s STRING(5))
        PARTITION BY day CLUSTER BY id OPTIONS(description='all of a')`,
    );
    await server.rows("INSERT ds.a VALUES (1, '2026-01-01', 'one'), (2, '2026-01-02', NULL)");
    const job = await copy('ds.a', 'other.a');
    expect(job.status).toEqual({ state: 'DONE' });
    expect(job.configuration).toMatchObject({
      jobType: 'COPY',
      copy: { sourceTables: [ref('ds.a')], destinationTable: ref('other.a') },
    });
    expect(job.statistics.copy).toEqual({ copiedRows: '2', copiedLogicalBytes: '37' });
    expect(await server.rows('SELECT * FROM other.a ORDER BY id')).toEqual([
      ['1', '2026-01-01', 'one'],
      ['2', '2026-01-02', null],
    ]);
    const made = await tableOf('other.a');
    expect(made).toMatchObject({
      description: 'all of a',
      timePartitioning: { type: 'DAY', field: 'day' },
      clustering: { fields: ['id'] },
    });
    expect(made.schema).toEqual((await tableOf('ds.a')).schema);
  });

  test('of several tables puts all their rows together; of different schemas it is refused', async () => {
    await server.rows('CREATE TABLE ds.s1 AS SELECT 1 AS x, "a" AS y');
    await server.rows('CREATE TABLE ds.s2 AS SELECT 2 AS x, "b" AS y');
    await server.rows('CREATE TABLE ds.s3 AS SELECT 2 AS x');
    expect((await copy(['ds.s1', 'ds.s2', 'ds.s1'], 'ds.together')).statistics.copy.copiedRows).toBe('3');
    expect(await server.rows('SELECT x, y FROM ds.together ORDER BY x')).toEqual([
      ['1', 'a'],
      ['1', 'a'],
      ['2', 'b'],
    ]);
    const failed = await copy(['ds.s1', 'ds.s3'], 'ds.apart');
    expect(failed.status.errorResult.message).toContain('Provided Schema does not match Table');
    expect((await tableOf('ds.apart')).error.code).toBe(404);
  });

  test('obeys writeDisposition and createDisposition', async () => {
    await server.rows('CREATE TABLE ds.w AS SELECT 1 AS x');
    await server.rows('CREATE TABLE ds.w2 AS SELECT 5 AS y');
    const never = await copy('ds.w', 'ds.none', { createDisposition: 'CREATE_NEVER' });
    expect(never.status.errorResult).toEqual({ reason: 'notFound', message: `Not found: Table ${PROJECT}:ds.none` });
    expect((await copy('ds.w', 'ds.target')).status.errorResult).toBeUndefined();
    expect((await copy('ds.w', 'ds.target')).status.errorResult).toEqual({
      reason: 'duplicate',
      message: `Already Exists: Table ${PROJECT}:ds.target`,
    });
    await copy('ds.w', 'ds.target', { writeDisposition: 'WRITE_APPEND' });
    expect(await server.rows('SELECT x FROM ds.target')).toEqual([['1'], ['1']]);
    const misfit = await copy('ds.w2', 'ds.target', { writeDisposition: 'WRITE_APPEND' });
    expect(misfit.status.errorResult.message).toBe(
      `Provided Schema does not match Table ${PROJECT}:ds.target. Cannot add fields (field: y)`,
    );
    await copy('ds.w2', 'ds.target', { writeDisposition: 'WRITE_TRUNCATE' });
    expect(await server.rows('SELECT * FROM ds.target')).toEqual([['5']]);
    await copy('ds.target', 'ds.target', { writeDisposition: 'WRITE_APPEND' });
    expect(await server.rows('SELECT * FROM ds.target')).toEqual([['5'], ['5']]);
  });

  test('does not put what may be NULL into a REQUIRED column, nor rows of one layout into another', async () => {
    await server.rows('CREATE TABLE ds.strict (x INT64 NOT NULL)');
    await server.rows('CREATE TABLE ds.loose (x INT64)');
    const mode = await copy('ds.loose', 'ds.strict', { writeDisposition: 'WRITE_APPEND' });
    expect(mode.status.errorResult.message).toBe(
      `Provided Schema does not match Table ${PROJECT}:ds.strict. Field x has changed mode from REQUIRED to NULLABLE`,
    );
    await server.rows('CREATE TABLE ds.flat (d DATE)');
    await server.rows('CREATE TABLE ds.days (d DATE) PARTITION BY d');
    const layout = await copy('ds.flat', 'ds.days', { writeDisposition: 'WRITE_APPEND' });
    expect(layout.status.errorResult.message).toBe(
      'Failed to copy Non partitioned table to Column partitioned table: not supported.',
    );
  });

  test('keeps the partitions of a table by ingestion time, and copies a single partition', async () => {
    await server.rows('CREATE TABLE ds.ing (x INT64) PARTITION BY _PARTITIONDATE');
    for (const [x, day] of [
      ['1', '20260101'],
      ['2', '20260102'],
    ])
      await server.query(`SELECT ${x} AS x`, {
        body: { destinationTable: ref(`ds.ing$${day}`), writeDisposition: 'WRITE_APPEND' },
      });
    expect((await copy('ds.ing', 'ds.ing_copy')).status.errorResult).toBeUndefined();
    expect(
      (await copy('ds.ing', 'ds.ing_copy', { writeDisposition: 'WRITE_APPEND' })).status.errorResult,
    ).toBeUndefined();
    expect(await server.rows('SELECT x, CAST(_PARTITIONDATE AS STRING) FROM ds.ing_copy ORDER BY x')).toEqual([
      ['1', '2026-01-01'],
      ['1', '2026-01-01'],
      ['2', '2026-01-02'],
      ['2', '2026-01-02'],
    ]);
    const one = await copy('ds.ing$20260102', 'ds.ing_copy$20260102', { writeDisposition: 'WRITE_TRUNCATE' });
    expect(one.status.errorResult).toBeUndefined();
    expect(one.statistics.copy).toEqual({ copiedRows: '1', copiedLogicalBytes: '8' });
    expect(await server.rows('SELECT x FROM ds.ing_copy ORDER BY x')).toEqual([['1'], ['1'], ['2']]);
    await copy('ds.ing$20260101', 'ds.ing_flat');
    expect(await server.rows('SELECT * FROM ds.ing_flat')).toEqual([['1']]);
    expect((await tableOf('ds.ing_flat')).timePartitioning).toBeUndefined();
  });

  test('makes snapshots, restores and clones them', async () => {
    await server.rows('CREATE TABLE ds.base AS SELECT 1 AS x');
    const time = '2099-01-01T00:00:00Z';
    const made = await copy('ds.base', 'ds.snap', { operationType: 'SNAPSHOT', destinationExpirationTime: time });
    expect(made.status.errorResult).toBeUndefined();
    const snapshot = await tableOf('ds.snap');
    expect(snapshot).toMatchObject({
      type: 'SNAPSHOT',
      snapshotDefinition: { baseTableReference: ref('ds.base') },
      expirationTime: String(Date.parse(time)),
    });
    expect((await server.query('INSERT ds.snap VALUES (2)')).status).toBe(400);
    await copy('ds.snap', 'ds.restored', { operationType: 'RESTORE' });
    expect(await tableOf('ds.restored')).toMatchObject({ type: 'TABLE' });
    await copy('ds.base', 'ds.clone', { operationType: 'CLONE' });
    expect((await tableOf('ds.clone')).cloneDefinition.baseTableReference).toEqual(ref('ds.base'));
    await server.rows('INSERT ds.clone VALUES (2)');
    expect(await server.rows('SELECT x FROM ds.base')).toEqual([['1']]);
    const wrong = await copy('ds.base', 'ds.nothing', { operationType: 'RESTORE' });
    expect(wrong.status.errorResult.message).toContain('currently a TABLE');
    const again = await copy('ds.base', 'ds.snap', { operationType: 'SNAPSHOT', writeDisposition: 'WRITE_TRUNCATE' });
    expect(again.status.errorResult.reason).toBe('duplicate');
  });

  test('of a view, of a missing table, or with settings that do not go together fails by name', async () => {
    await server.rows('CREATE VIEW ds.view AS SELECT 1 AS x');
    expect((await copy('ds.view', 'ds.from_view')).status.errorResult).toEqual({
      reason: 'invalid',
      message: `${PROJECT}:ds.view is not allowed for this operation because it is currently a VIEW.`,
    });
    expect((await copy('ds.missing', 'ds.m')).status.errorResult.message).toBe(
      `Not found: Table ${PROJECT}:ds.missing`,
    );
    expect((await copy('ds.s1', 'nowhere.m')).status.errorResult.message).toBe(`Not found: Dataset ${PROJECT}:nowhere`);
    expect((await copy('ds.s1@123', 'ds.m')).error.message).toContain('snapshot decorator');
    expect((await copy([], 'ds.m')).error.message).toBe(
      'Required parameter is missing: configuration.copy.sourceTable',
    );
    expect((await copy(['ds.s1', 'ds.s2'], 'ds.m', { operationType: 'CLONE' })).error.message).toContain(
      'exactly one source table',
    );
    expect((await copy('ds.s1', 'ds.m', { destinationExpirationTime: 'soon' })).error.message).toContain('RFC 3339');
  });

  test('takes getData and get on the source, create and update at the destination', async () => {
    await server.createDataset('own');
    await grantOn('own', 'WRITER', COPIER);
    const denied = await copy('ds.s1', 'own.mine', {}, COPIER);
    expect(denied.status.errorResult).toEqual({
      reason: 'accessDenied',
      message: `Access Denied: Table ${PROJECT}:ds.s1: Permission bigquery.tables.getData denied on table ${PROJECT}:ds.s1 (or it may not exist).`,
    });
    const missing = await copy('ds.s9', 'own.mine', {}, COPIER);
    expect(missing.status.errorResult.message).toBe(denied.status.errorResult.message.replaceAll('s1', 's9'));
    await grantOn('ds', 'READER', COPIER);
    expect((await copy('ds.s1', 'own.mine', {}, COPIER)).status.errorResult).toBeUndefined();
    expect((await copy('ds.s1', 'other.mine', {}, COPIER)).status.errorResult.message).toBe(
      `Access Denied: Dataset ${PROJECT}:other: Permission bigquery.tables.create denied on dataset ${PROJECT}:other (or it may not exist).`,
    );
  });

  test('needs all rows of a table with row access policies, and takes the policies along', async () => {
    await server.rows('CREATE TABLE ds.rows AS SELECT 1 AS id');
    await server.rows(`CREATE ROW ACCESS POLICY mine ON ds.rows GRANT TO ("user:${COPIER}") FILTER USING (id = 1)`);
    expect((await copy('ds.rows', 'ds.rows2')).status.errorResult.reason).toBe('accessDenied');
    await server.rows(`CREATE ROW ACCESS POLICY everything ON ds.rows GRANT TO ("user:${OWNER}") FILTER USING (TRUE)`);
    expect((await copy('ds.rows', 'ds.rows2')).status.errorResult).toBeUndefined();
    const policies = async (table: string): Promise<string[]> => {
      const { body } = await server.request(
        'GET',
        `/bigquery/v2/projects/${PROJECT}/datasets/ds/tables/${table}/rowAccessPolicies`,
      );
      return (body.rowAccessPolicies ?? []).map(
        (policy: { rowAccessPolicyReference: { policyId: string } }) => policy.rowAccessPolicyReference.policyId,
      );
    };
    expect(await policies('rows2')).toEqual(['everything', 'mine']);
    await server.rows('CREATE TABLE ds.rows3 AS SELECT 7 AS id');
    await server.rows(`CREATE ROW ACCESS POLICY own ON ds.rows3 GRANT TO ("user:${OWNER}") FILTER USING (TRUE)`);
    await copy('ds.rows', 'ds.rows3', { writeDisposition: 'WRITE_APPEND' });
    expect(await policies('rows3')).toEqual(['everything', 'mine', 'own']);
    await copy('ds.s1', 'ds.rows3', { writeDisposition: 'WRITE_TRUNCATE' });
    expect(await policies('rows3')).toEqual([]);
  });

  test('works through the Node client, between projects', async () => {
    const project = 'second-project';
    await server.request('POST', '/v1/projects', { projectId: project });
    await server.request('POST', `/bigquery/v2/projects/${project}/datasets`, {
      datasetReference: { datasetId: 'there' },
    });
    const { client } = await server.serviceAccount('copier', ['roles/bigquery.admin']);
    const { body: policy } = await server.request('POST', `/v1/projects/${project}:getIamPolicy`, {});
    policy.bindings.push({
      role: 'roles/bigquery.dataEditor',
      members: [`serviceAccount:copier@${PROJECT}.iam.gserviceaccount.com`],
    });
    await server.request('POST', `/v1/projects/${project}:setIamPolicy`, { policy });
    const from = client.dataset('ds').table('s1');
    const [job] = await from.copy(client.dataset('there', { projectId: project }).table('s1'));
    expect(job.status).toEqual({ state: 'DONE' });
    const [rows] = await client.query(`SELECT x, y FROM \`${project}.there.s1\``);
    expect(rows).toEqual([{ x: 1, y: 'a' }]);
    const [several] = await client
      .dataset('ds')
      .table('copied_from')
      .copyFrom([from, client.dataset('ds').table('s2')]);
    expect(several.statistics?.copy).toMatchObject({ copiedRows: '2' });
  });
});

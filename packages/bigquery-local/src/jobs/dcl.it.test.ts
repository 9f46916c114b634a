import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../server-under-test.ts';

const BOB = 'bob@example.com';
const EVE = 'eve@example.com';
const DATASETS = `/bigquery/v2/projects/${PROJECT}/datasets`;

let server: ServerUnderTest;

async function query(sql: string, as = OWNER) {
  return server.request(
    'POST',
    `/bigquery/v2/projects/${PROJECT}/queries`,
    { query: sql, useLegacySql: false, useQueryCache: false },
    { as },
  );
}

async function done(sql: string, as = OWNER) {
  const answer = await query(sql, as);
  if (answer.status !== 200) throw new Error(`${sql}: ${JSON.stringify(answer.body)}`);
  return server.finished(answer.body.jobReference.jobId);
}

async function accessOf(datasetId: string): Promise<Record<string, unknown>[]> {
  return (await server.request('GET', `${DATASETS}/${datasetId}`)).body.access;
}

beforeAll(async () => {
  server = await ServerUnderTest.start();
  for (const user of [BOB, EVE]) await server.grant(`user:${user}`, ['roles/bigquery.jobUser']);
  await server.request('POST', DATASETS, { datasetReference: { datasetId: 'd' } });
  await done('CREATE TABLE d.t AS SELECT 1 AS x');
  await done('CREATE VIEW d.v AS SELECT x FROM d.t');
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

describe('GRANT and REVOKE', () => {
  it('on a schema write the access entries of the dataset, in the legacy form', async () => {
    const before = await accessOf('d');
    const job = await done(
      `GRANT \`roles/bigquery.dataViewer\`, \`roles/bigquery.metadataViewer\` ON SCHEMA d TO 'user:${BOB}', 'group:g@example.com', 'domain:example.org', 'specialGroup:allAuthenticatedUsers', 'specialGroup:allUsers'`,
    );
    expect(job.statistics.query).toMatchObject({
      statementType: 'GRANT',
      dclTargetDataset: { projectId: PROJECT, datasetId: 'd' },
    });
    const entries = (role: string) => [
      { role, userByEmail: BOB },
      { role, groupByEmail: 'g@example.com' },
      { role, domain: 'example.org' },
      { role, specialGroup: 'allAuthenticatedUsers' },
      { role, iamMember: 'allUsers' },
    ];
    const granted = [...before, ...entries('READER'), ...entries('roles/bigquery.metadataViewer')];
    expect(await accessOf('d')).toEqual(granted);
    await done(`GRANT \`roles/bigquery.dataViewer\` ON SCHEMA d TO 'user:${BOB.toUpperCase()}'`);
    expect(await accessOf('d')).toEqual(granted);
    expect((await query('SELECT x FROM d.t', EVE)).status).toBe(200);
    await done(
      `REVOKE \`roles/bigquery.dataViewer\`, \`roles/bigquery.metadataViewer\` ON SCHEMA d FROM 'user:${BOB}', 'group:g@example.com', 'domain:example.org', 'specialGroup:allAuthenticatedUsers', 'specialGroup:allUsers'`,
    );
    expect(await accessOf('d')).toEqual(before);
    expect((await query('SELECT x FROM d.t', EVE)).status).toBe(403);
  });

  it('leave a dataset an owner', async () => {
    await server.request('POST', DATASETS, {
      datasetReference: { datasetId: 'mine' },
      access: [{ role: 'OWNER', userByEmail: OWNER }],
    });
    const answer = await query(`REVOKE \`roles/bigquery.dataOwner\` ON SCHEMA mine FROM 'user:${OWNER}'`);
    expect(answer.body.error).toMatchObject({ code: 400, message: 'Cannot remove all owners from a dataset.' });
  });

  it('on a table or a view write its IAM policy', async () => {
    const job = await done(`GRANT \`roles/bigquery.dataViewer\` ON TABLE \`${PROJECT}\`.d.t TO 'user:${BOB}'`);
    expect(job.statistics.query.dclTargetTable).toEqual({ projectId: PROJECT, datasetId: 'd', tableId: 't' });
    expect((await query('SELECT x FROM d.t', BOB)).status).toBe(200);
    await done(`REVOKE \`roles/bigquery.dataViewer\` ON TABLE d.t FROM 'user:${BOB}', 'user:${EVE}'`);
    expect((await query('SELECT x FROM d.t', BOB)).status).toBe(403);
    const view = await done(`GRANT \`roles/bigquery.dataViewer\` ON VIEW d.v TO 'user:${BOB}'`);
    expect(view.statistics.query.dclTargetView.tableId).toBe('v');
    const policy = await server.request('POST', `${DATASETS}/d/tables/v:getIamPolicy`, {});
    expect(policy.body.bindings).toEqual([{ role: 'roles/bigquery.dataViewer', members: [`user:${BOB}`] }]);
    expect((await query(`GRANT \`roles/bigquery.dataViewer\` ON VIEW d.t TO 'user:${BOB}'`)).status).toBe(400);
  });

  it('on a project write its IAM policy', async () => {
    await done(`GRANT \`roles/bigquery.dataViewer\` ON PROJECT \`${PROJECT}\` TO 'user:${EVE}'`);
    expect((await query('SELECT x FROM d.t', EVE)).status).toBe(200);
    await server.request('POST', DATASETS, { datasetReference: { datasetId: 'other' } });
    await done('CREATE TABLE other.t AS SELECT 1 AS x');
    expect((await query('SELECT x FROM other.t', EVE)).status).toBe(200);
    await done(`REVOKE \`roles/bigquery.dataViewer\` ON PROJECT \`${PROJECT}\` FROM 'user:${EVE}'`);
    expect((await query('SELECT x FROM other.t', EVE)).status).toBe(403);
    const last = await query(`REVOKE \`roles/owner\` ON PROJECT \`${PROJECT}\` FROM 'user:${OWNER}'`);
    expect(last.body.error.message).toContain('must keep at least one member');
  });

  it('need the permission to set the policy, and tell nothing of what is missing to others', async () => {
    for (const table of ['t', 'nothing']) {
      const answer = await query(`GRANT \`roles/bigquery.dataViewer\` ON TABLE d.${table} TO 'user:${BOB}'`, BOB);
      expect(answer.body.error.message).toBe(
        `Access Denied: Table ${PROJECT}:d.${table}: Permission bigquery.tables.setIamPolicy denied on table ${PROJECT}:d.${table} (or it may not exist).`,
      );
    }
    for (const dataset of ['d', 'nothing']) {
      const answer = await query(`GRANT \`roles/bigquery.dataViewer\` ON SCHEMA ${dataset} TO 'user:${BOB}'`, BOB);
      expect(answer.body.error.message).toBe(
        `Access Denied: Dataset ${PROJECT}:${dataset}: Permission bigquery.datasets.update denied on dataset ${PROJECT}:${dataset} (or it may not exist).`,
      );
    }
    expect((await query(`GRANT \`roles/owner\` ON PROJECT \`${PROJECT}\` TO 'user:${BOB}'`, BOB)).status).toBe(403);
  });

  it.each([
    ["GRANT `roles/bigquery.dataViewer` ON EXTERNAL TABLE d.t TO 'user:a@b.c'", 'EXTERNAL TABLE is not supported by'],
    ["GRANT `roles/bigquery.jobUser` ON SCHEMA d TO 'user:a@b.c'", 'Role roles/bigquery.jobUser is not supported for'],
    ["GRANT `roles/bigquery.nothing` ON TABLE d.t TO 'user:a@b.c'", 'is not supported for this resource'],
    ["GRANT SELECT ON TABLE d.t TO 'user:a@b.c'", 'Invalid role: SELECT'],
    ["GRANT `roles/bigquery.dataViewer` ON TABLE d.t TO 'a@b.c'", 'Invalid grantee a@b.c'],
    ["GRANT `roles/bigquery.dataViewer` ON TABLE d.t TO 'connection:us.c'", 'connections are not supported'],
    [
      `GRANT \`roles/bigquery.dataViewer\` ON SCHEMA d TO 'serviceAccount:none@${PROJECT}.iam.gserviceaccount.com'`,
      'does not exist',
    ],
  ])('refuse %s', async (sql, text) => {
    const before = await accessOf('d');
    const answer = await query(sql);
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toContain(text);
    expect(await accessOf('d')).toEqual(before);
  });
});

describe('an authorized view', () => {
  const source = `${DATASETS}/source`;
  const view = { projectId: PROJECT, datasetId: 'shared', tableId: 'v' };
  const read = async () => (await query('SELECT x FROM shared.v', BOB)).status;

  async function authorize(entry: Record<string, unknown>) {
    const access = (await accessOf('source')).filter(
      (old) => old['view'] === undefined && old['dataset'] === undefined,
    );
    return server.request('PATCH', source, { access: [...access, entry] });
  }

  beforeAll(async () => {
    for (const datasetId of ['source', 'shared'])
      await server.request('POST', DATASETS, { datasetReference: { datasetId } });
    await done('CREATE TABLE source.t AS SELECT 1 AS x');
    await done('CREATE VIEW shared.v AS SELECT x FROM source.t');
    await done(`GRANT \`roles/bigquery.dataViewer\` ON SCHEMA shared TO 'user:${BOB}'`);
  });

  it('is authorized again only by an update of the dataset when the view was changed', async () => {
    expect(await read()).toBe(403);
    expect((await authorize({ view })).status).toBe(200);
    expect(await read()).toBe(200);
    await done(`GRANT \`roles/bigquery.metadataViewer\` ON SCHEMA source TO 'user:${EVE}'`);
    expect(await read()).toBe(200);
    await done('CREATE OR REPLACE VIEW shared.v AS SELECT x, x AS y FROM source.t');
    expect(await read()).toBe(403);
    await server.request('PATCH', source, { description: 'nothing of access' });
    await done(`REVOKE \`roles/bigquery.metadataViewer\` ON SCHEMA source FROM 'user:${EVE}'`);
    expect(await read()).toBe(403);
    await authorize({ view });
    expect(await read()).toBe(200);
    await done('DROP VIEW shared.v');
    await done('CREATE VIEW shared.v AS SELECT x FROM source.t');
    expect(await read()).toBe(403);
  });

  it('of an authorized dataset needs no entry of its own, until the dataset is made again', async () => {
    const shared = { dataset: { dataset: { projectId: PROJECT, datasetId: 'shared' }, targetTypes: ['VIEWS'] } };
    await authorize(shared);
    expect(await read()).toBe(200);
    await done('CREATE OR REPLACE VIEW shared.v AS SELECT x + 1 AS x FROM source.t');
    expect(await read()).toBe(200);
    await done('DROP SCHEMA shared CASCADE');
    await server.request('POST', DATASETS, { datasetReference: { datasetId: 'shared' } });
    await done('CREATE VIEW shared.v AS SELECT x FROM source.t');
    await done(`GRANT \`roles/bigquery.dataViewer\` ON SCHEMA shared TO 'user:${BOB}'`);
    expect(await read()).toBe(403);
    await authorize(shared);
    expect(await read()).toBe(200);
  });

  it('shows the rows of its query alone, also by the errors of conditions on it', async () => {
    await done('CREATE OR REPLACE TABLE source.secret AS SELECT * FROM UNNEST([1, 2, 3]) AS x');
    await done('CREATE OR REPLACE VIEW shared.few AS SELECT x FROM source.secret WHERE MOD(x * x, 10) = 4');
    await authorize({ view: { ...view, tableId: 'few' } });
    const told = await query("SELECT x FROM shared.few WHERE ERROR(CONCAT('saw ', CAST(x AS STRING))) = ''", BOB);
    expect(told.body.error.message).toContain('saw 2');
    expect(
      (await query('SELECT x FROM shared.few WHERE DIV(6, x - 1) > 0 AND DIV(6, x - 3) < 0', BOB)).body.totalRows,
    ).toBe('1');
  });

  it('must be of the location of its source, as a routine must', async () => {
    await server.request('POST', DATASETS, { datasetReference: { datasetId: 'europe' }, location: 'EU' });
    const far = await authorize({ view: { ...view, datasetId: 'europe' } });
    expect(far.body.error).toMatchObject({ code: 400 });
    expect(far.body.error.message).toContain('is in location EU');
    const routine = await authorize({ routine: { projectId: PROJECT, datasetId: 'europe', routineId: 'f' } });
    expect(routine.body.error.message).toContain('is in location EU');
    const many = Array.from({ length: 2_501 }, (_, i) => ({ view: { ...view, tableId: `v${i}` } }));
    const answer = await server.request('PATCH', source, { access: [...(await accessOf('source')), ...many] });
    expect(answer.body.error.message).toContain('at most 2500 authorized resources');
  });
});

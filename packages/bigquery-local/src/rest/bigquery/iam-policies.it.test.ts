import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../../server-under-test.ts';

const BOB = 'bob@example.com';
const DATASETS = `/bigquery/v2/projects/${PROJECT}/datasets`;
const TABLES = `${DATASETS}/d/tables`;

let server: ServerUnderTest;

async function query(sql: string, as = OWNER) {
  return server.request(
    'POST',
    `/bigquery/v2/projects/${PROJECT}/queries`,
    { query: sql, useLegacySql: false, useQueryCache: false },
    { as },
  );
}

async function policyOf(table: string) {
  const { body } = await server.request('POST', `${TABLES}/${table}:getIamPolicy`, {});
  return body;
}

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.grant(`user:${BOB}`, ['roles/bigquery.jobUser']);
  await server.request('POST', DATASETS, { datasetReference: { datasetId: 'd' } });
  await query('CREATE TABLE d.t AS SELECT 1 AS x');
  await query('CREATE TABLE d.other AS SELECT 1 AS x');
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

describe('the IAM policy of a table', () => {
  it('is empty until it is set, and then grants on that table alone', async () => {
    const empty = await server.request('POST', `${TABLES}/t:getIamPolicy`, {});
    expect(empty).toMatchObject({ status: 200, body: { version: 1, etag: 'ACAB' } });
    expect(empty.body.bindings).toBeUndefined();
    expect((await query('SELECT x FROM d.t', BOB)).status).toBe(403);

    const bindings = [{ role: 'roles/bigquery.dataViewer', members: [`user:${BOB}`] }];
    const set = await server.request('POST', `${TABLES}/t:setIamPolicy`, { policy: { bindings, etag: 'ACAB' } });
    expect(set).toMatchObject({ status: 200, body: { version: 1, bindings } });
    expect(await policyOf('t')).toEqual(set.body);

    expect((await query('SELECT x FROM d.t', BOB)).status).toBe(200);
    expect((await query('SELECT x FROM d.other', BOB)).status).toBe(403);
  });

  it('is not overwritten by a change that was made from an older one', async () => {
    const stale = await server.request('POST', `${TABLES}/t:setIamPolicy`, { policy: { etag: 'ACAB', bindings: [] } });
    expect(stale).toMatchObject({ status: 409, body: { error: { status: 'ABORTED' } } });
    expect((await policyOf('t')).bindings).toHaveLength(1);
  });

  it('answers tests of permissions with those that the caller has, and an empty list for what is missing', async () => {
    const permissions = ['bigquery.tables.getData', 'bigquery.tables.updateData'];
    const ask = (table: string, as: string) =>
      server.request('POST', `${TABLES}/${table}:testIamPermissions`, { permissions }, { as });
    expect((await ask('t', BOB)).body).toEqual({ permissions: ['bigquery.tables.getData'] });
    expect((await ask('nothing', BOB)).body).toEqual({});
    expect((await ask('t', OWNER)).body).toEqual({ permissions });
    const wildcard = { permissions: ['bigquery.tables.*'] };
    expect((await server.request('POST', `${TABLES}/t:testIamPermissions`, wildcard)).status).toBe(400);
  });

  it('can be read and set by those who may, and does not tell others whether the table exists', async () => {
    for (const table of ['other', 'nothing']) {
      for (const verb of ['getIamPolicy', 'setIamPolicy']) {
        const answer = await server.request('POST', `${TABLES}/${table}:${verb}`, { policy: {} }, { as: BOB });
        expect(answer.status).toBe(403);
        expect(answer.body.error.message).toBe(
          `Access Denied: Table ${PROJECT}:d.${table}: Permission bigquery.tables.${verb} denied on table ${PROJECT}:d.${table} (or it may not exist).`,
        );
      }
    }
    expect((await server.request('POST', `${TABLES}/nothing:getIamPolicy`, {})).status).toBe(404);
  });

  it.each([
    ['a role of projects', { role: 'roles/owner', members: [`user:${BOB}`] }, 'is not supported for this resource'],
    ['a role that no table knows', { role: 'roles/bigquery.jobUser', members: [`user:${BOB}`] }, 'not supported'],
    ['a custom role that is missing', { role: `projects/${PROJECT}/roles/x`, members: [`user:${BOB}`] }, 'not exist'],
    ['no member', { role: 'roles/bigquery.dataViewer', members: [] }, 'at least one member'],
    ['a member without a type', { role: 'roles/bigquery.dataViewer', members: [BOB] }, 'of an unknown type'],
    [
      'a service account that is missing',
      { role: 'roles/bigquery.dataViewer', members: [`serviceAccount:x@${PROJECT}.iam.gserviceaccount.com`] },
      `Service account x@${PROJECT}.iam.gserviceaccount.com does not exist.`,
    ],
  ])('refuses %s', async (_what, binding, text) => {
    const answer = await server.request('POST', `${TABLES}/t:setIamPolicy`, { policy: { bindings: [binding] } });
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toContain(text);
    expect((await policyOf('t')).bindings).toHaveLength(1);
  });

  it('enforces conditions on the time and refuses others by name', async () => {
    const condition = (expression: string) => ({
      version: 3,
      bindings: [
        { role: 'roles/bigquery.dataViewer', members: [`user:${BOB}`], condition: { expression, title: 't' } },
      ],
    });
    const set = (policy: unknown) => server.request('POST', `${TABLES}/other:setIamPolicy`, { policy });
    expect((await set(condition('request.time < timestamp("2020-01-01T00:00:00Z")'))).status).toBe(200);
    expect((await query('SELECT x FROM d.other', BOB)).status).toBe(403);
    expect((await set(condition('request.time > timestamp("2020-01-01T00:00:00Z")'))).body.version).toBe(3);
    expect((await query('SELECT x FROM d.other', BOB)).status).toBe(200);
    expect((await set(condition('resource.name == "x"'))).status).toBe(400);
    expect((await set({ bindings: [] })).status).toBe(200);
  });

  it('stays when the table is replaced or the server restarts, and goes with the table', async () => {
    await query('CREATE OR REPLACE TABLE d.t AS SELECT 2 AS y');
    expect((await policyOf('t')).bindings).toHaveLength(1);
    await server.restart();
    expect((await query('SELECT y FROM d.t', BOB)).status).toBe(200);
    await query('DROP TABLE d.t');
    await query('CREATE TABLE d.t AS SELECT 1 AS x');
    expect((await policyOf('t')).bindings).toBeUndefined();
    expect((await query('SELECT x FROM d.t', BOB)).status).toBe(403);
  });

  it('is read, set and tested by Google’s client', async () => {
    const { email, client } = await server.serviceAccount('owner-1', ['roles/bigquery.dataOwner']);
    const table = client.dataset('d').table('other');
    const [policy] = await table.getIamPolicy();
    const binding = { role: 'roles/bigquery.dataViewer', members: [`serviceAccount:${email}`] };
    const [set] = await table.setIamPolicy({ ...policy, bindings: [...(policy.bindings ?? []), binding] });
    expect(set.bindings).toEqual([binding]);
    await expect(table.setIamPolicy({ ...policy, bindings: [] })).rejects.toMatchObject({ code: 409 });
    const [tested] = await table.testIamPermissions(['bigquery.tables.getData', 'bigquery.jobs.create']);
    expect(tested).toEqual({ permissions: ['bigquery.tables.getData'] });
  });

  it('keeps no line for a service account that was deleted and made again', async () => {
    const { email } = await server.serviceAccount('robot-1', ['roles/bigquery.jobUser']);
    const bindings = [{ role: 'roles/bigquery.dataViewer', members: [`serviceAccount:${email}`] }];
    expect((await server.request('POST', `${TABLES}/t:setIamPolicy`, { policy: { bindings } })).status).toBe(200);
    await server.request('DELETE', `/v1/projects/${PROJECT}/serviceAccounts/${email}`);
    const [binding] = (await policyOf('t')).bindings;
    expect(binding.members[0]).toMatch(/^deleted:serviceAccount:robot-1@/);
  });
});

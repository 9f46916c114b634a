import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openIdentity, IDENTITY_MIGRATIONS } from '../auth/identity.ts';
import { CATALOG_FILE } from '../auth/data-directory.ts';
import { CatalogDatabase } from '../catalog/database.ts';
import { OWNER, PROJECT, ServerUnderTest } from '../server-under-test.ts';
import { explainAccess } from './explain-access.ts';

const TABLE = `${PROJECT}.ds.t`;

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  for (const email of ['vera@example.com', 'gil@example.com', 'eddi@example.com', 'cond@example.com'])
    await server.token(email);
  {
    using db = new CatalogDatabase(`${server.dataDir}/${CATALOG_FILE}`, IDENTITY_MIGRATIONS);
    const { groups } = openIdentity(db, server.dataDir);
    const outer = groups.create('readers@example.com', {}, new Date());
    const inner = groups.create('interns@example.com', {}, new Date());
    groups.addMember(outer, inner.email, 'MEMBER');
    groups.addMember(inner, 'gil@example.com', 'MEMBER');
  }
  await server.createDataset('ds', {
    access: [
      { role: 'OWNER', userByEmail: OWNER },
      { role: 'WRITER', specialGroup: 'projectWriters' },
      { role: 'READER', groupByEmail: 'readers@example.com' },
    ],
  });
  await server.query('CREATE TABLE ds.t (x INT64)');
  await server.grant('user:eddi@example.com', ['roles/editor']);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const explain = (principal: string, permission: string, resource = TABLE) =>
  explainAccess({ dataDir: server.dataDir, principal, permission, resource });

describe('the explanation of other resources', () => {
  it('names the entries of a routine, its dataset and its project', async () => {
    await server.query('CREATE FUNCTION ds.f(x INT64) AS (x)');
    const path = `/bigquery/v2/projects/${PROJECT}/datasets/ds/routines/f:setIamPolicy`;
    const bindings = [{ role: 'roles/bigquery.metadataViewer', members: ['user:vera@example.com'] }];
    expect((await server.request('POST', path, { policy: { bindings } })).status).toBe(200);
    const on = `projects/${PROJECT}/datasets/ds/routines/f`;
    expect(explain('vera@example.com', 'bigquery.routines.get', `${PROJECT}.ds.f`)).toMatchObject({
      resource: on,
      granted: true,
      entries: [{ role: 'roles/bigquery.metadataViewer', on }],
    });
    const denied = explain('cond@example.com', 'bigquery.routines.get', on);
    expect(denied.missing.map(({ role, on: where }) => [role, where])).toEqual([
      ['roles/bigquery.metadataViewer', on],
      ['roles/bigquery.metadataViewer', `projects/${PROJECT}/datasets/ds`],
      ['roles/bigquery.metadataViewer', `projects/${PROJECT}`],
    ]);
    expect(denied.missing[0]!.command).toContain('/routines/f:setIamPolicy {"policy":');
  });

  it('names the entries of a bucket, or the roles that would let', async () => {
    await server.request('POST', `/storage/v1/b?project=${PROJECT}`, { name: 'explained-bucket' });
    const { body } = await server.request('GET', '/storage/v1/b/explained-bucket/iam');
    body.bindings.push({ role: 'roles/storage.objectViewer', members: ['user:vera@example.com'] });
    expect((await server.request('PUT', '/storage/v1/b/explained-bucket/iam', body)).status).toBe(200);
    expect(explain('vera@example.com', 'storage.objects.get', 'gs://explained-bucket/a/b.csv')).toMatchObject({
      resource: 'projects/_/buckets/explained-bucket/objects/a/b.csv',
      granted: true,
      entries: [{ role: 'roles/storage.objectViewer', on: 'projects/_/buckets/explained-bucket' }],
    });
    const denied = explain('vera@example.com', 'storage.objects.create', 'gs://explained-bucket');
    expect(denied.granted).toBe(false);
    expect(denied.missing.map(({ role, command }) => [role, command.split(' --')[0]])).toEqual([
      ['roles/storage.objectCreator', 'gcloud storage buckets add-iam-policy-binding gs://explained-bucket'],
      ['roles/storage.objectCreator', `gcloud projects add-iam-policy-binding ${PROJECT}`],
    ]);
    expect(() => explain('vera@example.com', 'storage.objects.get', 'gs://missing')).toThrow(
      'There is no bucket missing',
    );
  });

  it('names the entries of a service account', async () => {
    const { body } = await server.request('POST', `/v1/projects/${PROJECT}/serviceAccounts`, {
      accountId: 'robot-one',
    });
    const permission = 'iam.serviceAccounts.getAccessToken';
    const name = `projects/-/serviceAccounts/${body.email}`;
    const denied = explain('vera@example.com', permission, name);
    expect([denied.granted, denied.missing[0]]).toMatchObject([
      false,
      { role: 'roles/iam.serviceAccountTokenCreator', on: `projects/${PROJECT}/serviceAccounts/${body.email}` },
    ]);
    const policy = { bindings: [{ role: 'roles/iam.serviceAccountTokenCreator', members: ['user:vera@example.com'] }] };
    await server.request('POST', `/v1/projects/${PROJECT}/serviceAccounts/${body.email}:setIamPolicy`, { policy });
    expect(explain('vera@example.com', permission, name).granted).toBe(true);
    expect(() => explain('vera@example.com', permission, 'projects/p/serviceAccounts/no@one')).toThrow(
      'There is no service account',
    );
  });

  it('tells which rows of a table are shown, and through what else it is read', async () => {
    await server.query('CREATE TABLE ds.rows AS SELECT 1 AS n');
    await server.query(
      "CREATE ROW ACCESS POLICY one ON ds.rows GRANT TO ('group:readers@example.com') FILTER USING (n = 1)",
    );
    await server.query(
      "CREATE ROW ACCESS POLICY every ON ds.rows GRANT TO ('user:eddi@example.com') FILTER USING (TRUE)",
    );
    const rows = (principal: string) => explain(principal, 'bigquery.tables.getData', `${PROJECT}.ds.rows`).rows;
    expect(rows('gil@example.com')).toEqual({
      shown: 'some',
      policies: [{ policyId: 'one', filter: 'n = 1', members: ['group:readers@example.com'] }],
    });
    expect(rows('eddi@example.com')).toMatchObject({ shown: 'all' });
    expect(rows(OWNER)).toEqual({ shown: 'none', policies: [] });
    expect(explain(OWNER, 'bigquery.tables.getData').rows).toBeUndefined();
    const dataset = `/bigquery/v2/projects/${PROJECT}/datasets/ds`;
    const { body } = await server.request('GET', dataset);
    const routine = { routine: { projectId: PROJECT, datasetId: 'ds', routineId: 'f' } };
    await server.request('PATCH', dataset, { access: [...body.access, routine] });
    expect(explain(OWNER, 'bigquery.tables.getData').authorized).toEqual([`routine ${PROJECT}.ds.f`]);
  });
});

describe('the explanation of an access', () => {
  it('names the entry, and the groups on the way to it', () => {
    expect(explain('gil@example.com', 'bigquery.tables.getData')).toMatchObject({
      principal: 'user:gil@example.com',
      resource: `projects/${PROJECT}/datasets/ds/tables/t`,
      granted: true,
      entries: [
        {
          role: 'roles/bigquery.dataViewer',
          member: 'group:readers@example.com',
          on: `projects/${PROJECT}/datasets/ds`,
          through: ['group:interns@example.com', 'group:readers@example.com'],
          inForce: true,
        },
      ],
      missing: [],
    });
  });

  it('names the basic role that stands behind a special group', () => {
    const { entries } = explain('user:eddi@example.com', 'bigquery.tables.updateData');
    expect(entries).toMatchObject([
      {
        role: 'roles/bigquery.dataEditor',
        member: `projectEditor:${PROJECT}`,
        through: [`roles/editor on projects/${PROJECT}`],
      },
    ]);
  });

  it('names the smallest role that is missing on the table, the dataset and the project', () => {
    const { granted, entries, missing } = explain('vera@example.com', 'bigquery.tables.getData');
    expect({ granted, entries }).toEqual({ granted: false, entries: [] });
    expect(missing.map(({ role, on, command }) => [role, on, command])).toEqual([
      [
        'roles/bigquery.dataViewer',
        `projects/${PROJECT}/datasets/ds/tables/t`,
        `GRANT \`roles/bigquery.dataViewer\` ON TABLE \`${PROJECT}\`.\`ds\`.\`t\` TO "user:vera@example.com"`,
      ],
      [
        'roles/bigquery.dataViewer',
        `projects/${PROJECT}/datasets/ds`,
        `GRANT \`roles/bigquery.dataViewer\` ON SCHEMA \`${PROJECT}\`.\`ds\` TO "user:vera@example.com"`,
      ],
      [
        'roles/bigquery.dataViewer',
        `projects/${PROJECT}`,
        `gcloud projects add-iam-policy-binding ${PROJECT} --member=user:vera@example.com --role=roles/bigquery.dataViewer`,
      ],
    ]);
  });

  it('offers a role on the project alone for what only a project has', () => {
    const { missing } = explain('vera@example.com', 'bigquery.jobs.create', `projects/${PROJECT}`);
    expect(missing.map(({ role, on }) => [role, on])).toEqual([['roles/bigquery.jobUser', `projects/${PROJECT}`]]);
  });

  it('does what it says: the offered statement grants the permission', async () => {
    const { missing } = explain('vera@example.com', 'bigquery.tables.list', `${PROJECT}.ds`);
    await server.rows(missing[0]!.command);
    expect(explain('vera@example.com', 'bigquery.tables.list', `${PROJECT}.ds`).granted).toBe(true);
  });

  it('shows an entry whose condition does not hold as one that grants nothing', async () => {
    const path = `/v1/projects/${PROJECT}`;
    const { body: policy } = await server.request('POST', `${path}:getIamPolicy`, {});
    policy.version = 3;
    policy.bindings.push({
      role: 'roles/bigquery.dataOwner',
      members: ['user:cond@example.com'],
      condition: { title: 'past', expression: 'request.time < timestamp("2020-01-01T00:00:00Z")' },
    });
    const { status } = await server.request('POST', `${path}:setIamPolicy`, { policy });
    expect(status).toBe(200);
    const { granted, entries } = explain('cond@example.com', 'bigquery.tables.getData');
    expect(granted).toBe(false);
    expect(entries).toMatchObject([{ role: 'roles/bigquery.dataOwner', inForce: false }]);
  });

  it.each([
    ['nobody', 'bigquery.tables.getData', TABLE, /not an e-mail/],
    ['a@example.com', 'bigquery.tables.gueess', TABLE, /no permission of this server/],
    ['a@example.com', 'bigquery.tables.getData', 'projects/p/tables/t', /not the name of a resource/],
  ])('refuses %s, %s, %s by name', (principal, permission, resource, message) => {
    expect(() => explain(principal, permission, resource)).toThrow(message);
  });
});

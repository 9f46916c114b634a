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

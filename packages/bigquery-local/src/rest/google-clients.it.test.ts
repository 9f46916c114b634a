// Google's own clients for IAM, Resource Manager and the Directory drive the set-up of a
// source: account, key, custom role, project policy, group, sharing.
import { admin, auth as adminAuth } from '@googleapis/admin';
import { cloudresourcemanager } from '@googleapis/cloudresourcemanager';
import { auth, iam } from '@googleapis/iam';
import { BigQuery } from '@google-cloud/bigquery';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../server-under-test.ts';

let server: ServerUnderTest;
let options: { auth: InstanceType<typeof auth.OAuth2>; rootUrl: string };

beforeAll(async () => {
  server = await ServerUnderTest.start();
  const signedIn = new auth.OAuth2();
  signedIn.setCredentials({ access_token: await server.token(OWNER) });
  options = { auth: signedIn, rootUrl: `${server.url}/` };
});

afterAll(() => server[Symbol.asyncDispose]());

it('sets up a service account with a custom role that may run jobs, and signs in with its key', async () => {
  const identity = iam({ version: 'v1', ...options });
  const projects = cloudresourcemanager({ version: 'v1', ...options });

  const role = await identity.projects.roles.create({
    parent: `projects/${PROJECT}`,
    requestBody: { roleId: 'jobRunner', role: { title: 'Job runner', includedPermissions: ['bigquery.jobs.create'] } },
  });
  expect(role.data.name).toBe(`projects/${PROJECT}/roles/jobRunner`);

  const { data: account } = await identity.projects.serviceAccounts.create({
    name: `projects/${PROJECT}`,
    requestBody: { accountId: 'by-google-client', serviceAccount: { displayName: 'By a client' } },
  });
  const { data: key } = await identity.projects.serviceAccounts.keys.create({ name: account.name ?? '' });
  const credentials = JSON.parse(Buffer.from(key.privateKeyData ?? '', 'base64').toString());
  const client = new BigQuery({ projectId: PROJECT, credentials, apiEndpoint: server.url });
  await expect(client.query('SELECT 1 AS one')).rejects.toMatchObject({
    code: 403,
    message: `Access Denied: Project ${PROJECT}: User does not have bigquery.jobs.create permission in project ${PROJECT}.`,
  });

  const { data: policy } = await projects.projects.getIamPolicy({ resource: PROJECT, requestBody: {} });
  policy.bindings?.push({ role: role.data.name ?? '', members: [`serviceAccount:${account.email}`] });
  await projects.projects.setIamPolicy({ resource: PROJECT, requestBody: { policy } });
  expect((await client.query('SELECT 1 AS one'))[0]).toEqual([{ one: 1 }]);

  await expect(projects.projects.setIamPolicy({ resource: PROJECT, requestBody: { policy } })).rejects.toMatchObject({
    status: 409,
  });

  await identity.projects.roles.delete({ name: role.data.name ?? '' });
  await expect(client.query('SELECT 1 AS one')).rejects.toMatchObject({ code: 403 });
});

it('shares a dataset with a group whose members the Directory keeps', async () => {
  // Each of these packages brings its own copy of the sign-in classes.
  const signedIn = new adminAuth.OAuth2();
  signedIn.setCredentials({ access_token: await server.token(OWNER) });
  const directory = admin({ version: 'directory_v1', auth: signedIn, rootUrl: `${server.url}/` });
  const group = { email: 'analysts@example.com', name: 'Analysts' };
  await directory.groups.insert({ requestBody: group });
  await server.createDataset('shared', { access: [{ role: 'READER', groupByEmail: group.email }] });
  const read = async (): Promise<number> =>
    (
      await server.request('GET', `/bigquery/v2/projects/${PROJECT}/datasets/shared`, undefined, {
        as: 'kim@example.com',
      })
    ).status;

  expect(await read()).toBe(403);
  await directory.members.insert({ groupKey: group.email, requestBody: { email: 'kim@example.com', role: 'MEMBER' } });
  expect(await read()).toBe(200);
  const { data } = await directory.members.list({ groupKey: group.email });
  expect(data.members?.map((member) => member.email)).toEqual(['kim@example.com']);
  await directory.members.delete({ groupKey: group.email, memberKey: 'kim@example.com' });
  expect(await read()).toBe(403);
});

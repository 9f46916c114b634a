import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { messageOf, RoutesUnderTest } from '../iam/routes-under-test.ts';
import type { Reply } from '../iam/routes-under-test.ts';

describe('projects and their policies over HTTP', () => {
  const server = new RoutesUnderTest();
  let owner: string;
  let stranger: string;

  beforeAll(async () => {
    await server.start();
    owner = await server.userToken('owner@example.com');
    stranger = await server.userToken('stranger@example.com');
    await server.call('POST', '/v1/projects', {
      token: owner,
      body: { projectId: 'shop-data', name: 'Shop', labels: { env: 'test' } },
    });
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  const getPolicy = async (version = 'v1') =>
    (await server.call('POST', `/${version}/projects/shop-data:getIamPolicy`, { token: owner, body: {} })).body as {
      bindings: { role: string; members: string[] }[];
      etag: string;
    };
  const setPolicy = (policy: unknown, token = owner, version = 'v1'): Promise<Reply> =>
    server.call('POST', `/${version}/projects/shop-data:setIamPolicy`, { token, body: { policy } });
  const withBinding = async (role: string, ...members: string[]) => {
    const policy = await getPolicy();
    return { ...policy, bindings: [...policy.bindings, { role, members }] };
  };

  it('makes the creator of a project its owner', async () => {
    const created = await server.call('POST', '/v3/projects', {
      token: stranger,
      body: { projectId: 'strangers-own', displayName: 'Mine' },
    });
    expect(created.body).toMatchObject({
      done: true,
      response: { projectId: 'strangers-own', displayName: 'Mine', state: 'ACTIVE' },
    });
    const { body } = await server.call('POST', '/v3/projects/strangers-own:getIamPolicy', {
      token: stranger,
      body: {},
    });
    expect(body['bindings']).toEqual([{ role: 'roles/owner', members: ['user:stranger@example.com'] }]);
  });

  it('shows a project under its id and its number, in the form of each version', async () => {
    const { body: v1 } = await server.call('GET', '/v1/projects/shop-data', { token: owner });
    expect(v1).toMatchObject({
      projectId: 'shop-data',
      name: 'Shop',
      lifecycleState: 'ACTIVE',
      labels: { env: 'test' },
    });
    const { body: v3 } = await server.call('GET', `/v3/projects/${String(v1['projectNumber'])}`, { token: owner });
    expect(v3).toMatchObject({
      name: `projects/${String(v1['projectNumber'])}`,
      projectId: 'shop-data',
      displayName: 'Shop',
    });
  });

  it('does not tell a missing project from one that the caller may not see', async () => {
    const hidden = await server.call('GET', '/v1/projects/shop-data', { token: stranger });
    const missing = await server.call('GET', '/v1/projects/no-such-one', { token: stranger });
    expect([hidden.status, missing.status]).toEqual([403, 403]);
    expect(messageOf(hidden).replaceAll('shop-data', 'ID')).toBe(messageOf(missing).replaceAll('no-such-one', 'ID'));
  });

  it('lists only what the caller may see, also when that is nothing', async () => {
    const ids = async (token: string, query = '') =>
      (
        ((await server.call('GET', `/v1/projects${query}`, { token })).body['projects'] ?? []) as {
          projectId: string;
        }[]
      ).map((project) => project.projectId);
    expect(await ids(owner)).toEqual(['shop-data']);
    expect(await ids(stranger)).not.toContain('shop-data');
    expect(await ids(await server.userToken('newcomer@example.com'))).toEqual([]);
    expect(await ids(owner, '?filter=labels.env:test%20id:shop*')).toEqual(['shop-data']);
    expect(await ids(owner, '?filter=id:other*')).toEqual([]);
    expect(await ids(owner, '?filter=labels.constructor:x')).toEqual([]);
    const search = await server.call('GET', '/v3/projects:search?query=displayName:sh*p', { token: owner });
    expect(search.body['projects']).toMatchObject([{ projectId: 'shop-data' }]);
    const odd = await server.call('GET', '/v1/projects?filter=parent.type:folder', { token: owner });
    expect(odd.status).toBe(400);
  });

  it('refuses bad and taken project ids, and parents that it does not have', async () => {
    const create = async (body: unknown) => (await server.call('POST', '/v1/projects', { token: owner, body })).status;
    expect(await create({ projectId: 'Shop' })).toBe(400);
    expect(await create({ projectId: 'tiny' })).toBe(400);
    expect(await create({ projectId: 'ends-with-' })).toBe(400);
    expect(await create({ projectId: 'shop-data' })).toBe(409);
    expect(await create({ projectId: 'in-a-folder', parent: { type: 'folder', id: '1' } })).toBe(400);
    expect(await create({ projectId: 7 })).toBe(400);
    expect(await create({})).toBe(400);
  });

  it('sets a policy that counts at once, in both versions', async () => {
    const tested = async () =>
      (
        await server.call('POST', '/v3/projects/shop-data:testIamPermissions', {
          token: stranger,
          body: { permissions: ['bigquery.jobs.create', 'bigquery.datasets.delete'] },
        })
      ).body;
    expect(await tested()).toEqual({});
    expect((await setPolicy(await withBinding('roles/bigquery.user', 'user:Stranger@Example.com'))).status).toBe(200);
    expect(await tested()).toEqual({ permissions: ['bigquery.jobs.create'] });
    const policy = await getPolicy('v3');
    const bindings = policy.bindings.filter(({ role }) => role !== 'roles/bigquery.user');
    expect((await setPolicy({ ...policy, bindings }, owner, 'v3')).status).toBe(200);
    expect(await tested()).toEqual({});
  });

  it('answers 409 aborted when the policy changed since it was read, and takes a policy without etag', async () => {
    const old = await withBinding('roles/bigquery.user', 'user:a@example.com');
    const { etag: _, ...unconditional } = old;
    expect((await setPolicy(unconditional)).status).toBe(200);
    const late = await setPolicy(old);
    expect(late.status).toBe(409);
    expect(late.body['error']).toMatchObject({
      message:
        'There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.',
      errors: [{ reason: 'aborted' }],
    });
  });

  it.each([
    [
      'an unknown role',
      'roles/bigquery.unheardOf',
      'user:a@example.com',
      'Role roles/bigquery.unheardOf is not supported for this resource.',
    ],
    [
      'a missing custom role',
      'projects/shop-data/roles/nope',
      'user:a@example.com',
      "Role (projects/shop-data/roles/nope) does not exist in the resource's hierarchy.",
    ],
    [
      'an unknown service account',
      'roles/viewer',
      'serviceAccount:nobody@shop-data.iam.gserviceaccount.com',
      'Service account nobody@shop-data.iam.gserviceaccount.com does not exist.',
    ],
    [
      'a member without a type',
      'roles/viewer',
      'a@example.com',
      'The member a@example.com is of an unknown type. Please set a valid type prefix for the member.',
    ],
    ['everybody', 'roles/viewer', 'allUsers', 'The member allUsers is not supported in the policy of a project.'],
    [
      'a group as owner',
      'roles/owner',
      'group:g@example.com',
      'The role roles/owner can be granted only to users and service accounts, not to group:g@example.com.',
    ],
  ])('refuses %s by name', async (_, role, member, text) => {
    const refused = await setPolicy(await withBinding(role, member));
    expect([refused.status, messageOf(refused)]).toEqual([400, text]);
  });

  it('enforces conditions of time, needs version 3 for them and hides them from older readers', async () => {
    const before = await getPolicy();
    const until = (time: string) => ({ title: 'until', expression: `request.time < timestamp("${time}")` });
    const temp = 'user:temp@example.com';
    const with_ = (...conditions: object[]) => ({
      etag: before['etag'],
      bindings: [
        ...(before['bindings'] as object[]),
        ...conditions.map((condition) => ({ role: 'roles/bigquery.jobUser', members: [temp], condition })),
      ],
    });
    const old = await setPolicy(with_(until('2999-01-01T00:00:00Z')));
    expect([old.status, messageOf(old)]).toEqual([
      400,
      'A policy with conditional role bindings must be written with version 3.',
    ]);
    const token = await server.userToken('temp@example.com');
    const mayRun = async () => {
      const body = { permissions: ['bigquery.jobs.create'] };
      const answer = await server.call('POST', '/v1/projects/shop-data:testIamPermissions', { token, body });
      return (answer.body['permissions'] as string[] | undefined) !== undefined;
    };
    const expired = await setPolicy({ version: 3, ...with_(until('2020-01-01T00:00:00Z')) });
    expect(expired.status).toBe(200);
    expect(await mayRun()).toBe(false);
    const both = await setPolicy({
      version: 3,
      ...with_(until('2020-01-01T00:00:00Z'), until('2999-01-01T00:00:00Z')),
      etag: expired.body['etag'],
    });
    expect(both.body).toMatchObject({ version: 3 });
    expect(await mayRun()).toBe(true);

    const bindings = (await getPolicy())['bindings'] as { role: string; condition?: object }[];
    expect(bindings.map(({ role }) => role)).toContainEqual(
      expect.stringMatching(/^roles\/bigquery\.jobUser_withcond_[0-9a-f]{20}$/),
    );
    expect(bindings.every(({ condition }) => condition === undefined)).toBe(true);
    const refused = await setPolicy({ version: 1, bindings: before['bindings'], etag: both.body['etag'] });
    expect(refused.status).toBe(400);
    expect((await setPolicy({ bindings: before['bindings'] })).status).toBe(200);
    expect(await mayRun()).toBe(false);
  });

  it('refuses conditions that it cannot enforce by name, and on basic roles', async () => {
    const before = await getPolicy();
    const conditional = (role: string, expression: string) =>
      setPolicy({
        version: 3,
        bindings: [
          ...(before['bindings'] as object[]),
          { role, members: ['user:a@example.com'], condition: { title: 't', expression } },
        ],
      });
    const byResource = await conditional('roles/bigquery.user', 'resource.name.startsWith("projects/_/buckets/b")');
    expect([byResource.status, messageOf(byResource)]).toEqual([
      400,
      'The condition "resource.name.startsWith("projects/_/buckets/b")" is not supported by the local BigQuery: it enforces comparisons of request.time with timestamp("…") only, not "resource.name.startsWith".',
    ]);
    const basic = await conditional('roles/viewer', 'request.time < timestamp("2030-01-01T00:00:00Z")');
    expect([basic.status, messageOf(basic)]).toEqual([400, 'Conditions cannot be set on the basic role roles/viewer.']);
    expect(await getPolicy()).toEqual(before);
  });

  it('refuses a policy without an owner, and changes nothing', async () => {
    const before = await getPolicy();
    expect((await setPolicy({ bindings: [] })).status).toBe(400);
    expect(
      (await setPolicy({ bindings: [{ role: 'roles/viewer', members: ['user:owner@example.com'] }] })).status,
    ).toBe(400);
    expect(await getPolicy()).toEqual(before);
  });

  it('lets nobody without the permission read or write a policy', async () => {
    const newcomer = await server.userToken('newcomer@example.com');
    expect(
      (await server.call('POST', '/v1/projects/shop-data:getIamPolicy', { token: newcomer, body: {} })).status,
    ).toBe(403);
    const refused = await setPolicy(
      { bindings: [{ role: 'roles/owner', members: ['user:newcomer@example.com'] }] },
      newcomer,
    );
    expect(messageOf(refused)).toBe(
      "Permission 'resourcemanager.projects.setIamPolicy' denied on resource '//cloudresourcemanager.googleapis.com/projects/shop-data' (or it may not exist).",
    );
    expect((await server.call('POST', '/v1/projects/shop-data:setIamPolicy', { body: {} })).status).toBe(401);
  });

  it('answers an empty list for permissions on a project that does not exist, and refuses wildcards', async () => {
    const test = (permissions: unknown) =>
      server.call('POST', '/v1/projects/no-such-one:testIamPermissions', { token: owner, body: { permissions } });
    expect((await test(['bigquery.jobs.create'])).body).toEqual({});
    expect((await test(['bigquery.*'])).status).toBe(400);
  });
});

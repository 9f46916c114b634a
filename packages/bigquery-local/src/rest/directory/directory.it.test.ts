import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { LocalDirectory } from '../../index.ts';
import { OWNER, PROJECT, ServerUnderTest } from '../../server-under-test.ts';

const USERS = '/admin/directory/v1/users';
const GROUPS = '/admin/directory/v1/groups';

describe('the local directory', () => {
  let server: ServerUnderTest;
  beforeAll(async () => {
    server = await ServerUnderTest.start();
    await server.token(OWNER);
    await server.createDataset('ds');
    await server.query('CREATE TABLE ds.t AS SELECT 1 AS a');
    await server.grant('user:bob@example.com', ['roles/bigquery.jobUser']);
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  const post = (path: string, body: unknown, as = OWNER) => server.request('POST', path, body, { as });
  const get = (path: string, as = OWNER) => server.request('GET', path, undefined, { as });
  const del = (path: string) => server.request('DELETE', path);
  const reads = async (as: string) => (await server.query('SELECT a FROM ds.t', { as })).status === 200;
  /** Replaces the dataset's entries by the owner's and these. */
  const setAccess = (entries: readonly object[], query = '') =>
    server.request('PATCH', `/bigquery/v2/projects/${PROJECT}/datasets/ds${query}`, {
      access: [{ role: 'OWNER', userByEmail: OWNER }, ...entries],
    });
  const getAccess = async (query = ''): Promise<object[]> =>
    (await get(`/bigquery/v2/projects/${PROJECT}/datasets/ds${query}`)).body.access;

  it('makes its first user the administrator, and lets nobody else see or change anything', async () => {
    expect((await get(`${USERS}/${OWNER}`)).body).toMatchObject({
      kind: 'admin#directory#user',
      primaryEmail: OWNER,
      isAdmin: true,
      suspended: false,
    });
    for (const [method, path] of [
      ['GET', `${USERS}?customer=my_customer`],
      ['GET', `${USERS}/${OWNER}`],
      ['GET', `${USERS}/nobody@example.com`],
      ['POST', USERS],
      ['GET', `${GROUPS}/none@example.com/members`],
      ['POST', `${GROUPS}/none@example.com/members`],
      ['DELETE', `${USERS}/${OWNER}`],
    ] as const) {
      const refused = await server.request(method, path, method === 'POST' ? {} : undefined, { as: 'bob@example.com' });
      expect([path, refused.status, refused.body.error.message, refused.body.error.errors[0].reason]).toEqual([
        path,
        403,
        'Not Authorized to access this resource/api',
        'forbidden',
      ]);
    }
  });

  it('adds, changes, lists and deletes users', async () => {
    const added = await post(USERS, {
      primaryEmail: 'Cleo@Example.com',
      name: { givenName: 'Cleo', familyName: 'Ng' },
      password: 'never stored',
    });
    expect([added.status, added.body.primaryEmail, added.body.name.fullName]).toEqual([
      200,
      'cleo@example.com',
      'Cleo Ng',
    ]);
    expect(JSON.stringify(added.body)).not.toContain('never stored');
    const twice = await post(USERS, { primaryEmail: 'cleo@example.com', name: { givenName: 'C', familyName: 'N' } });
    expect([twice.status, twice.body.error.errors[0]]).toEqual([
      409,
      { message: 'Entity already exists.', domain: 'global', reason: 'duplicate' },
    ]);
    expect((await post(USERS, { primaryEmail: 'x@example.com' })).body.error.message).toBe(
      'Missing required field: name.given_name',
    );
    const listed = await get(`${USERS}?domain=example.com&maxResults=1`);
    expect([listed.body.users.length, typeof listed.body.nextPageToken]).toEqual([1, 'string']);
    expect((await get(USERS)).status).toBe(400);
    expect((await get(`${USERS}?customer=my_customer&query=name:x`)).body.error.message).toBe(
      'The parameter query is not supported by the local directory.',
    );

    const { id } = added.body;
    const renamed = await server.request('PUT', `${USERS}/${id}`, { name: { givenName: 'Cléo' } });
    expect(renamed.body.name).toMatchObject({ givenName: 'Cléo', familyName: 'Ng' });
    expect((await del(`${USERS}/${id}`)).status).toBe(204);
    const gone = await get(`${USERS}/${id}`);
    expect([gone.status, gone.body.error.message]).toEqual([404, 'Resource Not Found: userKey']);
  });

  it('stops a suspended user at once, and keeps one administrator who is not', async () => {
    expect((await get('/v1/projects', 'bob@example.com')).status).toBe(200);
    const suspended = await server.request('PATCH', `${USERS}/bob@example.com`, { suspended: true });
    expect(suspended.body.suspended).toBe(true);
    expect((await get('/v1/projects', 'bob@example.com')).status).toBe(401);
    await server.request('PATCH', `${USERS}/bob@example.com`, { suspended: false });
    expect((await get('/v1/projects', 'bob@example.com')).status).toBe(200);
    for (const alone of [
      await server.request('PATCH', `${USERS}/${OWNER}`, { suspended: true }),
      await del(`${USERS}/${OWNER}`),
      await post(`${USERS}/${OWNER}/makeAdmin`, { status: false }),
    ]) {
      expect([alone.status, alone.body.error.message]).toEqual([
        412,
        'The directory must keep an administrator who is not suspended.',
      ]);
    }
  });

  it('gives members of a group, and of groups in it, what the group was granted, and takes it away at once', async () => {
    for (const email of ['readers@example.com', 'team@example.com'])
      expect((await post(GROUPS, { email, name: email })).status).toBe(200);
    expect((await setAccess([{ role: 'READER', groupByEmail: 'Readers@example.com' }])).status).toBe(200);
    expect(await reads('bob@example.com')).toBe(false);

    const nested = await post(`${GROUPS}/readers@example.com/members`, { email: 'team@example.com', role: 'MEMBER' });
    expect(nested.body).toMatchObject({ kind: 'admin#directory#member', email: 'team@example.com', type: 'GROUP' });
    expect((await post(`${GROUPS}/team@example.com/members`, { email: 'bob@example.com' })).body).toMatchObject({
      role: 'MEMBER',
      type: 'USER',
      status: 'ACTIVE',
    });
    expect(await reads('bob@example.com')).toBe(true);
    expect(await reads('eve@example.com')).toBe(false);
    expect((await get(`${GROUPS}/readers@example.com/hasMember/bob@example.com`)).body).toEqual({ isMember: true });
    expect((await get(`${GROUPS}/readers@example.com/hasMember/${OWNER}`)).body).toEqual({ isMember: false });
    expect((await get(`${GROUPS}/readers@example.com/hasMember/team@example.com`)).body.error.message).toBe(
      'Invalid Input: memberKey',
    );
    const derived = await get(`${GROUPS}/readers@example.com/members?includeDerivedMembership=true`);
    expect(derived.body.members.map((member: { email: string }) => member.email)).toEqual([
      'bob@example.com',
      'team@example.com',
    ]);
    expect((await get(`${GROUPS}?userKey=bob@example.com`)).body.groups).toMatchObject([{ email: 'team@example.com' }]);

    expect((await del(`${GROUPS}/team@example.com/members/bob@example.com`)).status).toBe(204);
    expect(await reads('bob@example.com')).toBe(false);
    await post(`${GROUPS}/team@example.com/members`, { email: 'bob@example.com' });
    expect((await del(`${GROUPS}/team@example.com`)).status).toBe(204);
    expect(await reads('bob@example.com')).toBe(false);
  });

  it('refuses cycles of groups, members twice, strange roles and groups as managers', async () => {
    for (const email of ['a@example.com', 'b@example.com', 'c@example.com']) await post(GROUPS, { email });
    const add = (group: string, body: object) => post(`${GROUPS}/${group}@example.com/members`, body);
    expect((await add('a', { email: 'b@example.com' })).status).toBe(200);
    expect((await add('b', { email: 'c@example.com' })).status).toBe(200);
    for (const [group, email] of [
      ['c', 'a@example.com'],
      ['a', 'a@example.com'],
    ] as const) {
      const cycle = await add(group, { email });
      expect([cycle.status, cycle.body.error.message]).toEqual([412, 'Cyclic memberships not allowed']);
    }
    expect((await add('a', { email: 'b@example.com' })).body.error.message).toBe('Member already exists.');
    expect((await add('a', { email: 'x@example.com', role: 'KING' })).body.error.message).toBe('Invalid Input: role');
    expect((await add('a', { email: 'c@example.com', role: 'OWNER' })).status).toBe(400);
    expect((await add('a', {})).body.error.message).toBe('Missing required field: member');
    expect((await add('none', { email: 'x@example.com' })).body.error.message).toBe('Resource Not Found: groupKey');
    // An e-mail that is a member before its group exists cannot close a cycle either.
    await add('c', { email: 'late@example.com' });
    expect((await post(GROUPS, { email: 'late@example.com' })).status).toBe(200);
    expect((await add('late', { email: 'a@example.com' })).status).toBe(412);
  });

  it('counts service accounts in groups and users in domains', async () => {
    const { email } = await server.serviceAccount('grouped', ['roles/bigquery.jobUser']);
    const asRobot = async (): Promise<boolean> => {
      await server.grant(`user:${OWNER}`, ['roles/iam.serviceAccountTokenCreator']);
      const { body } = await post(`/v1/projects/-/serviceAccounts/${email}:generateAccessToken`, {
        scope: ['https://www.googleapis.com/auth/bigquery'],
      });
      const answer = await fetch(`${server.url}/bigquery/v2/projects/${PROJECT}/datasets/ds/tables/t/data`, {
        headers: { authorization: `Bearer ${body.accessToken}` },
      });
      return answer.status === 200;
    };
    await post(GROUPS, { email: 'robots@example.com' });
    await setAccess([{ role: 'READER', groupByEmail: 'robots@example.com' }]);
    expect(await asRobot()).toBe(false);
    await post(`${GROUPS}/robots@example.com/members`, { email });
    expect(await asRobot()).toBe(true);
    await setAccess([{ role: 'READER', domain: 'example.com' }]);
    expect(await reads('bob@example.com')).toBe(true);
    expect(await asRobot()).toBe(false);
    await setAccess([{ role: 'READER', specialGroup: 'allAuthenticatedUsers' }]);
    expect(await asRobot()).toBe(true);
  });

  it('sees at once what the command line changes beside it', async () => {
    using beside = new LocalDirectory(server.dataDir);
    await setAccess([{ role: 'READER', groupByEmail: 'cli@example.com' }]);
    beside.addGroup('cli@example.com', {});
    beside.addMember('cli@example.com', 'bob@example.com', 'MEMBER');
    expect(await reads('bob@example.com')).toBe(true);
    beside.removeMember('cli@example.com', 'bob@example.com');
    expect(await reads('bob@example.com')).toBe(false);
    expect(() => beside.addMember('nowhere@example.com', 'bob@example.com', 'MEMBER')).toThrow(
      expect.objectContaining({ code: 'GROUP_NOT_FOUND' }),
    );
    expect(() => beside.addUser('bob@example.com', {})).toThrow(
      expect.objectContaining({ code: 'DIRECTORY_DUPLICATE' }),
    );
  });

  it('takes everything from a deleted user, for a later user of that e-mail too', async () => {
    await setAccess([{ role: 'READER', userByEmail: 'dan@example.com' }]);
    await server.grant('user:dan@example.com', ['roles/bigquery.jobUser']);
    expect(await reads('dan@example.com')).toBe(true);
    {
      using beside = new LocalDirectory(server.dataDir);
      beside.deleteUser('dan@example.com');
      expect((await get('/v1/projects', 'dan@example.com')).status).toBe(401);
      beside.addUser('dan@example.com', {});
    }
    const member = expect.stringMatching(/^deleted:user:dan@example\.com\?uid=\d{20,21}$/);
    expect(await getAccess()).toContainEqual({ role: 'READER', iamMember: member });
    const { body: policy } = await post(`/v1/projects/${PROJECT}:getIamPolicy`, {});
    expect(policy.bindings.flatMap(({ members }: { members: string[] }) => members)).toContainEqual(member);
    expect(JSON.stringify(policy)).not.toContain('"user:dan@example.com"');
    expect(await getAccess()).not.toContainEqual(expect.objectContaining({ userByEmail: 'dan@example.com' }));
  });

  it('enforces conditions of time in access entries, for clients of version 3', async () => {
    const until = (time: string) => ({ title: 'until', expression: `request.time < timestamp("${time}")` });
    const entry = (time: string) => ({ role: 'READER', userByEmail: 'bob@example.com', condition: until(time) });
    expect((await setAccess([entry('2999-01-01T00:00:00Z')])).body.error.message).toBe(
      'Access entries with a condition must be written with accessPolicyVersion=3.',
    );
    expect((await setAccess([entry('2020-01-01T00:00:00Z')], '?accessPolicyVersion=3')).status).toBe(200);
    expect(await reads('bob@example.com')).toBe(false);
    expect((await setAccess([entry('2999-01-01T00:00:00Z')], '?accessPolicyVersion=3')).status).toBe(200);
    expect(await reads('bob@example.com')).toBe(true);
    expect(await getAccess('?accessPolicyVersion=3')).toContainEqual(entry('2999-01-01T00:00:00Z'));
    const old = await getAccess();
    expect(old).toContainEqual({
      role: expect.stringMatching(/^roles\/bigquery\.dataViewer_withcond_[0-9a-f]{20}$/),
      userByEmail: 'bob@example.com',
    });
    const back = await server.request('PATCH', `/bigquery/v2/projects/${PROJECT}/datasets/ds`, { access: old });
    expect(back.body.error.message).toMatch(/read and write it with accessPolicyVersion=3\.$/);
    const strange = { ...entry(''), condition: { expression: 'resource.name == "x"' } };
    expect((await setAccess([strange], '?accessPolicyVersion=3')).body.error.message).toMatch(
      /not supported by the local BigQuery.*not "resource\.name"\.$/,
    );
    const [owner] = await getAccess();
    const onlyOwnerEnds = await server.request(
      'PATCH',
      `/bigquery/v2/projects/${PROJECT}/datasets/ds?accessPolicyVersion=3`,
      { access: [{ ...owner, condition: until('2999-01-01T00:00:00Z') }] },
    );
    expect(onlyOwnerEnds.body.error.message).toBe('Cannot remove all owners from a dataset.');
    expect((await get(`/bigquery/v2/projects/${PROJECT}/datasets/ds?accessPolicyVersion=2`)).status).toBe(400);
  });

  it('takes only tokens with scopes of the directory', async () => {
    const { issueUserToken } = await import('../../index.ts');
    const scope = (name: string) => `https://www.googleapis.com/auth/${name}`;
    const call = async (method: string, path: string, name: string) => {
      const token = await issueUserToken({ dataDir: server.dataDir, email: OWNER, scopes: [scope(name)] });
      const answer = await fetch(server.url + path, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(method === 'POST' ? { body: JSON.stringify({ email: `${name}@example.com` }) } : {}),
      });
      return answer.status;
    };
    expect(await call('GET', `${USERS}?customer=my_customer`, 'cloud-platform')).toBe(403);
    expect(await call('GET', `${USERS}?customer=my_customer`, 'admin.directory.user.readonly')).toBe(200);
    expect(await call('GET', `${USERS}?customer=my_customer`, 'admin.directory.group')).toBe(403);
    expect(await call('POST', GROUPS, 'admin.directory.group.readonly')).toBe(403);
    expect(await call('POST', GROUPS, 'admin.directory.group')).toBe(200);
    // A scope that writes the directory writes nothing else.
    expect(await call('POST', '/v1/projects/x:setIamPolicy', 'admin.directory.group')).toBe(403);
  });
});

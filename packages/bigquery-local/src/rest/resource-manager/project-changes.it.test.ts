import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { messageOf, RoutesUnderTest } from '../iam/routes-under-test.ts';

describe('the life of a project', () => {
  const server = new RoutesUnderTest();
  let owner: string;
  let editor: string;

  beforeAll(async () => {
    await server.start();
    owner = await server.userToken('owner@example.com');
    editor = await server.userToken('editor@example.com');
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  const create = async (projectId: string): Promise<void> => {
    await server.call('POST', '/v1/projects', { token: owner, body: { projectId, labels: { team: 'a' } } });
    const bindings = [
      { role: 'roles/owner', members: ['user:owner@example.com'] },
      { role: 'roles/editor', members: ['user:editor@example.com'] },
    ];
    const path = `/v1/projects/${projectId}:setIamPolicy`;
    expect((await server.call('POST', path, { token: owner, body: { policy: { bindings } } })).status).toBe(200);
  };
  const call = (method: string, path: string, body?: object, token = owner) =>
    server.call(method, path, { token, ...(body === undefined ? {} : { body }) });

  it('is renamed and labelled by its editors', async () => {
    await create('renamed-one');
    const patched = await call(
      'PATCH',
      '/v3/projects/renamed-one?updateMask=displayName',
      { displayName: 'New', labels: {} },
      editor,
    );
    expect(patched.body).toMatchObject({ done: true, response: { displayName: 'New', labels: { team: 'a' } } });
    const put = await call('PUT', '/v1/projects/renamed-one', { name: 'Newer', labels: { team: 'b' } }, editor);
    expect(put.body).toMatchObject({ name: 'Newer', labels: { team: 'b' }, lifecycleState: 'ACTIVE' });
    const stranger = await server.userToken('stranger@example.com');
    expect((await call('PUT', '/v1/projects/renamed-one', { name: 'X' }, stranger)).status).toBe(403);
    expect((await call('PATCH', '/v3/projects/renamed-one?updateMask=parent', {})).status).toBe(400);
  });

  it('ends for everybody when its owner deletes it, and goes on when it is restored', async () => {
    await create('deleted-one');
    const account = await call('POST', '/v1/projects/deleted-one/serviceAccounts', { accountId: 'robot-one' });
    const keys = `/v1/projects/deleted-one/serviceAccounts/${String(account.body['email'])}/keys`;
    expect((await call('GET', keys, undefined, editor)).status).toBe(200);
    const refused = await call('DELETE', '/v3/projects/deleted-one', undefined, editor);
    expect([refused.status, messageOf(refused)]).toEqual([
      403,
      "Permission 'resourcemanager.projects.delete' denied on resource '//cloudresourcemanager.googleapis.com/projects/deleted-one' (or it may not exist).",
    ]);
    expect((await call('DELETE', '/v3/projects/deleted-one')).body).toMatchObject({
      done: true,
      response: { state: 'DELETE_REQUESTED' },
    });
    expect((await call('GET', keys)).status).toBe(403);
    const permissions = [
      'bigquery.jobs.create',
      'resourcemanager.projects.get',
      'resourcemanager.projects.setIamPolicy',
    ];
    const tested = await call('POST', '/v1/projects/deleted-one:testIamPermissions', { permissions });
    expect(tested.body).toEqual({ permissions: ['resourcemanager.projects.get'] });
    expect((await call('GET', '/v1/projects/deleted-one')).body).toMatchObject({ lifecycleState: 'DELETE_REQUESTED' });
    expect((await call('GET', '/v1/projects?filter=lifecycleState:ACTIVE')).body['projects']).not.toContainEqual(
      expect.objectContaining({ projectId: 'deleted-one' }),
    );
    expect((await call('POST', '/v1/projects', { projectId: 'deleted-one' })).status).toBe(409);
    expect((await call('POST', '/v3/projects/deleted-one:undelete', {}, editor)).status).toBe(403);
    expect((await call('POST', '/v1/projects/deleted-one:undelete', {})).body).toEqual({});
    expect((await call('GET', keys)).status).toBe(200);
    expect((await call('POST', '/v1/projects/deleted-one:undelete', {})).status).toBe(400);
  });

  it('is not listed below a parent, as there are none', async () => {
    expect((await call('GET', '/v3/projects')).status).toBe(400);
    expect((await call('GET', '/v3/projects?parent=organizations/1')).status).toBe(403);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { messageOf, RoutesUnderTest } from './routes-under-test.ts';

describe('roles over HTTP', () => {
  const server = new RoutesUnderTest();
  const roles = '/v1/projects/shop-data/roles';
  let owner: string;
  let analyst: string;

  beforeAll(async () => {
    await server.start();
    owner = await server.userToken('owner@example.com');
    analyst = await server.userToken('analyst@example.com');
    await server.call('POST', '/v1/projects', { token: owner, body: { projectId: 'shop-data' } });
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  const create = (roleId: string, role: Record<string, unknown>) =>
    server.call('POST', roles, { token: owner, body: { roleId, role } });
  const grant = async (role: string) => {
    const { body: policy } = await server.call('POST', '/v1/projects/shop-data:getIamPolicy', {
      token: owner,
      body: {},
    });
    const bindings = [...(policy['bindings'] as unknown[]), { role, members: ['user:analyst@example.com'] }];
    return server.call('POST', '/v1/projects/shop-data:setIamPolicy', {
      token: owner,
      body: { policy: { ...policy, bindings } },
    });
  };
  const held = async (...permissions: string[]) => {
    const { body } = await server.call('POST', '/v1/projects/shop-data:testIamPermissions', {
      token: analyst,
      body: { permissions },
    });
    return body['permissions'] ?? [];
  };

  it('a custom role grants its permissions while it is neither disabled nor deleted', async () => {
    const created = await create('reporting', {
      title: 'Reporting',
      stage: 'GA',
      includedPermissions: ['bigquery.jobs.create'],
    });
    expect(created.status).toBe(200);
    expect(created.body).toMatchObject({
      name: 'projects/shop-data/roles/reporting',
      includedPermissions: ['bigquery.jobs.create'],
    });
    expect((await grant('projects/shop-data/roles/reporting')).status).toBe(200);
    expect(await held('bigquery.jobs.create', 'bigquery.jobs.list')).toEqual(['bigquery.jobs.create']);

    await server.call('PATCH', `${roles}/reporting?updateMask=stage`, {
      token: owner,
      body: { stage: 'DISABLED', title: 'Not in the mask' },
    });
    expect(await held('bigquery.jobs.create')).toEqual([]);
    const enabled = await server.call('PATCH', `${roles}/reporting?updateMask=stage`, {
      token: owner,
      body: { stage: 'GA' },
    });
    expect(enabled.body['title']).toBe('Reporting');
    expect(await held('bigquery.jobs.create')).toEqual(['bigquery.jobs.create']);

    const deleted = await server.call('DELETE', `${roles}/reporting`, { token: owner });
    expect(deleted.body['deleted']).toBe(true);
    expect(await held('bigquery.jobs.create')).toEqual([]);
    expect((await server.call('POST', `${roles}/reporting:undelete`, { token: owner, body: {} })).status).toBe(200);
    expect(await held('bigquery.jobs.create')).toEqual(['bigquery.jobs.create']);
  });

  it('lists without permissions in the basic view, with them in the full one, and hides deleted roles', async () => {
    await create('listed', { title: 'Listed', includedPermissions: ['bigquery.tables.get'] });
    await create('gone', { title: 'Gone' });
    await server.call('DELETE', `${roles}/gone`, { token: owner });
    const listed = async (query: string) => {
      const { body } = await server.call('GET', `${roles}?${query}`, { token: owner });
      return body['roles'] as Record<string, unknown>[];
    };
    const basic = await listed('');
    expect(basic.map(({ name }) => name)).not.toContain('projects/shop-data/roles/gone');
    expect(basic.find(({ title }) => title === 'Listed')).not.toHaveProperty('includedPermissions');
    const full = await listed('view=FULL&showDeleted=true');
    expect(full.find(({ title }) => title === 'Listed')).toHaveProperty('includedPermissions', ['bigquery.tables.get']);
    expect(full.find(({ title }) => title === 'Gone')).toHaveProperty('deleted', true);
  });

  it('empties a field that the mask names and the body leaves out, and keeps the others', async () => {
    await create('emptied', { title: 'Kept', description: 'Gone', includedPermissions: ['bigquery.tables.get'] });
    const mask = 'description,included_permissions';
    const { body } = await server.call('PATCH', `${roles}/emptied?updateMask=${mask}`, { token: owner, body: {} });
    expect(body).toMatchObject({ title: 'Kept' });
    expect(body).not.toHaveProperty('description');
    expect(body).not.toHaveProperty('includedPermissions');
    expect((await server.call('PATCH', `${roles}/emptied?updateMask=name`, { token: owner, body: {} })).status).toBe(
      400,
    );
  });

  it('refuses bad ids, unknown permissions, unknown stages, duplicates and old etags', async () => {
    expect((await create('no spaces', {})).status).toBe(400);
    const unknown = await create('typo', { includedPermissions: ['bigquery.tabels.get'] });
    expect(unknown.status).toBe(400);
    expect(messageOf(unknown)).toBe('Permission bigquery.tabels.get is not valid.');
    expect((await create('stage', { stage: 'SOON' })).status).toBe(400);
    const { body } = await create('etagged', { title: 'One' });
    expect((await create('etagged', {})).status).toBe(409);
    const path = `${roles}/etagged?updateMask=title`;
    expect(
      (await server.call('PATCH', path, { token: owner, body: { title: 'Two', etag: body['etag'] } })).status,
    ).toBe(200);
    expect(
      (await server.call('PATCH', path, { token: owner, body: { title: 'Three', etag: body['etag'] } })).status,
    ).toBe(409);
  });

  it('shows the predefined roles to everybody who signed in, and nobody else', async () => {
    const { body } = await server.call('GET', '/v1/roles/bigquery.jobUser', { token: analyst });
    expect(body['name']).toBe('roles/bigquery.jobUser');
    expect(body['includedPermissions']).toContain('bigquery.jobs.create');
    expect((await server.call('GET', '/v1/roles/bigquery.unheardOf', { token: analyst })).status).toBe(404);
    expect((await server.call('GET', '/v1/roles')).status).toBe(401);
    expect((await server.call('GET', roles, { token: await server.userToken('stranger@example.com') })).status).toBe(
      403,
    );
  });
});

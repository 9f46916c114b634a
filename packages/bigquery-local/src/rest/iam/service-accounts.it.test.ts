import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { messageOf, RoutesUnderTest } from './routes-under-test.ts';

describe('service accounts and keys over HTTP', () => {
  const server = new RoutesUnderTest();
  const accounts = '/v1/projects/shop-data/serviceAccounts';
  let url: string;
  let owner: string;
  let stranger: string;

  beforeAll(async () => {
    url = await server.start();
    owner = await server.userToken('owner@example.com');
    stranger = await server.userToken('stranger@example.com');
    await server.call('POST', '/v1/projects', { token: owner, body: { projectId: 'shop-data' } });
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  const create = (accountId: string, token = owner) =>
    server.call('POST', accounts, { token, body: { accountId, serviceAccount: { displayName: 'A robot' } } });

  it('creates an account that can be read by e-mail, by unique id and below the wildcard project', async () => {
    const { status, body } = await create('sync-robot');
    expect(status).toBe(200);
    const email = 'sync-robot@shop-data.iam.gserviceaccount.com';
    expect(body).toMatchObject({
      name: `projects/shop-data/serviceAccounts/${email}`,
      email,
      displayName: 'A robot',
      projectId: 'shop-data',
    });
    expect(body['uniqueId']).toMatch(/^\d{21}$/);
    for (const path of [
      `${accounts}/${email}`,
      `${accounts}/${String(body['uniqueId'])}`,
      `/v1/projects/-/serviceAccounts/${email}`,
    ]) {
      expect((await server.call('GET', path, { token: owner })).body).toEqual(body);
    }
    const list = await server.call('GET', accounts, { token: owner });
    expect(list.body['accounts']).toContainEqual(body);
  });

  it('says 409 to a second account of the same id and 400 to a bad id', async () => {
    await create('twice-made');
    const again = await create('twice-made');
    expect(again.status).toBe(409);
    expect(messageOf(again)).toBe('Service account twice-made already exists within project projects/shop-data.');
    expect((await create('Bad_Id')).status).toBe(400);
    expect((await create('short')).status).toBe(400);
  });

  it('says 403 before 404 to callers without the permission', async () => {
    const refused = await create('not-yours', stranger);
    expect(refused.status).toBe(403);
    expect(messageOf(refused)).toBe(
      "Permission 'iam.serviceAccounts.create' denied on resource '//cloudresourcemanager.googleapis.com/projects/shop-data' (or it may not exist).",
    );
    const missing = 'no-such-one@shop-data.iam.gserviceaccount.com';
    expect((await server.call('GET', `${accounts}/${missing}`, { token: stranger })).status).toBe(403);
    expect((await server.call('GET', `${accounts}/${missing}`, { token: owner })).status).toBe(404);
    expect((await server.call('GET', `/v1/projects/-/serviceAccounts/${missing}`, { token: owner })).status).toBe(403);
  });

  it('pages through a list', async () => {
    for (const id of ['page-one', 'page-two', 'page-three']) await create(id);
    const emails: string[] = [];
    let pageToken = '';
    do {
      const { body } = await server.call('GET', `${accounts}?pageSize=2&pageToken=${pageToken}`, { token: owner });
      for (const { email } of body['accounts'] as { email: string }[]) emails.push(email);
      pageToken = (body['nextPageToken'] as string | undefined) ?? '';
    } while (pageToken !== '');
    expect(emails).toEqual([...new Set(emails)].sort());
    expect(emails).toContain('page-three@shop-data.iam.gserviceaccount.com');
  });

  it('returns a key file with the private key once, and keeps the public half', async () => {
    await create('key-holder');
    const account = `${accounts}/key-holder@shop-data.iam.gserviceaccount.com`;
    const { status, body } = await server.call('POST', `${account}/keys`, { token: owner, body: {} });
    expect(status).toBe(200);
    const file = JSON.parse(Buffer.from(body['privateKeyData'] as string, 'base64').toString()) as Record<
      string,
      string
    >;
    expect(file).toMatchObject({
      type: 'service_account',
      project_id: 'shop-data',
      client_email: 'key-holder@shop-data.iam.gserviceaccount.com',
      token_uri: `${url}/token`,
    });
    expect(body['name']).toBe(
      `projects/shop-data/serviceAccounts/${file['client_email']}/keys/${file['private_key_id']}`,
    );
    const privateKey = createPrivateKey(file['private_key']!);
    expect(privateKey.asymmetricKeyDetails?.modulusLength).toBe(2048);

    const got = await server.call('GET', `/v1/${String(body['name'])}?publicKeyType=TYPE_RAW_PUBLIC_KEY`, {
      token: owner,
    });
    const publicKey = createPublicKey(Buffer.from(got.body['publicKeyData'] as string, 'base64').toString());
    const text = Buffer.from('signed');
    expect(verify('sha256', text, publicKey, sign('sha256', text, privateKey))).toBe(true);

    const list = await server.call('GET', `${account}/keys`, { token: owner });
    expect(JSON.stringify([list.body, got.body])).not.toMatch(/PRIVATE KEY|privateKeyData/);
    expect((await server.call('DELETE', `/v1/${String(body['name'])}`, { token: owner })).status).toBe(200);
    expect((await server.call('GET', `${account}/keys`, { token: owner })).body).toEqual({});
    expect((await server.call('POST', `${account}/keys`, { token: stranger, body: {} })).status).toBe(403);
  });

  it('refuses an eleventh key and kinds of keys that it does not make', async () => {
    await create('many-keys');
    const keys = `${accounts}/many-keys@shop-data.iam.gserviceaccount.com/keys`;
    const statuses = await Promise.all(
      Array.from({ length: 11 }, async () => (await server.call('POST', keys, { token: owner, body: {} })).status),
    );
    expect(statuses.toSorted((a, b) => a - b)).toEqual([...Array.from({ length: 10 }, () => 200), 429]);
    const p12 = await server.call('POST', keys, { token: owner, body: { privateKeyType: 'TYPE_PKCS12_FILE' } });
    expect(p12.status).toBe(400);
    expect(messageOf(p12)).toContain('TYPE_PKCS12_FILE');
  });

  it('changes, disables and enables an account', async () => {
    await create('changeable');
    const account = `${accounts}/changeable@shop-data.iam.gserviceaccount.com`;
    const patched = await server.call('PATCH', account, {
      token: owner,
      body: { serviceAccount: { displayName: 'New', description: 'ignored' }, updateMask: 'display_name' },
    });
    expect(patched.body['displayName']).toBe('New');
    expect(patched.body['description']).toBeUndefined();
    await server.call('POST', `${account}:disable`, { token: owner, body: {} });
    expect((await server.call('GET', account, { token: owner })).body['disabled']).toBe(true);
    await server.call('POST', `${account}:enable`, { token: owner, body: {} });
    expect((await server.call('GET', account, { token: owner })).body['disabled']).toBeUndefined();
    expect((await server.call('POST', `${account}:disable`, { token: stranger, body: {} })).status).toBe(403);
  });

  it('takes the grants of a deleted account away for good', async () => {
    await create('short-lived');
    const email = 'short-lived@shop-data.iam.gserviceaccount.com';
    const { body: policy } = await server.call('POST', '/v1/projects/shop-data:getIamPolicy', {
      token: owner,
      body: {},
    });
    const bindings = [
      ...(policy['bindings'] as unknown[]),
      { role: 'roles/bigquery.user', members: [`serviceAccount:${email}`] },
    ];
    await server.call('POST', '/v1/projects/shop-data:setIamPolicy', {
      token: owner,
      body: { policy: { ...policy, bindings } },
    });
    expect((await server.call('DELETE', `${accounts}/${email}`, { token: owner })).status).toBe(200);
    await create('short-lived');
    const { body: after } = await server.call('POST', '/v1/projects/shop-data:getIamPolicy', {
      token: owner,
      body: {},
    });
    expect(JSON.stringify(after)).not.toContain(`"serviceAccount:${email}"`);
    expect(JSON.stringify(after)).toContain(`deleted:serviceAccount:${email}?uid=`);
  });
});

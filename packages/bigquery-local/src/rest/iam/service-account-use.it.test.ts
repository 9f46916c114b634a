import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';

import { createLocalJWKSet, jwtVerify } from 'jose';
import type { JSONWebKeySet } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { signedJwt } from '../../auth/test-accounts.ts';
import { messageOf, RoutesUnderTest } from './routes-under-test.ts';
import type { Reply } from './routes-under-test.ts';

const BIGQUERY = 'https://www.googleapis.com/auth/bigquery';
const CLOUD_PLATFORM = 'https://www.googleapis.com/auth/cloud-platform';

describe('who may use a service account', () => {
  const server = new RoutesUnderTest();
  const accounts = '/v1/projects/shop-data/serviceAccounts';
  let owner: string;
  let ada: string;

  beforeAll(async () => {
    await server.start();
    owner = await server.userToken('owner@example.com');
    ada = await server.userToken('ada@example.com');
    await server.call('POST', '/v1/projects', { token: owner, body: { projectId: 'shop-data' } });
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  const create = async (accountId: string): Promise<{ email: string; uniqueId: string }> => {
    const { body } = await server.call('POST', accounts, { token: owner, body: { accountId } });
    return body as { email: string; uniqueId: string };
  };
  const act = (email: string, verb: string, body: object, token = owner): Promise<Reply> =>
    server.call('POST', `/v1/projects/-/serviceAccounts/${email}:${verb}`, { token, body });
  const setPolicy = (email: string, policy: object, token = owner): Promise<Reply> =>
    server.call('POST', `${accounts}/${email}:setIamPolicy`, { token, body: { policy } });
  const tokenCreator = (member: string) => ({
    bindings: [{ role: 'roles/iam.serviceAccountTokenCreator', members: [member] }],
  });
  const grantOnProject = async (role: string, member: string): Promise<void> => {
    const path = '/v1/projects/shop-data';
    const { body: policy } = await server.call('POST', `${path}:getIamPolicy`, { token: owner, body: {} });
    const bindings = [...(policy['bindings'] as object[]), { role, members: [member] }];
    expect(
      (await server.call('POST', `${path}:setIamPolicy`, { token: owner, body: { policy: { bindings } } })).status,
    ).toBe(200);
  };
  const caller = async (token: string): Promise<unknown> => {
    const info = await server.call('GET', `/tokeninfo?access_token=${token}`);
    return info.body['email'];
  };

  it('is said by the policy of the account, which its setIamPolicy replaces', async () => {
    const { email } = await create('with-policy');
    const empty = await server.call('POST', `${accounts}/${email}:getIamPolicy`, { token: owner });
    expect([empty.status, empty.body]).toEqual([200, { version: 1, etag: 'ACAB' }]);
    const tested = () =>
      server.call('POST', `${accounts}/${email}:testIamPermissions`, {
        token: ada,
        body: { permissions: ['iam.serviceAccounts.getAccessToken', 'iam.serviceAccounts.delete'] },
      });
    expect((await tested()).body).toEqual({});
    const refused = await setPolicy(email, tokenCreator('user:ada@example.com'), ada);
    expect([refused.status, messageOf(refused)]).toEqual([
      403,
      `Permission 'iam.serviceAccounts.setIamPolicy' denied on resource '//iam.googleapis.com/projects/shop-data/serviceAccounts/${email}' (or it may not exist).`,
    ]);
    const set = await setPolicy(email, tokenCreator('user:Ada@example.com'));
    expect(set.body).toMatchObject({ version: 1, ...tokenCreator('user:ada@example.com') });
    expect((await tested()).body).toEqual({ permissions: ['iam.serviceAccounts.getAccessToken'] });
    const stale = await setPolicy(email, { bindings: [], etag: 'ACAB' });
    expect([stale.status, messageOf(stale)]).toEqual([
      409,
      'There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.',
    ]);
    expect((await setPolicy(email, { bindings: [], etag: set.body['etag'] })).status).toBe(200);
    expect((await tested()).body).toEqual({});
    expect((await setPolicy(email, { bindings: [{ role: 'roles/none.such', members: ['user:a@b.c'] }] })).status).toBe(
      400,
    );
  });

  it('lets a token creator, and not the owner of the project, get tokens of the account', async () => {
    const { email } = await create('impersonated');
    const request = { scope: [BIGQUERY], lifetime: '600s' };
    const denied = await act(email, 'generateAccessToken', request);
    expect([denied.status, messageOf(denied)]).toEqual([
      403,
      `Permission 'iam.serviceAccounts.getAccessToken' denied on resource '//iam.googleapis.com/projects/shop-data/serviceAccounts/${email}' (or it may not exist).`,
    ]);
    await setPolicy(email, tokenCreator('user:ada@example.com'));
    const { status, body } = await act(email, 'generateAccessToken', request, ada);
    expect(status).toBe(200);
    expect(Date.parse(String(body['expireTime']))).toBeLessThanOrEqual(Date.now() + 600_000);
    const token = String(body['accessToken']);
    expect(await caller(token)).toBe(email);

    for (const [bad, text] of [
      [{}, 'scopes are required.'],
      [{ scope: ['https://example.com/x'] }, 'Invalid OAuth scope: https://example.com/x'],
      [{ ...request, lifetime: '3601s' }, 'Invalid lifetime 3601s: 1s to 3600s are possible.'],
      [
        { ...request, delegates: ['projects/-/serviceAccounts/x'] },
        'Delegation chains (delegates) are not supported by the local BigQuery.',
      ],
    ] as const) {
      const answer = await act(email, 'generateAccessToken', bad, ada);
      expect([answer.status, messageOf(answer)]).toEqual([400, text]);
    }
    const named = await server.call('POST', `${accounts}/${email}:generateAccessToken`, { token: ada, body: request });
    expect(named.status).toBe(400);

    // A disabled account has no tokens, old or new.
    await server.call('POST', `${accounts}/${email}:disable`, { token: owner, body: {} });
    expect(await caller(token)).toBeUndefined();
    expect((await act(email, 'generateAccessToken', request, ada)).status).toBe(400);
    await server.call('POST', `${accounts}/${email}:enable`, { token: owner, body: {} });
    expect(await caller(token)).toBe(email);
  });

  it('signs JWTs, ID tokens and blobs with a key that its public keys check', async () => {
    const { email, uniqueId } = await create('signing-one');
    await setPolicy(email, tokenCreator('user:ada@example.com'));
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: email, sub: email, iat: now, exp: now + 600, scope: CLOUD_PLATFORM };
    const { body: signed } = await act(email, 'signJwt', { payload: JSON.stringify(claims) }, ada);
    const jwt = String(signed['signedJwt']);

    const { body: jwks } = await server.call('GET', `/service_accounts/v1/metadata/jwk/${email}`);
    const keys = createLocalJWKSet(jwks as unknown as JSONWebKeySet);
    expect((await jwtVerify(jwt, keys)).payload).toMatchObject(claims);
    expect(JSON.stringify(jwks)).not.toContain('"d"');
    // Such a JWT is as good as one that the account signed itself.
    const project = await server.call('GET', `/v1/projects/shop-data/serviceAccounts/${email}`, { token: jwt });
    expect(project.status).toBe(403);

    const { body: id } = await act(
      email,
      'generateIdToken',
      { audience: 'https://app.example.com', includeEmail: true },
      ada,
    );
    const { payload } = await jwtVerify(String(id['token']), keys, { audience: 'https://app.example.com' });
    expect(payload).toMatchObject({ sub: uniqueId, email, email_verified: true });

    const blob = Buffer.from('bytes');
    const { body: signature } = await act(email, 'signBlob', { payload: blob.toString('base64') }, ada);
    const jwk = (jwks as unknown as JSONWebKeySet).keys[0]!;
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
    expect(verify('sha256', blob, publicKey, Buffer.from(String(signature['signedBlob']), 'base64'))).toBe(true);
    expect([signature['keyId'], jwk.kid]).toEqual([signed['keyId'], signed['keyId']]);

    // The system's own key is listed, takes no room among the ten, and cannot be deleted.
    const list = (types: string) => server.call('GET', `${accounts}/${email}/keys${types}`, { token: owner });
    expect((await list('?keyTypes=USER_MANAGED')).body).toEqual({});
    expect((await list('')).body['keys']).toMatchObject([{ keyType: 'SYSTEM_MANAGED' }]);
    const deleted = await server.call('DELETE', `${accounts}/${email}/keys/${String(signed['keyId'])}`, {
      token: owner,
    });
    expect(deleted.status).toBe(400);
    expect((await act(email, 'signJwt', { payload: 'no JSON' }, ada)).status).toBe(400);
    expect((await act(email, 'signBlob', { payload: 'eA==' })).status).toBe(403);
  });

  it('stops a disabled key, takes it back enabled, and takes keys from certificates', async () => {
    const { email } = await create('many-keys');
    const { body } = await server.call('POST', `${accounts}/${email}/keys`, { token: owner, body: {} });
    const file = JSON.parse(Buffer.from(String(body['privateKeyData']), 'base64').toString()) as Record<string, string>;
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: email, sub: email, iat: now, exp: now + 600, scope: CLOUD_PLATFORM };
    const status = async (privateKey: string) =>
      (await server.call('GET', '/v1/projects', { token: signedJwt(privateKey, claims) })).status;
    expect(await status(file['private_key']!)).toBe(200);
    const key = `${accounts}/${email}/keys/${file['private_key_id']!}`;
    expect((await server.call('POST', `${key}:disable`, { token: owner, body: {} })).body).toEqual({});
    expect((await server.call('GET', key, { token: owner })).body).toMatchObject({ disabled: true });
    expect(await status(file['private_key']!)).toBe(401);
    await server.call('POST', `${key}:enable`, { token: owner, body: {} });
    expect(await status(file['private_key']!)).toBe(200);

    const own = certificate();
    const upload = (pem: string) =>
      server.call('POST', `${accounts}/${email}/keys:upload`, {
        token: owner,
        body: { publicKeyData: Buffer.from(pem).toString('base64') },
      });
    const uploaded = await upload(own.certificate);
    expect(uploaded.body).toMatchObject({ keyOrigin: 'USER_PROVIDED', keyType: 'USER_MANAGED' });
    expect(Date.parse(String(uploaded.body['validBeforeTime']))).toBeLessThan(Date.now() + 2 * 86_400_000);
    expect(await status(own.privateKey)).toBe(200);
    expect((await upload('no certificate')).status).toBe(400);
  });

  it('brings a deleted account back as the same one, with its grants and without its keys', async () => {
    const { email, uniqueId } = await create('phoenix-one');
    const other = await create('acted-upon');
    await server.call('POST', `${accounts}/${email}/keys`, { token: owner, body: {} });
    await grantOnProject('roles/bigquery.jobUser', `serviceAccount:${email}`);
    await setPolicy(other.email, tokenCreator(`serviceAccount:${email}`));
    await server.call('DELETE', `${accounts}/${email}`, { token: owner });
    const policy = async () =>
      JSON.stringify((await server.call('POST', `${accounts}/${other.email}:getIamPolicy`, { token: owner })).body);
    expect(await policy()).toContain(`deleted:serviceAccount:${email}?uid=${uniqueId}`);

    const undelete = (id: string, token = owner) =>
      server.call('POST', `${accounts}/${id}:undelete`, { token, body: {} });
    expect((await undelete(uniqueId, ada)).status).toBe(403);
    expect((await undelete('123456789012345678901')).status).toBe(404);
    const restored = await undelete(uniqueId);
    expect(restored.body['restoredAccount']).toMatchObject({ email, uniqueId });
    expect(await policy()).toContain(`"serviceAccount:${email}"`);
    const keys = await server.call('GET', `${accounts}/${email}/keys`, { token: owner });
    expect(keys.body).toEqual({});
    const may = await server.call('POST', '/v1/projects/shop-data:getIamPolicy', { token: owner, body: {} });
    expect(JSON.stringify(may.body)).toContain(`"serviceAccount:${email}"`);

    // Not beside a new account of the same e-mail.
    await server.call('DELETE', `${accounts}/${email}`, { token: owner });
    await create('phoenix-one');
    expect((await undelete(uniqueId)).status).toBe(409);
  });

  it('does not tell callers without permission whether an account or a project exists, whatever name they use', async () => {
    const { email, uniqueId } = await create('hidden-one');
    const project = await server.call('GET', '/v1/projects/shop-data', { token: owner });
    const number = String(project.body['projectNumber']);
    const answers = async (path: string): Promise<unknown[]> => {
      const found: unknown[] = [];
      for (const [method, suffix] of [
        ['GET', ''],
        ['DELETE', ''],
        ['GET', '/keys'],
        ['POST', ':disable'],
        ['POST', ':undelete'],
        ['POST', ':getIamPolicy'],
        ['POST', ':testIamPermissions'],
        ['POST', ':generateAccessToken'],
      ] as const) {
        const body = method === 'POST' ? { permissions: ['iam.serviceAccounts.get'], scope: [BIGQUERY] } : undefined;
        const reply = await server.call(method, path + suffix, { token: ada, ...(body === undefined ? {} : { body }) });
        found.push([reply.status, reply.body]);
      }
      return found;
    };
    const alike = async (existing: string, missing: string): Promise<void> => {
      const expected = JSON.stringify(await answers(missing)).replaceAll(missing.split('/').at(-1)!, 'X');
      expect(JSON.stringify(await answers(existing)).replaceAll(existing.split('/').at(-1)!, 'X')).toBe(expected);
    };
    const anywhere = '/v1/projects/-/serviceAccounts';
    await alike(`${anywhere}/${uniqueId}`, `${anywhere}/${'9'.repeat(21)}`);
    await alike(`${anywhere}/${email}`, `${anywhere}/missing@shop-data.iam.gserviceaccount.com`);
    await alike(`${accounts}/${uniqueId}`, `${accounts}/${'9'.repeat(21)}`);
    await alike(`/v1/projects/${number}`, '/v1/projects/199999999999');
    expect(JSON.stringify(await answers(`${anywhere}/${uniqueId}`))).not.toContain('shop-data');
  });

  it('replaces what can be written of an account with PUT', async () => {
    const { email } = await create('put-upon');
    const put = (body: object) => server.call('PUT', `${accounts}/${email}`, { token: owner, body });
    expect((await put({ displayName: 'A', description: 'B', email: 'ignored' })).body).toMatchObject({
      email,
      displayName: 'A',
      description: 'B',
    });
    expect((await put({ displayName: 'A' })).body).not.toHaveProperty('description');
  });
});

/** A self-signed certificate (RFC 5280) for one day and its key, as a customer would make them. */
function certificate(): { privateKey: string; certificate: string } {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
    return Buffer.concat([Buffer.from([tag, ...length]), body]);
  };
  const time = (ms: number): Buffer =>
    der(0x18, Buffer.from(new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')));
  const sha256WithRsa = der(0x30, der(0x06, Buffer.from('2a864886f70d01010b', 'hex')), der(0x05));
  const name = der(
    0x30,
    der(0x31, der(0x30, der(0x06, Buffer.from('550403', 'hex')), der(0x0c, Buffer.from('unused')))),
  );
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    sha256WithRsa,
    name,
    der(0x30, time(Date.now() - 60_000), time(Date.now() + 86_400_000)),
    name,
    pair.publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, pair.privateKey));
  const base64 = der(0x30, body, sha256WithRsa, signature).toString('base64');
  return {
    privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    certificate: `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  };
}

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadSigningKey } from '../catalog/signing-keys.ts';
import { signAccessToken } from './access-token.ts';
import { createAuthenticator } from './authenticator.ts';
import { hmacJwt, signedJwt, TestAccounts, unsignedJwt } from './test-accounts.ts';
import type { TestKey } from './test-accounts.ts';
import { USER_SCOPES } from './scopes.ts';
import { challengeOf, credentialsInvalid, credentialsMissing } from './unauthenticated.ts';
import { issueUserToken } from './user-token.ts';

const BIGQUERY = 'https://www.googleapis.com/auth/bigquery';
const READONLY = 'https://www.googleapis.com/auth/bigquery.readonly';
const CLOUD_PLATFORM = 'https://www.googleapis.com/auth/cloud-platform';

describe('the authenticator', () => {
  const accounts = new TestAccounts();
  const { identity, account } = accounts;
  const authenticator = createAuthenticator({ identity });
  const now = new Date();
  const seconds = Math.floor(now.getTime() / 1000);
  let key: TestKey;

  beforeAll(async () => {
    key = await accounts.newKey();
  });
  afterAll(() => accounts[Symbol.dispose]());

  const authenticate = (token: string, baseUrl?: string) => authenticator.authenticate(`Bearer ${token}`, now, baseUrl);
  const claims = { iss: account.email, sub: account.email, iat: seconds, exp: seconds + 3600, scope: BIGQUERY };
  const { scope: _, ...unscoped } = claims;
  const refused = { reason: 'authError', httpStatus: 401 };

  it('lets a local user in with a token from the command line', async () => {
    const token = await issueUserToken({ dataDir: accounts.dataDir, email: 'Ada@Example.com' });
    expect(await authenticate(token)).toEqual({
      principal: { kind: 'user', email: 'ada@example.com' },
      scopes: USER_SCOPES,
    });
    expect(identity.users.has('ada@example.com')).toBe(true);
  });

  it('issues a token of other scopes on request, and of none that does not exist', async () => {
    const request = { dataDir: accounts.dataDir, email: 'ada@example.com' };
    const token = await issueUserToken({ ...request, scopes: [READONLY] });
    expect(await authenticate(token)).toMatchObject({ principal: { readOnly: true }, scopes: [READONLY] });
    await expect(issueUserToken({ ...request, scopes: ['https://example.com/x'] })).rejects.toMatchObject({
      code: 'UNKNOWN_SCOPE',
    });
  });

  it('refuses the tokens of a suspended user, and of a deleted one also after the e-mail is used again', async () => {
    const request = { dataDir: accounts.dataDir, email: 'eve@example.com' };
    const token = await issueUserToken(request);
    identity.users.update('eve@example.com', { suspended: true });
    await expect(authenticate(token)).rejects.toMatchObject(refused);
    await expect(issueUserToken(request)).rejects.toMatchObject({ code: 'USER_SUSPENDED' });
    identity.users.update('eve@example.com', { suspended: false });
    expect((await authenticate(token)).principal.email).toBe('eve@example.com');
    identity.users.delete('eve@example.com');
    await expect(authenticate(token)).rejects.toMatchObject(refused);
    const another = await issueUserToken(request);
    await expect(authenticate(token)).rejects.toMatchObject(refused);
    expect((await authenticate(another)).principal.email).toBe('eve@example.com');
  });

  it('refuses a token that it has taken before when its time is over', async () => {
    identity.users.register('tim@example.com', now);
    const subject = identity.users.find('tim@example.com')!.id;
    const given = { subject, email: 'tim@example.com', scopes: [CLOUD_PLATFORM], expiresAt: seconds + 60 };
    const token = `Bearer ${await signAccessToken(identity.signingKey, given, now)}`;
    const at = (second: number) => authenticator.authenticate(token, new Date((seconds + second) * 1000));
    expect((await at(0)).principal.email).toBe('tim@example.com');
    expect((await at(59)).principal.email).toBe('tim@example.com');
    await expect(at(60)).rejects.toMatchObject(refused);
    await expect(at(61)).rejects.toMatchObject(refused);
  });

  it('refuses tokens of users that it does not know, and tokens under another key', async () => {
    const token = {
      subject: 'bob@example.com',
      email: 'bob@example.com',
      scopes: [CLOUD_PLATFORM],
      expiresAt: seconds + 60,
    };
    await expect(authenticate(await signAccessToken(identity.signingKey, token, now))).rejects.toMatchObject(refused);
    identity.users.register('bob@example.com', now);
    const known = { ...token, subject: identity.users.find('bob@example.com')!.id };
    await expect(authenticate(await signAccessToken(new Uint8Array(32), known, now))).rejects.toMatchObject(refused);
    await expect(authenticate(await signAccessToken(identity.signingKey, token, now))).rejects.toMatchObject(refused);
    expect((await authenticate(await signAccessToken(identity.signingKey, known, now))).principal.email).toBe(
      'bob@example.com',
    );
  });

  it('asks for credentials where there are none, and for better ones where they are of another kind', async () => {
    await expect(authenticator.authenticate(undefined, now)).rejects.toMatchObject({
      reason: 'required',
      httpStatus: 401,
    });
    for (const header of ['Basic YTpi', 'Bearer', 'Bearer a b', 'Bearer nonsense', `Bearer ${'x'.repeat(20_000)}`]) {
      await expect(authenticator.authenticate(header, now)).rejects.toMatchObject(refused);
    }
    expect(challengeOf(credentialsMissing())).toBe('Bearer realm="https://accounts.google.com/"');
    expect(challengeOf(credentialsInvalid())).toBe(
      'Bearer realm="https://accounts.google.com/", error="invalid_token"',
    );
  });

  it('takes requests without credentials for somebody only when told to, and still checks those that have some', async () => {
    const open = createAuthenticator({ identity, anonymousAs: 'dev@example.com' });
    expect((await open.authenticate(undefined, now)).principal).toEqual({ kind: 'user', email: 'dev@example.com' });
    await expect(open.authenticate('Bearer nonsense', now)).rejects.toMatchObject(refused);
    identity.users.create('dev@example.com', { suspended: true }, now);
    await expect(open.authenticate(undefined, now)).rejects.toMatchObject(refused);
  });

  it('lets a service account in with a JWT of its own, by scope or by audience', async () => {
    const principal = { kind: 'serviceAccount', email: account.email };
    for (const aud of [undefined, ''])
      expect(await authenticate(signedJwt(key.privateKey, { ...claims, aud }))).toEqual({
        principal,
        scopes: [BIGQUERY],
      });
    const header = { alg: 'RS256', typ: 'JWT', kid: key.id };
    for (const aud of [
      'https://bigquery.googleapis.com/',
      'https://bigquerystorage.googleapis.com/',
      'http://127.0.0.1:9050/',
    ]) {
      const token = signedJwt(key.privateKey, { ...unscoped, aud }, header);
      expect(await authenticate(token, 'http://127.0.0.1:9050')).toEqual({ principal, scopes: [CLOUD_PLATFORM] });
    }
  });

  it('marks a principal whose scopes only read', async () => {
    expect((await authenticate(signedJwt(key.privateKey, { ...claims, scope: READONLY }))).principal.readOnly).toBe(
      true,
    );
    expect(
      (await authenticate(signedJwt(key.privateKey, { ...claims, scope: `${READONLY} ${BIGQUERY}` }))).principal
        .readOnly,
    ).toBeUndefined();
  });

  it.each([
    ['neither scope nor audience', { scope: undefined }],
    ['an empty scope', { scope: '' }],
    ['an empty audience and no scope', { scope: undefined, aud: '' }],
    ['an unknown scope', { scope: 'https://example.com/unheard-of' }],
    ['the audience of another service', { scope: undefined, aud: 'https://pubsub.googleapis.com/' }],
    ['the audience of the token endpoint', { aud: 'https://oauth2.googleapis.com/token' }],
    ['an exp in the past', { iat: seconds - 3600, exp: seconds - 1 }],
    ['more than an hour', { exp: seconds + 3601 }],
    ['an iat in the future', { iat: seconds + 600, exp: seconds + 700 }],
    ['no exp', { exp: undefined }],
    ['another subject', { sub: 'owner@example.com' }],
    ['an unknown issuer', { iss: 'x@shop-data.iam.gserviceaccount.com', sub: 'x@shop-data.iam.gserviceaccount.com' }],
  ])('refuses a self-signed JWT with %s', async (_, change) => {
    await expect(authenticate(signedJwt(key.privateKey, { ...claims, ...change }))).rejects.toMatchObject(refused);
  });

  it('is not confused about algorithms and keys', async () => {
    const publicKey = identity.serviceAccounts.keys(account)[0]!.publicKey;
    const ours = {
      iss: 'sluice-bigquery-local',
      sub: account.uniqueId,
      email: account.email,
      scope: BIGQUERY,
      exp: seconds + 60,
    };
    const other = await accounts.newKey(accounts.newAccount('other-robot'));
    const forged = [
      hmacJwt(publicKey, claims),
      hmacJwt(publicKey, claims, { alg: 'RS256' }),
      hmacJwt(publicKey, ours, { alg: 'HS256', typ: 'at+jwt' }),
      hmacJwt('', ours, { alg: 'HS256', typ: 'at+jwt' }),
      hmacJwt(identity.signingKey, ours, { alg: 'HS256' }),
      unsignedJwt(claims),
      unsignedJwt(claims, { alg: 'RS256' }),
      unsignedJwt(ours, { alg: 'none', typ: 'at+jwt' }),
      unsignedJwt(ours, { alg: 'None', typ: 'at+jwt' }),
      signedJwt(key.privateKey, ours, { alg: 'RS256', typ: 'at+jwt' }),
      signedJwt(key.privateKey, claims, { alg: 'PS256' }),
      signedJwt(key.privateKey, claims, { alg: 'RS256', crit: ['exp'] }),
      signedJwt(other.privateKey, claims),
      signedJwt(other.privateKey, claims, { alg: 'RS256', kid: key.id }),
      signedJwt(key.privateKey, claims, { alg: 'RS256', kid: other.id }),
    ];
    for (const token of forged) await expect(authenticate(token)).rejects.toMatchObject(refused);
  });

  it('stops to take self-signed JWTs when the key or the account goes', async () => {
    const robot = accounts.newAccount('dismissed');
    const robotKey = await accounts.newKey(robot);
    const token = signedJwt(robotKey.privateKey, { ...claims, iss: robot.email, sub: robot.email });
    expect((await authenticate(token)).principal.email).toBe(robot.email);
    identity.serviceAccounts.update(robot.email, { disabled: true });
    await expect(authenticate(token)).rejects.toMatchObject(refused);
    identity.serviceAccounts.update(robot.email, { disabled: false });
    expect((await authenticate(token)).principal.email).toBe(robot.email);
    identity.serviceAccounts.deleteKey(robot, robotKey.id);
    await expect(authenticate(token)).rejects.toMatchObject(refused);
  });

  it('tells what is wrong with a request for a user’s token', async () => {
    const { dataDir } = accounts;
    await expect(issueUserToken({ dataDir: join(dataDir, 'nowhere'), email: 'a@example.com' })).rejects.toMatchObject({
      code: 'DATA_DIRECTORY_MISSING',
    });
    await expect(issueUserToken({ dataDir, email: account.email })).rejects.toMatchObject({ code: 'NOT_A_USER' });
    await expect(issueUserToken({ dataDir, email: 'no-address' })).rejects.toThrow('no-address');
    await expect(issueUserToken({ dataDir, email: 'a@example.com', lifetimeSeconds: 0 })).rejects.toMatchObject({
      code: 'TOKEN_LIFETIME',
    });
  });
});

describe('the signing key', () => {
  it('is one file of mode 0600 that stays the same, and is never replaced when it is damaged', () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-key-'));
    try {
      const key = loadSigningKey(dataDir);
      const file = join(dataDir, 'token-signing.key');
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(Buffer.from(loadSigningKey(dataDir)).equals(Buffer.from(key))).toBe(true);
      writeFileSync(file, 'short');
      expect(() => loadSigningKey(dataDir)).toThrow(file);
      expect(readFileSync(file, 'utf8')).toBe('short');
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});

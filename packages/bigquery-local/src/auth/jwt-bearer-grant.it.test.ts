import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAuthenticator } from './authenticator.ts';
import { grantToken } from './jwt-bearer-grant.ts';
import { hmacJwt, signedJwt, TestAccounts, unsignedJwt } from './test-accounts.ts';
import type { TestKey } from './test-accounts.ts';

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const OWN_URL = 'http://127.0.0.1:9050/token';
const GOOGLE_URL = 'https://oauth2.googleapis.com/token';
const SCOPE = 'https://www.googleapis.com/auth/bigquery';
const NOW = new Date('2026-03-01T12:00:00Z');
const SECONDS = NOW.getTime() / 1000;
const TIME_WINDOW =
  'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.';

describe('the JWT-bearer grant', () => {
  const accounts = new TestAccounts();
  const { identity, account } = accounts;
  let key: TestKey;
  let otherKey: TestKey;

  beforeAll(async () => {
    key = await accounts.newKey();
    otherKey = await accounts.newKey(accounts.newAccount('other-robot'));
  });
  afterAll(() => accounts[Symbol.dispose]());

  const good = { iss: account.email, scope: SCOPE, aud: OWN_URL, iat: SECONDS, exp: SECONDS + 3600 };
  const ask = (assertion: unknown, grantType: unknown = GRANT) =>
    grantToken(identity, { grantType, assertion, ownUrl: OWN_URL }, NOW);
  const askWith = (claims: Record<string, unknown>, header?: Record<string, unknown>) =>
    ask(signedJwt(key.privateKey, claims, header));
  const refusal = (error: string, description: string, status = 400) => ({
    status,
    body: { error, error_description: description },
  });

  it.each([OWN_URL, GOOGLE_URL])('gives a bearer token for an assertion whose audience is %s', async (aud) => {
    const answer = await askWith({ ...good, aud });
    expect(answer).toEqual({
      status: 200,
      body: { access_token: expect.any(String) as string, expires_in: 3599, token_type: 'Bearer' },
    });
    const { access_token: token } = answer.body as { access_token: string };
    const authenticator = createAuthenticator({ identity });
    expect(await authenticator.authenticate(`Bearer ${token}`, NOW)).toEqual({
      principal: { kind: 'serviceAccount', email: account.email },
      scopes: [SCOPE],
    });
    const late = new Date(NOW.getTime() + 3_601_000);
    await expect(authenticator.authenticate(`Bearer ${token}`, late)).rejects.toMatchObject({ reason: 'authError' });
  });

  it('takes assertions with the right key id, without one, and with times as digits in strings', async () => {
    expect((await askWith(good, { alg: 'RS256', typ: 'JWT', kid: key.id })).status).toBe(200);
    expect((await askWith({ ...good, iat: String(SECONDS), exp: String(SECONDS + 60) })).status).toBe(200);
    expect((await askWith({ ...good, iss: account.uniqueId })).status).toBe(200);
  });

  it('tries every key of the account when the assertion names none', async () => {
    const second = await accounts.newKey();
    expect((await ask(signedJwt(second.privateKey, good))).status).toBe(200);
    expect((await ask(signedJwt(second.privateKey, good, { alg: 'RS256', kid: key.id }))).status).toBe(400);
  });

  it('refuses other grant types by name', async () => {
    expect(await ask('x', 'password')).toEqual(refusal('unsupported_grant_type', 'Invalid grant_type: password'));
    expect(await ask('x', null)).toMatchObject({ body: { error: 'unsupported_grant_type' } });
  });

  it.each([
    ['missing', undefined],
    ['empty', ''],
    ['two segments', 'a.b'],
    ['not base64', 'a!.b.c'],
    ['not JSON', `${Buffer.from('{').toString('base64url')}.e30.x`],
    ['a list', `${Buffer.from('[]').toString('base64url')}.e30.x`],
    ['a number', 7],
  ])('calls an assertion that is %s a bad request', async (_, assertion) => {
    expect(await ask(assertion)).toEqual(refusal('invalid_request', 'Bad Request'));
  });

  it('refuses signatures of another key, another algorithm, or none', async () => {
    const publicKey = identity.serviceAccounts.keys(account)[0]!.publicKey;
    const bad = refusal('invalid_grant', 'Invalid JWT Signature.');
    expect(await ask(signedJwt(otherKey.privateKey, good))).toEqual(bad);
    expect(await ask(hmacJwt(publicKey, good))).toEqual(bad);
    expect(await ask(hmacJwt(publicKey, good, { alg: 'RS256' }))).toEqual(bad);
    expect(await ask(unsignedJwt(good))).toEqual(bad);
    expect(await ask(unsignedJwt(good, { alg: 'RS256' }))).toEqual(bad);
    expect(await ask(unsignedJwt(good, {}))).toEqual(bad);
    const [header, , signature] = signedJwt(key.privateKey, good).split('.');
    const forged = Buffer.from(JSON.stringify({ ...good, scope: `${SCOPE} openid` })).toString('base64url');
    expect(await ask(`${header}.${forged}.${signature}`)).toEqual(bad);
  });

  it.each([
    ['an unknown issuer', { iss: 'nobody@example.com' }, 'invalid_grant', 'Invalid grant: account not found'],
    ['no issuer', { iss: undefined }, 'invalid_grant', 'Invalid grant: account not found'],
    ['no iat', { iat: undefined }, 'invalid_grant', 'Invalid JWT: iat (issued at) is not set.'],
    ['no exp', { exp: undefined }, 'invalid_grant', 'Invalid JWT: exp (expiration time) is not set.'],
    ['an exp in the past', { iat: SECONDS - 3700, exp: SECONDS - 100 }, 'invalid_grant', TIME_WINDOW],
    ['more than an hour', { exp: SECONDS + 3601 }, 'invalid_grant', TIME_WINDOW],
    ['an iat in the future', { iat: SECONDS + 600, exp: SECONDS + 900 }, 'invalid_grant', TIME_WINDOW],
    ['an empty scope', { scope: ' ' }, 'invalid_scope', 'Invalid OAuth scope or ID token audience provided.'],
    ['no audience', { aud: undefined }, 'invalid_grant', 'Invalid JWT: Failed audience check.'],
    ['another audience', { aud: 'https://example.com/token' }, 'invalid_grant', 'Invalid JWT: Failed audience check.'],
  ])('refuses %s with Google’s text', async (_, change, error, description) => {
    expect(await askWith({ ...good, ...change })).toEqual(refusal(error, description));
  });

  it('checks the signature before the claims, the times before the scope and the scope before the audience', async () => {
    const wrong = { ...good, iat: undefined, scope: '', aud: 'x' };
    expect(await ask(signedJwt(otherKey.privateKey, wrong))).toMatchObject({
      body: { error_description: 'Invalid JWT Signature.' },
    });
    expect(await askWith(wrong)).toMatchObject({
      body: { error_description: 'Invalid JWT: iat (issued at) is not set.' },
    });
    expect(await askWith({ ...wrong, iat: SECONDS })).toMatchObject({ body: { error: 'invalid_scope' } });
  });

  it('has no domain-wide delegation', async () => {
    expect((await askWith({ ...good, sub: account.email })).status).toBe(200);
    expect(await askWith({ ...good, sub: 'boss@example.com' })).toMatchObject({
      status: 401,
      body: { error: 'unauthorized_client' },
    });
  });

  it('answers scopes that do not exist with an ID token, which opens nothing', async () => {
    const answer = await askWith({ ...good, scope: `${SCOPE} https://example.com/unheard-of` });
    expect(answer).toEqual({ status: 200, body: { id_token: expect.any(String) as string } });
    const { id_token: token } = answer.body as { id_token: string };
    const authenticator = createAuthenticator({ identity });
    await expect(authenticator.authenticate(`Bearer ${token}`, NOW)).rejects.toMatchObject({ reason: 'authError' });
  });

  it('stops for a deleted key, a disabled account and a deleted account', async () => {
    const robot = accounts.newAccount('dismissed');
    const robotKey = await accounts.newKey(robot);
    const claims = { ...good, iss: robot.email };
    const { body } = await ask(signedJwt(robotKey.privateKey, claims));
    const bearer = `Bearer ${(body as { access_token: string }).access_token}`;
    const authenticator = createAuthenticator({ identity });

    identity.serviceAccounts.update(robot.email, { disabled: true });
    expect((await ask(signedJwt(robotKey.privateKey, claims))).status).toBe(400);
    await expect(authenticator.authenticate(bearer, NOW)).rejects.toMatchObject({ httpStatus: 401 });

    identity.serviceAccounts.update(robot.email, { disabled: false });
    expect((await authenticator.authenticate(bearer, NOW)).principal.email).toBe(robot.email);
    identity.serviceAccounts.deleteKey(robot, robotKey.id);
    expect(await ask(signedJwt(robotKey.privateKey, claims))).toEqual(
      refusal('invalid_grant', 'Invalid JWT Signature.'),
    );

    identity.serviceAccounts.delete(robot.email);
    accounts.newAccount('dismissed');
    await expect(authenticator.authenticate(bearer, NOW)).rejects.toMatchObject({ httpStatus: 401 });
  });
});

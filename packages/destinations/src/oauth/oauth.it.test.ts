import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '@sluice/core';
import { Receiver } from '@sluice/destination-kit';
import { Provider } from 'oidc-provider';
import { describe, expect, it } from 'vitest';
import { authorize } from './authorize.ts';
import type { OAuthEndpoints } from './endpoints.ts';
import type { Connection, ConnectionStore, StoredConnection } from './keeper.ts';
import { credentialsOf, renewConnection } from './keeper.ts';
import { exchangeCode, refreshGrant } from './token-request.ts';

const CLIENT = { clientId: 'sluice-test', clientSecret: 'client-secret-0123456789' };

/** A real authorization server; `deny` refuses every consent, otherwise each is given. */
async function startServer({ rotate = false, deny = false } = {}) {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const tokenRequests: string[] = [];
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT.clientId,
        client_secret: CLIENT.clientSecret,
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/oauth/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    scopes: ['openid', 'offline_access', 'crm'],
    cookies: { keys: ['cookie-key'] },
    jwks: undefined,
    rotateRefreshToken: rotate,
    issueRefreshToken: async () => true,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_, interaction) => `/consent/${interaction.uid}` },
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      Grant: 3600,
      Interaction: 600,
      Session: 3600,
      RefreshToken: 86_400,
    },
  });
  const callback = provider.callback();
  http.on('request', (request, response) => {
    if (request.url === '/token') tokenRequests.push(request.url);
    if (request.url?.startsWith('/consent/') !== true) return void callback(request, response);
    void (async () => {
      if (deny) {
        return provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'no' });
      }
      const { params } = await provider.interactionDetails(request, response);
      const grant = new provider.Grant({ accountId: 'ada', clientId: CLIENT.clientId });
      grant.addOIDCScope(String(params['scope']));
      const consent = { grantId: await grant.save() };
      return provider.interactionFinished(request, response, { login: { accountId: 'ada' }, consent });
    })();
  });
  const endpoints: OAuthEndpoints = {
    provider: 'Test',
    authorizationEndpoint: new URL(`${issuer}/auth`),
    tokenEndpoint: new URL(`${issuer}/token`),
    scopes: ['openid', 'offline_access'],
    optionalScopes: [],
    parameters: { prompt: 'consent' },
    pkce: true,
    clientAuthentication: 'client_secret_post',
    redirectHost: '127.0.0.1',
    redirectPort: 0,
    settings: {},
  };
  return {
    endpoints,
    tokenRequests,
    issuer,
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

/** A browser that follows redirects with its cookies up to the loopback; gives that last address. */
async function browse(start: string, stopAt: string): Promise<string> {
  const cookies = new Map<string, string>();
  let url = start;
  for (let hop = 0; hop < 12; hop += 1) {
    if (url.startsWith(stopAt)) return url;
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';');
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    const location = response.headers.get('location');
    if (location === null) throw new Error(`no redirect from ${url}: ${response.status} ${await response.text()}`);
    url = new URL(location, url).href;
  }
  throw new Error('too many redirects');
}

async function connect(endpoints: OAuthEndpoints, visit?: (url: string, redirectUri: string) => Promise<void>) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => undefined);
  const grant = authorize(endpoints, CLIENT, {
    waitMs: 30_000,
    onReady: (url, redirectUri) => {
      const go = visit ?? (async () => void (await fetch(await browse(url, redirectUri))));
      go(url, redirectUri).then(resolve, reject);
    },
  });
  const [result] = await Promise.all([grant, promise]);
  return result;
}

const codeOf = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => 'no error',
    (error: unknown) => (error instanceof AppError ? error.code : error),
  );

describe('authorize', () => {
  it('signs in with PKCE and state, and gets tokens that the server takes', async () => {
    await using server = await startServer();
    const grant = await connect(server.endpoints);
    expect(grant.accessToken).toMatch(/.{20,}/);
    expect(grant.refreshToken).toMatch(/.{20,}/);
    expect(Date.parse(grant.expiresAt ?? '')).toBeGreaterThan(Date.now());
    const me = await fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${grant.accessToken}` } });
    expect(me.status).toBe(200);
  });

  it('refuses answers with a wrong state, and a second answer, without asking for tokens', async () => {
    await using server = await startServer();
    const statuses: number[] = [];
    const grant = await connect(server.endpoints, async (url, redirectUri) => {
      const last = new URL(await browse(url, redirectUri));
      const forged = new URL(last);
      forged.searchParams.set('state', 'x'.repeat(43));
      const missing = new URL(last);
      missing.searchParams.delete('state');
      for (const address of [forged, missing]) statuses.push((await fetch(address)).status);
      statuses.push((await fetch(new URL('/elsewhere', redirectUri))).status);
      expect(server.tokenRequests).toHaveLength(0);
      const [first, second] = await Promise.allSettled([fetch(last), fetch(last)]);
      statuses.push(first.status === 'fulfilled' ? first.value.status : 0);
      expect(second.status === 'fulfilled' ? second.value.status : 410).not.toBe(200);
    });
    expect(statuses).toEqual([400, 400, 404, 200]);
    expect(grant.accessToken).not.toBe('');
    expect(server.tokenRequests).toHaveLength(1);
  });

  it('says that the consent was denied', async () => {
    await using server = await startServer({ deny: true });
    const error = await connect(server.endpoints).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'OAUTH_DENIED', message: 'the consent was denied at Test' });
    expect(server.tokenRequests).toHaveLength(0);
  });

  it('ends when nobody signs in, when it is cancelled, and when the port is taken', async () => {
    await using server = await startServer();
    const { endpoints } = server;
    expect(await codeOf(authorize(endpoints, CLIENT, { waitMs: 20, onReady: () => undefined }))).toBe('OAUTH_TIMEOUT');
    const stop = new AbortController();
    const waiting = authorize(endpoints, CLIENT, { signal: stop.signal, onReady: () => stop.abort(new Error('stop')) });
    await expect(waiting).rejects.toThrow('stop');
    const { port } = new URL(endpoints.tokenEndpoint);
    const taken = { ...endpoints, redirectPort: Number(port) };
    expect(await codeOf(authorize(taken, CLIENT, { onReady: () => undefined }))).toBe('OAUTH_PORT_TAKEN');
  });

  it('cannot use a code twice, with another verifier, or with another secret', async () => {
    await using server = await startServer();
    const { endpoints } = server;
    let answer = new URLSearchParams();
    let redirect = '';
    const codes = async (): Promise<void> => {
      await codeOf(
        connect(endpoints, async (url, redirectUri) => {
          const last = await browse(url, redirectUri);
          answer = new URL(last).searchParams;
          redirect = redirectUri;
          await fetch(last);
        }),
      );
    };
    await codes();
    // `validateAuthResponse` marks checked answers; a replay has to pass it again.
    const oauth = await import('oauth4webapi');
    const checked = (): URLSearchParams => {
      answer.delete('iss');
      return oauth.validateAuthResponse(
        { issuer: server.issuer },
        { client_id: CLIENT.clientId },
        answer,
        oauth.skipStateCheck,
      );
    };
    const verifier = 'v'.repeat(43);
    const replay = exchangeCode(endpoints, CLIENT, { answer: checked(), redirectUri: redirect, verifier });
    await expect(replay).rejects.toMatchObject({ code: 'OAUTH_CODE_REFUSED' });

    // A fresh code whose challenge belongs to another verifier.
    const url = new URL(endpoints.authorizationEndpoint);
    const challenge = await oauth.calculatePKCECodeChallenge(oauth.generateRandomCodeVerifier());
    redirect = 'http://127.0.0.1:9/oauth/callback';
    for (const [name, value] of Object.entries({
      response_type: 'code',
      client_id: CLIENT.clientId,
      redirect_uri: redirect,
      scope: 'openid offline_access',
      prompt: 'consent',
      state: 's',
      code_challenge: challenge,
      code_challenge_method: 'S256',
    }))
      url.searchParams.set(name, value);
    answer = new URL(await browse(url.href, redirect)).searchParams;
    const mismatch = exchangeCode(endpoints, CLIENT, { answer: checked(), redirectUri: redirect, verifier });
    await expect(mismatch).rejects.toMatchObject({
      code: 'OAUTH_CODE_REFUSED',
      message: expect.stringContaining('invalid_grant'),
    });

    const stranger = { ...CLIENT, clientSecret: 'another-secret-0123456789' };
    const refused = await refreshGrant(endpoints, stranger, 'refresh-token-0123').catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({ code: 'OAUTH_REFRESH_FAILED', message: expect.stringContaining('invalid_client') });
    expect(JSON.stringify([refused, (refused as Error).message])).not.toMatch(/another-secret|refresh-token-0123/);
  });
});

/** In memory; `exclusively` is what the store of the command line does with files. */
class MemoryStore implements ConnectionStore {
  readonly entries = new Map<string, StoredConnection>();
  readonly writes: string[] = [];
  #last: Promise<unknown> = Promise.resolve();
  async read(name: string): Promise<StoredConnection | undefined> {
    return this.entries.get(name);
  }
  async write(name: string, connection: StoredConnection): Promise<void> {
    this.writes.push(connection.grant.accessToken);
    this.entries.set(name, connection);
  }
  async remove(name: string): Promise<boolean> {
    return this.entries.delete(name);
  }
  async exclusively<T>(_: string, run: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(run);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}

async function connected(endpoints: OAuthEndpoints) {
  const store = new MemoryStore();
  const connection: Connection = { name: 'crm', key: 'crm', client: CLIENT, endpoints };
  const grant = await connect(endpoints);
  store.entries.set('crm', { type: 'test', clientId: CLIENT.clientId, grant, connectedAt: new Date().toISOString() });
  return { store, connection, stale: credentialsOf(grant, connection), grant };
}

describe('renewConnection', () => {
  it('keeps the rotated refresh token, and asks once for two that find the token expired', async () => {
    await using server = await startServer({ rotate: true });
    const { store, connection, stale, grant } = await connected(server.endpoints);
    const before = server.tokenRequests.length;
    const [one, two] = await Promise.all([1, 2].map(() => renewConnection(store, connection, stale)));
    expect(one).toEqual(two);
    expect(one?.accessToken).not.toBe(grant.accessToken);
    expect(one?.refreshToken).not.toBe(grant.refreshToken);
    expect(server.tokenRequests.length - before).toBe(1);
    expect(store.writes).toEqual([one?.accessToken]);
    // Each refresh token works once: the next refresh needs the stored one.
    const next = await renewConnection(store, connection, one ?? stale);
    expect(next.refreshToken).not.toBe(one?.refreshToken);
    // The provider ends the whole grant when an old one comes back.
    expect(await codeOf(refreshGrant(server.endpoints, CLIENT, grant.refreshToken ?? ''))).toBe('OAUTH_REFRESH_FAILED');
    const ended = await renewConnection(store, connection, next).catch((thrown: unknown) => thrown);
    expect(ended).toMatchObject({
      code: 'OAUTH_REFRESH_FAILED',
      fix: expect.stringContaining('sluice destinations connect crm'),
    });
  });

  it('says how to mend a revoked connection, without a secret', async () => {
    await using server = await startServer();
    const { store, connection, stale, grant } = await connected(server.endpoints);
    const revoked = await fetch(`${server.issuer}/token/revocation`, {
      method: 'POST',
      body: new URLSearchParams({
        token: grant.refreshToken ?? '',
        client_id: CLIENT.clientId,
        client_secret: CLIENT.clientSecret,
      }),
    });
    expect(revoked.status).toBe(200);
    const error = (await renewConnection(store, connection, stale).catch((thrown: unknown) => thrown)) as AppError;
    expect(error).toMatchObject({ code: 'OAUTH_REFRESH_FAILED', kind: 'unauthenticated' });
    expect(error.message).toContain('invalid_grant');
    expect(error.message).toContain('sluice destinations connect crm');
    for (const secret of [CLIENT.clientSecret, grant.refreshToken, grant.accessToken])
      expect(`${error.message}${String(error.stack)}${JSON.stringify(error)}`).not.toContain(secret);
    expect(store.writes).toEqual([]);
  });

  it('tells a provider that is down or silent from one that refuses, and stores nothing', async () => {
    await using receiver = await Receiver.start(() => ({ status: 503, body: 'later' }));
    const endpoints: OAuthEndpoints = {
      provider: 'Test',
      authorizationEndpoint: new URL('https://auth.example/auth'),
      tokenEndpoint: new URL('https://auth.example/token'),
      scopes: [],
      optionalScopes: [],
      parameters: {},
      pkce: true,
      clientAuthentication: 'client_secret_basic',
      redirectHost: '127.0.0.1',
      redirectPort: 0,
      settings: { instanceUrl: 'instance_url' },
    };
    const runner = { connector: receiver.connector };
    const ask = () => refreshGrant(endpoints, CLIENT, 'refresh-0123456', { runner, timeoutMs: 400 });
    expect(await codeOf(ask())).toBe('OAUTH_UNAVAILABLE');
    receiver.behaviour = { kind: 'silent' };
    expect(await codeOf(ask())).toBe('OAUTH_UNAVAILABLE');
    receiver.behaviour = { kind: 'malformed' };
    expect(await codeOf(ask())).toBe('OAUTH_UNAVAILABLE');
    receiver.behaviour = { kind: 'answer' };
    // HubSpot's words, and LinkedIn's answer without a token type, with Salesforce's instance.
    receiver.vendor = () => ({
      status: 400,
      body: { status: 'BAD_REFRESH_TOKEN', message: 'missing or invalid refresh token' },
    });
    await expect(ask()).rejects.toMatchObject({
      code: 'OAUTH_REFRESH_FAILED',
      message: expect.stringContaining('BAD_REFRESH_TOKEN'),
    });
    receiver.vendor = () => ({ body: { access_token: 'new', expires_in: 60, instance_url: 'https://acme.example' } });
    expect(await ask()).toMatchObject({ accessToken: 'new', settings: { instanceUrl: 'https://acme.example' } });
    const [request] = receiver.requests.slice(-1);
    expect(request?.headers.authorization).toMatch(/^Basic /);
    expect(request?.body).toContain('refresh_token=refresh-0123456');
  });
});

// The two requests to a provider's token endpoint: a code for tokens, and a refresh token
// for new ones. The protocol is oauth4webapi's; here it gets our HTTP client (time limit,
// proxy, bounded answers), what providers do differently, and errors that name the fix.
import { AppError, messageOf } from '@sluice/core';
import { HttpPool } from '@sluice/destination-kit';
import type { RunnerOptions } from '@sluice/destination-kit';
import * as oauth from 'oauth4webapi';
import type { OAuthEndpoints } from './endpoints.ts';

export type OAuthClient = { readonly clientId: string; readonly clientSecret?: string };

/** What a provider granted. */
export type Grant = {
  readonly accessToken: string;
  /** Absent when the provider gave none: at a refresh the old one stays valid. */
  readonly refreshToken?: string;
  /** ISO 8601. */
  readonly expiresAt?: string;
  readonly refreshTokenExpiresAt?: string;
  readonly scopes?: readonly string[];
  /** Settings of the destination that the answer tells, for example Salesforce's `instanceUrl`. */
  readonly settings: Readonly<Record<string, string>>;
};

export type TokenRequestOptions = {
  /** Default 30,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Proxy, and in tests where connections lead. */
  readonly runner?: Pick<Partial<RunnerOptions>, 'proxy' | 'connector'>;
};

export const TOKEN_TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_REASON = 200;

/** `answer` is the provider's redirect, checked already. Throws an AppError `OAUTH_CODE_REFUSED` or `OAUTH_UNAVAILABLE`. */
export function exchangeCode(
  endpoints: OAuthEndpoints,
  client: OAuthClient,
  request: { readonly answer: URLSearchParams; readonly redirectUri: string; readonly verifier: string | undefined },
  options: TokenRequestOptions = {},
): Promise<Grant> {
  const { server, authentication } = partsOf(endpoints, client);
  return ask('code', endpoints, client, options, async (more) => {
    const verifier = request.verifier ?? oauth.nopkce;
    const { answer, redirectUri } = request;
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      { client_id: client.clientId },
      authentication,
      answer,
      redirectUri,
      verifier,
      more,
    );
    return oauth.processAuthorizationCodeResponse(server, { client_id: client.clientId }, response);
  });
}

/** Throws an AppError `OAUTH_REFRESH_FAILED` when the provider refuses, `OAUTH_UNAVAILABLE` when it cannot be asked. */
export function refreshGrant(
  endpoints: OAuthEndpoints,
  client: OAuthClient,
  refreshToken: string,
  options: TokenRequestOptions = {},
): Promise<Grant> {
  const { server, authentication } = partsOf(endpoints, client);
  return ask('refresh', endpoints, client, options, async (more) => {
    const asked = { client_id: client.clientId };
    const response = await oauth.refreshTokenGrantRequest(server, asked, authentication, refreshToken, more);
    return oauth.processRefreshTokenResponse(server, asked, response);
  });
}

export function partsOf(
  { authorizationEndpoint, tokenEndpoint, clientAuthentication }: OAuthEndpoints,
  { clientSecret }: OAuthClient,
): { readonly server: oauth.AuthorizationServer; readonly authentication: oauth.ClientAuth } {
  const server = {
    issuer: authorizationEndpoint.origin,
    authorization_endpoint: authorizationEndpoint.href,
    token_endpoint: tokenEndpoint.href,
  };
  if (clientSecret === undefined || clientAuthentication === 'none') return { server, authentication: oauth.None() };
  const basic = clientAuthentication === 'client_secret_basic';
  return {
    server,
    authentication: basic ? oauth.ClientSecretBasic(clientSecret) : oauth.ClientSecretPost(clientSecret),
  };
}

type Answer = { status?: number; fields?: Readonly<Record<string, unknown>> };

async function ask(
  what: 'code' | 'refresh',
  endpoints: OAuthEndpoints,
  { clientId, clientSecret }: OAuthClient,
  options: TokenRequestOptions,
  run: (more: oauth.TokenEndpointRequestOptions) => Promise<oauth.TokenEndpointResponse>,
): Promise<Grant> {
  const { timeoutMs = TOKEN_TIMEOUT_MS, signal = new AbortController().signal, now = Date.now, runner } = options;
  await using http = new HttpPool({
    connections: 1,
    userAgent: 'Sluice',
    timeoutMs,
    maxTimeoutMs: timeoutMs,
    maxResponseBytes: MAX_ANSWER_BYTES,
    ...(runner?.proxy === undefined ? {} : { proxy: runner.proxy }),
    ...(runner?.connector === undefined ? {} : { connector: runner.connector }),
  });
  const request = http.client({}, { signal });
  const answers: Answer = {};
  const customFetch = async (
    url: string,
    init: oauth.CustomFetchOptions<'POST', URLSearchParams>,
  ): Promise<Response> => {
    const { status, headers, content } = await request(url, {
      method: 'POST',
      headers: init.headers,
      body: init.body,
      throwHttpErrors: false,
    });
    answers.status = status;
    const fields = objectOf(content);
    if (fields !== undefined) answers.fields = fields;
    return tidied(status, headers, content, fields);
  };
  try {
    const granted = await run({ [oauth.customFetch]: customFetch, [oauth.allowInsecureRequests]: true });
    return grantOf(endpoints, granted, now());
  } catch (error) {
    signal.throwIfAborted();
    throw failure(what, endpoints.provider, answers, error, [clientId, clientSecret]);
  }
}

/**
 * The answer as RFC 6749, 5.1 and 5.2 want it: some providers (LinkedIn) leave out `token_type`,
 * some (HubSpot) say an error in words of their own.
 */
function tidied(
  status: number,
  headers: Headers,
  content: string,
  fields: Readonly<Record<string, unknown>> | undefined,
): Response {
  const type = { 'content-type': 'application/json' };
  const body = status === 204 || status === 304 ? null : content;
  if (fields === undefined) return new Response(body, { status: bodyStatus(status), headers });
  const { id_token: _, ...kept } = fields;
  const whole = 'access_token' in kept && !('token_type' in kept) ? { ...kept, token_type: 'Bearer' } : kept;
  return new Response(JSON.stringify(whole), { status: bodyStatus(status), headers: type });
}

function bodyStatus(status: number): number {
  return status < 200 || status > 599 ? 502 : status;
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function grantOf({ settings }: OAuthEndpoints, granted: oauth.TokenEndpointResponse, now: number): Grant {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: expiresIn, scope } = granted;
  const after = (seconds: unknown): string | undefined =>
    typeof seconds === 'number' && seconds > 0 && seconds < 1e10
      ? new Date(now + seconds * 1000).toISOString()
      : undefined;
  const expiresAt = after(expiresIn);
  const refreshTokenExpiresAt = after(granted['refresh_token_expires_in']);
  const told = Object.entries(settings).flatMap(([setting, field]): [string, string][] => {
    const value = granted[field];
    return typeof value === 'string' || typeof value === 'number' ? [[setting, String(value)]] : [];
  });
  return {
    accessToken,
    ...(refreshToken === undefined || refreshToken === '' ? {} : { refreshToken }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(refreshTokenExpiresAt === undefined ? {} : { refreshTokenExpiresAt }),
    ...(scope === undefined ? {} : { scopes: scope.split(/[ ,]+/).filter((each) => each !== '') }),
    settings: Object.fromEntries(told),
  };
}

function failure(
  what: 'code' | 'refresh',
  provider: string,
  { status, fields }: Answer,
  cause: unknown,
  secrets: readonly (string | undefined)[],
): AppError {
  // A refusal speaks about this client or token; anything else may pass.
  const refused = status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429;
  const said = refused || status === 200 ? reasonOf(fields, secrets) : '';
  if (!refused) {
    const detail = status === undefined ? messageOf(cause) : `it answered with status ${status}${said}`;
    return new AppError(`${provider} gave no token: ${detail}`, {
      code: 'OAUTH_UNAVAILABLE',
      kind: 'unavailable',
      origin: 'destination',
      fix: 'Try again later.',
    });
  }
  if (what === 'code') {
    return new AppError(`${provider} refused the sign-in (status ${status}${said})`, {
      code: 'OAUTH_CODE_REFUSED',
      kind: 'unauthenticated',
      origin: 'destination',
      fix: 'Check oauth.client_id and oauth.client_secret and the redirect URL that is registered; then connect once more.',
    });
  }
  return new AppError(`${provider} refused to renew the access (status ${status}${said})`, {
    code: 'OAUTH_REFRESH_FAILED',
    kind: 'unauthenticated',
    origin: 'destination',
    fix: 'The connection has expired or was revoked, or the client has changed: connect the destination again.',
  });
}

/** Error code and description; nothing that could repeat what was sent. */
function reasonOf(
  fields: Readonly<Record<string, unknown>> | undefined,
  secrets: readonly (string | undefined)[],
): string {
  const parts = [fields?.['error'] ?? fields?.['status'], fields?.['error_description'] ?? fields?.['message']]
    .filter((part) => typeof part === 'string' && part !== '')
    .map(String);
  let text = parts.join(': ').slice(0, MAX_REASON);
  for (const secret of secrets)
    if (secret !== undefined && secret.length > 3) text = text.replaceAll(secret, '[redacted]');
  return text === '' ? '' : `, ${text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ')}`;
}

// The authorization-code flow of a native application (RFC 8252): the user signs in with a
// browser, the provider redirects to a port of this machine. Promise: one answer is taken, and
// only one that carries this flow's state (RFC 6749, 10.12); the code is bound to this
// process by PKCE with S256 (RFC 7636) where the provider allows it; the flow ends within its time.
import { timingSafeEqual } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '@sluice/core';
import * as oauth from 'oauth4webapi';
import type { OAuthEndpoints } from './endpoints.ts';
import type { Grant, OAuthClient, TokenRequestOptions } from './token-request.ts';
import { exchangeCode } from './token-request.ts';

export type AuthorizeOptions = TokenRequestOptions & {
  /** Called once, when the redirect can be answered: the user opens the URL. */
  readonly onReady: (url: string, redirectUri: string) => void;
  /** Somebody called the redirect with a wrong state; the flow goes on. */
  readonly onRefused?: () => void;
  /** For the user to sign in, in milliseconds. Default 300,000. */
  readonly waitMs?: number;
};

const CALLBACK_PATH = '/oauth/callback';
const WAIT_MS = 300_000;

/**
 * Throws an AppError: `OAUTH_DENIED`, `OAUTH_TIMEOUT`, `OAUTH_PORT_TAKEN`, `OAUTH_CODE_REFUSED`,
 * `OAUTH_UNAVAILABLE`. Rejects with the signal's reason when it is aborted.
 */
export async function authorize(
  endpoints: OAuthEndpoints,
  client: OAuthClient,
  options: AuthorizeOptions,
): Promise<Grant> {
  const { signal } = options;
  signal?.throwIfAborted();
  const state = oauth.generateRandomState();
  const verifier = endpoints.pkce ? oauth.generateRandomCodeVerifier() : undefined;
  await using redirect = await RedirectServer.start(endpoints, state, options.onRefused);
  const url = new URL(endpoints.authorizationEndpoint);
  const parameters = {
    ...endpoints.parameters,
    response_type: 'code',
    client_id: client.clientId,
    redirect_uri: redirect.uri,
    state,
    ...(endpoints.scopes.length === 0 ? {} : { scope: endpoints.scopes.join(' ') }),
    ...(endpoints.optionalScopes.length === 0 ? {} : { optional_scope: endpoints.optionalScopes.join(' ') }),
    ...(verifier === undefined
      ? {}
      : { code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  options.onReady(url.href, redirect.uri);
  const callback = await redirect.answer(options.waitMs ?? WAIT_MS, signal);
  try {
    const answer = accepted(endpoints, client, callback.parameters, state);
    const grant = await exchangeCode(endpoints, client, { answer, redirectUri: redirect.uri, verifier }, options);
    callback.finish(200, 'Connected. You can close this window and go back to the terminal.');
    return grant;
  } catch (error) {
    callback.finish(400, 'Not connected. The terminal says why; you can close this window.');
    throw error;
  }
}

function accepted(
  endpoints: OAuthEndpoints,
  client: OAuthClient,
  parameters: URLSearchParams,
  state: string,
): URLSearchParams {
  // Without published metadata the issuer of a response (RFC 9207) cannot be compared.
  parameters.delete('iss');
  parameters.delete('id_token');
  parameters.delete('session_state');
  const server = { issuer: endpoints.authorizationEndpoint.origin };
  try {
    return oauth.validateAuthResponse(server, { client_id: client.clientId }, parameters, state);
  } catch (error) {
    const said = (name: string): string =>
      (parameters.get(name) ?? '').replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ').slice(0, 200);
    const denied = said('error') === 'access_denied';
    const description = said('error_description');
    const reason = `${said('error') || 'the answer has no code'}${description === '' ? '' : `: ${description}`}`;
    throw new AppError(
      denied
        ? `the consent was denied at ${endpoints.provider}`
        : `${endpoints.provider} did not grant access: ${reason}`,
      {
        code: denied ? 'OAUTH_DENIED' : 'OAUTH_REFUSED',
        kind: 'unauthenticated',
        origin: 'destination',
        fix: denied
          ? 'Connect once more and allow the access that is asked for.'
          : 'Check the client, its scopes and its redirect URL at the provider; oauth.scopes in sluice.yaml asks for others.',
        cause: error,
      },
    );
  }
}

type Callback = {
  readonly parameters: URLSearchParams;
  /** Answers the browser. */
  readonly finish: (status: number, text: string) => void;
};

class RedirectServer implements AsyncDisposable {
  readonly uri: string;
  readonly #server;
  readonly #callback: Promise<Callback>;

  private constructor(server: ReturnType<typeof createServer>, uri: string, callback: Promise<Callback>) {
    this.#server = server;
    this.uri = uri;
    this.#callback = callback;
  }

  static async start(
    { redirectHost, redirectPort }: OAuthEndpoints,
    state: string,
    onRefused: (() => void) | undefined,
  ): Promise<RedirectServer> {
    const { promise, resolve } = Promise.withResolvers<Callback>();
    let taken = false;
    const server = createServer(
      { requestTimeout: 10_000, headersTimeout: 10_000, maxHeaderSize: 32 * 1024 },
      (request, response) => {
        const url = URL.parse(request.url ?? '', 'http://redirect');
        if (request.method !== 'GET' || url?.pathname !== CALLBACK_PATH)
          return say(response, 404, 'There is nothing here.');
        if (!sameText(url.searchParams.get('state') ?? '', state)) {
          onRefused?.();
          return say(response, 400, 'This answer does not belong to the sign-in that is under way.');
        }
        if (taken) return say(response, 410, 'This sign-in was answered already.');
        taken = true;
        return resolve({ parameters: url.searchParams, finish: (status, text) => say(response, status, text) });
      },
    );
    server.maxConnections = 16;
    await new Promise<void>((done, fail) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        fail(
          new AppError(
            `the port ${redirectPort} for the redirect cannot be opened (${error.code ?? 'unknown reason'})`,
            {
              code: 'OAUTH_PORT_TAKEN',
              kind: 'invalid',
              fix: 'End the program that uses it, or register another port at the provider and set oauth.redirect_port.',
            },
          ),
        );
      });
      server.listen(redirectPort, '127.0.0.1', done);
    });
    const { port } = server.address() as AddressInfo;
    return new RedirectServer(server, `http://${redirectHost}:${port}${CALLBACK_PATH}`, promise);
  }

  async answer(waitMs: number, signal: AbortSignal | undefined): Promise<Callback> {
    const limit = AbortSignal.timeout(waitMs);
    const either = signal === undefined ? limit : AbortSignal.any([limit, signal]);
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const end = (): void => {
      const timeout = new AppError(`nobody signed in within ${Math.round(waitMs / 1000)} seconds`, {
        code: 'OAUTH_TIMEOUT',
        kind: 'unavailable',
        fix: 'Connect once more and finish the sign-in in the browser; --timeout gives more time.',
      });
      reject(signal?.aborted === true ? (signal.reason as Error) : timeout);
    };
    either.addEventListener('abort', end, { once: true });
    if (either.aborted) end();
    try {
      return await Promise.race([this.#callback, ended]);
    } finally {
      either.removeEventListener('abort', end);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The browser's last answer leaves first; then nobody is waited for.
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), 1000);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    clearTimeout(timer);
  }
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    connection: 'close',
  });
  response.end(`${text}\n`);
}

function sameText(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

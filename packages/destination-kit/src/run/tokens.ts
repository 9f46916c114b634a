// The OAuth tokens of one connection, shared by everything that uses it in this process.
// Promise: however many requests find a token expired at once, one refresh is made, and its
// result is kept by the caller before anybody uses it.
import { createHash } from 'node:crypto';
import type { ConnectionSpec, Credentials } from '../destination.ts';
import type { AuthTokens } from '../segment/definition.ts';

/** What `refreshAccessToken` of a definition gives. */
export type FreshTokens = { readonly accessToken: string; readonly refreshToken?: string };

/** `renewCredentials` of the contract, for one connection. */
export type Renew = (stale: Credentials, ask: (current: Credentials) => Promise<Credentials>) => Promise<Credentials>;

export class Tokens {
  #current: Credentials;
  #refreshing: Promise<Credentials> | undefined;

  constructor(credentials: Credentials) {
    this.#current = credentials;
  }

  get current(): Credentials {
    return this.#current;
  }

  /**
   * New tokens in the place of `stale`. Nothing is asked when they were already replaced.
   * Rejects when `refresh` or `save` does; the next call tries again.
   */
  async refresh(
    stale: string,
    refresh: (current: Credentials) => Promise<FreshTokens>,
    save: (fresh: Credentials) => Promise<void>,
    renew?: Renew,
  ): Promise<Credentials> {
    if (this.#current.accessToken !== stale) return this.#current;
    this.#refreshing ??= this.#replace(refresh, save, renew).finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async #replace(
    refresh: (current: Credentials) => Promise<FreshTokens>,
    save: (fresh: Credentials) => Promise<void>,
    renew: Renew | undefined,
  ): Promise<Credentials> {
    const ask = async (current: Credentials): Promise<Credentials> => withFresh(current, await refresh(current));
    const fresh = await (renew === undefined ? ask(this.#current) : renew(this.#current, ask));
    if (renew === undefined) await save(fresh);
    this.#current = fresh;
    return fresh;
  }
}

function withFresh(current: Credentials, { accessToken, refreshToken }: FreshTokens): Credentials {
  return {
    ...current,
    accessToken,
    // Many providers keep the refresh token, and then leave it out of the answer.
    ...(refreshToken === undefined || refreshToken === '' ? {} : { refreshToken }),
  };
}

const MAX_CONNECTIONS = 1000;

/** The tokens of all connections of one registry; connections with equal credentials share theirs. */
export class TokenStore {
  readonly #byConnection = new Map<string, Tokens>();

  /** Undefined for a connection without OAuth. */
  of({ type, credentials }: ConnectionSpec): Tokens | undefined {
    if (credentials === undefined) return undefined;
    const identity = [type, credentials.refreshToken ?? credentials.accessToken, credentials.clientId ?? ''];
    const key = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
    const found = this.#byConnection.get(key) ?? new Tokens(credentials);
    // The one that was used last goes last; the first is forgotten.
    this.#byConnection.delete(key);
    this.#byConnection.set(key, found);
    if (this.#byConnection.size > MAX_CONNECTIONS) {
      const oldest = this.#byConnection.keys().next().value;
      if (oldest !== undefined) this.#byConnection.delete(oldest);
    }
    return found;
  }
}

export function authTokensOf(credentials: Credentials): AuthTokens {
  const { accessToken, refreshToken, refreshTokenUrl, clientId, clientSecret } = credentials;
  return {
    accessToken,
    refreshToken: refreshToken ?? '',
    ...(refreshTokenUrl === undefined ? {} : { refreshTokenUrl }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(clientSecret === undefined ? {} : { clientSecret }),
  };
}

export function secretsOf(credentials: Credentials | undefined): string[] {
  if (credentials === undefined) return [];
  const { accessToken, refreshToken, clientSecret } = credentials;
  return [accessToken, refreshToken, clientSecret].filter((secret) => secret !== undefined);
}

// Keeps the tokens of connections that several processes use. Promise: one refresh at a time
// per connection, whoever asks for it; new tokens are stored before anybody uses them; who
// comes second gets what the first one fetched.
import { AppError } from '@sluice/core';
import type { Credentials } from '@sluice/destination-kit';
import type { OAuthEndpoints } from './endpoints.ts';
import type { Grant, OAuthClient, TokenRequestOptions } from './token-request.ts';
import { refreshGrant } from './token-request.ts';

/** What is stored of one connection. The client's secret is not part of it. */
export type StoredConnection = {
  /** Type of the destination. */
  readonly type: string;
  /** The client that the tokens were issued to. */
  readonly clientId: string;
  readonly grant: Grant;
  /** ISO 8601. */
  readonly connectedAt: string;
  readonly refreshedAt?: string;
};

/** Where connections are stored; a name is one connection. */
export interface ConnectionStore {
  read(name: string): Promise<StoredConnection | undefined>;
  /** Durable when it settles. */
  write(name: string, connection: StoredConnection): Promise<void>;
  remove(name: string): Promise<boolean>;
  /** `run` while no other process runs under this name. Rejects with an AppError `OAUTH_BUSY` after a bounded wait. */
  exclusively<T>(name: string, run: () => Promise<T>): Promise<T>;
}

export type Connection = {
  /** The destination's name in the configuration. */
  readonly name: string;
  /** The connection's name in the store. */
  readonly key: string;
  readonly client: OAuthClient;
  readonly endpoints: OAuthEndpoints;
};

/** The credentials of a spec for a stored connection. */
export function credentialsOf({ accessToken, refreshToken }: Grant, { client, endpoints }: Connection): Credentials {
  return {
    accessToken,
    ...(refreshToken === undefined ? {} : { refreshToken }),
    refreshTokenUrl: endpoints.tokenEndpoint.href,
    clientId: client.clientId,
    ...(client.clientSecret === undefined ? {} : { clientSecret: client.clientSecret }),
  };
}

/** Tokens in the place of `stale`; see `RenewCredentials` of the contract. */
export function renewConnection(
  store: ConnectionStore,
  connection: Connection,
  stale: Credentials,
  options: TokenRequestOptions = {},
): Promise<Credentials> {
  const { name, key, client, endpoints } = connection;
  return store.exclusively(key, async () => {
    const stored = await store.read(key);
    if (stored === undefined) throw gone(name, endpoints.provider, 'is not connected any more');
    if (stored.grant.accessToken !== stale.accessToken) return credentialsOf(stored.grant, connection);
    const { refreshToken } = stored.grant;
    if (refreshToken === undefined) throw gone(name, endpoints.provider, 'has expired, and there is no refresh token');
    const fresh = await refreshGrant(endpoints, client, refreshToken, options).catch((thrown: unknown) => {
      throw thrown instanceof AppError && thrown.code === 'OAUTH_REFRESH_FAILED' ? advised(thrown, name) : thrown;
    });
    const { refreshTokenExpiresAt, scopes, settings } = stored.grant;
    const grant: Grant = {
      refreshToken,
      ...(refreshTokenExpiresAt === undefined ? {} : { refreshTokenExpiresAt }),
      ...(scopes === undefined ? {} : { scopes }),
      ...fresh,
      settings: { ...settings, ...fresh.settings },
    };
    const now = new Date((options.now ?? Date.now)()).toISOString();
    await store.write(key, { ...stored, grant, refreshedAt: now });
    return credentialsOf(grant, connection);
  });
}

/** Runs of a sync show messages, not fixes. */
function advised(error: AppError, name: string): AppError {
  return new AppError(`${error.message}. ${fixOf(name)}`, {
    code: error.code,
    kind: error.kind,
    origin: error.origin,
    fix: fixOf(name),
  });
}

function gone(name: string, provider: string, what: string): AppError {
  return new AppError(`the connection to ${provider} ${what}. ${fixOf(name)}`, {
    code: 'OAUTH_REFRESH_FAILED',
    kind: 'unauthenticated',
    fix: fixOf(name),
  });
}

function fixOf(name: string): string {
  return `Connect it again: sluice destinations connect ${name}`;
}

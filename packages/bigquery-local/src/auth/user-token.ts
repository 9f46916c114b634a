// Access tokens for local users, for the command line: works beside a running server.

/** Name of the catalog's SQLite file in the data directory. */
export const CATALOG_FILE = 'catalog.sqlite';

export type UserTokenRequest = { readonly dataDir: string; readonly email: string; readonly lifetimeSeconds?: number };

/** Registers the local user and answers an access token (default: one hour). */
export function issueUserToken(_request: UserTokenRequest): Promise<string> {
  throw new Error('in work');
}

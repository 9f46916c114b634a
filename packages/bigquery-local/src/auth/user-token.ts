// Access tokens for local users, for the command line: works beside a running server and
// without one, as both share the catalog file and the signing key.
import { join } from 'node:path';

import { AppError } from '@sluice/core';

import { CatalogDatabase } from '../catalog/database.ts';
import { isServiceAccountEmail } from '../access/members.ts';
import { signAccessToken } from './access-token.ts';
import { requireEmail } from './email.ts';
import { CATALOG_FILE, requireDataDirectory } from './data-directory.ts';
import { IDENTITY_MIGRATIONS, openIdentity } from './identity.ts';
import { isKnownScope, USER_SCOPES } from './scopes.ts';

export { CATALOG_FILE };

export type UserTokenRequest = {
  readonly dataDir: string;
  readonly email: string;
  /** Default 3600; at most 43,200, the longest that Google allows. */
  readonly lifetimeSeconds?: number;
  /** Full scope URLs. Default: `cloud-platform` and those of the directory. */
  readonly scopes?: readonly string[];
};

const MAX_LIFETIME_SECONDS = 43_200;

/**
 * Registers the local user and answers an access token.
 * AppError: no e-mail, no data directory, a service account's e-mail, a suspended user, a lifetime out of range, an unknown scope.
 */
export async function issueUserToken(request: UserTokenRequest): Promise<string> {
  const { dataDir, email, lifetimeSeconds = 3600, scopes = USER_SCOPES } = request;
  requireEmail(email, email);
  requireDataDirectory(dataDir);
  if (isServiceAccountEmail(email)) {
    throw new AppError(`${email} is a service account; it signs in with a key.`, {
      code: 'NOT_A_USER',
      kind: 'invalid',
      where: email,
      fix: 'Create a key for it (iam.serviceAccounts.keys.create) and use the key file.',
    });
  }
  if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1 || lifetimeSeconds > MAX_LIFETIME_SECONDS) {
    throw new AppError(`The lifetime of a token is 1 to ${MAX_LIFETIME_SECONDS} seconds, not ${lifetimeSeconds}.`, {
      code: 'TOKEN_LIFETIME',
      kind: 'invalid',
    });
  }
  const unknown = scopes.find((scope) => !isKnownScope(scope));
  if (unknown !== undefined || scopes.length === 0) {
    throw new AppError(`${unknown ?? 'A token without scopes'} is not an OAuth scope that the local BigQuery knows.`, {
      code: 'UNKNOWN_SCOPE',
      kind: 'invalid',
      fix: 'Name scopes by their full URL, for example https://www.googleapis.com/auth/bigquery.readonly.',
    });
  }
  const now = new Date();
  using db = new CatalogDatabase(join(dataDir, CATALOG_FILE), IDENTITY_MIGRATIONS);
  const identity = openIdentity(db, dataDir);
  const address = identity.users.register(email, now);
  const user = identity.users.find(address);
  if (user === undefined || user.suspended) {
    throw new AppError(`${address} is suspended.`, {
      code: 'USER_SUSPENDED',
      kind: 'forbidden',
      where: address,
      fix: 'An administrator of the directory can lift the suspension (users.update, suspended: false).',
    });
  }
  const expiresAt = Math.floor(now.getTime() / 1000) + lifetimeSeconds;
  return signAccessToken(identity.signingKey, { subject: user.id, email: address, scopes, expiresAt }, now);
}

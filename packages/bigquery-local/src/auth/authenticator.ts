// Who calls: reads the Authorization header. Accepts access tokens that this server
// issued and JWTs that a service account signed itself (RS256, its stored public keys);
// each is checked against the accounts and keys as they are now.
import type { Principal } from '../access/decision.ts';
import { principalOf } from '../access/members.ts';
import { AccessTokenVerifier } from './access-token.ts';
import { isActive, isStopped } from './identity.ts';
import type { Identity } from './identity.ts';
import { CLOUD_PLATFORM, isKnownScope, isReadOnly, scopesOf } from './scopes.ts';
import { decodeJwt, issuerOf, isTimely, signerOf, timeOf } from './service-account-jwt.ts';
import type { Jwt } from './service-account-jwt.ts';
import { credentialsInvalid, credentialsMissing } from './unauthenticated.ts';

export type Authentication = {
  readonly principal: Principal;
  /** Full scope URLs. */
  readonly scopes: readonly string[];
};

export interface Authenticator {
  /**
   * `baseUrl` is this server's own URL, an accepted audience of self-signed JWTs.
   * 401 `required` without a header (unless anonymousAs), 401 `authError` for anything else that is not valid.
   */
  authenticate(authorization: string | undefined, now: Date, baseUrl?: string): Promise<Authentication>;
}

export type AuthenticatorOptions = {
  readonly identity: Identity;
  /** E-mail of the principal for requests without credentials; nobody when it is left out. */
  readonly anonymousAs?: string;
};

/** The universe domain in the keys that this server issues; see `rest/iam/key-file.ts`. */
export const UNIVERSE_DOMAIN = 'sluice.localhost';

/** Audiences that Google's clients write into self-signed JWTs: the service's default host, with a slash. */
const SERVICE_AUDIENCES: ReadonlySet<string> = new Set(
  ['bigquery', 'bigquerystorage', 'cloudresourcemanager', 'iam', 'storage'].flatMap((service) =>
    ['googleapis.com', UNIVERSE_DOMAIN].map((domain) => `https://${service}.${domain}/`),
  ),
);

/** A header longer than this is not looked at. */
const MAX_TOKEN_LENGTH = 16_384;

export function createAuthenticator({ identity, anonymousAs }: AuthenticatorOptions): Authenticator {
  const verifier = new AccessTokenVerifier(identity.signingKey);
  const anonymous = anonymousAs === undefined ? undefined : authentication(anonymousAs, [CLOUD_PLATFORM]);
  return {
    async authenticate(authorization, now, baseUrl) {
      if (authorization === undefined || authorization === '') {
        if (anonymous === undefined) throw credentialsMissing();
        if (isStopped(identity, anonymous.principal.email)) throw credentialsInvalid();
        return anonymous;
      }
      const token = /^Bearer +([^\s]+)\s*$/i.exec(authorization)?.[1];
      if (token === undefined || token.length > MAX_TOKEN_LENGTH) throw credentialsInvalid();
      const jwt = decodeJwt(token);
      const result =
        jwt?.header['alg'] === 'RS256'
          ? await selfSigned(identity, token, jwt, now, baseUrl)
          : await issuedByUs(identity, verifier, token, now);
      if (result === undefined) throw credentialsInvalid();
      return result;
    },
  };
}

async function issuedByUs(
  identity: Identity,
  verifier: AccessTokenVerifier,
  token: string,
  now: Date,
): Promise<Authentication | undefined> {
  const claims = await verifier.verify(token, now);
  if (claims === undefined || !isActive(identity, claims)) return undefined;
  return authentication(claims.email, claims.scopes);
}

async function selfSigned(
  identity: Identity,
  token: string,
  jwt: Jwt,
  now: Date,
  baseUrl: string | undefined,
): Promise<Authentication | undefined> {
  const account = issuerOf(identity, jwt);
  if (account === undefined || (await signerOf(identity, account, token, jwt, now)) === undefined) return undefined;
  const { claims } = jwt;
  const issuedAt = timeOf(claims['iat']);
  const expiresAt = timeOf(claims['exp']);
  if (issuedAt === undefined || expiresAt === undefined || !isTimely(issuedAt, expiresAt, now)) return undefined;
  if (claims['sub'] !== undefined && claims['sub'] !== claims['iss']) return undefined;

  // Google's Go client writes an empty audience beside a scope.
  const aud = claims['aud'] === '' ? undefined : claims['aud'];
  if (aud !== undefined && !isOurAudience(aud, baseUrl)) return undefined;
  if (claims['scope'] === undefined)
    return aud === undefined ? undefined : authentication(account.email, [CLOUD_PLATFORM]);
  const scopes = scopesOf(claims['scope']);
  return scopes.length === 0 || !scopes.every(isKnownScope) ? undefined : authentication(account.email, scopes);
}

function isOurAudience(audience: unknown, baseUrl: string | undefined): boolean {
  if (typeof audience !== 'string') return false;
  return (
    SERVICE_AUDIENCES.has(audience) || (baseUrl !== undefined && (audience === `${baseUrl}/` || audience === baseUrl))
  );
}

function authentication(email: string, scopes: readonly string[]): Authentication {
  const principal = principalOf(email);
  return { principal: isReadOnly(scopes) ? { ...principal, readOnly: true } : principal, scopes };
}

// IAM Service Account Credentials API v1: short-lived credentials for whoever may act as
// a service account. JWTs and blobs are signed by a key of the account that never leaves
// the server; its public half is served where Google serves such keys.
import { createPublicKey, sign } from 'node:crypto';
import { SignJWT } from 'jose';
import { signAccessToken } from '../../auth/access-token.ts';
import type { Identity } from '../../auth/identity.ts';
import { isKnownScope } from '../../auth/scopes.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { ServiceAccount } from '../../catalog/service-accounts.ts';
import { optionalText, optionalTexts, requiredText } from '../iam/body.ts';
import { authorizedAccount } from '../iam/service-accounts.ts';
import type { RequestContext, Route } from '../route.ts';

/** Without an organization's policy nothing lives longer. */
const MAX_LIFETIME_SECONDS = 3600;
const MAX_PAYLOAD = 64 * 1024;

type SigningKey = Awaited<ReturnType<Identity['serviceAccounts']['systemKey']>>;

export function iamCredentialsRoutes(identity: Identity): Route[] {
  const method = (
    verb: string,
    permission: string,
    handle: (context: RequestContext, account: ServiceAccount, now: Date) => Promise<unknown>,
  ): Route => ({
    method: 'POST',
    path: `/v1/projects/:projectId/serviceAccounts/:account([^:/]+)::${verb}`,
    operation: `iamcredentials.projects.serviceAccounts.${verb}`,
    async handle(context) {
      const account = authorizedAccount(identity, context, permission);
      if (context.params['projectId'] !== '-')
        throw invalid('The project of the account must be written as the wildcard "-".');
      if ((optionalTexts(context.body, 'delegates', 10) ?? []).length > 0)
        throw invalid('Delegation chains (delegates) are not supported by the local BigQuery.');
      if (account.disabled || identity.projects.isDeleted(account.projectId)) {
        throw new BigQueryError('badRequest', `Service account ${account.email} is disabled.`, {
          httpStatus: 400,
        });
      }
      return handle(context, account, new Date());
    },
  });
  const key = (account: ServiceAccount, now: Date): Promise<SigningKey> =>
    identity.serviceAccounts.systemKey(account, identity.signingKey, now);

  return [
    method('generateAccessToken', 'iam.serviceAccounts.getAccessToken', async (context, account, now) => {
      const scopes = (optionalTexts(context.body, 'scope', 100) ?? []).flatMap((text) => text.split(/\s+/));
      if (scopes.length === 0) throw invalid('scopes are required.');
      const unknown = scopes.find((scope) => !isKnownScope(scope));
      if (unknown !== undefined) throw invalid(`Invalid OAuth scope: ${unknown.slice(0, 100)}`);
      const expiresAt = Math.floor(now.getTime() / 1000) + lifetimeSeconds(optionalText(context.body, 'lifetime'));
      const claims = { subject: account.uniqueId, email: account.email, scopes, expiresAt };
      return {
        accessToken: await signAccessToken(identity.signingKey, claims, now),
        expireTime: new Date(expiresAt * 1000).toISOString().replace('.000Z', 'Z'),
      };
    }),
    method('generateIdToken', 'iam.serviceAccounts.getOpenIdToken', async (context, account, now) => {
      const audience = requiredText(context.body, 'audience');
      const withEmail = context.body['includeEmail'] === true;
      const { id, privateKey } = await key(account, now);
      const seconds = Math.floor(now.getTime() / 1000);
      const claims = { azp: account.uniqueId, ...(withEmail ? { email: account.email, email_verified: true } : {}) };
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: id })
        .setIssuer(context.baseUrl)
        .setSubject(account.uniqueId)
        .setAudience(audience)
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + MAX_LIFETIME_SECONDS)
        .sign(privateKey);
      return { token };
    }),
    method('signJwt', 'iam.serviceAccounts.signJwt', async (context, account, now) => {
      const claims = claimsOf(requiredText(context.body, 'payload', MAX_PAYLOAD), now);
      const { id, privateKey } = await key(account, now);
      const header = { alg: 'RS256', typ: 'JWT', kid: id };
      return { keyId: id, signedJwt: await new SignJWT(claims).setProtectedHeader(header).sign(privateKey) };
    }),
    method('signBlob', 'iam.serviceAccounts.signBlob', async (context, account, now) => {
      const payload = Buffer.from(requiredText(context.body, 'payload', MAX_PAYLOAD), 'base64');
      const { id, privateKey } = await key(account, now);
      return { keyId: id, signedBlob: sign('sha256', payload, privateKey).toString('base64') };
    }),
    ...['/service_accounts/v1/metadata', '/service_accounts/v1', '/robot/v1/metadata'].map((prefix): Route => ({
      method: 'GET',
      path: `${prefix}/jwk/:account`,
      operation: 'serviceAccounts.jwk',
      public: true,
      handle: (context) => publicKeys(identity, context),
    })),
  ];
}

/** The JSON Web Key Set of an account. Public, as Google's: whoever gets a JWT must be able to check it. */
function publicKeys(identity: Identity, context: RequestContext): unknown {
  const account = identity.serviceAccounts.find(context.params['account'] ?? '');
  if (account === undefined) throw new BigQueryError('notFound', 'Requested entity was not found.');
  const now = new Date();
  const keys = identity.serviceAccounts
    .keys(account)
    .filter(({ disabled, validBefore }) => !disabled && (validBefore === undefined || validBefore > now))
    .map(({ id, publicKey }) => ({
      ...createPublicKey(publicKey).export({ format: 'jwk' }),
      alg: 'RS256',
      use: 'sig',
      kid: id,
    }));
  return { keys };
}

/** `3600s`; a whole hour when it is left out. */
function lifetimeSeconds(text: string | undefined): number {
  if (text === undefined || text === '') return MAX_LIFETIME_SECONDS;
  const seconds = /^\d{1,6}s$/.test(text) ? Number(text.slice(0, -1)) : Number.NaN;
  if (!(seconds >= 1 && seconds <= MAX_LIFETIME_SECONDS))
    throw invalid(`Invalid lifetime ${text.slice(0, 40)}: 1s to ${MAX_LIFETIME_SECONDS}s are possible.`);
  return seconds;
}

/** A claims set; one that names an end must name one within 12 hours, as Google's. */
function claimsOf(payload: string, now: Date): Record<string, unknown> {
  let claims: unknown;
  try {
    claims = JSON.parse(payload);
  } catch {
    // Refused below.
  }
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims))
    throw invalid('The payload must be a JSON object with the claims.');
  const { exp } = claims as { exp?: unknown };
  if (exp !== undefined && (typeof exp !== 'number' || exp > now.getTime() / 1000 + 43_200))
    throw invalid('The claim exp must be a number of seconds at most 12 hours from now.');
  return claims as Record<string, unknown>;
}

function invalid(message: string): BigQueryError {
  return new BigQueryError('badRequest', message);
}

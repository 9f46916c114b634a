// The JWT-bearer grant of the token endpoint (RFC 7523; Google's "Using OAuth 2.0 for
// server to server applications"). The checks come in Google's order, with Google's texts.
import { signAccessToken, signIdToken } from './access-token.ts';
import type { Identity } from './identity.ts';
import { isKnownScope, scopesOf } from './scopes.ts';
import { decodeJwt, issuerOf, isTimely, signerOf, timeOf } from './service-account-jwt.ts';

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** A token is good for an hour, and clients are told a second less. */
const LIFETIME_SECONDS = 3600;
const MAX_ASSERTION_LENGTH = 16_384;

/** Google's own token endpoints, which its clients write as audience wherever they post to. */
const GOOGLE_AUDIENCES: ReadonlySet<string> = new Set([
  'https://oauth2.googleapis.com/token',
  'https://www.googleapis.com/oauth2/v4/token',
  'https://accounts.google.com/o/oauth2/token',
]);

const TIME_WINDOW =
  'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.';

export type TokenRequest = {
  readonly grantType: unknown;
  readonly assertion: unknown;
  /** URL of this endpoint as the client reaches it: an accepted audience. */
  readonly ownUrl: string;
};

export type TokenAnswer =
  | {
      readonly status: 200;
      readonly body: { readonly access_token: string; readonly expires_in: number; readonly token_type: 'Bearer' };
    }
  | { readonly status: 200; readonly body: { readonly id_token: string } }
  | { readonly status: 400 | 401; readonly body: { readonly error: string; readonly error_description: string } };

export async function grantToken(identity: Identity, request: TokenRequest, now: Date): Promise<TokenAnswer> {
  const { grantType, assertion } = request;
  if (grantType !== GRANT_TYPE) {
    return refused(
      'unsupported_grant_type',
      `Invalid grant_type: ${typeof grantType === 'string' ? grantType.slice(0, 100) : ''}`,
    );
  }
  const jwt =
    typeof assertion === 'string' && assertion.length <= MAX_ASSERTION_LENGTH ? decodeJwt(assertion) : undefined;
  if (jwt === undefined || typeof assertion !== 'string') return refused('invalid_request', 'Bad Request');
  if (jwt.header['alg'] !== 'RS256') return refused('invalid_grant', 'Invalid JWT Signature.');

  const account = issuerOf(identity, jwt);
  if (account === undefined) return refused('invalid_grant', 'Invalid grant: account not found');
  if ((await signerOf(identity, account, assertion, jwt, now)) === undefined)
    return refused('invalid_grant', 'Invalid JWT Signature.');

  const { claims } = jwt;
  const issuedAt = timeOf(claims['iat']);
  const expiresAt = timeOf(claims['exp']);
  if (issuedAt === undefined) return refused('invalid_grant', 'Invalid JWT: iat (issued at) is not set.');
  if (expiresAt === undefined) return refused('invalid_grant', 'Invalid JWT: exp (expiration time) is not set.');
  if (!isTimely(issuedAt, expiresAt, now)) return refused('invalid_grant', TIME_WINDOW);

  const scopes = scopesOf(claims['scope']);
  if (scopes.length === 0) return refused('invalid_scope', 'Invalid OAuth scope or ID token audience provided.');
  const { aud } = claims;
  if (typeof aud !== 'string' || (aud !== request.ownUrl && !GOOGLE_AUDIENCES.has(aud))) {
    return refused('invalid_grant', 'Invalid JWT: Failed audience check.');
  }
  if (claims['sub'] !== undefined && claims['sub'] !== claims['iss']) {
    // Domain-wide delegation: no account of this server has it.
    const text =
      'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.';
    return { status: 401, body: { error: 'unauthorized_client', error_description: text } };
  }

  const subject = account.uniqueId;
  const { email } = account;
  if (!scopes.every(isKnownScope)) {
    const issuer = new URL(request.ownUrl).origin;
    return {
      status: 200,
      body: {
        id_token: await signIdToken(identity.signingKey, { subject, email, audience: scopes.join(' '), issuer }, now),
      },
    };
  }
  const expires = Math.floor(now.getTime() / 1000) + LIFETIME_SECONDS;
  const token = await signAccessToken(identity.signingKey, { subject, email, scopes, expiresAt: expires }, now);
  return { status: 200, body: { access_token: token, expires_in: LIFETIME_SECONDS - 1, token_type: 'Bearer' } };
}

function refused(error: string, description: string): TokenAnswer {
  return { status: 400, body: { error, error_description: description } };
}

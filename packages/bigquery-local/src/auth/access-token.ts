// Access tokens of this server: short JWTs under its own HMAC key. Only this server reads
// them; to clients they are opaque. ID tokens carry another issuer and type, so that
// neither kind passes for the other.
import { jwtVerify, SignJWT } from 'jose';

import { scopesOf } from './scopes.ts';

const ISSUER = 'sluice-bigquery-local';
const TYPE = 'at+jwt';

export type AccessTokenClaims = {
  /** Unique id of the service account or the user. */
  readonly subject: string;
  readonly email: string;
  readonly scopes: readonly string[];
  /** Seconds since 1970. */
  readonly expiresAt: number;
};

export async function signAccessToken(signingKey: Uint8Array, claims: AccessTokenClaims, now: Date): Promise<string> {
  return new SignJWT({ email: claims.email, scope: claims.scopes.join(' ') })
    .setProtectedHeader({ alg: 'HS256', typ: TYPE })
    .setIssuer(ISSUER)
    .setSubject(claims.subject)
    .setIssuedAt(now)
    .setExpirationTime(claims.expiresAt)
    .sign(signingKey);
}

/** Undefined for anything but a token of ours that has not expired. */
export async function verifyAccessToken(
  signingKey: Uint8Array,
  token: string,
  now: Date,
): Promise<AccessTokenClaims | undefined> {
  try {
    const { payload } = await jwtVerify(token, signingKey, {
      algorithms: ['HS256'],
      issuer: ISSUER,
      typ: TYPE,
      currentDate: now,
      requiredClaims: ['sub', 'exp', 'email', 'scope'],
    });
    return {
      subject: payload.sub!,
      email: String(payload['email']),
      scopes: scopesOf(payload['scope']),
      expiresAt: payload.exp!,
    };
  } catch {
    return undefined;
  }
}

/** Tokens that are remembered as verified; a client uses one for an hour. */
const MAX_VERIFIED = 1_000;

/**
 * Remembers whose signature was right: token and key never change, so that each signature is computed once and only the
 * time is compared again. Whether the account may still call is for the caller to ask, each time.
 */
export class AccessTokenVerifier {
  readonly #signingKey: Uint8Array;
  /** Insertion order is the order of verification. */
  readonly #verified = new Map<string, AccessTokenClaims>();

  constructor(signingKey: Uint8Array) {
    this.#signingKey = signingKey;
  }

  /** As `verifyAccessToken`. */
  async verify(token: string, now: Date): Promise<AccessTokenClaims | undefined> {
    const known = this.#verified.get(token);
    if (known !== undefined) {
      if (known.expiresAt > Math.floor(now.getTime() / 1000)) return known;
      this.#verified.delete(token);
    }
    const claims = await verifyAccessToken(this.#signingKey, token, now);
    if (claims !== undefined) {
      this.#verified.set(token, claims);
      const [oldest] = this.#verified.keys();
      if (this.#verified.size > MAX_VERIFIED && oldest !== undefined) this.#verified.delete(oldest);
    }
    return claims;
  }
}

/** What the token endpoint answers for scopes that are no OAuth scopes: a token about the account, for that audience. */
export async function signIdToken(
  signingKey: Uint8Array,
  token: { readonly subject: string; readonly email: string; readonly audience: string; readonly issuer: string },
  now: Date,
): Promise<string> {
  const seconds = Math.floor(now.getTime() / 1000);
  return new SignJWT({ email: token.email, email_verified: true, azp: token.email })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(token.issuer)
    .setSubject(token.subject)
    .setAudience(token.audience)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + 3600)
    .sign(signingKey);
}

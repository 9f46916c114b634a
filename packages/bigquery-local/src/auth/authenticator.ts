// Who calls: reads the Authorization header. Accepts access tokens that this server
// issued and JWTs that a service account signed itself (RS256, its stored public keys);
// each is checked against the accounts and keys as they are now.
import type { Principal } from '../access/decision.ts';
import type { Identity } from './identity.ts';

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

export function createAuthenticator(_options: AuthenticatorOptions): Authenticator {
  throw new Error('in work');
}

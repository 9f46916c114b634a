// Access tokens for a service account's key. Google's Node library always exchanges
// the assertion at its own constant URL; this client posts to the key's `token_uri`,
// as Google's Python, Go and Java libraries do, so that one code path serves the real
// service and the local one. Protocol: RFC 7523, JWT-bearer grant.
import { createPrivateKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { AppError, messageOf } from '@sluice/core';
import { OAuth2Client } from 'google-auth-library';
import type { ServiceAccountKey } from '../../run/api.ts';

const GOOGLE_TOKEN_URI = 'https://oauth2.googleapis.com/token';
const SCOPE = 'https://www.googleapis.com/auth/bigquery';
const TIMEOUT_MS = 30_000;

const HOW_TO_GET_A_KEY =
  'Create a JSON key for the service account (IAM & Admin, Service Accounts, Keys) and use the whole content of the file.';

/** Checks the shape of a key and that its private key can be used. Throws `KEY_INVALID`. */
export function parseKey(value: unknown, where: string): ServiceAccountKey & { readonly keyObject: KeyObject } {
  const invalid = (what: string): AppError =>
    new AppError(`The service account key is not usable: ${what}`, {
      code: 'KEY_INVALID',
      kind: 'invalid',
      where,
      fix: HOW_TO_GET_A_KEY,
    });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('it is not a JSON object');
  const key = value as Record<string, unknown>;
  if (key['type'] !== 'service_account') throw invalid('its "type" is not "service_account"');
  for (const name of ['project_id', 'private_key', 'client_email']) {
    if (typeof key[name] !== 'string' || key[name] === '') throw invalid(`"${name}" is missing`);
  }
  const tokenUri = key['token_uri'];
  if (tokenUri !== undefined && (typeof tokenUri !== 'string' || !/^https?:\/\//.test(tokenUri))) {
    throw invalid('"token_uri" is not an http or https URL');
  }
  let keyObject: KeyObject;
  try {
    keyObject = createPrivateKey(key['private_key'] as string);
  } catch {
    // The library's message may quote the key's text.
    throw invalid('"private_key" is not a private key in PEM form');
  }
  if (keyObject.asymmetricKeyType !== 'rsa') throw invalid('"private_key" is not an RSA key');
  return { ...(key as unknown as ServiceAccountKey), keyObject };
}

/** An OAuth2 client that gets and renews its access token with a service account's key. */
export class ServiceAccountClient extends OAuth2Client {
  readonly #email: string;
  readonly #keyId: string | undefined;
  readonly #key: KeyObject;
  readonly #tokenUri: string;
  readonly #scope: string;

  /** `scope`: the OAuth scope of the token; default: BigQuery. */
  constructor(key: ServiceAccountKey, where: string, scope: string = SCOPE) {
    const parsed = parseKey(key, where);
    super();
    this.#scope = scope;
    this.#email = parsed.client_email;
    this.#keyId = parsed.private_key_id;
    this.#key = parsed.keyObject;
    this.#tokenUri = parsed.token_uri ?? GOOGLE_TOKEN_URI;
    // The base class renews whenever it holds a refresh token and the access token has expired.
    this.credentials = { refresh_token: 'service-account-key', expiry_date: 1 };
  }

  /** Proves that the key still gives a token. */
  async authenticate(): Promise<void> {
    await this.getAccessToken();
  }

  protected override async refreshTokenNoCache(): ReturnType<OAuth2Client['refreshTokenNoCache']> {
    const { accessToken, expiresInSeconds } = await this.#exchange();
    return {
      res: null,
      tokens: {
        access_token: accessToken,
        token_type: 'Bearer',
        expiry_date: Date.now() + expiresInSeconds * 1000,
        refresh_token: 'service-account-key',
      },
    };
  }

  #assertion(): string {
    const issuedAt = Math.floor(Date.now() / 1000);
    const header = { alg: 'RS256', typ: 'JWT', ...(this.#keyId === undefined ? {} : { kid: this.#keyId }) };
    const claims = { iss: this.#email, scope: this.#scope, aud: this.#tokenUri, iat: issuedAt, exp: issuedAt + 3600 };
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
    const content = `${encode(header)}.${encode(claims)}`;
    return `${content}.${sign('RSA-SHA256', Buffer.from(content), this.#key).toString('base64url')}`;
  }

  async #exchange(): Promise<{ accessToken: string; expiresInSeconds: number }> {
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: this.#assertion(),
    });
    for (let attempt = 1; ; attempt += 1) {
      let status = 0;
      let answer: { access_token?: unknown; expires_in?: unknown; error?: string; error_description?: string } = {};
      let trouble: unknown;
      try {
        const response = await fetch(this.#tokenUri, {
          method: 'POST',
          body,
          redirect: 'error',
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        status = response.status;
        answer = (await response.json()) as typeof answer;
      } catch (thrown) {
        trouble = thrown;
      }
      if (status === 200 && typeof answer.access_token === 'string') {
        return { accessToken: answer.access_token, expiresInSeconds: Number(answer.expires_in ?? 3599) };
      }
      // An answer that is no JSON, or no token, is a broken endpoint, not a refused key.
      const broken = status === 200;
      const worthRetrying = broken || status === 0 || status === 429 || status >= 500;
      if (worthRetrying && attempt < 3) {
        await new Promise((resolve) => setTimeout(resolve, 300 * 2 ** attempt));
        continue;
      }
      if (worthRetrying) {
        const reason = broken
          ? 'it answers without a token'
          : trouble === undefined
            ? `HTTP ${status}`
            : messageOf((trouble as Error).cause ?? trouble);
        throw new AppError(`The token endpoint ${this.#tokenUri} does not work: ${reason}`, {
          code: 'TOKEN_ENDPOINT_UNAVAILABLE',
          kind: 'unavailable',
          origin: 'source',
          where: this.#email,
          fix: 'Check the network, and the "token_uri" of the key; for a local BigQuery, check that it runs.',
        });
      }
      throw new AppError(
        `The key of ${this.#email} was refused: ${answer.error ?? `HTTP ${status}`}: ${answer.error_description ?? 'no description'}`,
        {
          code: 'KEY_REFUSED',
          kind: 'unauthenticated',
          origin: 'source',
          where: this.#email,
          fix: 'Check that the service account is enabled and the key was not deleted, or create a new JSON key; check the clock of this machine.',
        },
      );
    }
  }
}

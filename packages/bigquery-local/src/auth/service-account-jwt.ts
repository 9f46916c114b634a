// JWTs signed by a service account's private key, for the token endpoint (assertions) and
// as bearer tokens: taking them apart, and checking the signature against the stored
// public keys. RS256 and nothing else, whatever the header asks for.
import { createPublicKey, type KeyObject } from 'node:crypto';

import { base64url, compactVerify } from 'jose';

import type { ServiceAccountKey } from '../catalog/service-account-keys.ts';
import type { ServiceAccount } from '../catalog/service-accounts.ts';
import type { Identity } from './identity.ts';

export type Jwt = {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
};

/** How far `iat` may lie ahead of this machine's clock, in seconds. */
const CLOCK_SKEW_SECONDS = 30;
const MAX_LIFETIME_SECONDS = 3600;
/** Parsed public keys that are kept; keys are immutable, so an entry never grows old. */
const MAX_CACHED_KEYS = 1000;

const publicKeys = new Map<string, KeyObject>();

/** Pairs of key and token that are remembered as right: neither ever changes. Whether the key still holds is asked each time. */
const MAX_VERIFIED = 1_000;
const verified = new Set<string>();

/** Undefined unless it is three segments of base64url with JSON objects in the first two. */
export function decodeJwt(token: string): Jwt | undefined {
  const segments = token.split('.');
  if (segments.length !== 3 || !segments.every((segment) => /^[A-Za-z0-9_-]*$/.test(segment))) return undefined;
  const header = jsonObject(segments[0]!);
  const claims = jsonObject(segments[1]!);
  return header === undefined || claims === undefined ? undefined : { header, claims };
}

/**
 * The key of the account that signed the token; undefined if none did. A token without
 * `kid` (Google's Node client sends none) is tried against every key.
 */
export async function signerOf(
  identity: Identity,
  account: ServiceAccount,
  token: string,
  jwt: Jwt,
  now: Date,
): Promise<ServiceAccountKey | undefined> {
  if (jwt.header['alg'] !== 'RS256') return undefined;
  const { kid } = jwt.header;
  for (const key of identity.serviceAccounts.keys(account)) {
    if (
      key.disabled ||
      (key.validBefore !== undefined && key.validBefore <= now) ||
      (kid !== undefined && kid !== key.id)
    )
      continue;
    const pair = `${key.id} ${token}`;
    if (verified.has(pair)) return key;
    try {
      await compactVerify(token, keyObject(key), { algorithms: ['RS256'] });
      verified.add(pair);
      const [oldest] = verified;
      if (verified.size > MAX_VERIFIED && oldest !== undefined) verified.delete(oldest);
      return key;
    } catch {
      // Not this key.
    }
  }
  return undefined;
}

/** The account that the token says it is from, if it exists, is enabled, and its project is not deleted. */
export function issuerOf(identity: Identity, jwt: Jwt): ServiceAccount | undefined {
  const { iss } = jwt.claims;
  const account = typeof iss === 'string' ? identity.serviceAccounts.find(iss) : undefined;
  return account === undefined || account.disabled || identity.projects.isDeleted(account.projectId)
    ? undefined
    : account;
}

/** Seconds since 1970; strings of digits count too. Undefined when it is missing or no time. */
export function timeOf(claim: unknown): number | undefined {
  if (typeof claim === 'string' && /^\d{1,12}$/.test(claim)) return Number(claim);
  return typeof claim === 'number' && Number.isFinite(claim) ? claim : undefined;
}

/** Not expired, not from the future, and valid for at most an hour. */
export function isTimely(issuedAt: number, expiresAt: number, now: Date): boolean {
  const seconds = now.getTime() / 1000;
  return (
    expiresAt > seconds &&
    issuedAt <= seconds + CLOCK_SKEW_SECONDS &&
    expiresAt > issuedAt &&
    expiresAt - issuedAt <= MAX_LIFETIME_SECONDS
  );
}

function keyObject(key: ServiceAccountKey): KeyObject {
  let object = publicKeys.get(key.id);
  if (object === undefined) {
    if (publicKeys.size >= MAX_CACHED_KEYS) publicKeys.clear();
    object = createPublicKey(key.publicKey);
    publicKeys.set(key.id, object);
  }
  return object;
}

function jsonObject(segment: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(base64url.decode(segment)));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

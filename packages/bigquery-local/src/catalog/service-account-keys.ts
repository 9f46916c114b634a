// The keys of service accounts (IAM API v1). A user's private key is made here, returned
// once and never stored. Each account has at most one key of the system's own, for signing
// in its name; its private half is stored encrypted under the server's signing key.
import { createHmac, createPrivateKey, generateKeyPair, randomBytes, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';

export const SERVICE_ACCOUNT_KEYS_MIGRATION: Migration = {
  name: 'service-account-keys-2',
  sql: `
    ALTER TABLE service_account_key ADD COLUMN origin TEXT NOT NULL DEFAULT 'GOOGLE_PROVIDED';
    ALTER TABLE service_account_key ADD COLUMN type TEXT NOT NULL DEFAULT 'USER_MANAGED';
    ALTER TABLE service_account_key ADD COLUMN valid_before INTEGER;
    ALTER TABLE service_account_key ADD COLUMN encrypted_private_key TEXT;`,
};

export type ServiceAccountKey = {
  /** 40 hexadecimal digits: `private_key_id`, and `kid` of the JWTs that it signs. */
  readonly id: string;
  /** SPKI PEM. */
  readonly publicKey: string;
  readonly disabled: boolean;
  readonly createdAt: Date;
  /** USER_PROVIDED: uploaded as a certificate. */
  readonly origin: 'GOOGLE_PROVIDED' | 'USER_PROVIDED';
  readonly type: 'USER_MANAGED' | 'SYSTEM_MANAGED';
  /** End of an uploaded certificate; undefined: never. */
  readonly validBefore: Date | undefined;
};

const MAX_KEYS = 10;
const RSA_BITS = 2048;
const CIPHER = 'aes-256-cbc';
const generate = promisify(generateKeyPair);

/** Works on unique ids of accounts, which the caller has checked to exist. */
export class ServiceAccountKeys {
  readonly #db: CatalogDatabase;

  constructor(db: CatalogDatabase) {
    this.#db = db;
  }

  /** Also disabled and expired ones. */
  list(accountId: string): ServiceAccountKey[] {
    return this.#db
      .all('SELECT * FROM service_account_key WHERE account_id = ? ORDER BY created_at, id', accountId)
      .map(keyOf);
  }

  /** The private half (PKCS #8 PEM) exists only in this answer. 429 past 10 keys. */
  async create(
    accountId: string,
    now: Date,
  ): Promise<{ readonly key: ServiceAccountKey; readonly privateKey: string }> {
    this.#requireRoom(accountId);
    const pair = await generate('rsa', {
      modulusLength: RSA_BITS,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const key = this.#insert(accountId, { ...NEW_KEY, id: newKeyId(), publicKey: pair.publicKey, createdAt: now });
    return { key, privateKey: pair.privateKey };
  }

  /** The public key of a certificate (PEM); good until the certificate ends. 400 for anything else. */
  upload(accountId: string, certificate: string, now: Date): ServiceAccountKey {
    let parsed: X509Certificate;
    try {
      parsed = new X509Certificate(certificate);
    } catch {
      throw new BigQueryError('badRequest', 'The public key data is not an X.509 certificate in PEM form.');
    }
    const { publicKey } = parsed;
    const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
    if (publicKey.asymmetricKeyType !== 'rsa' || bits < 1024 || bits > 4096)
      throw new BigQueryError('badRequest', 'The certificate does not hold an RSA key of 1024 to 4096 bits.');
    const validBefore = new Date(parsed.validTo);
    if (validBefore <= now) throw new BigQueryError('badRequest', 'The certificate has expired.');
    return this.#insert(accountId, {
      ...NEW_KEY,
      id: newKeyId(),
      publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string,
      createdAt: now,
      origin: 'USER_PROVIDED',
      validBefore,
    });
  }

  setDisabled(accountId: string, keyId: string, disabled: boolean): void {
    const { id } = this.#userManaged(accountId, keyId);
    this.#db.run('UPDATE service_account_key SET disabled = ? WHERE id = ?', Number(disabled), id);
  }

  delete(accountId: string, keyId: string): void {
    const { id } = this.#userManaged(accountId, keyId);
    this.#db.run('DELETE FROM service_account_key WHERE id = ?', id);
  }

  /** The key that signs in the account's name, made on first use; made again when `secret` has changed. */
  async systemKey(
    accountId: string,
    secret: Uint8Array,
    now: Date,
  ): Promise<{ readonly id: string; readonly privateKey: KeyObject }> {
    const passphrase = createHmac('sha256', secret).update('system-managed keys').digest('base64');
    const stored = this.#storedSystemKey(accountId, passphrase);
    if (stored !== undefined) return stored;
    const pair = await generate('rsa', {
      modulusLength: RSA_BITS,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: CIPHER, passphrase },
    });
    return this.#db.transaction(() => {
      const meanwhile = this.#storedSystemKey(accountId, passphrase);
      if (meanwhile !== undefined) return meanwhile;
      this.#db.run(`DELETE FROM service_account_key WHERE account_id = ? AND type = 'SYSTEM_MANAGED'`, accountId);
      const key = { ...NEW_KEY, id: newKeyId(), publicKey: pair.publicKey, createdAt: now };
      this.#insert(accountId, { ...key, type: 'SYSTEM_MANAGED' }, pair.privateKey);
      return this.#storedSystemKey(accountId, passphrase)!;
    });
  }

  /** Undefined also for one that another secret encrypted. */
  #storedSystemKey(
    accountId: string,
    passphrase: string,
  ): { readonly id: string; readonly privateKey: KeyObject } | undefined {
    const row = this.#systemRow(accountId);
    if (row === undefined) return undefined;
    try {
      const key = row['encrypted_private_key'] as string;
      return { id: row['id'] as string, privateKey: createPrivateKey({ key, format: 'pem', passphrase }) };
    } catch {
      return undefined;
    }
  }

  #systemRow(accountId: string): Row | undefined {
    return this.#db.get(
      `SELECT id, encrypted_private_key FROM service_account_key WHERE account_id = ? AND type = 'SYSTEM_MANAGED'`,
      accountId,
    );
  }

  #userManaged(accountId: string, keyId: string): ServiceAccountKey {
    const key = this.list(accountId).find(({ id }) => id === keyId);
    if (key === undefined) throw new BigQueryError('notFound', `Service account key ${keyId} does not exist.`);
    if (key.type === 'SYSTEM_MANAGED')
      throw new BigQueryError('badRequest', `Service account key ${keyId} is managed by the system.`);
    return key;
  }

  /** In one transaction with the check of the room: keys may be made at the same time. */
  #insert(accountId: string, key: ServiceAccountKey, encryptedPrivateKey: string | null = null): ServiceAccountKey {
    this.#db.transaction(() => {
      // Once more: the account may have changed while the key was made.
      if (this.#db.get('SELECT 1 FROM service_account WHERE unique_id = ?', accountId) === undefined)
        throw new BigQueryError('notFound', `Service account ${accountId} does not exist.`);
      if (key.type === 'USER_MANAGED') this.#requireRoom(accountId);
      this.#db.run(
        `INSERT INTO service_account_key
           (id, account_id, public_key, disabled, created_at, origin, type, valid_before, encrypted_private_key)
         VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?)`,
        key.id,
        accountId,
        key.publicKey,
        key.createdAt.getTime(),
        key.origin,
        key.type,
        key.validBefore?.getTime() ?? null,
        encryptedPrivateKey,
      );
    });
    return key;
  }

  #requireRoom(accountId: string): void {
    if (this.list(accountId).filter(({ type }) => type === 'USER_MANAGED').length >= MAX_KEYS)
      throw new BigQueryError('rateLimitExceeded', 'Maximum number of keys on account reached.', { httpStatus: 429 });
  }
}

const NEW_KEY = { disabled: false, origin: 'GOOGLE_PROVIDED', type: 'USER_MANAGED', validBefore: undefined } as const;

function newKeyId(): string {
  return randomBytes(20).toString('hex');
}

function keyOf(row: Row): ServiceAccountKey {
  return {
    id: row['id'] as string,
    publicKey: row['public_key'] as string,
    disabled: row['disabled'] === 1,
    createdAt: new Date(Number(row['created_at'])),
    origin: row['origin'] as ServiceAccountKey['origin'],
    type: row['type'] as ServiceAccountKey['type'],
    validBefore: row['valid_before'] === null ? undefined : new Date(Number(row['valid_before'])),
  };
}

// Service accounts and their keys (IAM API v1). A private key is made here, returned once
// and never stored; the public half stays, to check signatures with.
import { generateKeyPair, randomBytes, randomInt } from 'node:crypto';
import { promisify } from 'node:util';

import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';

export const SERVICE_ACCOUNTS_MIGRATION: Migration = {
  name: 'service-accounts-1',
  sql: `
    CREATE TABLE service_account (
      unique_id TEXT PRIMARY KEY,
      project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,
      email TEXT NOT NULL UNIQUE,
      display_name TEXT NOT NULL,
      description TEXT NOT NULL,
      disabled INTEGER NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE service_account_key (
      id TEXT PRIMARY KEY,
      account_id TEXT NOT NULL REFERENCES service_account (unique_id) ON DELETE CASCADE,
      public_key TEXT NOT NULL,
      disabled INTEGER NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX service_account_key_account ON service_account_key (account_id);`,
};

export type ServiceAccount = {
  /** 21 decimal digits; never used again, even for an account with the same e-mail. */
  readonly uniqueId: string;
  readonly projectId: string;
  readonly email: string;
  readonly displayName: string;
  readonly description: string;
  readonly disabled: boolean;
};

export type NewServiceAccount = {
  readonly accountId: string;
  readonly displayName?: string;
  readonly description?: string;
};

export type ServiceAccountKey = {
  /** 40 hexadecimal digits: `private_key_id`, and `kid` of the JWTs that it signs. */
  readonly id: string;
  /** SPKI PEM. */
  readonly publicKey: string;
  readonly disabled: boolean;
  readonly createdAt: Date;
};

/** Hears of a deleted account, in the transaction that deletes it, to take its grants away. */
export type DeletionListener = (account: ServiceAccount) => void;

const ACCOUNT_ID = /^[a-z](?:[-a-z0-9]{4,28}[a-z0-9])$/;
/** Google's default quota per project. */
const MAX_ACCOUNTS = 100;
const MAX_KEYS = 10;
const RSA_BITS = 2048;
const generate = promisify(generateKeyPair);

export class ServiceAccounts {
  readonly #db: CatalogDatabase;
  readonly #deletionListeners: DeletionListener[] = [];

  constructor(db: CatalogDatabase) {
    this.#db = db;
  }

  onDelete(listener: DeletionListener): void {
    this.#deletionListeners.push(listener);
  }

  /** By e-mail or unique id. */
  find(nameOrId: string): ServiceAccount | undefined {
    const row = this.#db.get(
      'SELECT * FROM service_account WHERE email = ? OR unique_id = ?',
      nameOrId.toLowerCase(),
      nameOrId,
    );
    return row === undefined ? undefined : accountOf(row);
  }

  /** The accounts of a project, by e-mail. */
  list(projectId: string): ServiceAccount[] {
    return this.#db.all('SELECT * FROM service_account WHERE project_id = ? ORDER BY email', projectId).map(accountOf);
  }

  /** 400 for a bad id, 409 `alreadyExists` for one that is taken. */
  create(projectId: string, account: NewServiceAccount, now: Date): ServiceAccount {
    const { accountId, displayName = '', description = '' } = account;
    if (!ACCOUNT_ID.test(accountId)) {
      throw new BigQueryError(
        'badRequest',
        `Invalid service account id '${accountId}': 6 to 30 lower-case letters, digits or hyphens, beginning with a letter and not ending with a hyphen.`,
      );
    }
    const email = `${accountId}@${projectId}.iam.gserviceaccount.com`;
    return this.#db.transaction(() => {
      if (this.find(email) !== undefined) {
        throw new BigQueryError(
          'alreadyExists',
          `Service account ${accountId} already exists within project projects/${projectId}.`,
          {
            httpStatus: 409,
            details: [
              {
                '@type': 'type.googleapis.com/google.rpc.ResourceInfo',
                resourceName: `projects/${projectId}/serviceAccounts/${email}`,
              },
            ],
          },
        );
      }
      if (this.list(projectId).length >= MAX_ACCOUNTS) {
        throw new BigQueryError('rateLimitExceeded', 'Maximum number of service accounts on project reached.', {
          httpStatus: 429,
        });
      }
      this.#db.run(
        'INSERT INTO service_account VALUES (?, ?, ?, ?, ?, 0, ?)',
        newUniqueId(),
        projectId,
        email,
        displayName,
        description,
        now.getTime(),
      );
      return this.find(email)!;
    });
  }

  update(
    email: string,
    changes: { readonly displayName?: string; readonly description?: string; readonly disabled?: boolean },
  ): ServiceAccount {
    return this.#db.transaction(() => {
      const account = this.#existing(email);
      this.#db.run(
        'UPDATE service_account SET display_name = ?, description = ?, disabled = ? WHERE unique_id = ?',
        changes.displayName ?? account.displayName,
        changes.description ?? account.description,
        Number(changes.disabled ?? account.disabled),
        account.uniqueId,
      );
      return this.#existing(email);
    });
  }

  /** With its keys; everything that it was granted stops to count, also for a later account of that e-mail. */
  delete(email: string): void {
    this.#db.transaction(() => {
      const account = this.#existing(email);
      this.#db.run('DELETE FROM service_account WHERE unique_id = ?', account.uniqueId);
      for (const listener of this.#deletionListeners) listener(account);
    });
  }

  keys(account: ServiceAccount): ServiceAccountKey[] {
    return this.#db
      .all('SELECT * FROM service_account_key WHERE account_id = ? ORDER BY created_at, id', account.uniqueId)
      .map((row) => ({
        id: row['id'] as string,
        publicKey: row['public_key'] as string,
        disabled: row['disabled'] === 1,
        createdAt: new Date(Number(row['created_at'])),
      }));
  }

  /** Makes an RSA key; the private half (PKCS #8 PEM) exists only in this answer. 429 past 10 keys. */
  async createKey(email: string, now: Date): Promise<{ readonly key: ServiceAccountKey; readonly privateKey: string }> {
    this.#roomForKey(email);
    const pair = await generate('rsa', {
      modulusLength: RSA_BITS,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const id = randomBytes(20).toString('hex');
    this.#db.transaction(() => {
      // Once more: the account may have changed while the key was made.
      const account = this.#roomForKey(email);
      this.#db.run(
        'INSERT INTO service_account_key VALUES (?, ?, ?, 0, ?)',
        id,
        account.uniqueId,
        pair.publicKey,
        now.getTime(),
      );
    });
    return { key: { id, publicKey: pair.publicKey, disabled: false, createdAt: now }, privateKey: pair.privateKey };
  }

  deleteKey(account: ServiceAccount, keyId: string): void {
    const changed = this.#db.run(
      'DELETE FROM service_account_key WHERE account_id = ? AND id = ?',
      account.uniqueId,
      keyId,
    );
    if (changed === 0) throw new BigQueryError('notFound', `Service account key ${keyId} does not exist.`);
  }

  #roomForKey(email: string): ServiceAccount {
    const account = this.#existing(email);
    if (this.keys(account).length >= MAX_KEYS) {
      throw new BigQueryError('rateLimitExceeded', 'Maximum number of keys on account reached.', { httpStatus: 429 });
    }
    return account;
  }

  #existing(email: string): ServiceAccount {
    const account = this.find(email);
    if (account === undefined) throw new BigQueryError('notFound', `Service account ${email} does not exist.`);
    return account;
  }
}

function accountOf(row: Row): ServiceAccount {
  return {
    uniqueId: row['unique_id'] as string,
    projectId: row['project_id'] as string,
    email: row['email'] as string,
    displayName: row['display_name'] as string,
    description: row['description'] as string,
    disabled: row['disabled'] === 1,
  };
}

function newUniqueId(): string {
  return `1${String(randomInt(10 ** 10)).padStart(10, '0')}${String(randomInt(10 ** 10)).padStart(10, '0')}`;
}

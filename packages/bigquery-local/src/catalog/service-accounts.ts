// Service accounts (IAM API v1). A deleted one can come back for 30 days, as the same
// account but without its keys.
import { randomInt } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';
import { ServiceAccountKeys } from './service-account-keys.ts';
import type { ServiceAccountKey } from './service-account-keys.ts';

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

export const DELETED_SERVICE_ACCOUNTS_MIGRATION: Migration = {
  name: 'service-accounts-2',
  sql: `CREATE TABLE deleted_service_account (
    unique_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    display_name TEXT NOT NULL,
    description TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL
  ) STRICT`,
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

/** Hears of a deleted or restored account, in the same transaction: its grants go or come back. */
export type AccountListener = (account: ServiceAccount) => void;

const ACCOUNT_ID = /^[a-z](?:[-a-z0-9]{4,28}[a-z0-9])$/;
/** Google's default quota per project. */
const MAX_ACCOUNTS = 100;
const UNDELETE_DAYS = 30;

export class ServiceAccounts {
  readonly #db: CatalogDatabase;
  readonly #keys: ServiceAccountKeys;
  readonly #deletionListeners: AccountListener[] = [];
  readonly #undeletionListeners: AccountListener[] = [];

  constructor(db: CatalogDatabase) {
    this.#db = db;
    this.#keys = new ServiceAccountKeys(db);
  }

  onDelete(listener: AccountListener): void {
    this.#deletionListeners.push(listener);
  }

  onUndelete(listener: AccountListener): void {
    this.#undeletionListeners.push(listener);
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
  delete(email: string, now: Date = new Date()): void {
    this.#db.transaction(() => {
      const account = this.#existing(email);
      this.#db.run(
        `INSERT INTO deleted_service_account
         SELECT unique_id, project_id, email, display_name, description, disabled, created_at, ?
         FROM service_account WHERE unique_id = ?`,
        now.getTime(),
        account.uniqueId,
      );
      this.#db.run('DELETE FROM service_account WHERE unique_id = ?', account.uniqueId);
      for (const listener of this.#deletionListeners) listener(account);
    });
  }

  /** A deleted account that could still come back, by unique id. */
  findDeleted(uniqueId: string, now: Date): ServiceAccount | undefined {
    const row = this.#db.get(
      'SELECT * FROM deleted_service_account WHERE unique_id = ? AND deleted_at > ?',
      uniqueId,
      now.getTime() - UNDELETE_DAYS * 86_400_000,
    );
    return row === undefined ? undefined : accountOf(row);
  }

  /** 404 past 30 days, 409 when there is a new account of its e-mail. */
  undelete(uniqueId: string, now: Date): ServiceAccount {
    return this.#db.transaction(() => {
      const account = this.findDeleted(uniqueId, now);
      if (account === undefined)
        throw new BigQueryError('notFound', `Deleted service account ${uniqueId} does not exist.`);
      if (this.find(account.email) !== undefined) {
        throw new BigQueryError('alreadyExists', `Service account ${account.email} already exists.`, {
          httpStatus: 409,
        });
      }
      this.#db.run(
        `INSERT INTO service_account (unique_id, project_id, email, display_name, description, disabled, created_at)
         SELECT unique_id, project_id, email, display_name, description, disabled, created_at
         FROM deleted_service_account WHERE unique_id = ?`,
        uniqueId,
      );
      this.#db.run('DELETE FROM deleted_service_account WHERE unique_id = ?', uniqueId);
      for (const listener of this.#undeletionListeners) listener(account);
      return this.#existing(account.email);
    });
  }

  keys(account: ServiceAccount): ServiceAccountKey[] {
    return this.#keys.list(account.uniqueId);
  }

  /** Makes an RSA key; the private half (PKCS #8 PEM) exists only in this answer. 429 past 10 keys. */
  async createKey(email: string, now: Date): Promise<{ readonly key: ServiceAccountKey; readonly privateKey: string }> {
    return this.#keys.create(this.#existing(email).uniqueId, now);
  }

  uploadKey(account: ServiceAccount, certificate: string, now: Date): ServiceAccountKey {
    return this.#keys.upload(account.uniqueId, certificate, now);
  }

  setKeyDisabled(account: ServiceAccount, keyId: string, disabled: boolean): void {
    this.#keys.setDisabled(account.uniqueId, keyId, disabled);
  }

  deleteKey(account: ServiceAccount, keyId: string): void {
    this.#keys.delete(account.uniqueId, keyId);
  }

  /** The key that signs in the account's name; `secret` encrypts it where it is stored. */
  async systemKey(
    account: ServiceAccount,
    secret: Uint8Array,
    now: Date,
  ): Promise<{ readonly id: string; readonly privateKey: KeyObject }> {
    return this.#keys.systemKey(account.uniqueId, secret, now);
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

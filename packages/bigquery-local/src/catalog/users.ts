// The local users: people for whom this server issues access tokens. A user is known by
// e-mail alone; what a user may do is in the policies.
import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration } from './database.ts';

export const USERS_MIGRATION: Migration = {
  name: 'users-1',
  sql: `CREATE TABLE user (email TEXT PRIMARY KEY, created_at INTEGER NOT NULL) STRICT`,
};

const EMAIL = /^[^\s@:/]{1,64}@[^\s@:/]{1,255}$/;

export class Users {
  readonly #db: CatalogDatabase;

  constructor(db: CatalogDatabase) {
    this.#db = db;
  }

  has(email: string): boolean {
    return this.#db.get('SELECT 1 FROM user WHERE email = ?', email.toLowerCase()) !== undefined;
  }

  /** Registers the user if need be; answers the e-mail in the form that is stored. */
  register(email: string, now: Date): string {
    const address = email.toLowerCase();
    if (!EMAIL.test(address)) throw new BigQueryError('invalid', `Invalid e-mail address: ${email}`);
    if (!this.has(address)) this.#db.run('INSERT OR IGNORE INTO user VALUES (?, ?)', address, now.getTime());
    return address;
  }
}

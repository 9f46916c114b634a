// The people of the local directory (Admin SDK Directory API, Users). What a user may do
// with data is in the policies; administrators may also change the directory itself. The
// first user that a data directory gets is an administrator.
import { randomInt } from 'node:crypto';

import { isServiceAccountEmail } from '../access/members.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';

export const USERS_MIGRATIONS: readonly Migration[] = [
  {
    name: 'users-1',
    sql: `CREATE TABLE user (email TEXT PRIMARY KEY, created_at INTEGER NOT NULL) STRICT`,
  },
  {
    name: 'users-2',
    sql: `
      ALTER TABLE user ADD COLUMN id TEXT;
      ALTER TABLE user ADD COLUMN given_name TEXT NOT NULL DEFAULT '';
      ALTER TABLE user ADD COLUMN family_name TEXT NOT NULL DEFAULT '';
      ALTER TABLE user ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE user ADD COLUMN admin INTEGER NOT NULL DEFAULT 0;
      UPDATE user SET id = '1' || printf('%020d', abs(random()));
      UPDATE user SET admin = 1 WHERE email = (SELECT email FROM user ORDER BY created_at, email LIMIT 1);
      CREATE UNIQUE INDEX user_id ON user (id);`,
  },
];

export type User = {
  /** 21 decimal digits; never used again, even for a user with the same e-mail. */
  readonly id: string;
  readonly email: string;
  readonly givenName: string;
  readonly familyName: string;
  /** A suspended user cannot call; their grants stay. */
  readonly suspended: boolean;
  readonly admin: boolean;
  readonly createdAt: Date;
};

export type UserFields = Partial<Pick<User, 'givenName' | 'familyName' | 'suspended' | 'admin'>>;

/** Hears of a deleted user, in the transaction that deletes them, to take their grants away. */
export type UserDeletionListener = (user: User) => void;

const EMAIL = /^[^\s@:/"\\]{1,64}@[a-z0-9.-]{1,255}$/;

export function isEmail(text: string): boolean {
  return EMAIL.test(text.toLowerCase());
}

/** The form in which e-mails are stored and compared; 400 `invalid` for anything else. */
export function checkedEmail(email: string): string {
  const address = email.toLowerCase();
  if (!isEmail(address)) throw new BigQueryError('invalid', `Invalid e-mail address: ${email}`);
  return address;
}

export class Users {
  readonly #db: CatalogDatabase;
  readonly #deletionListeners: UserDeletionListener[] = [];

  constructor(db: CatalogDatabase) {
    this.#db = db;
  }

  onDelete(listener: UserDeletionListener): void {
    this.#deletionListeners.push(listener);
  }

  has(email: string): boolean {
    return this.find(email) !== undefined;
  }

  /** By e-mail or id. */
  find(emailOrId: string): User | undefined {
    const row = this.#db.get('SELECT * FROM user WHERE email = ? OR id = ?', emailOrId.toLowerCase(), emailOrId);
    return row === undefined ? undefined : userOf(row);
  }

  /** By e-mail. */
  list(): User[] {
    return this.#db.all('SELECT * FROM user ORDER BY email').map(userOf);
  }

  /** Registers the user if need be; answers the e-mail in the form that is stored. */
  register(email: string, now: Date): string {
    return this.#db.transaction(() => (this.find(email) ?? this.#insert(email, {}, now)).email);
  }

  /** 409 `duplicate` when the user exists. */
  create(email: string, fields: UserFields, now: Date): User {
    return this.#db.transaction(() => {
      if (this.has(email)) throw new BigQueryError('duplicate', 'Entity already exists.');
      return this.#insert(email, fields, now);
    });
  }

  /** 412 when the directory would be left without an administrator who can call. */
  update(email: string, changes: UserFields): User {
    return this.#db.transaction(() => {
      const user = { ...this.#existing(email), ...changes };
      this.#db.run(
        'UPDATE user SET given_name = ?, family_name = ?, suspended = ?, admin = ? WHERE id = ?',
        user.givenName,
        user.familyName,
        Number(user.suspended),
        Number(user.admin),
        user.id,
      );
      this.#requireAdmin();
      return user;
    });
  }

  /** Everything that the user was granted stops to count, also for a later user of that e-mail. */
  delete(email: string): void {
    this.#db.transaction(() => {
      const user = this.#existing(email);
      this.#db.run('DELETE FROM user WHERE id = ?', user.id);
      this.#requireAdmin();
      for (const listener of this.#deletionListeners) listener(user);
    });
  }

  #insert(email: string, fields: UserFields, now: Date): User {
    const address = checkedEmail(email);
    if (isServiceAccountEmail(address))
      throw new BigQueryError('invalid', `${address} is the e-mail of a service account, not of a user.`);
    const first = this.#db.get('SELECT 1 FROM user LIMIT 1') === undefined;
    this.#db.run(
      'INSERT INTO user (email, created_at, id, given_name, family_name, suspended, admin) VALUES (?, ?, ?, ?, ?, ?, ?)',
      address,
      now.getTime(),
      newId(),
      fields.givenName ?? '',
      fields.familyName ?? '',
      Number(fields.suspended ?? false),
      Number(first || (fields.admin ?? false)),
    );
    return this.#existing(address);
  }

  #existing(email: string): User {
    const user = this.find(email);
    if (user === undefined) throw new BigQueryError('notFound', 'Resource Not Found: userKey');
    return user;
  }

  /** Whoever cannot use the command line would be locked out of the directory for good. */
  #requireAdmin(): void {
    const users = this.#db.get('SELECT count(*) AS n, sum(admin = 1 AND suspended = 0) AS admins FROM user');
    if (Number(users?.['n']) > 0 && Number(users?.['admins']) === 0) {
      throw new BigQueryError('conditionNotMet', 'The directory must keep an administrator who is not suspended.');
    }
  }
}

function newId(): string {
  return `1${String(randomInt(10 ** 10)).padStart(10, '0')}${String(randomInt(10 ** 10)).padStart(10, '0')}`;
}

function userOf(row: Row): User {
  return {
    id: row['id'] as string,
    email: row['email'] as string,
    givenName: row['given_name'] as string,
    familyName: row['family_name'] as string,
    suspended: row['suspended'] === 1,
    admin: row['admin'] === 1,
    createdAt: new Date(Number(row['created_at'])),
  };
}

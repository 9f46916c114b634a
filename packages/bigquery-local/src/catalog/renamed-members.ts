// Members whose name in policies changes: a deleted account becomes `deleted:user:E?uid=N`
// or `deleted:serviceAccount:E?uid=N`, so that a later account of its e-mail inherits
// nothing; a restored one gets its name back. The server renames in all policies at once.
// The command line, which knows only some of them, leaves the rest in a queue in the
// catalog; the server works it off before its next decision, or when it starts.
import type { CatalogDatabase, Migration } from './database.ts';

export const RENAMED_MEMBERS_MIGRATION: Migration = {
  name: 'renamed-members-1',
  sql: `CREATE TABLE renamed_member (
    ordinal INTEGER PRIMARY KEY, member TEXT NOT NULL, new_name TEXT NOT NULL) STRICT`,
};

/** Renames the member in the policies of one kind, within the transaction of the caller. */
export type RenameMember = (member: string, newName: string) => void;

export class RenamedMembers {
  readonly #db: CatalogDatabase;
  #stores: readonly RenameMember[] | undefined;

  constructor(db: CatalogDatabase) {
    this.#db = db;
  }

  add(member: string, newName: string): void {
    if (this.#stores === undefined)
      this.#db.run('INSERT INTO renamed_member (member, new_name) VALUES (?, ?)', member, newName);
    else this.#rename(this.#stores, member, newName);
  }

  /** From now on this process has all policies. Call it once, before the first decision. */
  apply(stores: readonly RenameMember[]): void {
    this.#stores = stores;
    this.#workOff(stores);
    this.#db.onForeignChange(() => this.#workOff(stores));
  }

  #workOff(stores: readonly RenameMember[]): void {
    if (this.#db.get('SELECT 1 FROM renamed_member LIMIT 1') === undefined) return;
    this.#db.transaction(() => {
      for (const row of this.#db.all('SELECT * FROM renamed_member ORDER BY ordinal'))
        this.#rename(stores, row['member'] as string, row['new_name'] as string);
      this.#db.run('DELETE FROM renamed_member');
    });
  }

  #rename(stores: readonly RenameMember[], member: string, newName: string): void {
    for (const store of stores) store(member, newName);
  }
}

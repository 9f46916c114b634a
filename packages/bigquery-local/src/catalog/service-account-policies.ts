// The IAM policy of each service account: who may use, manage or impersonate it. An account
// has none until somebody sets one. The same object is returned until it changes.
import type { Binding } from '../access/policy.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';
import { concurrentChange, policyEtag, withRenamedMember } from './policies.ts';
import type { StoredPolicy } from './policies.ts';

export const SERVICE_ACCOUNT_POLICIES_MIGRATION: Migration = {
  name: 'service-account-policies-1',
  sql: `CREATE TABLE service_account_policy (
    account_id TEXT PRIMARY KEY REFERENCES service_account (unique_id) ON DELETE CASCADE,
    bindings TEXT NOT NULL,
    revision INTEGER NOT NULL
  ) STRICT`,
};

/** IAM's own etag of a policy that was never set. */
const EMPTY: StoredPolicy = { bindings: [], etag: 'ACAB' };

export class ServiceAccountPolicies {
  readonly #db: CatalogDatabase;
  readonly #cache = new Map<string, StoredPolicy>();

  constructor(db: CatalogDatabase) {
    this.#db = db;
    db.onForeignChange(() => this.#cache.clear());
  }

  /** `accountId` is the unique id. */
  find(accountId: string): StoredPolicy {
    let policy = this.#cache.get(accountId);
    if (policy === undefined) {
      policy = storedPolicy(accountId, this.#row(accountId));
      this.#cache.set(accountId, policy);
    }
    return policy;
  }

  /** With an etag, only if it is the current one: otherwise 409 `aborted`. */
  replace(accountId: string, bindings: readonly Binding[], etag: string | undefined): StoredPolicy {
    try {
      this.#db.transaction(() => {
        if (etag !== undefined && etag !== storedPolicy(accountId, this.#row(accountId)).etag) throw concurrentChange();
        this.#db.run(
          `INSERT INTO service_account_policy VALUES (?, ?, 1)
           ON CONFLICT (account_id) DO UPDATE SET bindings = excluded.bindings, revision = revision + 1`,
          accountId,
          JSON.stringify(bindings),
        );
      });
    } finally {
      this.#cache.delete(accountId);
    }
    return this.find(accountId);
  }

  renameMember(member: string, newName: string): void {
    const rows = this.#db.all(
      'SELECT account_id, bindings FROM service_account_policy WHERE instr(bindings, ?) > 0',
      JSON.stringify(member),
    );
    for (const row of rows) {
      const bindings = withRenamedMember(JSON.parse(row['bindings'] as string) as Binding[], member, newName);
      this.replace(row['account_id'] as string, bindings, undefined);
    }
  }

  #row(accountId: string): Row | undefined {
    return this.#db.get('SELECT bindings, revision FROM service_account_policy WHERE account_id = ?', accountId);
  }
}

function storedPolicy(accountId: string, row: Row | undefined): StoredPolicy {
  if (row === undefined) return EMPTY;
  return {
    bindings: JSON.parse(row['bindings'] as string) as Binding[],
    etag: policyEtag(accountId, Number(row['revision'])),
  };
}

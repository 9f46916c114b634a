// IAM policies of what lies in a dataset, one row each: tables and views, routines. The same
// object is returned until it changes, so that decisions can compile it once.
import type { Binding, Policy } from '../access/policy.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Row } from './database.ts';
import { concurrentChange, policyEtag, withRenamedMember } from './policies.ts';

export type StoredPolicy = Policy & {
  /** Base64; differs for every revision. */
  readonly etag: string;
};

export type PolicyKey = { readonly projectId: string; readonly datasetId: string; readonly id: string };

/** IAM's etag of a policy that was never set. */
const NEVER_SET: StoredPolicy = { bindings: [], etag: 'ACAB' };

const MAX_CACHED = 10_000;
/** "The size of the policy is limited to a few 10s of KB." */
const MAX_POLICY_CHARACTERS = 64 * 1024;

/** The table of the policies of one kind of resource; the columns before the id are the same everywhere. */
export function policiesSql(table: string, idColumn: string): string {
  return `CREATE TABLE ${table} (
    project_id TEXT NOT NULL, dataset_id TEXT NOT NULL, ${idColumn} TEXT NOT NULL,
    bindings TEXT NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (project_id, dataset_id, ${idColumn})) STRICT`;
}

export class ResourcePolicies {
  readonly #db: CatalogDatabase;
  readonly #table: string;
  readonly #idColumn: string;
  /** What etags are made of, beside the revision. */
  readonly #nameOf: (key: PolicyKey) => string;
  /** By name. Null: known to have none. */
  readonly #cache = new Map<string, StoredPolicy | null>();

  constructor(db: CatalogDatabase, table: string, idColumn: string, nameOf: (key: PolicyKey) => string) {
    this.#db = db;
    this.#table = table;
    this.#idColumn = idColumn;
    this.#nameOf = nameOf;
    db.onForeignChange(() => this.#cache.clear());
  }

  /** Undefined where none was ever set. */
  find(key: PolicyKey): StoredPolicy | undefined {
    const name = this.#nameOf(key);
    const cached = this.#cache.get(name);
    if (cached !== undefined) return cached ?? undefined;
    const row = this.#db.get(`SELECT bindings, revision FROM ${this.#table} WHERE ${this.#isKey}`, ...valuesOf(key));
    const policy = row === undefined ? undefined : this.#fromRow(key, row);
    // Bounded: names that do not exist are asked for by anybody.
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(name, policy ?? null);
    return policy;
  }

  get(key: PolicyKey): StoredPolicy {
    return this.find(key) ?? NEVER_SET;
  }

  /** By dataset and id, at most `limit`. */
  inProject(projectId: string, limit: number): readonly { readonly key: PolicyKey; readonly policy: StoredPolicy }[] {
    const order = `dataset_id, ${this.#idColumn}`;
    return this.#db
      .all(`SELECT * FROM ${this.#table} WHERE project_id = ? ORDER BY ${order} LIMIT ?`, projectId, limit)
      .map((row) => {
        const key = this.#keyOf(row);
        return { key, policy: this.#fromRow(key, row) };
      });
  }

  /** With an etag, only if it is the current one: otherwise IAM's 409. */
  replace(key: PolicyKey, bindings: readonly Binding[], etag: string | undefined): StoredPolicy {
    if (JSON.stringify(bindings).length > MAX_POLICY_CHARACTERS)
      throw new BigQueryError(
        'invalid',
        `The policy is larger than the maximum of ${MAX_POLICY_CHARACTERS} characters.`,
      );
    try {
      this.#db.transaction(() => {
        if (etag !== undefined && etag !== this.get(key).etag) throw concurrentChange();
        this.#db.run(
          `INSERT INTO ${this.#table} VALUES (?, ?, ?, ?, 1)
            ON CONFLICT DO UPDATE SET bindings = excluded.bindings, revision = revision + 1`,
          ...valuesOf(key),
          JSON.stringify(bindings),
        );
      });
    } finally {
      this.#cache.delete(this.#nameOf(key));
    }
    return this.get(key);
  }

  /** In every policy: a deleted account keeps its lines under a name that nobody can sign in as. */
  renameMember(member: string, newName: string): void {
    this.#db.transaction(() => {
      const rows = this.#db.all(`SELECT * FROM ${this.#table} WHERE instr(bindings, ?) > 0`, JSON.stringify(member));
      for (const row of rows) {
        const key = this.#keyOf(row);
        this.replace(key, withRenamedMember(this.#fromRow(key, row).bindings, member, newName), undefined);
      }
    });
  }

  /** To another name in the same dataset. */
  move(from: PolicyKey, to: PolicyKey): void {
    this.delete(to);
    this.#cache.delete(this.#nameOf(from));
    this.#db.run(`UPDATE ${this.#table} SET ${this.#idColumn} = ? WHERE ${this.#isKey}`, to.id, ...valuesOf(from));
  }

  delete(key: PolicyKey): void {
    this.#cache.delete(this.#nameOf(key));
    this.#db.run(`DELETE FROM ${this.#table} WHERE ${this.#isKey}`, ...valuesOf(key));
  }

  get #isKey(): string {
    return `project_id = ? AND dataset_id = ? AND ${this.#idColumn} = ?`;
  }

  #keyOf(row: Row): PolicyKey {
    return {
      projectId: String(row['project_id']),
      datasetId: String(row['dataset_id']),
      id: String(row[this.#idColumn]),
    };
  }

  #fromRow(key: PolicyKey, row: Row): StoredPolicy {
    return {
      bindings: JSON.parse(String(row['bindings'])) as Binding[],
      etag: policyEtag(this.#nameOf(key), Number(row['revision'])),
    };
  }
}

function valuesOf({ projectId, datasetId, id }: PolicyKey): [string, string, string] {
  return [projectId, datasetId, id];
}

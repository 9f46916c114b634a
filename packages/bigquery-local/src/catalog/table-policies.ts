// The IAM policies of tables and views ("Method: tables.setIamPolicy"). A policy goes with
// its table. It stays when CREATE OR REPLACE, or a job that overwrites the table, puts another
// in its place: the resource keeps its name, and only the policies of its rows are dropped.
// The same object is returned until it changes, so that decisions can compile it once.
import type { Binding, Policy } from '../access/policy.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';
import type { TableReference } from './datasets.ts';
import { concurrentChange, policyEtag, withRenamedMember } from './policies.ts';
import { nameOf, type Tables } from './tables.ts';

export const TABLE_POLICIES_MIGRATION: Migration = {
  name: 'table-policies-1',
  sql: `CREATE TABLE table_policy (
    project_id TEXT NOT NULL, dataset_id TEXT NOT NULL, table_id TEXT NOT NULL,
    bindings TEXT NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (project_id, dataset_id, table_id)) STRICT`,
};

type StoredTablePolicy = Policy & {
  /** Base64; differs for every revision. */
  readonly etag: string;
};

/** IAM's etag of a policy that was never set. */
const NEVER_SET: StoredTablePolicy = { bindings: [], etag: 'ACAB' };

const MAX_CACHED = 10_000;
/** "The size of the policy is limited to a few 10s of KB." */
const MAX_POLICY_CHARACTERS = 64 * 1024;

export class TablePolicies {
  readonly #db: CatalogDatabase;
  /** Null: known to have none. */
  readonly #cache = new Map<string, StoredTablePolicy | null>();

  constructor(db: CatalogDatabase, tables: Pick<Tables, 'onEnd' | 'onRename'>) {
    this.#db = db;
    db.onForeignChange(() => this.#cache.clear());
    tables.onEnd((ref, how) => {
      if (how === 'deleted') this.#delete(ref);
    });
    tables.onRename((from, to) => this.#move(from, to));
  }

  /** The tables' side of PolicyReader: undefined where none was ever set. */
  find(projectId: string, datasetId: string, tableId: string): StoredTablePolicy | undefined {
    const ref = { projectId, datasetId, tableId };
    const key = nameOf(ref);
    const cached = this.#cache.get(key);
    if (cached !== undefined) return cached ?? undefined;
    const row = this.#db.get(
      'SELECT bindings, revision FROM table_policy WHERE project_id = ? AND dataset_id = ? AND table_id = ?',
      projectId,
      datasetId,
      tableId,
    );
    const policy = row === undefined ? undefined : fromRow(ref, row);
    // Bounded: names that do not exist are asked for by anybody.
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(key, policy ?? null);
    return policy;
  }

  get({ projectId, datasetId, tableId }: TableReference): StoredTablePolicy {
    return this.find(projectId, datasetId, tableId) ?? NEVER_SET;
  }

  /** Of all tables and views of a project, by dataset and table, at most `limit`. */
  inProject(
    projectId: string,
    limit: number,
  ): readonly { readonly ref: TableReference; readonly policy: StoredTablePolicy }[] {
    return this.#db
      .all('SELECT * FROM table_policy WHERE project_id = ? ORDER BY dataset_id, table_id LIMIT ?', projectId, limit)
      .map((row) => {
        const ref = refOf(row);
        return { ref, policy: fromRow(ref, row) };
      });
  }

  /** With an etag, only if it is the current one: otherwise IAM's 409. */
  replace(ref: TableReference, bindings: readonly Binding[], etag: string | undefined): StoredTablePolicy {
    if (JSON.stringify(bindings).length > MAX_POLICY_CHARACTERS)
      throw new BigQueryError(
        'invalid',
        `The policy is larger than the maximum of ${MAX_POLICY_CHARACTERS} characters.`,
      );
    try {
      this.#db.transaction(() => {
        if (etag !== undefined && etag !== this.get(ref).etag) throw concurrentChange();
        this.#db.run(
          `INSERT INTO table_policy VALUES (?, ?, ?, ?, 1)
            ON CONFLICT DO UPDATE SET bindings = excluded.bindings, revision = revision + 1`,
          ref.projectId,
          ref.datasetId,
          ref.tableId,
          JSON.stringify(bindings),
        );
      });
    } finally {
      this.#cache.delete(nameOf(ref));
    }
    return this.get(ref);
  }

  /** In every policy: a deleted account keeps its lines under a name that nobody can sign in as. */
  renameMember(member: string, newName: string): void {
    this.#db.transaction(() => {
      for (const row of this.#db.all(
        'SELECT * FROM table_policy WHERE instr(bindings, ?) > 0',
        JSON.stringify(member),
      )) {
        const ref = refOf(row);
        this.replace(ref, withRenamedMember(fromRow(ref, row).bindings, member, newName), undefined);
      }
    });
  }

  #move(from: TableReference, to: TableReference): void {
    this.#delete(to);
    this.#cache.delete(nameOf(from));
    this.#db.run(
      'UPDATE table_policy SET table_id = ? WHERE project_id = ? AND dataset_id = ? AND table_id = ?',
      to.tableId,
      from.projectId,
      from.datasetId,
      from.tableId,
    );
  }

  #delete(ref: TableReference): void {
    this.#cache.delete(nameOf(ref));
    this.#db.run(
      'DELETE FROM table_policy WHERE project_id = ? AND dataset_id = ? AND table_id = ?',
      ref.projectId,
      ref.datasetId,
      ref.tableId,
    );
  }
}

function refOf(row: Row): TableReference {
  return {
    projectId: String(row['project_id']),
    datasetId: String(row['dataset_id']),
    tableId: String(row['table_id']),
  };
}

function fromRow(ref: TableReference, row: Row): StoredTablePolicy {
  return {
    bindings: JSON.parse(String(row['bindings'])) as Binding[],
    etag: policyEtag(nameOf(ref), Number(row['revision'])),
  };
}

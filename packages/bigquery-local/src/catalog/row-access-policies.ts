// Row access policies: which rows of a table whom to show ("Introduction to BigQuery
// row-level security"). They end with their table and when another takes its place.
// Shapes follow the RowAccessPolicy resource of the BigQuery REST v2 reference.
import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';
import type { TableReference } from './datasets.ts';
import { etagOf } from './etag.ts';
import { nameOf, type Tables } from './tables.ts';

export const ROW_ACCESS_POLICIES_MIGRATION: Migration = {
  name: 'row-access-policies-1',
  sql: `CREATE TABLE row_access_policy (
    project_id TEXT NOT NULL, dataset_id TEXT NOT NULL, table_id TEXT NOT NULL, policy_id TEXT NOT NULL,
    filter TEXT NOT NULL, all_rows INTEGER NOT NULL, grantees TEXT NOT NULL,
    created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL,
    PRIMARY KEY (project_id, dataset_id, table_id, policy_id)) STRICT`,
};

/** "Quotas and limits": row access policies of one table. */
const MAX_POLICIES = 400;
const MAX_CACHED = 10_000;

export type RowAccessRule = {
  readonly policyId: string;
  /** GoogleSQL over the columns of the table. */
  readonly filter: string;
  /** The filter is the word TRUE. */
  readonly allRows: boolean;
  /** IAM members: `user:a@example.com`. */
  readonly grantees: readonly string[];
};

export type RowAccessPolicy = RowAccessRule & {
  readonly etag: string;
  readonly createdMs: number;
  readonly modifiedMs: number;
};

export class RowAccessPolicies {
  readonly #db: CatalogDatabase;
  readonly #clock: () => number;
  readonly #cache = new Map<string, readonly RowAccessPolicy[]>();

  constructor(db: CatalogDatabase, tables: Pick<Tables, 'onEnd' | 'onRename'>, clock: () => number = Date.now) {
    this.#db = db;
    this.#clock = clock;
    db.onForeignChange(() => this.#cache.clear());
    tables.onEnd((ref) => this.dropAll(ref));
    tables.onRename((from, to) => this.#move(from, to));
  }

  /** By policy id. The same object until they change. */
  list(ref: TableReference): readonly RowAccessPolicy[] {
    const key = nameOf(ref);
    const cached = this.#cache.get(key);
    if (cached !== undefined) return cached;
    const policies = this.#db
      .all(
        'SELECT * FROM row_access_policy WHERE project_id = ? AND dataset_id = ? AND table_id = ? ORDER BY policy_id',
        ref.projectId,
        ref.datasetId,
        ref.tableId,
      )
      .map((row) => fromRow(ref, row));
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(key, policies);
    return policies;
  }

  get(ref: TableReference, policyId: string): RowAccessPolicy | undefined {
    return this.list(ref).find((policy) => policy.policyId === policyId);
  }

  /** Adds it, or puts it in the place of the one of its id. */
  put(ref: TableReference, rule: RowAccessRule): RowAccessPolicy {
    const old = this.get(ref, rule.policyId);
    if (old === undefined && this.list(ref).length >= MAX_POLICIES)
      throw new BigQueryError(
        'quotaExceeded',
        `Exceeded the limit of ${MAX_POLICIES} row access policies on table ${nameOf(ref)}.`,
      );
    const now = Math.max(this.#clock(), (old?.modifiedMs ?? 0) + 1);
    this.#forget(ref);
    this.#db.run(
      'INSERT OR REPLACE INTO row_access_policy VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ref.projectId,
      ref.datasetId,
      ref.tableId,
      rule.policyId,
      rule.filter,
      rule.allRows ? 1 : 0,
      JSON.stringify(rule.grantees),
      old?.createdMs ?? now,
      now,
    );
    return this.get(ref, rule.policyId)!;
  }

  drop(ref: TableReference, policyId: string): void {
    this.#forget(ref);
    this.#db.run(
      'DELETE FROM row_access_policy WHERE project_id = ? AND dataset_id = ? AND table_id = ? AND policy_id = ?',
      ref.projectId,
      ref.datasetId,
      ref.tableId,
      policyId,
    );
  }

  dropAll(ref: TableReference): void {
    this.#forget(ref);
    this.#db.run(
      'DELETE FROM row_access_policy WHERE project_id = ? AND dataset_id = ? AND table_id = ?',
      ref.projectId,
      ref.datasetId,
      ref.tableId,
    );
  }

  /** In every policy: a deleted account keeps its place under a name that nobody can sign in as. */
  renameMember(member: string, newName: string): void {
    this.#db.transaction(() => {
      for (const row of this.#db.all(
        'SELECT * FROM row_access_policy WHERE instr(grantees, ?) > 0',
        JSON.stringify(member),
      )) {
        const ref = {
          projectId: String(row['project_id']),
          datasetId: String(row['dataset_id']),
          tableId: String(row['table_id']),
        };
        const policy = fromRow(ref, row);
        this.put(ref, { ...policy, grantees: policy.grantees.map((name) => (name === member ? newName : name)) });
      }
    });
  }

  #move(from: TableReference, to: TableReference): void {
    this.dropAll(to);
    this.#forget(from);
    this.#db.run(
      'UPDATE row_access_policy SET table_id = ? WHERE project_id = ? AND dataset_id = ? AND table_id = ?',
      to.tableId,
      from.projectId,
      from.datasetId,
      from.tableId,
    );
  }

  #forget(ref: TableReference): void {
    this.#cache.delete(nameOf(ref));
  }
}

function fromRow(ref: TableReference, row: Row): RowAccessPolicy {
  const policyId = String(row['policy_id']);
  return {
    policyId,
    filter: String(row['filter']),
    allRows: row['all_rows'] === 1,
    grantees: JSON.parse(String(row['grantees'])) as string[],
    etag: etagOf(nameOf(ref), policyId, Number(row['created_ms']), Number(row['modified_ms'])),
    createdMs: Number(row['created_ms']),
    modifiedMs: Number(row['modified_ms']),
  };
}

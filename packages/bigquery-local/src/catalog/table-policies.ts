// The IAM policies of tables and views ("Method: tables.setIamPolicy"). A policy goes with
// its table. It stays when CREATE OR REPLACE, or a job that overwrites the table, puts another
// in its place: the resource keeps its name, and only the policies of its rows are dropped.
import type { Binding } from '../access/policy.ts';
import type { CatalogDatabase, Migration } from './database.ts';
import type { TableReference } from './datasets.ts';
import { policiesSql, ResourcePolicies, type PolicyKey, type StoredPolicy } from './resource-policies.ts';
import { nameOf, type Tables } from './tables.ts';

export const TABLE_POLICIES_MIGRATION: Migration = {
  name: 'table-policies-1',
  sql: policiesSql('table_policy', 'table_id'),
};

export class TablePolicies {
  readonly #policies: ResourcePolicies;

  constructor(db: CatalogDatabase, tables: Pick<Tables, 'onEnd' | 'onRename'>) {
    this.#policies = new ResourcePolicies(db, 'table_policy', 'table_id', (key) => nameOf(refOf(key)));
    tables.onEnd((ref, how) => {
      if (how === 'deleted') this.#policies.delete(keyOf(ref));
    });
    tables.onRename((from, to) => this.#policies.move(keyOf(from), keyOf(to)));
  }

  /** The tables' side of PolicyReader: undefined where none was ever set. */
  find(projectId: string, datasetId: string, tableId: string): StoredPolicy | undefined {
    return this.#policies.find({ projectId, datasetId, id: tableId });
  }

  get(ref: TableReference): StoredPolicy {
    return this.#policies.get(keyOf(ref));
  }

  /** Of all tables and views of a project, by dataset and table, at most `limit`. */
  inProject(
    projectId: string,
    limit: number,
  ): readonly { readonly ref: TableReference; readonly policy: StoredPolicy }[] {
    return this.#policies.inProject(projectId, limit).map(({ key, policy }) => ({ ref: refOf(key), policy }));
  }

  /** With an etag, only if it is the current one: otherwise IAM's 409. */
  replace(ref: TableReference, bindings: readonly Binding[], etag: string | undefined): StoredPolicy {
    return this.#policies.replace(keyOf(ref), bindings, etag);
  }

  /** See `ResourcePolicies`. */
  renameMember(member: string, newName: string): void {
    this.#policies.renameMember(member, newName);
  }
}

function keyOf({ projectId, datasetId, tableId }: TableReference): PolicyKey {
  return { projectId, datasetId, id: tableId };
}

function refOf({ projectId, datasetId, id }: PolicyKey): TableReference {
  return { projectId, datasetId, tableId: id };
}

// The IAM policies of routines ("Method: routines.setIamPolicy"). A policy goes with its routine and stays
// when CREATE OR REPLACE puts another in its place. The same object is returned until it changes, so that
// decisions can compile it once.
import type { Binding, Policy } from '../access/policy.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';
import { concurrentChange, policyEtag, withRenamedMember } from './policies.ts';
import { routineNameOf, type RoutineReference, type Routines } from './routines.ts';

export const ROUTINE_POLICIES_MIGRATION: Migration = {
  name: 'routine-policies-1',
  sql: `CREATE TABLE routine_policy (
    project_id TEXT NOT NULL, dataset_id TEXT NOT NULL, routine_id TEXT NOT NULL,
    bindings TEXT NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (project_id, dataset_id, routine_id)) STRICT`,
};

type StoredRoutinePolicy = Policy & {
  /** Base64; differs for every revision. */
  readonly etag: string;
};

/** IAM's etag of a policy that was never set. */
const NEVER_SET: StoredRoutinePolicy = { bindings: [], etag: 'ACAB' };

const MAX_CACHED = 10_000;
/** "The size of the policy is limited to a few 10s of KB." */
const MAX_POLICY_CHARACTERS = 64 * 1024;

export class RoutinePolicies {
  readonly #db: CatalogDatabase;
  /** Null: known to have none. */
  readonly #cache = new Map<string, StoredRoutinePolicy | null>();

  constructor(db: CatalogDatabase, routines: Pick<Routines, 'onEnd'>) {
    this.#db = db;
    db.onForeignChange(() => this.#cache.clear());
    routines.onEnd((ref, how) => {
      if (how === 'deleted') this.#delete(ref);
    });
  }

  /** The routines' side of PolicyReader: undefined where none was ever set. */
  find(projectId: string, datasetId: string, routineId: string): StoredRoutinePolicy | undefined {
    const ref = { projectId, datasetId, routineId };
    const key = routineNameOf(ref);
    const cached = this.#cache.get(key);
    if (cached !== undefined) return cached ?? undefined;
    const row = this.#db.get(
      'SELECT bindings, revision FROM routine_policy WHERE project_id = ? AND dataset_id = ? AND routine_id = ?',
      projectId,
      datasetId,
      routineId,
    );
    const policy = row === undefined ? undefined : fromRow(ref, row);
    // Bounded: names that do not exist are asked for by anybody.
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(key, policy ?? null);
    return policy;
  }

  get({ projectId, datasetId, routineId }: RoutineReference): StoredRoutinePolicy {
    return this.find(projectId, datasetId, routineId) ?? NEVER_SET;
  }

  /** With an etag, only if it is the current one: otherwise IAM's 409. */
  replace(ref: RoutineReference, bindings: readonly Binding[], etag: string | undefined): StoredRoutinePolicy {
    if (JSON.stringify(bindings).length > MAX_POLICY_CHARACTERS)
      throw new BigQueryError(
        'invalid',
        `The policy is larger than the maximum of ${MAX_POLICY_CHARACTERS} characters.`,
      );
    try {
      this.#db.transaction(() => {
        if (etag !== undefined && etag !== this.get(ref).etag) throw concurrentChange();
        this.#db.run(
          `INSERT INTO routine_policy VALUES (?, ?, ?, ?, 1)
            ON CONFLICT DO UPDATE SET bindings = excluded.bindings, revision = revision + 1`,
          ref.projectId,
          ref.datasetId,
          ref.routineId,
          JSON.stringify(bindings),
        );
      });
    } finally {
      this.#cache.delete(routineNameOf(ref));
    }
    return this.get(ref);
  }

  /** In every policy: a deleted account keeps its lines under a name that nobody can sign in as. */
  renameMember(member: string, newName: string): void {
    this.#db.transaction(() => {
      const rows = this.#db.all('SELECT * FROM routine_policy WHERE instr(bindings, ?) > 0', JSON.stringify(member));
      for (const row of rows) {
        const ref = {
          projectId: String(row['project_id']),
          datasetId: String(row['dataset_id']),
          routineId: String(row['routine_id']),
        };
        this.replace(ref, withRenamedMember(fromRow(ref, row).bindings, member, newName), undefined);
      }
    });
  }

  #delete(ref: RoutineReference): void {
    this.#cache.delete(routineNameOf(ref));
    this.#db.run(
      'DELETE FROM routine_policy WHERE project_id = ? AND dataset_id = ? AND routine_id = ?',
      ref.projectId,
      ref.datasetId,
      ref.routineId,
    );
  }
}

function fromRow(ref: RoutineReference, row: Row): StoredRoutinePolicy {
  return {
    bindings: JSON.parse(String(row['bindings'])) as Binding[],
    etag: policyEtag(`routine ${routineNameOf(ref)}`, Number(row['revision'])),
  };
}

// The IAM policies of routines ("Method: routines.setIamPolicy"). A policy goes with its routine and stays
// when CREATE OR REPLACE puts another in its place.
import type { Binding } from '../access/policy.ts';
import type { CatalogDatabase, Migration } from './database.ts';
import { policiesSql, ResourcePolicies, type PolicyKey, type StoredPolicy } from './resource-policies.ts';
import { routineNameOf, type RoutineReference, type Routines } from './routines.ts';

export const ROUTINE_POLICIES_MIGRATION: Migration = {
  name: 'routine-policies-1',
  sql: policiesSql('routine_policy', 'routine_id'),
};

export class RoutinePolicies {
  readonly #policies: ResourcePolicies;

  constructor(db: CatalogDatabase, routines: Pick<Routines, 'onEnd'>) {
    this.#policies = new ResourcePolicies(
      db,
      'routine_policy',
      'routine_id',
      ({ id, ...dataset }) => `routine ${routineNameOf({ ...dataset, routineId: id })}`,
    );
    routines.onEnd((ref, how) => {
      if (how === 'deleted') this.#policies.delete(keyOf(ref));
    });
  }

  /** The routines' side of PolicyReader: undefined where none was ever set. */
  find(projectId: string, datasetId: string, routineId: string): StoredPolicy | undefined {
    return this.#policies.find({ projectId, datasetId, id: routineId });
  }

  get(ref: RoutineReference): StoredPolicy {
    return this.#policies.get(keyOf(ref));
  }

  /** With an etag, only if it is the current one: otherwise IAM's 409. */
  replace(ref: RoutineReference, bindings: readonly Binding[], etag: string | undefined): StoredPolicy {
    return this.#policies.replace(keyOf(ref), bindings, etag);
  }

  /** See `ResourcePolicies`. */
  renameMember(member: string, newName: string): void {
    this.#policies.renameMember(member, newName);
  }
}

function keyOf({ projectId, datasetId, routineId }: RoutineReference): PolicyKey {
  return { projectId, datasetId, id: routineId };
}

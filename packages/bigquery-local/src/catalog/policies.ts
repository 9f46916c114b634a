// The IAM policy of each project, with etag and version (Resource Manager's Policy). The
// parsed policy is kept in memory and the same object is returned until it changes, so
// that decisions can compile it once.
import { createHash } from 'node:crypto';

import type { Binding } from '../access/policy.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration } from './database.ts';

export const POLICIES_MIGRATION: Migration = {
  name: 'policies-1',
  sql: `CREATE TABLE project_policy (
    project_id TEXT PRIMARY KEY REFERENCES project (id) ON DELETE CASCADE,
    bindings TEXT NOT NULL,
    revision INTEGER NOT NULL
  ) STRICT`,
};

export type StoredPolicy = {
  readonly bindings: readonly Binding[];
  /** Base64, as Google's; differs for every revision. */
  readonly etag: string;
};

export class Policies {
  readonly #db: CatalogDatabase;
  readonly #cache = new Map<string, StoredPolicy>();

  constructor(db: CatalogDatabase) {
    this.#db = db;
    db.onForeignChange(() => this.#cache.clear());
  }

  /** Undefined when there is no such project. */
  find(projectId: string): StoredPolicy | undefined {
    const cached = this.#cache.get(projectId);
    if (cached !== undefined) return cached;
    const policy = this.#read(projectId);
    if (policy !== undefined) this.#cache.set(projectId, policy);
    return policy;
  }

  /** First policy of a new project. */
  create(projectId: string, bindings: readonly Binding[]): void {
    this.#db.run('INSERT INTO project_policy VALUES (?, ?, 1)', projectId, JSON.stringify(bindings));
  }

  /**
   * Replaces the policy. With an etag, only if it is the current one: otherwise 409
   * `aborted`, Resource Manager's answer to concurrent changes.
   */
  replace(projectId: string, bindings: readonly Binding[], etag: string | undefined): StoredPolicy {
    try {
      this.#db.transaction(() => {
        const row = this.#db.get('SELECT revision FROM project_policy WHERE project_id = ?', projectId);
        if (row === undefined) throw new BigQueryError('notFound', `Project ${projectId} was not found.`);
        if (etag !== undefined && etag !== policyEtag(projectId, Number(row['revision']))) throw concurrentChange();
        this.#db.run(
          'UPDATE project_policy SET bindings = ?, revision = revision + 1 WHERE project_id = ?',
          JSON.stringify(bindings),
          projectId,
        );
      });
    } finally {
      this.#cache.delete(projectId);
    }
    return this.#read(projectId)!;
  }

  #read(projectId: string): StoredPolicy | undefined {
    const row = this.#db.get('SELECT bindings, revision FROM project_policy WHERE project_id = ?', projectId);
    if (row === undefined) return undefined;
    return {
      bindings: JSON.parse(row['bindings'] as string) as Binding[],
      etag: policyEtag(projectId, Number(row['revision'])),
    };
  }

  /** In every policy: a deleted account keeps its lines under a name that nobody can sign in as. */
  renameMember(member: string, newName: string): void {
    this.#db.transaction(() => {
      for (const row of this.#db.all(
        'SELECT project_id, bindings FROM project_policy WHERE instr(bindings, ?) > 0',
        JSON.stringify(member),
      )) {
        const bindings = withRenamedMember(JSON.parse(row['bindings'] as string) as Binding[], member, newName);
        this.replace(row['project_id'] as string, bindings, undefined);
      }
    });
  }
}

export function withRenamedMember(bindings: readonly Binding[], member: string, newName: string): Binding[] {
  return bindings.map((binding) => ({
    ...binding,
    members: binding.members.map((name) => (name === member ? newName : name)),
  }));
}

/** IAM's 409 for an etag that is not the current one. */
export function concurrentChange(): BigQueryError {
  return new BigQueryError(
    'aborted',
    'There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.',
    { httpStatus: 409 },
  );
}

/** Differs for every revision of the policy of every resource. */
export function policyEtag(resource: string, revision: number): string {
  return createHash('sha256').update(`${resource}\n${revision}`).digest().subarray(0, 8).toString('base64');
}

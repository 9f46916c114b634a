// Projects: Resource Manager's ids and numbers. The creator becomes owner of the project.
import { randomInt } from 'node:crypto';

import { memberOf } from '../access/members.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';
import type { Policies } from './policies.ts';

export const PROJECTS_MIGRATION: Migration = {
  name: 'projects-1',
  sql: `CREATE TABLE project (
    id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    labels TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT`,
};

export const PROJECTS_STATE_MIGRATION: Migration = {
  name: 'projects-2',
  sql: `
    ALTER TABLE project ADD COLUMN deleted_at INTEGER;
    ALTER TABLE project ADD COLUMN updated_at INTEGER;`,
};

export type Project = {
  readonly projectId: string;
  /** 12 decimal digits. */
  readonly projectNumber: string;
  readonly displayName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Marked for deletion then: nothing in it can be used until it is restored. */
  readonly deletedAt: Date | undefined;
};

export type NewProject = {
  readonly projectId: string;
  readonly displayName?: string;
  readonly labels?: Readonly<Record<string, string>>;
};

const PROJECT_ID = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/;

export const PROJECT_ID_RULE =
  '6 to 30 lower-case letters, digits or hyphens, beginning with a letter and not ending with a hyphen';

/** "Creating and managing projects". */
export function isProjectId(text: string): boolean {
  return PROJECT_ID.test(text);
}

export class Projects {
  readonly #db: CatalogDatabase;
  readonly #policies: Policies;
  /** Ids; asked for in every decision. */
  #deleted: ReadonlySet<string> | undefined;

  constructor(db: CatalogDatabase, policies: Policies) {
    this.#db = db;
    this.#policies = policies;
    db.onForeignChange(() => (this.#deleted = undefined));
  }

  find(projectId: string): Project | undefined {
    const row = this.#db.get('SELECT * FROM project WHERE id = ? OR number = ?', projectId, projectId);
    return row === undefined ? undefined : projectOf(row);
  }

  /** Whether it is marked for deletion. */
  isDeleted(projectId: string): boolean {
    this.#deleted ??= new Set(
      this.#db.all('SELECT id FROM project WHERE deleted_at IS NOT NULL').map((row) => row['id'] as string),
    );
    return this.#deleted.has(projectId);
  }

  /** By id; without those that are marked for deletion, unless asked for. */
  list(options: { readonly deleted?: boolean } = {}): Project[] {
    return this.#db
      .all('SELECT * FROM project ORDER BY id')
      .map(projectOf)
      .filter(({ deletedAt }) => options.deleted === true || deletedAt === undefined);
  }

  /** 400 for one that is marked for deletion. */
  update(projectId: string, changes: Pick<NewProject, 'displayName' | 'labels'>, now: Date): Project {
    return this.#db.transaction(() => {
      const project = this.#inState(projectId, 'ACTIVE');
      this.#db.run(
        'UPDATE project SET display_name = ?, labels = ?, updated_at = ? WHERE id = ?',
        changes.displayName ?? project.displayName,
        JSON.stringify(changes.labels ?? project.labels),
        now.getTime(),
        projectId,
      );
      return this.find(projectId)!;
    });
  }

  /** Marks the project for deletion. NOTE It is never removed for good: its id stays taken and it can be restored. */
  delete(projectId: string, now: Date): Project {
    return this.#setDeleted(projectId, 'ACTIVE', now.getTime(), now);
  }

  undelete(projectId: string, now: Date): Project {
    return this.#setDeleted(projectId, 'DELETE_REQUESTED', null, now);
  }

  /** 400 for a bad id, 409 `alreadyExists` for one that is taken. */
  create(project: NewProject, creator: string, now: Date): Project {
    const { projectId } = project;
    if (!isProjectId(projectId)) {
      throw new BigQueryError('badRequest', `Invalid project id '${projectId}': ${PROJECT_ID_RULE}.`);
    }
    return this.#db.transaction(() => {
      if (this.find(projectId) !== undefined) {
        throw new BigQueryError('alreadyExists', 'Requested entity already exists', { httpStatus: 409 });
      }
      this.#db.run(
        'INSERT INTO project (id, number, display_name, labels, created_at) VALUES (?, ?, ?, ?, ?)',
        projectId,
        this.#freeNumber(),
        project.displayName ?? projectId,
        JSON.stringify(project.labels ?? {}),
        now.getTime(),
      );
      this.#policies.create(projectId, [{ role: 'roles/owner', members: [memberOf(creator)] }]);
      return this.find(projectId)!;
    });
  }

  #setDeleted(projectId: string, from: ProjectState, deletedAt: number | null, now: Date): Project {
    this.#deleted = undefined;
    return this.#db.transaction(() => {
      this.#inState(projectId, from);
      this.#db.run(
        'UPDATE project SET deleted_at = ?, updated_at = ? WHERE id = ?',
        deletedAt,
        now.getTime(),
        projectId,
      );
      return this.find(projectId)!;
    });
  }

  #inState(projectId: string, state: ProjectState): Project {
    const project = this.find(projectId);
    if (project === undefined) throw new BigQueryError('notFound', `Project ${projectId} was not found.`);
    if (stateOf(project) !== state)
      throw new BigQueryError('badRequest', `Precondition check failed: the project ${projectId} is not ${state}.`);
    return project;
  }

  #freeNumber(): string {
    for (;;) {
      const number = String(randomInt(100_000_000_000, 200_000_000_000));
      if (this.find(number) === undefined) return number;
    }
  }
}

export type ProjectState = 'ACTIVE' | 'DELETE_REQUESTED';

export function stateOf(project: Project): ProjectState {
  return project.deletedAt === undefined ? 'ACTIVE' : 'DELETE_REQUESTED';
}

function projectOf(row: Row): Project {
  return {
    projectId: row['id'] as string,
    projectNumber: row['number'] as string,
    displayName: row['display_name'] as string,
    labels: JSON.parse(row['labels'] as string) as Record<string, string>,
    createdAt: new Date(Number(row['created_at'])),
    updatedAt: new Date(Number(row['updated_at'] ?? row['created_at'])),
    deletedAt: row['deleted_at'] === null ? undefined : new Date(Number(row['deleted_at'])),
  };
}

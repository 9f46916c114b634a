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

export type Project = {
  readonly projectId: string;
  /** 12 decimal digits. */
  readonly projectNumber: string;
  readonly displayName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: Date;
};

export type NewProject = {
  readonly projectId: string;
  readonly displayName?: string;
  readonly labels?: Readonly<Record<string, string>>;
};

/** "Creating and managing projects": 6 to 30 lower-case letters, digits and hyphens. */
const PROJECT_ID = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/;

export class Projects {
  readonly #db: CatalogDatabase;
  readonly #policies: Policies;

  constructor(db: CatalogDatabase, policies: Policies) {
    this.#db = db;
    this.#policies = policies;
  }

  find(projectId: string): Project | undefined {
    const row = this.#db.get('SELECT * FROM project WHERE id = ? OR number = ?', projectId, projectId);
    return row === undefined ? undefined : projectOf(row);
  }

  /** All projects, by id. */
  list(): Project[] {
    return this.#db.all('SELECT * FROM project ORDER BY id').map(projectOf);
  }

  /** 400 for a bad id, 409 `alreadyExists` for one that is taken. */
  create(project: NewProject, creator: string, now: Date): Project {
    const { projectId } = project;
    if (!PROJECT_ID.test(projectId)) {
      throw new BigQueryError(
        'badRequest',
        `Invalid project id '${projectId}': 6 to 30 lower-case letters, digits or hyphens, beginning with a letter and not ending with a hyphen.`,
      );
    }
    return this.#db.transaction(() => {
      if (this.find(projectId) !== undefined) {
        throw new BigQueryError('alreadyExists', 'Requested entity already exists', { httpStatus: 409 });
      }
      this.#db.run(
        'INSERT INTO project VALUES (?, ?, ?, ?, ?)',
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

  #freeNumber(): string {
    for (;;) {
      const number = String(randomInt(100_000_000_000, 200_000_000_000));
      if (this.find(number) === undefined) return number;
    }
  }
}

function projectOf(row: Row): Project {
  return {
    projectId: row['id'] as string,
    projectNumber: row['number'] as string,
    displayName: row['display_name'] as string,
    labels: JSON.parse(row['labels'] as string) as Record<string, string>,
    createdAt: new Date(Number(row['created_at'])),
  };
}

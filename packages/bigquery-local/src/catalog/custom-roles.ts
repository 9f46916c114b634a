// A project's own roles (IAM API v1). Deleting is soft: the role grants nothing from then
// on and can come back for seven days. A role of stage DISABLED grants nothing either.
import { createHash } from 'node:crypto';

import { KNOWN_PERMISSIONS } from '../access/roles.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';

export const CUSTOM_ROLES_MIGRATION: Migration = {
  name: 'custom-roles-1',
  sql: `CREATE TABLE custom_role (
    project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    stage TEXT NOT NULL,
    permissions TEXT NOT NULL,
    revision INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (project_id, id)
  ) STRICT`,
};

export type CustomRole = {
  /** `projects/P/roles/ID` */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly stage: string;
  readonly includedPermissions: readonly string[];
  readonly etag: string;
  readonly deleted: boolean;
};

export type CustomRoleFields = {
  readonly title?: string;
  readonly description?: string;
  readonly stage?: string;
  readonly includedPermissions?: readonly string[];
};

const ROLE_ID = /^[A-Za-z0-9_.]{3,64}$/;
const PERMISSION = /^[a-z][A-Za-z0-9]*(?:\.[A-Za-z][A-Za-z0-9]*){2,}$/;
const STAGES: ReadonlySet<string> = new Set(['ALPHA', 'BETA', 'GA', 'DEPRECATED', 'DISABLED', 'EAP']);
/** The services whose permissions this server knows completely. */
const KNOWN_SERVICES: ReadonlySet<string> = new Set(['bigquery', 'iam', 'resourcemanager']);
const MAX_ROLES = 300;
const UNDELETE_DAYS = 7;

export class CustomRoles {
  readonly #db: CatalogDatabase;
  readonly #permissions = new Map<string, ReadonlySet<string>>();

  constructor(db: CatalogDatabase) {
    this.#db = db;
    db.onForeignChange(() => this.#permissions.clear());
  }

  /** What the role grants now; undefined when it is missing, deleted or disabled. */
  permissionsOf(name: string): ReadonlySet<string> | undefined {
    const cached = this.#permissions.get(name);
    if (cached !== undefined) return cached;
    const role = this.find(name);
    if (role === undefined || role.deleted || role.stage === 'DISABLED') return undefined;
    const permissions = new Set(role.includedPermissions);
    this.#permissions.set(name, permissions);
    return permissions;
  }

  /** Also a deleted one. */
  find(name: string): CustomRole | undefined {
    const [projectId, id] = partsOf(name);
    const row = this.#db.get('SELECT * FROM custom_role WHERE project_id = ? AND id = ?', projectId, id);
    return row === undefined ? undefined : roleOf(row);
  }

  list(projectId: string, options: { readonly showDeleted: boolean }): CustomRole[] {
    return this.#db
      .all('SELECT * FROM custom_role WHERE project_id = ? ORDER BY id', projectId)
      .map(roleOf)
      .filter((role) => options.showDeleted || !role.deleted);
  }

  create(projectId: string, id: string, fields: CustomRoleFields): CustomRole {
    if (!ROLE_ID.test(id)) {
      throw new BigQueryError(
        'badRequest',
        `The role ID '${id}' is not valid: 3 to 64 letters, digits, underscores or periods.`,
      );
    }
    const values = checked({ title: '', description: '', stage: 'ALPHA', includedPermissions: [], ...fields });
    const name = `projects/${projectId}/roles/${id}`;
    return this.#write(name, () => {
      const existing = this.find(name);
      if (existing?.deleted === true) {
        throw new BigQueryError(
          'badRequest',
          `You can't create a role with role_id (${id}) where there is an existing role with that role_id in a deleted state.`,
        );
      }
      if (existing !== undefined) {
        throw new BigQueryError('alreadyExists', `A role named ${id} in projects/${projectId} already exists.`, {
          httpStatus: 409,
        });
      }
      if (this.list(projectId, { showDeleted: false }).length >= MAX_ROLES) {
        throw new BigQueryError('rateLimitExceeded', `Maximum number of roles reached. Maximum is: ${MAX_ROLES}`, {
          httpStatus: 429,
        });
      }
      this.#db.run(
        'INSERT INTO custom_role VALUES (?, ?, ?, ?, ?, ?, 1, NULL)',
        projectId,
        id,
        values.title,
        values.description,
        values.stage,
        JSON.stringify(values.includedPermissions),
      );
    });
  }

  /** Changes the given fields. 409 `aborted` when an etag is given that is not the current one. */
  update(name: string, changes: CustomRoleFields, etag: string | undefined): CustomRole {
    return this.#write(name, () => {
      const role = this.#existing(name, etag);
      if (role.deleted) throw new BigQueryError('badRequest', `You can't update a deleted role: ${name}.`);
      const values = checked({ ...role, ...changes });
      this.#db.run(
        'UPDATE custom_role SET title = ?, description = ?, stage = ?, permissions = ?, revision = revision + 1 WHERE project_id = ? AND id = ?',
        values.title,
        values.description,
        values.stage,
        JSON.stringify(values.includedPermissions),
        ...partsOf(name),
      );
    });
  }

  delete(name: string, etag: string | undefined, now: Date): CustomRole {
    return this.#write(name, () => {
      const role = this.#existing(name, etag);
      if (role.deleted)
        throw new BigQueryError('badRequest', `You can't delete a role that is already deleted: ${name}.`);
      this.#setDeleted(name, now.getTime());
    });
  }

  undelete(name: string, etag: string | undefined, now: Date): CustomRole {
    return this.#write(name, () => {
      const role = this.#existing(name, etag);
      if (!role.deleted)
        throw new BigQueryError('badRequest', `You can't undelete a role that is not deleted: ${name}.`);
      const row = this.#db.get('SELECT deleted_at FROM custom_role WHERE project_id = ? AND id = ?', ...partsOf(name));
      if (now.getTime() - Number(row?.['deleted_at']) > UNDELETE_DAYS * 86_400_000) {
        throw new BigQueryError(
          'badRequest',
          `A role can be undeleted for ${UNDELETE_DAYS} days after its deletion: ${name}.`,
        );
      }
      this.#setDeleted(name, null);
    });
  }

  #setDeleted(name: string, deletedAt: number | null): void {
    this.#db.run(
      'UPDATE custom_role SET deleted_at = ?, revision = revision + 1 WHERE project_id = ? AND id = ?',
      deletedAt,
      ...partsOf(name),
    );
  }

  #write(name: string, change: () => void): CustomRole {
    try {
      this.#db.transaction(change);
    } finally {
      this.#permissions.delete(name);
    }
    return this.find(name)!;
  }

  #existing(name: string, etag: string | undefined): CustomRole {
    const role = this.find(name);
    if (role === undefined) throw new BigQueryError('notFound', `The role named ${name} was not found.`);
    if (etag !== undefined && etag !== role.etag) {
      throw new BigQueryError(
        'aborted',
        'There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.',
        { httpStatus: 409 },
      );
    }
    return role;
  }
}

function checked(role: Required<CustomRoleFields>): Required<CustomRoleFields> {
  if (!STAGES.has(role.stage)) throw new BigQueryError('badRequest', `Invalid value for role.stage: ${role.stage}`);
  for (const permission of role.includedPermissions) {
    const service = permission.slice(0, permission.indexOf('.'));
    if (!PERMISSION.test(permission) || (KNOWN_SERVICES.has(service) && !KNOWN_PERMISSIONS.has(permission))) {
      throw new BigQueryError('badRequest', `Permission ${permission} is not valid.`);
    }
  }
  return { ...role, includedPermissions: [...new Set(role.includedPermissions)].sort() };
}

/** Names are `projects/P/roles/ID`; anything else finds nothing. */
function partsOf(name: string): [string, string] {
  const match = /^projects\/([^/]+)\/roles\/([^/]+)$/.exec(name);
  return [match?.[1] ?? '', match?.[2] ?? ''];
}

function roleOf(row: Row): CustomRole {
  const name = `projects/${row['project_id'] as string}/roles/${row['id'] as string}`;
  return {
    name,
    title: row['title'] as string,
    description: row['description'] as string,
    stage: row['stage'] as string,
    includedPermissions: JSON.parse(row['permissions'] as string) as string[],
    etag: createHash('sha256')
      .update(`${name}\n${Number(row['revision'])}`)
      .digest()
      .subarray(0, 8)
      .toString('base64'),
    deleted: row['deleted_at'] !== null,
  };
}

// What a role contains. Predefined roles are Google's own lists (see README.md); the
// dataset roles READER, WRITER and OWNER are three of them under older names.
import { readFileSync } from 'node:fs';

export type PredefinedRole = {
  readonly title: string;
  readonly description: string;
  readonly stage: string;
  readonly includedPermissions: readonly string[];
};

const DATASET_ROLES: ReadonlyMap<string, string> = new Map([
  ['READER', 'roles/bigquery.dataViewer'],
  ['WRITER', 'roles/bigquery.dataEditor'],
  ['OWNER', 'roles/bigquery.dataOwner'],
]);

/** Every predefined role that this server knows, by name: `roles/bigquery.user`. */
export const PREDEFINED_ROLES: ReadonlyMap<string, PredefinedRole> = withRoutinePolicies(
  withStorageRoles(new Map(Object.entries(readData<PredefinedRole>('./predefined-roles.json')))),
);

const PERMISSIONS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  [...PREDEFINED_ROLES].map(([name, role]) => [name, new Set(role.includedPermissions)]),
);

/** All permissions that any predefined role contains: what a custom role may hold. */
export const KNOWN_PERMISSIONS: ReadonlySet<string> = new Set([...PERMISSIONS.values()].flatMap((set) => [...set]));

export function predefinedPermissions(role: string): ReadonlySet<string> | undefined {
  return PERMISSIONS.get(role);
}

/** "You can grant legacy roles only to individual buckets" (IAM roles for Cloud Storage). */
export function isBucketOnlyRole(role: string): boolean {
  return role.startsWith('roles/storage.legacy');
}

function readData<T>(path: string): Record<string, T> {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as Record<string, T>;
}

/** Adds the roles of Cloud Storage, and to the basic roles what they hold of it. */
function withStorageRoles(roles: Map<string, PredefinedRole>): Map<string, PredefinedRole> {
  for (const [name, storage] of Object.entries(readData<PredefinedRole>('./storage-roles.json'))) {
    const known = roles.get(name);
    const includedPermissions = [...(known?.includedPermissions ?? []), ...storage.includedPermissions];
    roles.set(name, { ...storage, ...known, includedPermissions });
  }
  return roles;
}

/**
 * "Control access to resources with IAM" says of bigquery.dataOwner that it may set the policies of routines;
 * the published lists of permissions lack those two. An administrator may what a data owner may.
 */
function withRoutinePolicies(roles: Map<string, PredefinedRole>): Map<string, PredefinedRole> {
  for (const name of ['roles/bigquery.dataOwner', 'roles/bigquery.admin']) {
    const role = roles.get(name);
    if (role === undefined) continue;
    const added = ['bigquery.routines.getIamPolicy', 'bigquery.routines.setIamPolicy'];
    roles.set(name, { ...role, includedPermissions: [...new Set([...role.includedPermissions, ...added])] });
  }
  return roles;
}

/** `READER` → `roles/bigquery.dataViewer`; any other name as it is. */
export function iamRoleName(role: string): string {
  return DATASET_ROLES.get(role) ?? role;
}

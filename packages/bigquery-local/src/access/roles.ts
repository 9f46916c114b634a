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
export const PREDEFINED_ROLES: ReadonlyMap<string, PredefinedRole> = new Map(
  Object.entries(
    JSON.parse(readFileSync(new URL('./predefined-roles.json', import.meta.url), 'utf8')) as Record<
      string,
      PredefinedRole
    >,
  ),
);

const PERMISSIONS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  [...PREDEFINED_ROLES].map(([name, role]) => [name, new Set(role.includedPermissions)]),
);

/** All permissions that any predefined role contains: what a custom role may hold. */
export const KNOWN_PERMISSIONS: ReadonlySet<string> = new Set([...PERMISSIONS.values()].flatMap((set) => [...set]));

export function predefinedPermissions(role: string): ReadonlySet<string> | undefined {
  return PERMISSIONS.get(role);
}

/** `READER` → `roles/bigquery.dataViewer`; any other name as it is. */
export function iamRoleName(role: string): string {
  return DATASET_ROLES.get(role) ?? role;
}

// What the policies of datasets, tables, views and routines may hold: roles that mean something there,
// and members that exist. Used by setIamPolicy, GRANT and row access policies. Texts are IAM's.
import { isServiceAccountEmail, normalMember } from '../../access/members.ts';
import { predefinedPermissions } from '../../access/roles.ts';
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import { requireMember } from '../iam/members.ts';

const ON_TABLES = /^bigquery\.(tables|rowAccessPolicies)\./;
const ON_ROUTINES = /^bigquery\.routines\./;
const ON_DATASETS = /^bigquery\.(datasets|tables|routines|models|rowAccessPolicies)\./;
const PATTERNS = { table: ON_TABLES, routine: ON_ROUTINES, dataset: ON_DATASETS };
/** Permissions on what holds the resource: a role with these alone says nothing about it. */
const OF_THE_PARENT = {
  table: new Set(['bigquery.tables.list', 'bigquery.tables.create']),
  routine: new Set(['bigquery.routines.list', 'bigquery.routines.create']),
  dataset: new Set(['bigquery.datasets.create']),
};

/** Throws 400 for a role that does not exist, or that cannot be granted on a table (a dataset) of the project. */
export function requireGrantableOn(
  kind: 'table' | 'routine' | 'dataset',
  identity: Identity,
  projectId: string,
  role: string,
): void {
  if (role.startsWith('projects/') || role.startsWith('organizations/')) {
    if (role.startsWith(`projects/${projectId}/roles/`) && identity.customRoles.find(role) !== undefined) return;
    throw invalid(`Role (${role}) does not exist in the resource's hierarchy.`);
  }
  const permissions = role.startsWith('roles/bigquery.') ? [...(predefinedPermissions(role) ?? [])] : [];
  const pattern = PATTERNS[kind];
  if (!permissions.some((name) => pattern.test(name) && !OF_THE_PARENT[kind].has(name)))
    throw invalid(`Role ${role} is not supported for this resource.`);
}

/**
 * Throws 400 for a member that does not exist, as far as this server can know: accounts of
 * projects that are not here may exist. `before` are members that may stay though deleted.
 */
export function requireGrantee(identity: Identity, member: string, before: ReadonlySet<string> = new Set()): void {
  if (member === 'allUsers' || member === 'allAuthenticatedUsers') return;
  const foreign = /^serviceAccount:[^@\s]+@([a-z0-9-]+)\.iam\.gserviceaccount\.com$/.exec(normalMember(member))?.[1];
  if (foreign !== undefined && identity.projects.find(foreign) === undefined) return;
  const basic = /^project(?:Viewer|Editor|Owner):(.+)$/.exec(member)?.[1];
  if (basic !== undefined && identity.projects.find(basic) !== undefined) return;
  const google = /^serviceAccount:(.+)$/.exec(member)?.[1];
  // Google's own agents (`…@gcp-sa-…`, `…@developer.gserviceaccount.com`) belong to no project of ours.
  if (google !== undefined && isServiceAccountEmail(google) && !/\.iam\.gserviceaccount\.com$/i.test(google)) return;
  requireMember(identity, member, before);
}

function invalid(message: string): BigQueryError {
  return new BigQueryError('badRequest', message);
}

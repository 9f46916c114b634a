// What the account holds beyond what the source needs, and how grave that is. Pure: no
// service is asked. Within the state dataset nothing counts: it holds Sluice's tables only.
import { permissionsOf, rolesWithin, without } from './predefined-roles.ts';
import type { Excess, ExcessKind, Way } from './report.ts';

/** Asked beside BigQuery's own: with it the account could grant itself anything. */
export const PROJECT_POLICY = 'resourcemanager.projects.setIamPolicy';

const READS = /\.(?:getData|getFilteredData|export|replicateData|createSnapshot|read)$|^bigquery\.readsessions\./;
const SEES = /\.(?:get|getMetadata|getIamPolicy|list\w*|search|use)$/;
const ADMINISTERS =
  /\.(?:setIamPolicy|delegate)$|^bigquery\.(?:datasets|config|reservation\w*|capacityCommitments|bireservations|dataPolicies|rowAccessPolicies|connections|jobs|transfers)\./;

export function kindOf(permission: string): ExcessKind {
  if (READS.test(permission)) return 'reads';
  if (SEES.test(permission)) return 'sees';
  return ADMINISTERS.test(permission) ? 'administers' : 'writes';
}

const WORDS: Record<ExcessKind, string> = {
  administers: 'may change settings, reservations or who has access',
  writes: 'may write or delete data or definitions',
  reads: 'may read data',
  sees: 'may see names, descriptions and metadata',
};

/** What is held on the project: it counts in every dataset. */
export function excessOnProject(resource: string, held: ReadonlySet<string>, way: Way, readsStorage = false): Excess[] {
  // BigQuery Job User is the smallest predefined role with the one permission that is needed.
  const due = new Set(permissionsOf('roles/bigquery.jobUser'));
  if (way === 'sluice_creates_dataset') due.add('bigquery.datasets.create');
  if (readsStorage) for (const permission of permissionsOf('roles/bigquery.readSessionUser')) due.add(permission);
  return inKinds(resource, without(held, due), rolesBeyond(held, due), 'in the whole project');
}

/** What is held on a table or view that a model reads, apart from what the project gives already. */
export function excessOnTable(resource: string, held: ReadonlySet<string>, onProject: ReadonlySet<string>): Excess[] {
  // BigQuery Data Viewer is the smallest predefined role that reads a table.
  const beyond = without(held, permissionsOf('roles/bigquery.dataViewer'), onProject);
  return inKinds(resource, beyond, [], 'of a table that the models only read');
}

/** A role in the access entries of a dataset that the models read; undefined when it only reads. */
export function excessOfEntry(resource: string, role: string): Excess | undefined {
  if (role === 'READER' || role === 'roles/bigquery.dataViewer') return undefined;
  const kind = kindOfRole(role);
  if (kind === undefined || kind === 'sees' || kind === 'reads') return undefined;
  return {
    resource,
    kind,
    permissions: [],
    roles: [role],
    message: `The account is ${role} of a dataset that the models only read.`,
  };
}

/** A dataset that no model reads, and which the account can see; `roles` as its access entries name them. */
export function excessOfUnusedDataset(resource: string, roles: readonly string[]): Excess {
  const kinds = roles.map((role) => kindOfRole(role) ?? 'sees');
  const kind = kinds.includes('administers')
    ? 'administers'
    : kinds.includes('writes')
      ? 'writes'
      : kinds.includes('reads')
        ? 'reads'
        : 'sees';
  const how = roles.length === 0 ? 'sees' : `is ${roles.join(', ')} of`;
  return { resource, kind, permissions: [], roles, message: `The account ${how} a dataset that no model reads.` };
}

function kindOfRole(role: string): ExcessKind | undefined {
  if (role === 'OWNER' || role === 'roles/bigquery.dataOwner' || role === 'roles/bigquery.admin') return 'administers';
  if (role === 'WRITER' || role === 'roles/bigquery.dataEditor') return 'writes';
  if (role === 'READER' || role === 'roles/bigquery.dataViewer') return 'reads';
  return role === 'roles/bigquery.metadataViewer' ? 'sees' : undefined;
}

function rolesBeyond(held: ReadonlySet<string>, due: ReadonlySet<string>): string[] {
  return rolesWithin(held).filter((role) => without(permissionsOf(role), due).size > 0);
}

function inKinds(resource: string, beyond: ReadonlySet<string>, roles: readonly string[], where: string): Excess[] {
  const byKind = Map.groupBy([...beyond].toSorted(), kindOf);
  return [...byKind].map(([kind, permissions]) => ({
    resource,
    kind,
    permissions,
    roles: roles.filter((role) => permissions.some((permission) => permissionsOf(role).has(permission))),
    message: `The account ${WORDS[kind]} ${where}.`,
  }));
}

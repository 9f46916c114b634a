// The smallest predefined role that holds a permission, for each resource on which it can be
// granted, and the command or statement that grants it. Where roles may be granted: "BigQuery
// IAM roles and permissions" (lowest-level resources).
import type { Resource } from '../access/decision.ts';
import { isBucketOnlyRole, PREDEFINED_ROLES } from '../access/roles.ts';
import { resourceName } from './resource-name.ts';

export type Suggestion = {
  readonly role: string;
  readonly title: string;
  readonly on: string;
  /** How many permissions the role holds in all. */
  readonly permissions: number;
  /** GoogleSQL for a dataset or table, gcloud for a project, bucket or account, REST for a routine. */
  readonly command: string;
};

/** "Lowest-level resources where you can grant this role: table, view". */
const ON_TABLES: ReadonlySet<string> = new Set([
  'roles/bigquery.dataViewer',
  'roles/bigquery.dataEditor',
  'roles/bigquery.dataOwner',
  'roles/bigquery.metadataViewer',
]);

/** "Lowest-level resources … routine": of these two only. */
const ON_ROUTINES: ReadonlySet<string> = new Set(['roles/bigquery.dataViewer', 'roles/bigquery.metadataViewer']);

/** Besides those of tables. */
const ON_DATASETS: ReadonlySet<string> = new Set(['roles/bigquery.user', 'roles/bigquery.filteredDataViewer']);

/** For authorized stored procedures, or managed by row access policies: never granted by hand. */
const NOT_FOR_PEOPLE = /^roles\/bigquery\.(?:routine\w*|filteredDataViewer)$/;

/** For the resource itself first, then for what contains it. */
export function smallestRoles(member: string, permission: string, resource: Resource): Suggestion[] {
  const suggestions: Suggestion[] = [];
  for (const on of levels(permission, resource)) {
    const found = smallest(permission, on);
    if (found !== undefined)
      suggestions.push({ ...found, on: resourceName(on), command: command(found.role, member, on) });
  }
  return suggestions;
}

function levels(permission: string, resource: Resource): Resource[] {
  const { projectId } = resource;
  const project: Resource = { kind: 'project', projectId };
  if (resource.kind === 'bucket' && permission !== 'storage.buckets.create' && permission !== 'storage.buckets.list')
    return [{ kind: 'bucket', projectId, bucket: resource.bucket }, project];
  if (resource.kind === 'serviceAccount') return [resource, project];
  if (resource.kind !== 'dataset' && resource.kind !== 'table' && resource.kind !== 'routine') return [project];
  const dataset: Resource = { kind: 'dataset', projectId, datasetId: resource.datasetId };
  // What is created in a dataset, and the dataset itself, are asked for on the dataset.
  const ofTable =
    resource.kind === 'table' && /^bigquery\.(?:tables\.(?!create$|list$)|rowAccessPolicies\.)/.test(permission);
  const ofRoutine = resource.kind === 'routine' && /^bigquery\.routines\.(?!create$|list$)/.test(permission);
  return [...(ofTable || ofRoutine ? [resource] : []), dataset, project];
}

function smallest(permission: string, on: Resource): Pick<Suggestion, 'role' | 'title' | 'permissions'> | undefined {
  let best: Pick<Suggestion, 'role' | 'title' | 'permissions'> | undefined;
  for (const [role, { title, includedPermissions }] of PREDEFINED_ROLES) {
    if (!includedPermissions.includes(permission) || NOT_FOR_PEOPLE.test(role) || !fits(role, on)) continue;
    if (best === undefined || includedPermissions.length < best.permissions)
      best = { role, title, permissions: includedPermissions.length };
  }
  return best;
}

function fits(role: string, on: Resource): boolean {
  // Legacy roles of buckets mirror old access lists: nobody is given one anew.
  if (isBucketOnlyRole(role)) return false;
  switch (on.kind) {
    case 'project':
      return true;
    case 'bucket':
      return role.startsWith('roles/storage.');
    case 'serviceAccount':
      return role.startsWith('roles/iam.serviceAccount');
    case 'routine':
      return ON_ROUTINES.has(role);
    default:
      return fitsDataset(role, on);
  }
}

function fitsDataset(role: string, on: Resource): boolean {
  return ON_TABLES.has(role) || (on.kind === 'dataset' && ON_DATASETS.has(role));
}

function command(role: string, member: string, on: Resource): string {
  if (on.kind === 'dataset') return `GRANT \`${role}\` ON SCHEMA ${quoted(on.projectId, on.datasetId)} TO "${member}"`;
  if (on.kind === 'table')
    return `GRANT \`${role}\` ON TABLE ${quoted(on.projectId, on.datasetId, on.tableId)} TO "${member}"`;
  if (on.kind === 'routine') {
    const policy = JSON.stringify({ policy: { bindings: [{ role, members: [member] }] } });
    return `POST https://bigquery.googleapis.com/bigquery/v2/${resourceName(on)}:setIamPolicy ${policy}`;
  }
  if (on.kind === 'bucket')
    return `gcloud storage buckets add-iam-policy-binding gs://${on.bucket} --member=${member} --role=${role}`;
  if (on.kind === 'serviceAccount')
    return `gcloud iam service-accounts add-iam-policy-binding ${on.email} --member=${member} --role=${role}`;
  return `gcloud projects add-iam-policy-binding ${on.projectId} --member=${member} --role=${role}`;
}

function quoted(...path: readonly string[]): string {
  return path.map((part) => `\`${part.replaceAll(/[\\`]/g, String.raw`\$&`)}\``).join('.');
}

// The texts of refusals. BigQuery names the permission and the resource and never says
// whether the resource exists; texts as the real service gives them (public issue
// reports of Google's clients and of Terraform's provider).
import { BigQueryError } from '../bigquery-error.ts';
import type { Permission, Resource } from './decision.ts';

export type TableRef = { readonly projectId: string; readonly datasetId: string; readonly tableId: string };

/** The 403 for a permission that the caller lacks on a resource. */
export function accessDenied(permission: Permission, resource: Resource): BigQueryError {
  if (resource.kind === 'directory')
    return new BigQueryError('forbidden', 'Not Authorized to access this resource/api', { httpStatus: 403 });
  return permission.startsWith('bigquery.')
    ? new BigQueryError('accessDenied', bigQueryText(permission, resource))
    : new BigQueryError(
        'forbidden',
        `Permission '${permission}' denied on resource '${fullResourceName(resource)}' (or it may not exist).`,
        { httpStatus: 403 },
      );
}

/** The 403 for a table or view that a query reads without permission. */
export function queryDenied(table: TableRef, location?: string): BigQueryError {
  const name = `${table.projectId}:${table.datasetId}.${table.tableId}`;
  const where = location === undefined ? '' : ` in location ${location}`;
  return new BigQueryError(
    'accessDenied',
    `Access Denied: Table ${name}: User does not have permission to query table ${name}, or perhaps it does not exist${where}.`,
  );
}

function bigQueryText(permission: Permission, resource: Exclude<Resource, { readonly kind: 'directory' }>): string {
  if (resource.kind === 'project') {
    const { projectId } = resource;
    return `Access Denied: Project ${projectId}: User does not have ${permission} permission in project ${projectId}.`;
  }
  const [kind, name] = kindAndName(resource);
  return `Access Denied: ${kind} ${name}: Permission ${permission} denied on ${kind.toLowerCase()} ${name} (or it may not exist).`;
}

/** As BigQuery writes them in its texts, with a colon after the project. */
function kindAndName(
  resource: Exclude<Resource, { readonly kind: 'project' | 'directory' }>,
): [kind: string, name: string] {
  let result: [string, string];
  switch (resource.kind) {
    case 'dataset':
      result = ['Dataset', `${resource.projectId}:${resource.datasetId}`];
      break;
    case 'table':
      result = ['Table', `${resource.projectId}:${resource.datasetId}.${resource.tableId}`];
      break;
    case 'routine':
      result = ['Routine', `${resource.projectId}:${resource.datasetId}.${resource.routineId}`];
      break;
    case 'job':
      result = ['Job', `${resource.projectId}:${resource.location}.${resource.jobId}`];
      break;
    case 'bucket':
      result = ['Bucket', resource.bucket];
      break;
    case 'serviceAccount':
      result = ['Service account', `${resource.projectId}:${resource.email}`];
      break;
  }
  return result;
}

/** Google's full resource names, as IAM and Resource Manager write them in refusals. */
function fullResourceName(resource: Exclude<Resource, { readonly kind: 'directory' }>): string {
  const project = `projects/${resource.projectId}`;
  let name: string;
  switch (resource.kind) {
    case 'project':
      name = `//cloudresourcemanager.googleapis.com/${project}`;
      break;
    case 'bucket':
      name = `//storage.googleapis.com/projects/_/buckets/${resource.bucket}${resource.object === undefined ? '' : `/objects/${resource.object}`}`;
      break;
    case 'serviceAccount':
      name = `//iam.googleapis.com/${project}/serviceAccounts/${resource.email}`;
      break;
    case 'dataset':
      name = `//bigquery.googleapis.com/${project}/datasets/${resource.datasetId}`;
      break;
    case 'table':
      name = `//bigquery.googleapis.com/${project}/datasets/${resource.datasetId}/tables/${resource.tableId}`;
      break;
    case 'routine':
      name = `//bigquery.googleapis.com/${project}/datasets/${resource.datasetId}/routines/${resource.routineId}`;
      break;
    case 'job':
      name = `//bigquery.googleapis.com/${project}/jobs/${resource.jobId}`;
      break;
  }
  return name;
}

// Resources as text: the names of Google's REST references, in the audit log and on the
// command line.
import type { Resource } from '../access/decision.ts';

/** `projects/P/datasets/D/tables/T`. */
export function resourceName(resource: Resource): string {
  const project = `projects/${resource.projectId}`;
  switch (resource.kind) {
    case 'project':
      return project;
    case 'dataset':
      return `${project}/datasets/${resource.datasetId}`;
    case 'table':
      return `${project}/datasets/${resource.datasetId}/tables/${resource.tableId}`;
    case 'routine':
      return `${project}/datasets/${resource.datasetId}/routines/${resource.routineId}`;
    case 'job':
      return `${project}/jobs/${resource.jobId}`;
    case 'serviceAccount':
      return `${project}/serviceAccounts/${resource.email}`;
    case 'bucket':
      return `projects/_/buckets/${resource.bucket}${resource.object === undefined ? '' : `/objects/${resource.object}`}`;
    case 'directory':
      return 'directory';
  }
}

const NAME = /^projects\/([^/]+)(?:\/datasets\/([^/]+)(?:\/(tables|routines)\/([^/]+))?)?$/;
const BUCKET = /^(?:gs:\/\/|projects\/_\/buckets\/)([^/]+)(?:\/(?:objects\/)?(.+))?$/;
const SERVICE_ACCOUNT = /^projects\/([^/]+)\/serviceAccounts\/([^/]+)$/;

/** `_` as a bucket's project, `-` as an account's: that of the bucket or account of this name. */
export const ANY_PROJECT = { bucket: '_', serviceAccount: '-' } as const;

/**
 * `projects/P`, `projects/P/datasets/D[/tables/T|/routines/R]`, `P.D`, `P.D.T`, `P:D.T`, `gs://BUCKET[/OBJECT]`,
 * `projects/P/serviceAccounts/EMAIL`; undefined for anything else.
 */
export function parseResourceName(text: string): Resource | undefined {
  const [, bucket, object] = BUCKET.exec(text) ?? [];
  if (bucket !== undefined)
    return { kind: 'bucket', projectId: ANY_PROJECT.bucket, bucket, ...(object === undefined ? {} : { object }) };
  const [, ofProject, email] = SERVICE_ACCOUNT.exec(text) ?? [];
  if (ofProject !== undefined && email !== undefined) return { kind: 'serviceAccount', projectId: ofProject, email };
  const [, projectId, datasetId, collection, name] = NAME.exec(text) ?? [];
  if (projectId !== undefined && collection === 'routines')
    return { kind: 'routine', projectId, datasetId: datasetId!, routineId: name! };
  if (projectId !== undefined) return resourceOf(projectId, datasetId, name);
  if (text.includes('/')) return undefined;
  // A domain-scoped project (`example.com:p`) has dots too: the last parts are the dataset's and the table's.
  const short = /^((?:[a-z0-9-]+\.[a-z0-9.-]+:)?[a-z0-9-]+)[.:](\w+)(?:\.([^.]+))?$/i.exec(text);
  return short === null ? undefined : resourceOf(short[1]!, short[2], short[3]);
}

function resourceOf(projectId: string, datasetId: string | undefined, tableId: string | undefined): Resource {
  if (datasetId === undefined) return { kind: 'project', projectId };
  if (tableId === undefined) return { kind: 'dataset', projectId, datasetId };
  return { kind: 'table', projectId, datasetId, tableId };
}

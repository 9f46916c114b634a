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

const NAME = /^projects\/([^/]+)(?:\/datasets\/([^/]+)(?:\/tables\/([^/]+))?)?$/;

/** `projects/P`, `projects/P/datasets/D[/tables/T]`, `P.D`, `P.D.T`, `P:D.T`; undefined for anything else. */
export function parseResourceName(text: string): Resource | undefined {
  const [, projectId, datasetId, tableId] = NAME.exec(text) ?? [];
  if (projectId !== undefined) return resourceOf(projectId, datasetId, tableId);
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

// bigquery.projects.*: the projects that the caller has a role on.
import { createHash } from 'node:crypto';
import type { Services } from '../../services.ts';
import type { RequestContext, Route } from '../route.ts';
import { decodeToken, encodeToken, optionalCount } from './fields.ts';

export function projectRoutes(services: Services): Route[] {
  return [
    {
      method: 'GET',
      path: '/projects',
      operation: 'bigquery.projects.list',
      handle: (context) => list(services, context),
    },
    {
      method: 'GET',
      path: '/projects/:projectId/serviceAccount',
      operation: 'bigquery.projects.getServiceAccount',
      handle: (context) => serviceAccount(services, context),
    },
  ];
}

function list(services: Services, context: RequestContext): unknown {
  const max = Math.min(optionalCount(context.query, 'maxResults') ?? 50, 1_000);
  const after = decodeToken(context.query['pageToken']) ?? '';
  // A decision is asked for each project, and none when there is no project at all.
  const visible = services.identity.projects
    .list()
    .filter(({ projectId }) => context.may('resourcemanager.projects.get', { kind: 'project', projectId }));
  const rest = visible.filter(({ projectId }) => projectId > after);
  const page = rest.slice(0, max);
  const last = page.at(-1);
  if (visible.length === 0) context.may('resourcemanager.projects.get', { kind: 'project', projectId: '' });
  return {
    kind: 'bigquery#projectList',
    etag: createHash('md5').update(JSON.stringify(page)).digest('base64'),
    ...(page.length === 0
      ? {}
      : {
          projects: page.map((project) => ({
            kind: 'bigquery#project',
            id: project.projectId,
            numericId: project.projectNumber,
            projectReference: { projectId: project.projectId },
            friendlyName: project.displayName,
          })),
        }),
    ...(rest.length > page.length && last !== undefined ? { nextPageToken: encodeToken(last.projectId) } : {}),
    totalItems: visible.length,
  };
}

/** The account that BigQuery itself acts as, for keys of a key service; any role on the project may ask. */
function serviceAccount(services: Services, context: RequestContext): unknown {
  const { projectId = '' } = context.params;
  context.authorize('resourcemanager.projects.get', { kind: 'project', projectId });
  const number = services.identity.projects.find(projectId)?.projectNumber ?? '';
  return {
    kind: 'bigquery#getServiceAccountResponse',
    email: `bq-${number}@bigquery-encryption.iam.gserviceaccount.com`,
  };
}

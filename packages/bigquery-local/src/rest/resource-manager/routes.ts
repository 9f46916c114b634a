// Cloud Resource Manager v1 and v3: projects and their IAM policies. There are no folders
// and no organizations; a project is created at once, so that operations come back done.
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import { stateOf } from '../../catalog/projects.ts';
import type { Project } from '../../catalog/projects.ts';
import { labelsField, optionalText, pageOf, requiredText } from '../iam/body.ts';
import { authorizedProject } from '../iam/service-accounts.ts';
import type { RequestContext, Route } from '../route.ts';
import { iamPolicyRoutes } from './iam-policy.ts';
import { projectChangeRoutes } from './project-changes.ts';
import { projectQuery } from './project-query.ts';

type Version = 'v1' | 'v3';

export function resourceManagerRoutes(identity: Identity): Route[] {
  return (['v1', 'v3'] as const).flatMap((version): Route[] => [
    {
      method: 'POST',
      path: `/${version}/projects`,
      operation: 'cloudresourcemanager.projects.create',
      handle: (context) => create(identity, context, version),
    },
    {
      method: 'GET',
      path: version === 'v1' ? '/v1/projects' : '/v3/projects::search',
      operation: version === 'v1' ? 'cloudresourcemanager.projects.list' : 'cloudresourcemanager.projects.search',
      signedIn: true,
      handle: (context) => list(identity, context, version),
    },
    {
      method: 'GET',
      path: `/${version}/projects/:projectId`,
      operation: 'cloudresourcemanager.projects.get',
      handle(context) {
        const projectId = authorizedProject(identity, context, 'resourcemanager.projects.get');
        const project = identity.projects.find(projectId);
        if (project === undefined) throw new BigQueryError('notFound', `Project ${projectId} was not found.`);
        return projectResource(project, version);
      },
    },
    ...iamPolicyRoutes(identity, version),
    ...projectChangeRoutes(identity, version, projectResource),
    ...(version === 'v3' ? [listBelowParent] : []),
  ]);
}

/** v3 lists the projects of one folder or organization only, and there is none. */
const listBelowParent: Route = {
  method: 'GET',
  path: '/v3/projects',
  operation: 'cloudresourcemanager.projects.list',
  signedIn: true,
  handle(context) {
    const parent = context.query['parent'] ?? '';
    if (!/^(?:folders|organizations)\/[^/]+$/.test(parent))
      throw new BigQueryError('badRequest', 'A parent is required: folders/N or organizations/N.');
    throw new BigQueryError('forbidden', 'The caller does not have permission', { httpStatus: 403 });
  },
};

function create(identity: Identity, context: RequestContext, version: Version): unknown {
  const { body, principal } = context;
  const projectId = requiredText(body, 'projectId');
  if (identity.projects.find(projectId) !== undefined) {
    // Ids are taken across all of Google Cloud, and everybody may learn that.
    throw new BigQueryError('alreadyExists', 'Requested entity already exists', { httpStatus: 409 });
  }
  context.authorize('resourcemanager.projects.create', { kind: 'project', projectId });
  if (body['parent'] !== undefined && body['parent'] !== null) {
    throw new BigQueryError(
      'badRequest',
      'The parent of a project is not supported by the local BigQuery: it has no organizations and folders.',
    );
  }
  const displayName = optionalText(body, version === 'v1' ? 'name' : 'displayName', 30);
  const project = identity.projects.create(
    {
      projectId,
      labels: labelsField(body),
      ...(displayName === undefined || displayName === '' ? {} : { displayName }),
    },
    principal.email,
    new Date(),
  );
  const type = `type.googleapis.com/google.cloudresourcemanager.${version}.Project`;
  return {
    name: `operations/cp.${project.projectNumber}`,
    done: true,
    response: { '@type': type, ...projectResource(project, version) },
  };
}

function list(identity: Identity, context: RequestContext, version: Version): unknown {
  const matches = projectQuery(version === 'v1' ? context.query['filter'] : context.query['query']);
  const visible = identity.projects
    .list({ deleted: true })
    .filter((project) => matches(project))
    .filter(({ projectId }) => context.may('resourcemanager.projects.get', { kind: 'project', projectId }));
  const page = pageOf(context, visible, (project) => project.projectId, 500, 500);
  return {
    ...(page.items.length === 0 ? {} : { projects: page.items.map((project) => projectResource(project, version)) }),
    ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }),
  };
}

function projectResource(project: Project, version: Version): Record<string, unknown> {
  const createTime = project.createdAt.toISOString();
  const labels = Object.keys(project.labels).length === 0 ? {} : { labels: project.labels };
  return version === 'v1'
    ? {
        projectNumber: project.projectNumber,
        projectId: project.projectId,
        lifecycleState: stateOf(project),
        name: project.displayName,
        createTime,
        ...labels,
      }
    : {
        name: `projects/${project.projectNumber}`,
        projectId: project.projectId,
        state: stateOf(project),
        displayName: project.displayName,
        createTime,
        updateTime: project.updatedAt.toISOString(),
        ...(project.deletedAt === undefined ? {} : { deleteTime: project.deletedAt.toISOString() }),
        ...labels,
      };
}

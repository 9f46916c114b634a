// projects.patch (v3), projects.update (v1), projects.delete and projects.undelete. A deleted project is
// only marked: it can be read and restored, and nothing in it can be used.
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { Project } from '../../catalog/projects.ts';
import { labelsField, optionalText, updateMask } from '../iam/body.ts';
import { authorizedProject } from '../iam/service-accounts.ts';
import type { RequestContext, Route } from '../route.ts';

type Version = 'v1' | 'v3';
type Present = (project: Project, version: Version) => Record<string, unknown>;

export function projectChangeRoutes(identity: Identity, version: Version, present: Present): Route[] {
  const { projects } = identity;
  const one = `/${version}/projects/:projectId`;
  /** v3 answers with an operation, which is done at once; v1 with the project or nothing. */
  const answer = (project: Project, v1: unknown): unknown =>
    version === 'v1'
      ? v1
      : {
          name: `operations/pc.${project.projectNumber}`,
          done: true,
          response: {
            '@type': 'type.googleapis.com/google.cloudresourcemanager.v3.Project',
            ...present(project, version),
          },
        };
  const authorized = (context: RequestContext, permission: string): string => {
    const projectId = authorizedProject(identity, context, permission);
    if (projects.find(projectId) === undefined)
      throw new BigQueryError('notFound', `Project ${projectId} was not found.`);
    return projectId;
  };
  return [
    {
      method: version === 'v1' ? 'PUT' : 'PATCH',
      path: one,
      operation: `cloudresourcemanager.projects.${version === 'v1' ? 'update' : 'patch'}`,
      handle(context) {
        const projectId = authorized(context, 'resourcemanager.projects.update');
        const nameField = version === 'v1' ? 'name' : 'displayName';
        const mask = updateMask(context.query['updateMask'], [nameField, 'labels']);
        const { parent } = context.body;
        if (parent !== undefined && parent !== null)
          throw new BigQueryError('badRequest', 'The parent of a project is not supported by the local BigQuery.');
        const changes = (field: string): boolean =>
          mask === undefined ? version === 'v1' || field in context.body : mask.includes(field);
        const displayName = optionalText(context.body, nameField, 30);
        const project = projects.update(
          projectId,
          {
            ...(changes(nameField) && displayName !== undefined && displayName !== '' ? { displayName } : {}),
            ...(changes('labels') ? { labels: labelsField(context.body) } : {}),
          },
          new Date(),
        );
        return answer(project, present(project, version));
      },
    },
    {
      method: 'DELETE',
      path: one,
      operation: 'cloudresourcemanager.projects.delete',
      handle(context) {
        const projectId = authorized(context, 'resourcemanager.projects.delete');
        return answer(projects.delete(projectId, new Date()), {});
      },
    },
    {
      method: 'POST',
      path: `/${version}/projects/:projectId([^:/]+)::undelete`,
      operation: 'cloudresourcemanager.projects.undelete',
      handle(context) {
        const projectId = authorized(context, 'resourcemanager.projects.undelete');
        return answer(projects.undelete(projectId, new Date()), {});
      },
    },
  ];
}

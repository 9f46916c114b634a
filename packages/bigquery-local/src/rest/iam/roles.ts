// IAM API v1: a project's custom roles, and Google's predefined roles to read.
import { PREDEFINED_ROLES } from '../../access/roles.ts';
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { CustomRole, CustomRoleFields } from '../../catalog/custom-roles.ts';
import type { RequestContext, Route } from '../route.ts';
import { objectField, optionalText, optionalTexts, pageOf, requiredText, updateMask } from './body.ts';
import { authorizedProject, requireProject } from './service-accounts.ts';

const COLLECTION = '/v1/projects/:projectId/roles';
const ONE = `${COLLECTION}/:roleId`;
const FIELDS = ['title', 'description', 'stage', 'includedPermissions'] as const;
/** Google's limit for a custom role. */
const MAX_PERMISSIONS = 3000;

export function roleRoutes(identity: Identity): Route[] {
  const { customRoles } = identity;
  const name = (method: string) => `iam.projects.roles.${method}`;
  return [
    {
      method: 'POST',
      path: COLLECTION,
      operation: name('create'),
      handle(context) {
        const projectId = authorizedProject(identity, context, 'iam.roles.create');
        requireProject(identity, projectId);
        const fields = fieldsOf(objectField(context.body, 'role'), undefined);
        return roleResource(customRoles.create(projectId, requiredText(context.body, 'roleId'), fields), 'FULL');
      },
    },
    {
      method: 'GET',
      path: COLLECTION,
      operation: name('list'),
      handle(context) {
        const projectId = authorizedProject(identity, context, 'iam.roles.list');
        requireProject(identity, projectId);
        const all = customRoles.list(projectId, { showDeleted: context.query['showDeleted'] === 'true' });
        return rolePage(context, all);
      },
    },
    {
      method: 'GET',
      path: ONE,
      operation: name('get'),
      handle(context) {
        const role = authorizedName(identity, context, 'iam.roles.get');
        return roleResource(existing(customRoles.find(role), role), 'FULL');
      },
    },
    {
      method: 'PATCH',
      path: ONE,
      operation: name('patch'),
      handle(context) {
        const role = authorizedName(identity, context, 'iam.roles.update');
        const mask = updateMask(context.query['updateMask'], FIELDS);
        const etag = optionalText(context.body, 'etag');
        return roleResource(customRoles.update(role, fieldsOf(context.body, mask), etag), 'FULL');
      },
    },
    {
      method: 'DELETE',
      path: ONE,
      operation: name('delete'),
      handle(context) {
        const role = authorizedName(identity, context, 'iam.roles.delete');
        const { etag } = context.query;
        return roleResource(customRoles.delete(role, etag === '' ? undefined : etag, new Date()), 'FULL');
      },
    },
    {
      method: 'POST',
      path: `${COLLECTION}/:roleId([^:/]+)::undelete`,
      operation: name('undelete'),
      handle(context) {
        const role = authorizedName(identity, context, 'iam.roles.undelete');
        return roleResource(customRoles.undelete(role, optionalText(context.body, 'etag'), new Date()), 'FULL');
      },
    },
    {
      method: 'GET',
      path: '/v1/roles',
      operation: 'iam.roles.list',
      signedIn: true,
      handle: (context) => rolePage(context, predefinedRoles()),
    },
    {
      method: 'GET',
      path: '/v1/roles/:roleId',
      operation: 'iam.roles.get',
      signedIn: true,
      handle(context) {
        const role = `roles/${context.params['roleId'] ?? ''}`;
        return roleResource(
          existing(
            predefinedRoles().find((one) => one.name === role),
            role,
          ),
          'FULL',
        );
      },
    },
  ];
}

type AnyRole = Omit<CustomRole, 'etag' | 'deleted'> & Partial<Pick<CustomRole, 'etag' | 'deleted'>>;

function predefinedRoles(): AnyRole[] {
  return [...PREDEFINED_ROLES].map(([name, role]) => ({ name, ...role })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function rolePage(context: RequestContext, all: readonly AnyRole[]): Record<string, unknown> {
  const view = context.query['view'] === 'FULL' ? 'FULL' : 'BASIC';
  const page = pageOf(context, all, (role) => role.name, 300, 1000);
  return {
    ...(page.items.length === 0 ? {} : { roles: page.items.map((role) => roleResource(role, view)) }),
    ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }),
  };
}

function authorizedName(identity: Identity, context: RequestContext, permission: string): string {
  return `projects/${authorizedProject(identity, context, permission)}/roles/${context.params['roleId'] ?? ''}`;
}

function existing<T>(role: T | undefined, name: string): T {
  if (role === undefined) throw new BigQueryError('notFound', `The role named ${name} was not found.`);
  return role;
}

/**
 * The fields to write. Without a mask those that the body has; with one exactly those that
 * it names, and a named field that the body leaves out is emptied.
 */
function fieldsOf(body: Readonly<Record<string, unknown>>, mask: readonly string[] | undefined): CustomRoleFields {
  const text = (name: string, empty: string, maxLength: number) => {
    if (mask !== undefined && !mask.includes(name)) return {};
    const value = optionalText(body, name, maxLength) ?? (mask === undefined ? undefined : empty);
    return value === undefined ? {} : { [name]: value };
  };
  const permissions =
    mask === undefined || mask.includes('includedPermissions')
      ? optionalTexts(body, 'includedPermissions', MAX_PERMISSIONS)
      : undefined;
  const emptied = mask?.includes('includedPermissions') === true && permissions === undefined;
  return {
    ...text('title', '', 100),
    ...text('description', '', 300),
    ...text('stage', 'ALPHA', 20),
    ...(permissions === undefined && !emptied ? {} : { includedPermissions: permissions ?? [] }),
  };
}

function roleResource(role: AnyRole, view: 'BASIC' | 'FULL'): Record<string, unknown> {
  return {
    name: role.name,
    ...(role.title === '' ? {} : { title: role.title }),
    ...(role.description === '' ? {} : { description: role.description }),
    ...(view === 'FULL' && role.includedPermissions.length > 0
      ? { includedPermissions: role.includedPermissions }
      : {}),
    stage: role.stage,
    ...(role.etag === undefined ? {} : { etag: role.etag }),
    ...(role.deleted === true ? { deleted: true } : {}),
  };
}

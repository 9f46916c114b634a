// Directory API v1: groups.
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import { etagOf } from '../../catalog/etag.ts';
import type { Group, GroupFields } from '../../catalog/groups.ts';
import { optionalText } from '../iam/body.ts';
import type { RequestContext, Route } from '../route.ts';
import { authorizeDirectory, directoryPage, missing, refuseParameters, requireCustomerOrDomain } from './fields.ts';

const COLLECTION = '/admin/directory/v1/groups';
const ONE = `${COLLECTION}/:groupKey`;

export function groupRoutes(identity: Identity): Route[] {
  const { groups } = identity;
  const resource = (group: Group) => groupResource(group, groups.members(group).length);
  const change = (method: 'PUT' | 'PATCH', verb: string): Route => ({
    method,
    path: ONE,
    operation: `directory.groups.${verb}`,
    handle(context) {
      authorizeDirectory(context, 'groups', 'update');
      const group = existingGroup(identity, context);
      const email = optionalText(context.body, 'email');
      if (email !== undefined && email.toLowerCase() !== group.email)
        throw new BigQueryError('invalid', 'Renaming a group is not supported by the local directory.');
      return resource(groups.update(group, fieldsOf(context)));
    },
  });
  return [
    {
      method: 'POST',
      path: COLLECTION,
      operation: 'directory.groups.insert',
      handle(context) {
        authorizeDirectory(context, 'groups', 'create');
        const email = optionalText(context.body, 'email');
        if (email === undefined || email === '') throw missing('email');
        return resource(groups.create(email, fieldsOf(context), new Date()));
      },
    },
    {
      method: 'GET',
      path: COLLECTION,
      operation: 'directory.groups.list',
      handle(context) {
        authorizeDirectory(context, 'groups', 'list');
        refuseParameters(context, 'query', 'sortOrder');
        const { userKey } = context.query;
        const found =
          userKey === undefined || userKey === ''
            ? matching(groups.list(), requireCustomerOrDomain(context))
            : // The groups that a user or a group is directly in.
              groups.list().filter((group) => groups.member(group, emailOfKey(identity, userKey)) !== undefined);
        const page = directoryPage(context, found, ({ email }) => email, 200, 200);
        return {
          kind: 'admin#directory#groups',
          etag: etagOf(...page.items.map(({ id }) => id)),
          ...(page.items.length === 0 ? {} : { groups: page.items.map(resource) }),
          ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }),
        };
      },
    },
    {
      method: 'GET',
      path: ONE,
      operation: 'directory.groups.get',
      handle(context) {
        authorizeDirectory(context, 'groups', 'get');
        return resource(existingGroup(identity, context));
      },
    },
    change('PUT', 'update'),
    change('PATCH', 'patch'),
    {
      method: 'DELETE',
      path: ONE,
      operation: 'directory.groups.delete',
      handle(context) {
        authorizeDirectory(context, 'groups', 'delete');
        groups.delete(existingGroup(identity, context));
      },
    },
  ];
}

export function existingGroup(identity: Identity, context: RequestContext): Group {
  const group = identity.groups.find(context.params['groupKey'] ?? '');
  if (group === undefined) throw new BigQueryError('notFound', 'Resource Not Found: groupKey');
  return group;
}

/** A key is an e-mail or the id of a user, a group or a service account. */
export function emailOfKey(identity: Identity, key: string): string {
  if (key.includes('@')) return key.toLowerCase();
  const known = identity.users.find(key) ?? identity.groups.find(key) ?? identity.serviceAccounts.find(key);
  return known?.email ?? key;
}

function matching(groups: readonly Group[], matches: (email: string) => boolean): Group[] {
  return groups.filter(({ email }) => matches(email));
}

function fieldsOf(context: RequestContext): GroupFields {
  const name = optionalText(context.body, 'name', 73);
  const description = optionalText(context.body, 'description', 4096);
  return { ...(name === undefined ? {} : { name }), ...(description === undefined ? {} : { description }) };
}

function groupResource(group: Group, members: number): Record<string, unknown> {
  const { id, email, name, description } = group;
  return {
    kind: 'admin#directory#group',
    id,
    etag: etagOf(id, name, description, members),
    email,
    name,
    description,
    directMembersCount: String(members),
    adminCreated: true,
  };
}

// Directory API v1: members of groups. Groups nest; a cycle is refused.
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import { etagOf } from '../../catalog/etag.ts';
import { MEMBER_ROLES } from '../../catalog/groups.ts';
import type { Group, Member, MemberRole } from '../../catalog/groups.ts';
import { optionalText } from '../iam/body.ts';
import type { RequestContext, Route } from '../route.ts';
import { authorizeDirectory, directoryPage, invalidInput, missing } from './fields.ts';
import { emailOfKey, existingGroup } from './groups.ts';

const GROUP = '/admin/directory/v1/groups/:groupKey';
const COLLECTION = `${GROUP}/members`;
const ONE = `${COLLECTION}/:memberKey`;

export function memberRoutes(identity: Identity): Route[] {
  const { groups } = identity;
  const resource = (member: Member) => memberResource(identity, member);
  const change = (method: 'PUT' | 'PATCH', verb: string): Route => ({
    method,
    path: ONE,
    operation: `directory.members.${verb}`,
    handle(context) {
      authorizeDirectory(context, 'members', 'update');
      const group = existingGroup(identity, context);
      const member = existingMember(identity, group, context);
      const role = roleOf(context) ?? member.role;
      requirePlainRole(identity, member.email, role);
      return resource(groups.setRole(group, member.email, role));
    },
  });
  return [
    {
      method: 'POST',
      path: COLLECTION,
      operation: 'directory.members.insert',
      handle(context) {
        authorizeDirectory(context, 'members', 'create');
        const group = existingGroup(identity, context);
        if (optionalText(context.body, 'type') === 'CUSTOMER')
          throw new BigQueryError('invalid', 'Members of type CUSTOMER are not supported by the local directory.');
        const key = optionalText(context.body, 'email') ?? optionalText(context.body, 'id');
        if (key === undefined || key === '') throw missing('member');
        const email = emailOfKey(identity, key);
        if (!email.includes('@')) throw new BigQueryError('notFound', 'Resource Not Found: memberKey');
        const role = roleOf(context) ?? 'MEMBER';
        requirePlainRole(identity, email, role);
        return resource(groups.addMember(group, email, role));
      },
    },
    {
      method: 'GET',
      path: COLLECTION,
      operation: 'directory.members.list',
      handle(context) {
        authorizeDirectory(context, 'members', 'list');
        const group = existingGroup(identity, context);
        const roles = (context.query['roles'] ?? '').split(',').filter((role) => role !== '');
        if (!roles.every(isRole)) throw invalidInput('roles');
        const all =
          context.query['includeDerivedMembership'] === 'true' ? derived(identity, group) : groups.members(group);
        const found = all.filter(({ role }) => roles.length === 0 || roles.includes(role));
        const page = directoryPage(context, found, ({ email }) => email, 200, 200);
        return {
          kind: 'admin#directory#members',
          etag: etagOf(...page.items.map(({ email, role }) => `${email} ${role}`)),
          ...(page.items.length === 0 ? {} : { members: page.items.map(resource) }),
          ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }),
        };
      },
    },
    {
      method: 'GET',
      path: ONE,
      operation: 'directory.members.get',
      handle(context) {
        authorizeDirectory(context, 'members', 'get');
        return resource(existingMember(identity, existingGroup(identity, context), context));
      },
    },
    {
      method: 'GET',
      path: `${GROUP}/hasMember/:memberKey`,
      operation: 'directory.members.hasMember',
      handle(context) {
        authorizeDirectory(context, 'members', 'get');
        const group = existingGroup(identity, context);
        const email = emailOfKey(identity, context.params['memberKey'] ?? '');
        // Google answers for accounts of the directory only, not for groups and strangers.
        if (!identity.users.has(email) && identity.serviceAccounts.find(email) === undefined)
          throw invalidInput('memberKey');
        return { isMember: groups.groupsOf(email).includes(group.email) };
      },
    },
    change('PUT', 'update'),
    change('PATCH', 'patch'),
    {
      method: 'DELETE',
      path: ONE,
      operation: 'directory.members.delete',
      handle(context) {
        authorizeDirectory(context, 'members', 'delete');
        const group = existingGroup(identity, context);
        groups.removeMember(group, existingMember(identity, group, context).email);
      },
    },
  ];
}

function existingMember(identity: Identity, group: Group, context: RequestContext): Member {
  const member = identity.groups.member(group, emailOfKey(identity, context.params['memberKey'] ?? ''));
  if (member === undefined) throw new BigQueryError('notFound', 'Resource Not Found: memberKey');
  return member;
}

/** The members and those of nested groups, each once, by e-mail. */
function derived(identity: Identity, group: Group): Member[] {
  const found = new Map<string, Member>();
  const open = [group];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const member of identity.groups.members(next)) {
      if (found.has(member.email)) continue;
      found.set(member.email, member);
      const nested = member.type === 'GROUP' ? identity.groups.find(member.email) : undefined;
      if (nested !== undefined) open.push(nested);
    }
  }
  return [...found.values()].sort((a, b) => (a.email < b.email ? -1 : 1));
}

function roleOf(context: RequestContext): MemberRole | undefined {
  const role = optionalText(context.body, 'role');
  if (role === undefined) return undefined;
  if (!isRole(role)) throw invalidInput('role');
  return role;
}

function isRole(text: string): text is MemberRole {
  return (MEMBER_ROLES as readonly string[]).includes(text);
}

/** Google takes a group as a plain member only. */
function requirePlainRole(identity: Identity, email: string, role: MemberRole): void {
  if (role !== 'MEMBER' && identity.groups.find(email) !== undefined) throw invalidInput('memberKey');
}

function memberResource(identity: Identity, member: Member): Record<string, unknown> {
  const { email, role, type } = member;
  const known =
    type === 'GROUP'
      ? identity.groups.find(email)?.id
      : (identity.users.find(email)?.id ?? identity.serviceAccounts.find(email)?.uniqueId);
  return {
    kind: 'admin#directory#member',
    etag: etagOf(email, role, type),
    ...(known === undefined ? {} : { id: known }),
    email,
    role,
    type,
    status: 'ACTIVE',
  };
}

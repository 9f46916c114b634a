// Directory API v1: users. A password is accepted, as Google requires one, and thrown
// away: local users sign in with tokens that the command line issues.
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import { etagOf } from '../../catalog/etag.ts';
import type { User, UserFields } from '../../catalog/users.ts';
import { objectField, optionalText } from '../iam/body.ts';
import type { RequestContext, Route } from '../route.ts';
import {
  authorizeDirectory,
  CUSTOMER_ID,
  directoryPage,
  invalidInput,
  missing,
  refuseParameters,
  requireCustomerOrDomain,
} from './fields.ts';

const COLLECTION = '/admin/directory/v1/users';
const ONE = `${COLLECTION}/:userKey`;

export function userRoutes(identity: Identity): Route[] {
  const { users } = identity;
  const change = (method: 'PUT' | 'PATCH', verb: string): Route => ({
    method,
    path: ONE,
    operation: `directory.users.${verb}`,
    handle(context) {
      authorizeDirectory(context, 'users', 'update');
      const user = existingUser(identity, context);
      const email = optionalText(context.body, 'primaryEmail');
      if (email !== undefined && email.toLowerCase() !== user.email)
        throw new BigQueryError('invalid', 'Renaming a user is not supported by the local directory.');
      return userResource(users.update(user.email, fieldsOf(context)));
    },
  });
  return [
    {
      method: 'POST',
      path: COLLECTION,
      operation: 'directory.users.insert',
      handle(context) {
        authorizeDirectory(context, 'users', 'create');
        const email = optionalText(context.body, 'primaryEmail');
        if (email === undefined || email === '') throw missing('primary_email');
        const fields = fieldsOf(context);
        if ((fields.givenName ?? '') === '') throw missing('name.given_name');
        if ((fields.familyName ?? '') === '') throw missing('name.family_name');
        if (identity.groups.find(email) !== undefined) throw new BigQueryError('duplicate', 'Entity already exists.');
        return userResource(users.create(email, fields, new Date()));
      },
    },
    {
      method: 'GET',
      path: COLLECTION,
      operation: 'directory.users.list',
      handle(context) {
        authorizeDirectory(context, 'users', 'list');
        refuseParameters(context, 'query', 'event', 'showDeleted', 'sortOrder', 'customFieldMask');
        if (!['', 'email', 'EMAIL'].includes(context.query['orderBy'] ?? ''))
          throw new BigQueryError('invalid', 'The local directory orders users by email only.');
        const matches = requireCustomerOrDomain(context);
        const found = users.list().filter(({ email }) => matches(email));
        const page = directoryPage(context, found, ({ email }) => email, 100, 500);
        return {
          kind: 'admin#directory#users',
          etag: etagOf(...page.items.map(({ id }) => id)),
          ...(page.items.length === 0 ? {} : { users: page.items.map(userResource) }),
          ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }),
        };
      },
    },
    {
      method: 'GET',
      path: ONE,
      operation: 'directory.users.get',
      handle(context) {
        authorizeDirectory(context, 'users', 'get');
        return userResource(existingUser(identity, context));
      },
    },
    change('PUT', 'update'),
    change('PATCH', 'patch'),
    {
      method: 'DELETE',
      path: ONE,
      operation: 'directory.users.delete',
      handle(context) {
        authorizeDirectory(context, 'users', 'delete');
        users.delete(existingUser(identity, context).email);
      },
    },
    {
      method: 'POST',
      path: `${ONE}/makeAdmin`,
      operation: 'directory.users.makeAdmin',
      handle(context) {
        authorizeDirectory(context, 'users', 'update');
        const { status } = context.body;
        if (typeof status !== 'boolean') throw missing('status');
        users.update(existingUser(identity, context).email, { admin: status });
      },
    },
  ];
}

function existingUser(identity: Identity, context: RequestContext): User {
  const user = identity.users.find(context.params['userKey'] ?? '');
  if (user === undefined) throw new BigQueryError('notFound', 'Resource Not Found: userKey');
  return user;
}

/** Only what the local directory keeps; Google's clients send back whole resources. */
function fieldsOf(context: RequestContext): UserFields {
  const name = objectField(context.body, 'name');
  const givenName = optionalText(name, 'givenName', 60);
  const familyName = optionalText(name, 'familyName', 60);
  const { suspended } = context.body;
  if (suspended !== undefined && typeof suspended !== 'boolean') throw invalidInput('suspended');
  return {
    ...(givenName === undefined ? {} : { givenName }),
    ...(familyName === undefined ? {} : { familyName }),
    ...(suspended === undefined ? {} : { suspended }),
  };
}

function userResource(user: User): Record<string, unknown> {
  const { id, email, givenName, familyName, admin, suspended } = user;
  return {
    kind: 'admin#directory#user',
    id,
    etag: etagOf(id, givenName, familyName, String(admin), String(suspended)),
    primaryEmail: email,
    name: { givenName, familyName, fullName: `${givenName} ${familyName}`.trim() },
    isAdmin: admin,
    isDelegatedAdmin: false,
    suspended,
    ...(suspended ? { suspensionReason: 'ADMIN' } : {}),
    creationTime: user.createdAt.toISOString(),
    emails: [{ address: email, primary: true }],
    customerId: CUSTOMER_ID,
    orgUnitPath: '/',
  };
}

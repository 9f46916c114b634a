// IAM API v1: projects.serviceAccounts. Accounts are named by e-mail or unique id, below
// their project or below the wildcard project `-`.
import type { Resource } from '../../access/decision.ts';
import { accessDenied } from '../../access/denied.ts';
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { ServiceAccount } from '../../catalog/service-accounts.ts';
import type { RequestContext, Route } from '../route.ts';
import { requireGrantable } from '../resource-manager/set-policy.ts';
import { objectField, optionalText, pageOf, requiredText, updateMask } from './body.ts';
import { requireMember } from './members.ts';
import { askedPolicy, policyResource, sentPolicy, testedPermissions } from './policy.ts';

const COLLECTION = '/v1/projects/:projectId/serviceAccounts';
const ONE = `${COLLECTION}/:account`;
/** A parameter that ends before the colon of a custom method. */
const ACCOUNT_BEFORE_VERB = `${COLLECTION}/:account([^:/]+)::`;

export function serviceAccountRoutes(identity: Identity): Route[] {
  const accounts = identity.serviceAccounts;
  const name = (method: string) => `iam.projects.serviceAccounts.${method}`;

  const setDisabled = (verb: 'enable' | 'disable'): Route => ({
    method: 'POST',
    path: `${ACCOUNT_BEFORE_VERB}${verb}`,
    operation: name(verb),
    handle(context) {
      const account = authorizedAccount(identity, context, `iam.serviceAccounts.${verb}`);
      accounts.update(account.email, { disabled: verb === 'disable' });
      return {};
    },
  });

  return [
    {
      method: 'POST',
      path: COLLECTION,
      operation: name('create'),
      handle(context) {
        const projectId = authorizedProject(identity, context, 'iam.serviceAccounts.create');
        requireProject(identity, projectId);
        const details = objectField(context.body, 'serviceAccount');
        const displayName = optionalText(details, 'displayName', 100);
        const description = optionalText(details, 'description', 256);
        const account = accounts.create(
          projectId,
          {
            accountId: requiredText(context.body, 'accountId'),
            ...(displayName === undefined ? {} : { displayName }),
            ...(description === undefined ? {} : { description }),
          },
          new Date(),
        );
        return accountResource(account);
      },
    },
    {
      method: 'GET',
      path: COLLECTION,
      operation: name('list'),
      handle(context) {
        const projectId = authorizedProject(identity, context, 'iam.serviceAccounts.list');
        requireProject(identity, projectId);
        const page = pageOf(context, accounts.list(projectId), (account) => account.email, 20, 100);
        return {
          ...(page.items.length === 0 ? {} : { accounts: page.items.map(accountResource) }),
          ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }),
        };
      },
    },
    {
      method: 'GET',
      path: ONE,
      operation: name('get'),
      handle: (context) => accountResource(authorizedAccount(identity, context, 'iam.serviceAccounts.get')),
    },
    {
      method: 'PATCH',
      path: ONE,
      operation: name('patch'),
      handle(context) {
        const account = authorizedAccount(identity, context, 'iam.serviceAccounts.update');
        const fields = objectField(context.body, 'serviceAccount');
        // A field that the mask names and the body leaves out is emptied.
        const mask = updateMask(context.body['updateMask'], ['displayName', 'description']);
        const changed = (field: string, maxLength: number) =>
          mask === undefined
            ? optionalText(fields, field, maxLength)
            : mask.includes(field)
              ? (optionalText(fields, field, maxLength) ?? '')
              : undefined;
        const displayName = changed('displayName', 100);
        const description = changed('description', 256);
        return accountResource(
          accounts.update(account.email, {
            ...(displayName === undefined ? {} : { displayName }),
            ...(description === undefined ? {} : { description }),
          }),
        );
      },
    },
    {
      method: 'PUT',
      path: ONE,
      operation: name('update'),
      handle(context) {
        const account = authorizedAccount(identity, context, 'iam.serviceAccounts.update');
        // Replaces what can be written; all other fields of the resource are ignored.
        return accountResource(
          accounts.update(account.email, {
            displayName: optionalText(context.body, 'displayName', 100) ?? '',
            description: optionalText(context.body, 'description', 256) ?? '',
          }),
        );
      },
    },
    {
      method: 'DELETE',
      path: ONE,
      operation: name('delete'),
      handle(context) {
        accounts.delete(authorizedAccount(identity, context, 'iam.serviceAccounts.delete').email);
        return {};
      },
    },
    {
      method: 'POST',
      path: `${ACCOUNT_BEFORE_VERB}undelete`,
      operation: name('undelete'),
      handle(context) {
        // By unique id, for the e-mail may have a new account by now.
        const uniqueId = context.params['account'] ?? '';
        const now = new Date();
        const deleted = accounts.findDeleted(uniqueId, now);
        const asked = projectIdOf(identity, context);
        const projectId = asked === '-' ? (deleted?.projectId ?? '-') : asked;
        authorizeAs(context, 'iam.serviceAccounts.undelete', { kind: 'project', projectId }, askedProject(context));
        if (deleted?.projectId !== projectId)
          throw new BigQueryError('notFound', `Deleted service account ${uniqueId} does not exist.`);
        return { restoredAccount: accountResource(accounts.undelete(uniqueId, now)) };
      },
    },
    setDisabled('enable'),
    setDisabled('disable'),
    ...policyRoutes(identity),
  ];
}

function policyRoutes(identity: Identity): Route[] {
  const policies = identity.serviceAccountPolicies;
  const route = (verb: string, handle: Route['handle'], more: { readonly signedIn?: true } = {}): Route => ({
    method: 'POST',
    path: `${ACCOUNT_BEFORE_VERB}${verb}`,
    operation: `iam.projects.serviceAccounts.${verb}`,
    ...more,
    handle,
  });
  return [
    route('getIamPolicy', (context) => {
      const account = authorizedAccount(identity, context, 'iam.serviceAccounts.getIamPolicy');
      return askedPolicy(context, policies.find(account.uniqueId));
    }),
    route('setIamPolicy', (context) => {
      const account = authorizedAccount(identity, context, 'iam.serviceAccounts.setIamPolicy');
      const current = policies.find(account.uniqueId);
      const { bindings, etag } = sentPolicy(context, current);
      const before = new Set(current.bindings.flatMap(({ members }) => members));
      for (const { role, members } of bindings) {
        requireGrantable(identity, account.projectId, role);
        for (const member of members) {
          // Unlike in the policy of a project, everybody can be named here.
          if (member !== 'allUsers' && member !== 'allAuthenticatedUsers') requireMember(identity, member, before);
        }
      }
      return policyResource(policies.replace(account.uniqueId, bindings, etag), 3);
    }),
    route('testIamPermissions', (context) => testedPermissions(context, accountOfPath(identity, context).resource), {
      signedIn: true,
    }),
  ];
}

/**
 * The account of the path, after the caller's permission on it was checked; 403 before
 * 404, and 403 for an unknown account below `-`, whose project is not known.
 */
export function authorizedAccount(identity: Identity, context: RequestContext, permission: string): ServiceAccount {
  const { account, resource, name } = accountOfPath(identity, context);
  const { projectId } = askedProject(context);
  authorizeAs(context, permission, resource, {
    kind: 'serviceAccount',
    // The e-mail of an account, existing or not, says itself what its project is.
    projectId: projectId === '-' ? (projectOfEmail(name) ?? '-') : projectId,
    email: name,
  });
  if (account === undefined) {
    throw new BigQueryError(
      'notFound',
      `Service account projects/${resource.projectId}/serviceAccounts/${name} does not exist.`,
    );
  }
  return account;
}

function accountOfPath(
  identity: Identity,
  context: RequestContext,
): { readonly account: ServiceAccount | undefined; readonly resource: Resource; readonly name: string } {
  const asked = projectIdOf(identity, context);
  const name = context.params['account'] ?? '';
  const found = identity.serviceAccounts.find(name);
  const projectId = asked === '-' && found !== undefined ? found.projectId : asked;
  const account = found?.projectId === projectId ? found : undefined;
  return { account, resource: { kind: 'serviceAccount', projectId, email: account?.email ?? name }, name };
}

/** The project of the path, after the caller's permission on it was checked. */
export function authorizedProject(identity: Identity, context: RequestContext, permission: string): string {
  const projectId = projectIdOf(identity, context);
  authorizeAs(context, permission, { kind: 'project', projectId }, askedProject(context));
  return projectId;
}

/** The refusal names what was asked for as it was named: an id or an e-mail that was looked up would give it away. */
function authorizeAs(context: RequestContext, permission: string, resource: Resource, asked: Resource): void {
  if (!context.may(permission, resource)) throw accessDenied(permission, asked);
}

function askedProject(context: RequestContext): Resource {
  return { kind: 'project', projectId: context.params['projectId'] ?? '' };
}

function projectOfEmail(email: string): string | undefined {
  return /@([a-z0-9-]+)\.iam\.gserviceaccount\.com$/.exec(email)?.[1];
}

/** The project id of the path, where the path may have the project's number. */
export function projectIdOf(identity: Identity, context: RequestContext): string {
  const name = context.params['projectId'] ?? '';
  return identity.projects.find(name)?.projectId ?? name;
}

export function requireProject(identity: Identity, projectId: string): void {
  if (identity.projects.find(projectId) === undefined)
    throw new BigQueryError('notFound', `Unknown project id: ${projectId}`);
}

function accountResource(account: ServiceAccount): Record<string, unknown> {
  return {
    name: `projects/${account.projectId}/serviceAccounts/${account.email}`,
    projectId: account.projectId,
    uniqueId: account.uniqueId,
    email: account.email,
    ...(account.displayName === '' ? {} : { displayName: account.displayName }),
    ...(account.description === '' ? {} : { description: account.description }),
    oauth2ClientId: account.uniqueId,
    ...(account.disabled ? { disabled: true } : {}),
    etag: 'MDEwMjE5MjA=',
  };
}

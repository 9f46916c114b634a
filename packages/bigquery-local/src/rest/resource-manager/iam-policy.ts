// getIamPolicy, setIamPolicy and testIamPermissions of projects: the same in v1 and v3.
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { StoredPolicy } from '../../catalog/policies.ts';
import { objectField, optionalText, optionalTexts, updateMask } from '../iam/body.ts';
import { projectIdOf } from '../iam/service-accounts.ts';
import type { Route } from '../route.ts';
import { checkedBindings } from './set-policy.ts';

/** Google's limit of one test. */
const MAX_TESTED = 100;

export function iamPolicyRoutes(identity: Identity, version: 'v1' | 'v3'): Route[] {
  const { policies } = identity;
  const path = (verb: string) => `/${version}/projects/:projectId([^:/]+)::${verb}`;
  return [
    {
      method: 'POST',
      path: path('getIamPolicy'),
      operation: 'cloudresourcemanager.projects.getIamPolicy',
      handle(context) {
        const projectId = projectIdOf(identity, context);
        context.authorize('resourcemanager.projects.getIamPolicy', { kind: 'project', projectId });
        const asked = objectField(context.body, 'options')['requestedPolicyVersion'];
        if (asked !== undefined && asked !== 0 && asked !== 1 && asked !== 3) {
          throw new BigQueryError('badRequest', `Invalid requestedPolicyVersion: ${JSON.stringify(asked)}.`);
        }
        return policyResource(existing(policies.find(projectId), projectId));
      },
    },
    {
      method: 'POST',
      path: path('setIamPolicy'),
      operation: 'cloudresourcemanager.projects.setIamPolicy',
      handle(context) {
        const projectId = projectIdOf(identity, context);
        context.authorize('resourcemanager.projects.setIamPolicy', { kind: 'project', projectId });
        existing(policies.find(projectId), projectId);
        const policy = objectField(context.body, 'policy');
        updateMask(context.body['updateMask'], ['bindings', 'etag', 'version']);
        const etag = optionalText(policy, 'etag');
        const bindings = checkedBindings(identity, projectId, policy);
        return policyResource(policies.replace(projectId, bindings, etag === '' ? undefined : etag));
      },
    },
    {
      method: 'POST',
      path: path('testIamPermissions'),
      operation: 'cloudresourcemanager.projects.testIamPermissions',
      signedIn: true,
      handle(context) {
        const projectId = projectIdOf(identity, context);
        const asked = optionalTexts(context.body, 'permissions', MAX_TESTED) ?? [];
        const wildcard = asked.find((permission) => permission.includes('*'));
        if (wildcard !== undefined) {
          throw new BigQueryError('badRequest', `Permission ${wildcard} is not valid: wildcards are not allowed.`);
        }
        const permissions = asked.filter((permission) => context.may(permission, { kind: 'project', projectId }));
        return permissions.length === 0 ? {} : { permissions };
      },
    },
  ];
}

function policyResource(policy: StoredPolicy): Record<string, unknown> {
  return { version: 1, etag: policy.etag, ...(policy.bindings.length === 0 ? {} : { bindings: policy.bindings }) };
}

function existing(policy: StoredPolicy | undefined, projectId: string): StoredPolicy {
  if (policy === undefined) throw new BigQueryError('notFound', `Project ${projectId} was not found.`);
  return policy;
}

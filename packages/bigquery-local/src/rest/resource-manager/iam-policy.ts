// getIamPolicy, setIamPolicy and testIamPermissions of projects: the same in v1 and v3.
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { StoredPolicy } from '../../catalog/policies.ts';
import { askedPolicy, policyResource, sentPolicy, testedPermissions } from '../iam/policy.ts';
import { authorizedProject, projectIdOf } from '../iam/service-accounts.ts';
import type { Route } from '../route.ts';
import { requireProjectBindings } from './set-policy.ts';

export function iamPolicyRoutes(identity: Identity, version: 'v1' | 'v3'): Route[] {
  const { policies } = identity;
  const path = (verb: string) => `/${version}/projects/:projectId([^:/]+)::${verb}`;
  return [
    {
      method: 'POST',
      path: path('getIamPolicy'),
      operation: 'cloudresourcemanager.projects.getIamPolicy',
      handle(context) {
        const projectId = authorizedProject(identity, context, 'resourcemanager.projects.getIamPolicy');
        return askedPolicy(context, existing(policies.find(projectId), projectId));
      },
    },
    {
      method: 'POST',
      path: path('setIamPolicy'),
      operation: 'cloudresourcemanager.projects.setIamPolicy',
      handle(context) {
        const projectId = authorizedProject(identity, context, 'resourcemanager.projects.setIamPolicy');
        const sent = sentPolicy(context, existing(policies.find(projectId), projectId));
        requireProjectBindings(identity, projectId, sent.bindings);
        return policyResource(policies.replace(projectId, sent.bindings, sent.etag), 3);
      },
    },
    {
      method: 'POST',
      path: path('testIamPermissions'),
      operation: 'cloudresourcemanager.projects.testIamPermissions',
      signedIn: true,
      handle: (context) => testedPermissions(context, { kind: 'project', projectId: projectIdOf(identity, context) }),
    },
  ];
}

function existing(policy: StoredPolicy | undefined, projectId: string): StoredPolicy {
  if (policy === undefined) throw new BigQueryError('notFound', `Project ${projectId} was not found.`);
  return policy;
}

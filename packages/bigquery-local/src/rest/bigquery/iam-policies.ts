// bigquery.tables.getIamPolicy, setIamPolicy and testIamPermissions, of tables and views.
import { BigQueryError } from '../../bigquery-error.ts';
import type { Services } from '../../services.ts';
import { objectField } from '../iam/body.ts';
import { askedPolicy, policyResource, sentPolicy, testedPermissions } from '../iam/policy.ts';
import type { RequestContext, Route } from '../route.ts';
import { requireGrantableOn, requireGrantee } from './iam-grantable.ts';
import { authorize, requireTable, tableOf } from './tables.ts';

export function tablePolicyRoutes(services: Services): Route[] {
  const path = (verb: string) => `/projects/:projectId/datasets/:datasetId/tables/:tableId([^:/]+)::${verb}`;
  return [
    {
      method: 'POST',
      path: path('getIamPolicy'),
      operation: 'bigquery.tables.getIamPolicy',
      handle: (context) => getPolicy(services, context),
    },
    {
      method: 'POST',
      path: path('setIamPolicy'),
      operation: 'bigquery.tables.setIamPolicy',
      handle: (context) => setPolicy(services, context),
    },
    {
      method: 'POST',
      path: path('testIamPermissions'),
      operation: 'bigquery.tables.testIamPermissions',
      signedIn: true,
      // A table that does not exist gives an empty answer, as one that the caller may not see.
      handle: (context) => testedPermissions(context, tableOf(context).resource),
    },
  ];
}

function getPolicy(services: Services, context: RequestContext): unknown {
  const { ref, resource } = tableOf(context);
  authorize(services, context, 'bigquery.tables.getIamPolicy', resource);
  requireTable(services, ref);
  return askedPolicy(context, services.tablePolicies.get(ref));
}

function setPolicy(services: Services, context: RequestContext): unknown {
  const { ref, resource } = tableOf(context);
  authorize(services, context, 'bigquery.tables.setIamPolicy', resource);
  requireTable(services, ref);
  const current = services.tablePolicies.get(ref);
  const before = new Set(current.bindings.flatMap(({ members }) => members));
  requireBindingMembers(context);
  const { bindings, etag } = sentPolicy(context, current);
  for (const { role, members } of bindings) {
    requireGrantableOn('table', services.identity, ref.projectId, role);
    for (const member of members) requireGrantee(services.identity, member, before);
  }
  return policyResource(services.tablePolicies.replace(ref, bindings, etag), 3);
}

/** "A binding with no members can result in an error": of a table or routine it does. */
export function requireBindingMembers(context: RequestContext): void {
  const sent = objectField(context.body, 'policy')['bindings'];
  if (!Array.isArray(sent)) return;
  const index = sent.findIndex((binding: { members?: unknown } | null) => {
    const members: unknown = binding?.members;
    return members === undefined || (Array.isArray(members) && members.length === 0);
  });
  if (index >= 0)
    throw new BigQueryError(
      'badRequest',
      `Invalid value at 'policy.bindings[${index}].members': a binding must have at least one member.`,
    );
}

// bigquery.tables.getIamPolicy, setIamPolicy and testIamPermissions, of tables and views.
import { BigQueryError } from '../../bigquery-error.ts';
import { checkedTableBindings } from '../../catalog/table-bindings.ts';
import type { StoredTablePolicy } from '../../catalog/table-policies.ts';
import type { Services } from '../../services.ts';
import { objectField, optionalText, optionalTexts, updateMask } from '../iam/body.ts';
import type { RequestContext, Route } from '../route.ts';
import { authorize, requireTable, tableOf } from './tables.ts';

/** Google's limit of one test. */
const MAX_TESTED = 100;

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
      handle: testPermissions,
    },
  ];
}

function getPolicy(services: Services, context: RequestContext): unknown {
  const { ref, resource } = tableOf(context);
  authorize(services, context, 'bigquery.tables.getIamPolicy', resource);
  requireTable(services, ref);
  const asked = objectField(context.body, 'options')['requestedPolicyVersion'];
  if (asked !== undefined && asked !== 0 && asked !== 1 && asked !== 3)
    throw new BigQueryError('invalid', `Invalid requestedPolicyVersion: ${JSON.stringify(asked)}.`);
  return policyResource(services.tablePolicies.get(ref));
}

function setPolicy(services: Services, context: RequestContext): unknown {
  const { ref, resource } = tableOf(context);
  authorize(services, context, 'bigquery.tables.setIamPolicy', resource);
  requireTable(services, ref);
  updateMask(context.body['updateMask'], ['bindings', 'etag', 'version']);
  const policy = objectField(context.body, 'policy');
  const before = new Set(services.tablePolicies.get(ref).bindings.flatMap(({ members }) => members));
  const bindings = checkedTableBindings(services.identity, ref.projectId, policy, before);
  const etag = optionalText(policy, 'etag');
  return policyResource(services.tablePolicies.replace(ref, bindings, etag === '' ? undefined : etag));
}

/** A table that does not exist, or that the caller may not see, gives an empty answer. */
function testPermissions(context: RequestContext): unknown {
  const { resource } = tableOf(context);
  const asked = optionalTexts(context.body, 'permissions', MAX_TESTED) ?? [];
  const wildcard = asked.find((permission) => permission.includes('*'));
  if (wildcard !== undefined)
    throw new BigQueryError('invalid', `Permission ${wildcard} is not valid: wildcards are not allowed.`);
  const permissions = asked.filter((permission) => context.may(permission, resource));
  return permissions.length === 0 ? {} : { permissions };
}

function policyResource({ bindings, etag }: StoredTablePolicy): Record<string, unknown> {
  const version = bindings.some(({ condition }) => condition !== undefined) ? 3 : 1;
  return { version, etag, ...(bindings.length === 0 ? {} : { bindings }) };
}

// bigquery.rowAccessPolicies.*: list, get, insert, update, delete, batchDelete, and the IAM
// policy of one (which is its grantees; it cannot be set).
import { BigQueryError } from '../../bigquery-error.ts';
import type { TableReference } from '../../catalog/datasets.ts';
import type { RowAccessPolicy, RowAccessRule } from '../../catalog/row-access-policies.ts';
import { nameOf } from '../../catalog/tables.ts';
import {
  checkedRule,
  dropPolicies,
  policyExists,
  requirePlainTable,
  requirePolicy,
} from '../../jobs/row-access-statement.ts';
import { JobTableLookup } from '../../jobs/table-lookup.ts';
import type { Services } from '../../services.ts';
import { optionalTexts } from '../iam/body.ts';
import { testedPermissions } from '../iam/policy.ts';
import type { RequestContext, Route } from '../route.ts';
import {
  decodeToken,
  encodeToken,
  invalidField,
  optionalCount,
  optionalFlag,
  optionalObject,
  optionalText,
} from './fields.ts';
import { checkIfMatch } from './if-match.ts';
import { authorize, requireTable, tableOf } from './tables.ts';

const MAX_PAGE = 1_000;
const MAX_BATCH = 400;

export function rowAccessPolicyRoutes(services: Services): Route[] {
  const list = '/projects/:projectId/datasets/:datasetId/tables/:tableId/rowAccessPolicies';
  const path = `${list}/:policyId`;
  const verb = (name: string) => `${list}/:policyId([^:/]+)::${name}`;
  const operation = (name: string) => `bigquery.rowAccessPolicies.${name}`;
  return [
    { method: 'GET', path: list, operation: operation('list'), handle: (context) => listPolicies(services, context) },
    { method: 'POST', path: list, operation: operation('insert'), handle: (context) => insert(services, context) },
    {
      method: 'POST',
      path: `${list}::batchDelete`,
      operation: operation('batchDelete'),
      handle: (context) =>
        remove(services, context, policyIdsOf(context), optionalFlag(context.body, 'force') ?? false),
    },
    { method: 'GET', path, operation: operation('get'), handle: (context) => get(services, context) },
    { method: 'PUT', path, operation: operation('update'), handle: (context) => update(services, context) },
    {
      method: 'DELETE',
      path,
      operation: operation('delete'),
      handle: (context) =>
        remove(services, context, [policyIdOf(context)], optionalFlag(context.query, 'force') ?? false),
    },
    {
      method: 'POST',
      path: verb('getIamPolicy'),
      operation: operation('getIamPolicy'),
      handle: (context) => getIamPolicy(services, context),
    },
    {
      method: 'POST',
      path: verb('testIamPermissions'),
      operation: operation('testIamPermissions'),
      signedIn: true,
      handle: (context) => testedPermissions(context, tableOf(context).resource),
    },
  ];
}

function policyIdOf(context: RequestContext): string {
  return context.params['policyId'] ?? '';
}

function policyIdsOf(context: RequestContext): readonly string[] {
  const ids = optionalTexts(context.body, 'policyIds', MAX_BATCH) ?? [];
  if (ids.length === 0) throw invalidField('policyIds', 'at least one row access policy must be named');
  return ids;
}

function listPolicies(services: Services, context: RequestContext): unknown {
  const { ref, resource } = tableOf(context);
  authorize(services, context, 'bigquery.rowAccessPolicies.list', resource);
  requireTable(services, ref);
  const size = Math.min(optionalCount(context.query, 'pageSize') || MAX_PAGE, MAX_PAGE);
  const after = decodeToken(context.query['pageToken']) ?? '';
  const rest = services.rowAccessPolicies.list(ref).filter(({ policyId }) => policyId > after);
  const page = rest.slice(0, size);
  const last = page.at(-1);
  return {
    ...(page.length === 0 ? {} : { rowAccessPolicies: page.map((policy) => policyResource(ref, policy)) }),
    ...(rest.length > page.length && last !== undefined ? { nextPageToken: encodeToken(last.policyId) } : {}),
  };
}

function get(services: Services, context: RequestContext): unknown {
  const { ref, resource } = tableOf(context);
  authorize(services, context, 'bigquery.rowAccessPolicies.get', resource);
  requireTable(services, ref);
  return policyResource(ref, requirePolicy(services, ref, policyIdOf(context)));
}

/** The grantees hold the role that lets them see the rows. */
function getIamPolicy(services: Services, context: RequestContext): unknown {
  const { ref, resource } = tableOf(context);
  authorize(services, context, 'bigquery.rowAccessPolicies.getIamPolicy', resource);
  requireTable(services, ref);
  const { grantees, etag } = requirePolicy(services, ref, policyIdOf(context));
  const bindings = [{ role: 'roles/bigquery.filteredDataViewer', members: grantees }];
  return { version: 1, etag, ...(grantees.length === 0 ? {} : { bindings }) };
}

async function insert(services: Services, context: RequestContext): Promise<unknown> {
  const { ref } = authorizeChange(services, context, 'create');
  const reference = optionalObject(context.body, 'rowAccessPolicyReference') ?? {};
  for (const [key, expected] of Object.entries(ref)) {
    if ((optionalText(reference, key) ?? expected) !== expected)
      throw invalidField(`rowAccessPolicyReference.${key}`, 'does not match the URL');
  }
  const policyId = optionalText(reference, 'policyId') ?? '';
  const rule = await ruleOf(services, context, ref, policyId, []);
  return services.lock.hold(nameOf(ref), context.signal, async () => {
    requirePlainTable(services, ref);
    if (services.rowAccessPolicies.get(ref, policyId) !== undefined) throw policyExists(ref, policyId);
    return policyResource(ref, services.rowAccessPolicies.put(ref, rule));
  });
}

async function update(services: Services, context: RequestContext): Promise<unknown> {
  const { ref } = authorizeChange(services, context, 'update');
  const policyId = policyIdOf(context);
  const rule = await ruleOf(services, context, ref, policyId, requirePolicy(services, ref, policyId).grantees);
  return services.lock.hold(nameOf(ref), context.signal, async () => {
    const old = requirePolicy(services, ref, policyId);
    checkIfMatch(context, old.etag, `${nameOf(ref)}.${policyId}`);
    const etag = optionalText(context.body, 'etag') ?? '';
    if (etag !== '' && etag !== old.etag)
      throw new BigQueryError('conditionNotMet', `Resource ${nameOf(ref)}.${policyId} did not meet condition ETAG`);
    return policyResource(ref, services.rowAccessPolicies.put(ref, rule));
  });
}

async function remove(
  services: Services,
  context: RequestContext,
  policyIds: readonly string[],
  force: boolean,
): Promise<undefined> {
  const { ref, resource } = tableOf(context);
  authorize(services, context, 'bigquery.rowAccessPolicies.delete', resource);
  authorize(services, context, 'bigquery.rowAccessPolicies.setIamPolicy', resource);
  if (force) authorize(services, context, 'bigquery.rowAccessPolicies.list', resource);
  await services.lock.hold(nameOf(ref), context.signal, async () => {
    requireTable(services, ref);
    services.db.transaction(() => dropPolicies(services, ref, policyIds, force));
  });
  return undefined;
}

function authorizeChange(
  services: Services,
  context: RequestContext,
  change: 'create' | 'update',
): { readonly ref: TableReference } {
  const { ref, resource } = tableOf(context);
  authorize(services, context, `bigquery.rowAccessPolicies.${change}`, resource);
  authorize(services, context, 'bigquery.rowAccessPolicies.setIamPolicy', resource);
  authorize(services, context, 'bigquery.tables.getData', resource);
  requireTable(services, ref);
  requirePlainTable(services, ref);
  return { ref };
}

/** The rule in a request, checked as the statement that says the same is. */
async function ruleOf(
  services: Services,
  context: RequestContext,
  ref: TableReference,
  policyId: string,
  otherwise: readonly string[],
): Promise<RowAccessRule> {
  const predicate = optionalText(context.body, 'filterPredicate') ?? '';
  if (predicate.trim() === '') throw new BigQueryError('invalid', 'Required parameter is missing: filterPredicate');
  const grantees = optionalTexts(context.body, 'grantees', 1_500) ?? otherwise;
  using lookup = new JobTableLookup(services, {
    principal: context.principal,
    defaultProject: ref.projectId,
    defaultDataset: undefined,
    location: undefined,
  });
  const { statement, reads } = await services.sql.analyze({
    sql: `CREATE ROW ACCESS POLICY p ON \`${ref.projectId}\`.\`${ref.datasetId}\`.\`${ref.tableId}\` GRANT TO ("allUsers") FILTER USING (${predicate}\n)`,
    lookup,
    defaultProject: ref.projectId,
    sessionUser: context.principal.email,
  });
  // "References to other tables or routines are not supported" in this field; statements may have them.
  if (reads.length > 0) throw invalidField('filterPredicate', 'references to other tables are not supported');
  if (statement.kind !== 'CREATE_ROW_ACCESS_POLICY') throw invalidField('filterPredicate', 'expected a condition');
  return checkedRule(services, { ...statement, target: ref, policyId, grantees });
}

function policyResource(ref: TableReference, policy: RowAccessPolicy): Record<string, unknown> {
  return {
    etag: policy.etag,
    rowAccessPolicyReference: { ...ref, policyId: policy.policyId },
    filterPredicate: policy.filter,
    creationTime: new Date(policy.createdMs).toISOString(),
    lastModifiedTime: new Date(policy.modifiedMs).toISOString(),
  };
}

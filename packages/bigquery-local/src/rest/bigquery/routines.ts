// bigquery.routines.*: insert, get, list, update, delete, and the IAM policies of routines.
import type { Resource } from '../../access/decision.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import { requireDataset } from '../../catalog/dataset-changes.ts';
import {
  routineExists,
  routineNameOf,
  routineNotFound,
  type Routine,
  type RoutineReference,
} from '../../catalog/routines.ts';
import { checkRoutine } from '../../jobs/check-routine.ts';
import { checkRoutineId } from '../../jobs/routine-statement.ts';
import type { Services } from '../../services.ts';
import { askedPolicy, policyResource, sentPolicy, testedPermissions } from '../iam/policy.ts';
import type { RequestContext, Route } from '../route.ts';
import { decodeToken, encodeToken, invalidField, optionalCount, optionalObject, optionalText } from './fields.ts';
import { requireGrantableOn, requireGrantee } from './iam-grantable.ts';
import { requireBindingMembers } from './iam-policies.ts';
import { checkIfMatch } from './if-match.ts';
import { parseRoutine, routineListItem, routineResource } from './routine-resource.ts';
import { authorize } from './tables.ts';

export function routineRoutes(services: Services): Route[] {
  const list = '/projects/:projectId/datasets/:datasetId/routines';
  const path = `${list}/:routineId`;
  const verb = (name: string): string => `${list}/:routineId([^:/]+)::${name}`;
  const route = (
    method: Route['method'],
    routePath: string,
    name: string,
    handle: (services: Services, context: RequestContext) => unknown,
  ): Route => ({
    method,
    path: routePath,
    operation: `bigquery.routines.${name}`,
    handle: (context) => handle(services, context),
  });
  return [
    route('POST', list, 'insert', insertRoutine),
    route('GET', list, 'list', listRoutines),
    route('GET', path, 'get', getRoutine),
    route('PUT', path, 'update', updateRoutine),
    route('DELETE', path, 'delete', deleteRoutine),
    route('POST', verb('getIamPolicy'), 'getIamPolicy', getPolicy),
    route('POST', verb('setIamPolicy'), 'setIamPolicy', setPolicy),
    {
      // A routine that does not exist gives an empty answer, as one that the caller may not see.
      ...route('POST', verb('testIamPermissions'), 'testIamPermissions', (_services, context) =>
        testedPermissions(context, routineOf(context).resource),
      ),
      signedIn: true,
    },
  ];
}

function routineOf(context: RequestContext): { ref: RoutineReference; resource: Resource; dataset: Resource } {
  const { projectId = '', datasetId = '', routineId = '' } = context.params;
  const ref = { projectId, datasetId, routineId };
  return { ref, resource: { kind: 'routine', ...ref }, dataset: { kind: 'dataset', projectId, datasetId } };
}

/** For callers who may see it: 404 of the dataset, then of the routine. */
function requireRoutine(services: Services, ref: RoutineReference): Routine {
  requireDataset(services, ref.projectId, ref.datasetId);
  const routine = services.routines.get(ref);
  if (routine === undefined) throw routineNotFound(ref);
  return routine;
}

async function insertRoutine(services: Services, context: RequestContext): Promise<unknown> {
  const { ref: base, dataset } = routineOf(context);
  authorize(services, context, 'bigquery.routines.create', dataset);
  requireDataset(services, base.projectId, base.datasetId);
  const reference = optionalObject(context.body, 'routineReference') ?? {};
  const routineId = optionalText(reference, 'routineId') ?? '';
  if (routineId === '') throw new BigQueryError('invalid', 'Required parameter is missing: routineReference.routineId');
  const ref = { ...base, routineId };
  requireSameReference(reference, base);
  checkRoutineId(ref);
  if (services.routines.get(ref) !== undefined) throw routineExists(ref);
  const properties = parseRoutine(context.body);
  await checkRoutine(services, context.principal, ref, properties);
  return routineResource(services.routines.put(ref, properties, 'create'));
}

function getRoutine(services: Services, context: RequestContext): unknown {
  const { ref, resource } = routineOf(context);
  authorize(services, context, 'bigquery.routines.get', resource);
  return routineResource(requireRoutine(services, ref));
}

function listRoutines(services: Services, context: RequestContext): unknown {
  const { ref, dataset } = routineOf(context);
  authorize(services, context, 'bigquery.routines.list', dataset);
  requireDataset(services, ref.projectId, ref.datasetId);
  const max = Math.min(optionalCount(context.query, 'maxResults') ?? 1_000, 1_000);
  const after = decodeToken(context.query['pageToken']) ?? '';
  const filter = context.query['filter'] ?? '';
  const [, type] = /^\s*routineType:\s*([A-Z_]+)\s*$/.exec(filter) ?? [];
  if (filter !== '' && type === undefined) throw invalidField('filter', 'expected routineType:TYPE');
  const routines = services.routines
    .list(ref.projectId, ref.datasetId, after)
    .filter(({ properties }) => type === undefined || properties.routineType === type);
  const page = routines.slice(0, max);
  const last = page.at(-1);
  const item = (context.query['readMask'] ?? '') === '' ? routineListItem : routineResource;
  return {
    ...(page.length === 0 ? {} : { routines: page.map(item) }),
    ...(routines.length > page.length && last !== undefined ? { nextPageToken: encodeToken(last.ref.routineId) } : {}),
  };
}

/** "The update method replaces the entire Routine resource." */
async function updateRoutine(services: Services, context: RequestContext): Promise<unknown> {
  const { ref, resource } = routineOf(context);
  authorize(services, context, 'bigquery.routines.update', resource);
  const before = requireRoutine(services, ref);
  requireSameReference(optionalObject(context.body, 'routineReference') ?? {}, ref);
  const properties = parseRoutine(context.body);
  if (properties.routineType !== before.properties.routineType)
    throw invalidField('routineType', `the routine is a ${before.properties.routineType}, which cannot be changed`);
  await checkRoutine(services, context.principal, ref, properties);
  return services.db.transaction(() => {
    checkIfMatch(context, requireRoutine(services, ref).etag, routineNameOf(ref));
    return routineResource(services.routines.put(ref, properties, 'replace'));
  });
}

function deleteRoutine(services: Services, context: RequestContext): undefined {
  const { ref, resource } = routineOf(context);
  authorize(services, context, 'bigquery.routines.delete', resource);
  requireRoutine(services, ref);
  services.routines.delete(ref);
  return undefined;
}

function requireSameReference(reference: Readonly<Record<string, unknown>>, ref: RoutineReference): void {
  for (const key of ['projectId', 'datasetId', 'routineId'] as const) {
    if (ref[key] !== '' && (optionalText(reference, key) ?? ref[key]) !== ref[key])
      throw invalidField(`routineReference.${key}`, 'does not match the URL');
  }
}

function getPolicy(services: Services, context: RequestContext): unknown {
  const { ref, resource } = routineOf(context);
  authorize(services, context, 'bigquery.routines.getIamPolicy', resource);
  requireRoutine(services, ref);
  return askedPolicy(context, services.routinePolicies.get(ref));
}

function setPolicy(services: Services, context: RequestContext): unknown {
  const { ref, resource } = routineOf(context);
  authorize(services, context, 'bigquery.routines.setIamPolicy', resource);
  requireRoutine(services, ref);
  const current = services.routinePolicies.get(ref);
  const before = new Set(current.bindings.flatMap(({ members }) => members));
  requireBindingMembers(context);
  const { bindings, etag } = sentPolicy(context, current);
  for (const { role, members } of bindings) {
    requireGrantableOn('routine', services.identity, ref.projectId, role);
    for (const member of members) requireGrantee(services.identity, member, before);
  }
  return policyResource(services.routinePolicies.replace(ref, bindings, etag), 3);
}

// bigquery.datasets.*: insert, get, list, patch, update, delete.
import { BigQueryError } from '../../bigquery-error.ts';
import type { Resource } from '../../access/decision.ts';
import { createDataset, DEFAULT_LOCATION, deleteDataset, requireDataset } from '../../catalog/dataset-changes.ts';
import type { Services } from '../../services.ts';
import type { RequestContext, Route } from '../route.ts';
import {
  accessPolicyVersion,
  datasetListItem,
  datasetResource,
  defaultAccess,
  hasOwner,
  parseAccess,
  parseProperties,
  requireVersionFor,
  withChanges,
} from './dataset-resource.ts';
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
import { requireAuthorizable } from './authorized-resources.ts';

export function datasetRoutes(services: Services): Route[] {
  const path = '/projects/:projectId/datasets/:datasetId';
  return [
    {
      method: 'POST',
      path: '/projects/:projectId/datasets',
      operation: 'bigquery.datasets.insert',
      handle: (context) => insert(services, context),
    },
    {
      method: 'GET',
      path: '/projects/:projectId/datasets',
      operation: 'bigquery.datasets.list',
      handle: (context) => list(services, context),
    },
    { method: 'GET', path, operation: 'bigquery.datasets.get', handle: (context) => get(services, context) },
    {
      method: 'PATCH',
      path,
      operation: 'bigquery.datasets.patch',
      handle: (context) => change(services, context, 'patch'),
    },
    {
      method: 'PUT',
      path,
      operation: 'bigquery.datasets.update',
      handle: (context) => change(services, context, 'update'),
    },
    { method: 'DELETE', path, operation: 'bigquery.datasets.delete', handle: (context) => remove(services, context) },
  ];
}

function idsOf(context: RequestContext): { projectId: string; datasetId: string; resource: Resource } {
  const { projectId = '', datasetId = '' } = context.params;
  return { projectId, datasetId, resource: { kind: 'dataset', projectId, datasetId } };
}

function insert(services: Services, context: RequestContext): unknown {
  const { projectId = '' } = context.params;
  context.authorize('bigquery.datasets.create', { kind: 'project', projectId });
  const reference = optionalObject(context.body, 'datasetReference') ?? {};
  const datasetId = optionalText(reference, 'datasetId');
  if (datasetId === undefined || datasetId === '')
    throw new BigQueryError('invalid', 'Required parameter is missing: datasetReference.datasetId');
  if ((optionalText(reference, 'projectId') ?? projectId) !== projectId)
    throw invalidField('datasetReference.projectId', 'does not match the project in the URL');
  const version = accessPolicyVersion(context.query);
  const given = parseAccess(context.body, `${projectId}:${datasetId}`, services.identity);
  requireVersionFor(given, version);
  requireAuthorizable(services, context, optionalText(context.body, 'location') ?? DEFAULT_LOCATION, given);
  const { email } = context.principal;
  const access =
    given === undefined || given.length === 0
      ? defaultAccess(email)
      : hasOwner(given)
        ? given
        : [...given, { role: 'OWNER', userByEmail: email }];
  const properties = withChanges({ access }, parseProperties(context.body));
  const dataset = createDataset(services, {
    projectId,
    datasetId,
    location: optionalText(context.body, 'location'),
    properties,
  });
  return datasetResource(dataset, context.baseUrl, undefined, version);
}

function get(services: Services, context: RequestContext): unknown {
  const { projectId, datasetId, resource } = idsOf(context);
  context.authorize('bigquery.datasets.get', resource);
  const version = accessPolicyVersion(context.query);
  const dataset = requireDataset(services, projectId, datasetId);
  return datasetResource(dataset, context.baseUrl, context.query['datasetView'], version);
}

function list(services: Services, context: RequestContext): unknown {
  const { projectId = '' } = context.params;
  if (!/^(?:[a-z0-9.-]+:)?[a-z0-9-]+$/i.test(projectId))
    throw new BigQueryError(
      'invalid',
      `Invalid project ID '${projectId}'. Project IDs must contain 6-63 lowercase letters, digits, or dashes. Some project IDs also include domain name separated by colon. IDs must start with a letter and may not end with a dash.`,
    );
  const max = Math.min(optionalCount(context.query, 'maxResults') ?? 1_000, 1_000);
  const after = decodeToken(context.query['pageToken']) ?? '';
  const all = optionalFlag(context.query, 'all') === true;
  const labels = parseFilter(context.query['filter']);
  // Counts as a decision also when the project has no dataset.
  context.may('bigquery.datasets.get', { kind: 'project', projectId });
  // A project without a dataset that the caller may see, and one that does not exist, look the same.
  const visible = services.datasets
    .list(projectId)
    .filter((dataset) => dataset.datasetId > after)
    .filter((dataset) => all || dataset.hiddenOwner === undefined)
    .filter((dataset) =>
      labels.every(
        ([key, value]) =>
          dataset.properties.labels?.[key] !== undefined &&
          (value === undefined || dataset.properties.labels[key] === value),
      ),
    )
    .filter(({ datasetId }) => context.may('bigquery.datasets.get', { kind: 'dataset', projectId, datasetId }));
  const page = visible.slice(0, max);
  const last = page.at(-1);
  return {
    kind: 'bigquery#datasetList',
    etag: services.datasets.listEtag(page),
    ...(page.length === 0 ? {} : { datasets: page.map(datasetListItem) }),
    ...(visible.length > page.length && last !== undefined ? { nextPageToken: encodeToken(last.datasetId) } : {}),
  };
}

/** `labels.key` or `labels.key:value`, separated by spaces. */
function parseFilter(filter: string | undefined): [string, string | undefined][] {
  return (filter ?? '')
    .split(/\s+/)
    .filter((part) => part !== '' && part.toUpperCase() !== 'AND')
    .map((part) => {
      const match = /^labels\.([^:]+)(?::(.*))?$/.exec(part);
      if (match === null) throw invalidField('filter', 'expected labels.<key> or labels.<key>:<value>');
      return [match[1]!, match[2]];
    });
}

function change(services: Services, context: RequestContext, mode: 'patch' | 'update'): unknown {
  const { projectId, datasetId, resource } = idsOf(context);
  context.authorize('bigquery.datasets.update', resource);
  const dataset = requireDataset(services, projectId, datasetId);
  if (dataset.hiddenOwner !== undefined)
    throw new BigQueryError('invalid', `Dataset ${projectId}:${datasetId} is anonymous and cannot be changed.`);
  checkIfMatch(context, dataset.etag, `${projectId}:${datasetId}`);
  const location = optionalText(context.body, 'location');
  if (location !== undefined && location.toLowerCase() !== dataset.location.toLowerCase())
    throw new BigQueryError('invalid', 'Dataset location cannot be changed.');
  const version = accessPolicyVersion(context.query);
  const given = parseAccess(context.body, `${projectId}:${datasetId}`, services.identity);
  requireVersionFor(given, version);
  requireAuthorizable(services, context, dataset.location, given);
  if (given !== undefined && !hasOwner(given))
    throw new BigQueryError('invalid', 'Cannot remove all owners from a dataset.');
  // A PUT without `access` keeps the entries: losing them would lock everybody out.
  const access = given ?? dataset.properties.access;
  const base = mode === 'patch' ? { ...dataset.properties, access } : { access };
  const changes: Record<string, unknown> = parseProperties(context.body);
  if (mode === 'patch' && changes['labels'] !== undefined && changes['labels'] !== null) {
    changes['labels'] = mergeLabels(dataset.properties.labels, context.body['labels'] as Record<string, string | null>);
  }
  const updated = services.datasets.replace(projectId, datasetId, withChanges(base, changes));
  return datasetResource(updated, context.baseUrl, undefined, version);
}

/** JSON merge patch: a label that is null goes, one that is not named stays. */
export function mergeLabels(
  old: Readonly<Record<string, string>> | undefined,
  given: Readonly<Record<string, string | null>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries({ ...old, ...given }).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}

async function remove(services: Services, context: RequestContext): Promise<undefined> {
  const { projectId, datasetId, resource } = idsOf(context);
  context.authorize('bigquery.datasets.delete', resource);
  const contents = optionalFlag(context.query, 'deleteContents') === true;
  const dataset = requireDataset(services, projectId, datasetId);
  checkIfMatch(context, dataset.etag, `${projectId}:${datasetId}`);
  if (contents && services.tables.count(projectId, datasetId) > 0)
    context.authorize('bigquery.tables.delete', resource);
  await deleteDataset(services, dataset, contents);
  return undefined;
}

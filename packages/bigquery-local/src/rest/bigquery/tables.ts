// bigquery.tables.*: insert, get, list, patch, update, delete.
import { BigQueryError } from '../../bigquery-error.ts';
import type { Permission, Resource } from '../../access/decision.ts';
import { accessDenied } from '../../access/denied.ts';
import { requireDataset } from '../../catalog/dataset-changes.ts';
import type { TableReference } from '../../catalog/datasets.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import { checkTableId, parseSchema } from '../../catalog/table-rules.ts';
import { ingestionTimeOf, nameOf, tableNotFound, type Table, type TableProperties } from '../../catalog/tables.ts';
import { sameType } from '../../googlesql/types.ts';
import { typeOfField } from '../../googlesql/values/schema.ts';
import { widens } from '../../googlesql/values/type-parameters.ts';
import { missingDataset } from '../../jobs/authorize-statement.ts';
import { viewFields } from '../../jobs/view-fields.ts';
import { commitTable, fill } from '../../jobs/write-table.ts';
import type { Services } from '../../services.ts';
import type { RequestContext, Route } from '../route.ts';
import { mergeLabels } from './datasets.ts';
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
import {
  parseExpiration,
  parseTableMetadata,
  tableListItem,
  tableResource,
  withTableChanges,
} from './table-resource.ts';

export function tableRoutes(services: Services): Route[] {
  const list = '/projects/:projectId/datasets/:datasetId/tables';
  const path = `${list}/:tableId`;
  return [
    {
      method: 'POST',
      path: list,
      operation: 'bigquery.tables.insert',
      handle: (context) => insertTable(services, context),
    },
    {
      method: 'GET',
      path: list,
      operation: 'bigquery.tables.list',
      handle: (context) => listTables(services, context),
    },
    { method: 'GET', path, operation: 'bigquery.tables.get', handle: (context) => getTable(services, context) },
    {
      method: 'PATCH',
      path,
      operation: 'bigquery.tables.patch',
      handle: (context) => changeTable(services, context, 'patch'),
    },
    {
      method: 'PUT',
      path,
      operation: 'bigquery.tables.update',
      handle: (context) => changeTable(services, context, 'update'),
    },
    {
      method: 'DELETE',
      path,
      operation: 'bigquery.tables.delete',
      handle: (context) => deleteTable(services, context),
    },
  ];
}

export function tableOf(context: RequestContext): { ref: TableReference; resource: Resource; dataset: Resource } {
  const { projectId = '', datasetId = '', tableId = '' } = context.params;
  const ref = { projectId, datasetId, tableId };
  return { ref, resource: { kind: 'table', ...ref }, dataset: { kind: 'dataset', projectId, datasetId } };
}

/** 403 before 404; but who sees the project's datasets learns that one does not exist. */
export function authorize(
  services: Services,
  context: RequestContext,
  permission: Permission,
  resource: Resource,
): void {
  if (!context.may(permission, resource))
    throw missingDataset(services, context.principal, resource) ?? accessDenied(permission, resource);
}

/** For callers who may see it: 404 of the dataset, then of the table. */
export function requireTable(services: Services, ref: TableReference): Table {
  requireDataset(services, ref.projectId, ref.datasetId);
  const table = services.tables.get(ref);
  if (table === undefined) throw tableNotFound(ref);
  return table;
}

async function insertTable(services: Services, context: RequestContext): Promise<unknown> {
  const { ref: base, dataset: resource } = tableOf(context);
  authorize(services, context, 'bigquery.tables.create', resource);
  const dataset = requireDataset(services, base.projectId, base.datasetId);
  const reference = optionalObject(context.body, 'tableReference') ?? {};
  const tableId = optionalText(reference, 'tableId');
  if (tableId === undefined || tableId === '')
    throw new BigQueryError('invalid', 'Required parameter is missing: tableReference.tableId');
  for (const key of ['projectId', 'datasetId'] as const) {
    if ((optionalText(reference, key) ?? base[key]) !== base[key])
      throw invalidField(`tableReference.${key}`, 'does not match the URL');
  }
  const ref = { ...base, tableId };
  checkTableId(ref);
  if (services.tables.get(ref) !== undefined)
    throw new BigQueryError('duplicate', `Already Exists: Table ${nameOf(ref)}`);
  const given = parseExpiration(context.body, services.clock());
  const defaultMs = dataset.properties.defaultTableExpirationMs;
  const expirationMs =
    given ?? (given === undefined && defaultMs !== undefined ? services.clock() + Number(defaultMs) : undefined);
  const metadata = parseTableMetadata(context.body);
  const view = optionalObject(context.body, 'view');
  const run = { services, signal: context.signal, timeoutMs: undefined };
  const table = await services.lock.hold(nameOf(ref), context.signal, async () => {
    if (view === undefined) {
      const fields = parseSchema(optionalObject(context.body, 'schema'));
      // DuckDB has no table without columns; BigQuery's has none until its first load.
      const properties = withTableChanges({ schema: { fields } }, metadata);
      const physicalId =
        fields.length === 0
          ? undefined
          : (await fill(run, ref.projectId, fields, undefined, ingestionTimeOf(properties))).physicalId;
      return commitTable(
        services,
        { ref, kind: 'TABLE', expirationMs, properties, ...(physicalId === undefined ? {} : { physicalId }) },
        'create',
        () => undefined,
      );
    }
    if (optionalFlag(view, 'useLegacySql') === true)
      throw new BigQueryError(
        'invalid',
        'Legacy SQL views are not supported by the local BigQuery: set view.useLegacySql to false.',
      );
    const query = optionalText(view, 'query') ?? '';
    const fields = await viewFields(services, context.principal, ref, query);
    const properties = withTableChanges({ schema: { fields }, view: { query } }, metadata);
    return commitTable(services, { ref, kind: 'VIEW', expirationMs, properties }, 'create', () => undefined);
  });
  return tableResource(services, table, dataset, context.baseUrl);
}

async function getTable(services: Services, context: RequestContext): Promise<unknown> {
  const { ref, resource } = tableOf(context);
  authorize(services, context, 'bigquery.tables.get', resource);
  const table = requireTable(services, ref);
  const answer = await tableResource(
    services,
    table,
    requireDataset(services, ref.projectId, ref.datasetId),
    context.baseUrl,
  );
  const selected = context.query['selectedFields'];
  if (selected !== undefined && selected !== '') {
    const names = new Set(selected.split(',').map((name) => name.trim().toLowerCase()));
    answer['schema'] = {
      fields: table.properties.schema.fields.filter((field) => names.has(field.name.toLowerCase())),
    };
  }
  return answer;
}

function listTables(services: Services, context: RequestContext): unknown {
  const { ref, dataset: resource } = tableOf(context);
  authorize(services, context, 'bigquery.tables.list', resource);
  requireDataset(services, ref.projectId, ref.datasetId);
  const max = Math.min(optionalCount(context.query, 'maxResults') ?? 1_000, 1_000);
  const after = decodeToken(context.query['pageToken']) ?? '';
  const found = services.tables.list(ref.projectId, ref.datasetId, after, max + 1);
  const page = found.slice(0, max);
  const last = page.at(-1);
  return {
    kind: 'bigquery#tableList',
    etag: services.tables.listEtag(page),
    ...(page.length === 0 ? {} : { tables: page.map(tableListItem) }),
    ...(found.length > max && last !== undefined ? { nextPageToken: encodeToken(last.ref.tableId) } : {}),
    totalItems: services.tables.count(ref.projectId, ref.datasetId),
  };
}

async function changeTable(services: Services, context: RequestContext, mode: 'patch' | 'update'): Promise<unknown> {
  const { ref, resource } = tableOf(context);
  authorize(services, context, 'bigquery.tables.update', resource);
  authorize(services, context, 'bigquery.tables.get', resource);
  const dataset = requireDataset(services, ref.projectId, ref.datasetId);
  const updated = await services.lock.hold(nameOf(ref), context.signal, async () => {
    const table = requireTable(services, ref);
    checkIfMatch(context, table.etag, nameOf(ref));
    const expirationMs = parseExpiration(context.body, services.clock());
    if (
      expirationMs !== undefined &&
      expirationMs !== null &&
      (table.expirationMs === undefined || expirationMs < table.expirationMs)
    )
      authorize(services, context, 'bigquery.tables.delete', resource);
    const changes = parseTableMetadata(context.body);
    const labels = context.body['labels'];
    if (mode === 'patch' && typeof labels === 'object' && labels !== null)
      changes['labels'] = mergeLabels(table.properties.labels, labels as Record<string, string | null>);
    const view = optionalObject(context.body, 'view');
    let properties =
      mode === 'patch'
        ? table.properties
        : {
            schema: table.properties.schema,
            ...definitionOf(table.properties),
          };
    let physicalId: string | undefined;
    if (table.kind === 'VIEW') {
      if (view !== undefined) {
        const query = optionalText(view, 'query') ?? '';
        properties = {
          ...properties,
          view: { query },
          schema: { fields: await viewFields(services, context.principal, ref, query) },
        };
      }
    } else if (table.kind === 'TABLE' && context.body['schema'] !== undefined && context.body['schema'] !== null) {
      const fields = parseSchema(optionalObject(context.body, 'schema'));
      physicalId = await changeSchema(services, context, table, fields);
      properties = { ...properties, schema: { fields } };
    }
    return services.tables.update(ref, {
      properties: withTableChanges(properties, changes),
      ...(expirationMs === undefined ? {} : { expirationMs }),
      ...(physicalId === undefined ? {} : { physicalId }),
    });
  });
  return tableResource(services, updated, dataset, context.baseUrl);
}

/** What a PUT does not take away: how the table came to be. */
function definitionOf({ view, materializedView, snapshotDefinition, cloneDefinition }: TableProperties): object {
  return Object.fromEntries(
    Object.entries({ view, materializedView, snapshotDefinition, cloneDefinition }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

/** "Modifying table schemas": columns may be added at the end and become NULLABLE; nothing else. */
async function changeSchema(
  services: Services,
  context: RequestContext,
  table: Table,
  fields: readonly FieldSchema[],
): Promise<string | undefined> {
  const old = table.properties.schema.fields;
  const refuse = (what: string): BigQueryError =>
    new BigQueryError('invalid', `Provided Schema does not match Table ${nameOf(table.ref)}. ${what}`);
  const given = new Map(fields.map((field) => [field.name.toLowerCase(), field]));
  for (const field of old) {
    const now = given.get(field.name.toLowerCase());
    if (now === undefined) throw refuse(`Field ${field.name} is missing in new schema`);
    if (!sameType(typeOfField(field), typeOfField(now)))
      throw refuse(`Field ${field.name} has changed type from ${field.type} to ${now.type}`);
    if (!widens(field, now)) throw refuse(`Field ${field.name} has narrowed its length, precision or scale`);
    if (now.mode === 'REQUIRED' && field.mode !== 'REQUIRED')
      throw refuse(`Field ${field.name} has changed mode from ${field.mode ?? 'NULLABLE'} to REQUIRED`);
  }
  const known = new Set(old.map((field) => field.name.toLowerCase()));
  const added = fields.filter((field) => !known.has(field.name.toLowerCase()));
  for (const field of added)
    if (field.mode === 'REQUIRED')
      throw refuse(`Cannot add required columns to an existing schema (field: ${field.name})`);
  if (old.some((field, i) => fields[i]?.name.toLowerCase() !== field.name.toLowerCase()))
    throw refuse('The order of the existing columns cannot be changed');
  const run = { services, signal: context.signal, timeoutMs: undefined };
  if (table.physicalId === undefined)
    return fields.length === 0
      ? undefined
      : (await fill(run, table.ref.projectId, fields, undefined, ingestionTimeOf(table.properties))).physicalId;
  const relaxed = old.filter(
    (field) => field.mode === 'REQUIRED' && given.get(field.name.toLowerCase())?.mode !== 'REQUIRED',
  );
  await services.duckdb.attach(table.ref.projectId);
  await services.duckdb.use({ signal: context.signal }, (session) =>
    session.transaction(async () => {
      await services.physical.addColumns(session, table, added);
      await services.physical.allowNulls(session, table, relaxed);
    }),
  );
  return undefined;
}

async function deleteTable(services: Services, context: RequestContext): Promise<undefined> {
  const { ref, resource } = tableOf(context);
  authorize(services, context, 'bigquery.tables.delete', resource);
  authorize(services, context, 'bigquery.tables.get', resource);
  await services.lock.hold(nameOf(ref), context.signal, async () => {
    requireTable(services, ref);
    const freed = services.tables.delete(ref);
    await services.duckdb.attach(ref.projectId);
    await services.physical.drop(ref.projectId, freed);
  });
  return undefined;
}

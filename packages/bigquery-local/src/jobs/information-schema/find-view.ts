// From the name in a query to a view of INFORMATION_SCHEMA: who may ask, of which dataset or
// region, and the rows.
import type { Principal } from '../../access/decision.ts';
import { queryDenied } from '../../access/denied.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import { canonicalLocation } from '../../catalog/dataset-changes.ts';
import type { TableInfo } from '../../googlesql/statement.ts';
import type { Services } from '../../services.ts';
import { COLUMNS, COLUMN_FIELD_PATHS } from './columns.ts';
import { CONSTRAINT_COLUMN_USAGE, KEY_COLUMN_USAGE, TABLE_CONSTRAINTS } from './constraints.ts';
import { JOBS, JOBS_BY_USER } from './jobs.ts';
import { TABLES_META, TABLES_SUMMARY_META } from './meta-tables.ts';
import { OBJECT_PRIVILEGES } from './object-privileges.ts';
import { PARTITIONS } from './partitions.ts';
import { PARAMETERS, ROUTINE_OPTIONS, ROUTINES } from './routines.ts';
import { SCHEMATA, SCHEMATA_OPTIONS } from './schemata.ts';
import { fieldsOf, rowsSql, type SystemView, type ViewScope } from './system-view.ts';
import { MATERIALIZED_VIEWS, TABLE_OPTIONS, TABLE_STORAGE, TABLES, VIEWS } from './tables.ts';

const VIEWS_BY_NAME: ReadonlyMap<string, SystemView> = new Map(
  Object.entries({
    COLUMNS,
    COLUMN_FIELD_PATHS,
    CONSTRAINT_COLUMN_USAGE,
    JOBS,
    JOBS_BY_PROJECT: JOBS,
    JOBS_BY_USER,
    KEY_COLUMN_USAGE,
    MATERIALIZED_VIEWS,
    OBJECT_PRIVILEGES,
    PARAMETERS,
    PARTITIONS,
    ROUTINES,
    ROUTINE_OPTIONS,
    SCHEMATA,
    SCHEMATA_OPTIONS,
    TABLES,
    TABLE_CONSTRAINTS,
    TABLE_OPTIONS,
    TABLE_STORAGE,
    VIEWS,
  }),
);

const META_TABLES: ReadonlyMap<string, SystemView> = new Map([
  ['__TABLES__', TABLES_META],
  ['__TABLES_SUMMARY__', TABLES_SUMMARY_META],
]);

export type ViewCaller = {
  readonly principal: Principal;
  readonly defaultProject: string;
  readonly defaultDataset: { readonly projectId: string; readonly datasetId: string } | undefined;
};

type Name = {
  readonly view: SystemView;
  /** `TABLES`, as it stands behind INFORMATION_SCHEMA. */
  readonly name: string;
  /** As BigQuery's texts give the table: `INFORMATION_SCHEMA.TABLES`. */
  readonly tableId: string;
  readonly projectId: string;
  readonly qualifier:
    | { readonly kind: 'dataset'; readonly datasetId: string }
    | { readonly kind: 'region'; readonly region: string };
};

/** Undefined for the name of an ordinary table. Throws 403 and 404 as for tables. */
export async function systemView(
  services: Services,
  caller: ViewCaller,
  path: readonly string[],
): Promise<{ readonly info: TableInfo; readonly location: string } | undefined> {
  const name = nameOf(caller, path);
  if (name === undefined) return undefined;
  const scope = scopeOf(services, caller, name);
  const { view, projectId } = name;
  const rows = await view.rows(scope);
  const info: TableInfo = {
    ref: { projectId, datasetId: 'INFORMATION_SCHEMA', tableId: name.name },
    kind: 'TABLE',
    fields: fieldsOf(view),
    physicalName: rowsSql(name.name, view.columns, rows),
    systemView: { requiredFilter: view.requiredFilter ?? [] },
  };
  return { info, location: scope.location };
}

function nameOf(caller: ViewCaller, path: readonly string[]): Name | undefined {
  const parts = path.join('.').split('.');
  const last = parts.at(-1) ?? '';
  const meta = META_TABLES.get(last);
  if (meta !== undefined && parts.length > 1) return qualified(caller, meta, last, last, parts.slice(0, -1));
  if (parts.at(-2)?.toUpperCase() !== 'INFORMATION_SCHEMA') return undefined;
  const name = last.toUpperCase();
  const view = VIEWS_BY_NAME.get(name);
  if (view === undefined)
    throw new BigQueryError('invalidQuery', `INFORMATION_SCHEMA.${name} is not supported by the local BigQuery`, {
      location: 'query',
    });
  return qualified(caller, view, name, `INFORMATION_SCHEMA.${name}`, parts.slice(0, -2));
}

/** `before`: what stands before INFORMATION_SCHEMA, a project, a dataset or region, both, or nothing. */
function qualified(
  caller: ViewCaller,
  view: SystemView,
  name: string,
  tableId: string,
  before: readonly string[],
): Name {
  const base = { view, name, tableId };
  const last = before.at(-1);
  const project = before.slice(0, -1).join('.');
  const projectId = project === '' ? caller.defaultProject : project;
  const region = last === undefined ? undefined : /^region-([a-z0-9-]+)$/i.exec(last)?.[1];
  if (region !== undefined && view.qualifiers.includes('region'))
    return { ...base, projectId, qualifier: { kind: 'region', region } };
  if (view.defaultsToUs === true && region === undefined)
    return {
      ...base,
      projectId: last === undefined ? caller.defaultProject : before.join('.'),
      qualifier: { kind: 'region', region: 'us' },
    };
  if (last !== undefined && region === undefined && view.qualifiers.includes('dataset'))
    return { ...base, projectId, qualifier: { kind: 'dataset', datasetId: last } };
  if (last === undefined && view.qualifiers.includes('dataset') && caller.defaultDataset !== undefined) {
    const { datasetId } = caller.defaultDataset;
    return { ...base, projectId: caller.defaultDataset.projectId, qualifier: { kind: 'dataset', datasetId } };
  }
  const what = view.qualifiers.map((kind) => (kind === 'region' ? 'a region (`region-us`)' : 'a dataset')).join(' or ');
  throw new BigQueryError('invalidQuery', `Table "${tableId}" must be qualified with ${what}`, {
    location: 'query',
  });
}

function scopeOf(services: Services, caller: ViewCaller, name: Name): ViewScope {
  const { principal } = caller;
  const { view, projectId, qualifier, tableId } = name;
  const may = (permission: string, datasetId?: string): boolean =>
    services.access.decide(
      principal,
      permission,
      datasetId === undefined ? { kind: 'project', projectId } : { kind: 'dataset', projectId, datasetId },
    ).allowed;
  if (qualifier.kind === 'region') {
    const location = canonicalLocation(qualifier.region);
    if (view.projectPermission !== undefined && !may(view.projectPermission))
      throw queryDenied({ projectId, datasetId: `region-${qualifier.region.toLowerCase()}`, tableId });
    return { services, principal, projectId, location, dataset: undefined };
  }
  const { datasetId } = qualifier;
  const dataset = services.datasets.get(projectId, datasetId);
  if (view.permission !== undefined && !may(view.permission, datasetId)) {
    if (dataset !== undefined || !may('bigquery.datasets.get', datasetId))
      throw queryDenied({ projectId, datasetId, tableId });
  }
  if (dataset === undefined)
    throw new BigQueryError('notFound', `Not found: Dataset ${projectId}:${datasetId} was not found in location US`);
  return { services, principal, projectId, location: dataset.location, dataset };
}

// The views of INFORMATION_SCHEMA that belong to a region. Each is a function that gives its
// rows for one caller; a query reads them as a list of constants, made when it is analysed.
import type { Principal } from '../access/decision.ts';
import { memberOfEntry } from '../access/compiled-policy.ts';
import { iamRoleName } from '../access/roles.ts';
import { BigQueryError } from '../bigquery-error.ts';
import { canonicalLocation } from '../catalog/dataset-changes.ts';
import type { TableInfo } from '../googlesql/statement.ts';
import type { Services } from '../services.ts';
import { identifier, literal } from '../storage/duckdb.ts';

type Row = readonly (string | null)[];

type RegionView = {
  /** All are STRING. */
  readonly columns: readonly string[];
  readonly requiredFilter: readonly string[];
  rows(services: Services, principal: Principal, projectId: string, location: string): Row[];
};

/** A query holds all rows of the view as constants. */
const MAX_ROWS = 20_000;

const VIEWS: ReadonlyMap<string, RegionView> = new Map([
  [
    'OBJECT_PRIVILEGES',
    {
      columns: ['object_catalog', 'object_schema', 'object_name', 'object_type', 'privilege_type', 'grantee'],
      requiredFilter: ['object_name'],
      rows: (services, principal, projectId, location) => [
        ...datasetPrivileges(services, principal, projectId, location),
        ...tablePrivileges(services, principal, projectId, location),
      ],
    },
  ],
]);

/** Undefined for a name that is not of the form `[P.]region-R.INFORMATION_SCHEMA.V`. */
export function regionView(
  services: Services,
  caller: { readonly principal: Principal; readonly defaultProject: string },
  path: readonly string[],
): { readonly info: TableInfo; readonly location: string } | undefined {
  const match = /^(?:(.+)\.)?region-([a-z0-9-]+)\.INFORMATION_SCHEMA\.(\w+)$/i.exec(path.join('.'));
  if (match === null) return undefined;
  const [, projectId = caller.defaultProject, region = '', written = ''] = match;
  const name = written.toUpperCase();
  const view = VIEWS.get(name);
  if (view === undefined)
    throw new BigQueryError('invalidQuery', `INFORMATION_SCHEMA.${name} is not supported by the local BigQuery`, {
      location: 'query',
    });
  const location = canonicalLocation(region);
  const rows = view.rows(services, caller.principal, projectId, location);
  if (rows.length > MAX_ROWS)
    throw new BigQueryError(
      'resourcesExceeded',
      `INFORMATION_SCHEMA.${name} has more than ${MAX_ROWS} rows: the local BigQuery supports no more.`,
    );
  const info: TableInfo = {
    ref: { projectId, datasetId: 'INFORMATION_SCHEMA', tableId: name },
    kind: 'TABLE',
    fields: view.columns.map((column) => ({ name: column, type: 'STRING', mode: 'NULLABLE' })),
    physicalName: subquery(view.columns, rows),
    systemView: { requiredFilter: view.requiredFilter },
  };
  return { info, location };
}

function subquery(columns: readonly string[], rows: readonly Row[]): string {
  const list = columns.map((column, i) => `CAST(c${i} AS VARCHAR) AS ${identifier(column)}`).join(', ');
  const names = columns.map((_, i) => `c${i}`).join(', ');
  const nothing = `(${columns.map(() => 'NULL').join(', ')})`;
  const values = rows.map((row) => `(${row.map((value) => (value === null ? 'NULL' : literal(value))).join(', ')})`);
  const source = `(VALUES ${values.length === 0 ? nothing : values.join(', ')}) AS v(${names})`;
  return `(SELECT ${list} FROM ${source}${values.length === 0 ? ' WHERE false' : ''})`;
}

/** One row for each role of each access entry; entries that authorise views grant no role. */
function datasetPrivileges(services: Services, principal: Principal, projectId: string, location: string): Row[] {
  return services.datasets
    .list(projectId)
    .filter((dataset) => dataset.hiddenOwner === undefined && dataset.location === location)
    .filter(
      ({ datasetId }) =>
        services.access.decide(principal, 'bigquery.datasets.get', { kind: 'dataset', projectId, datasetId }).allowed,
    )
    .flatMap(({ datasetId, properties }) =>
      properties.access.flatMap((entry): Row[] => {
        const grantee = memberOfEntry(entry, projectId);
        if (entry.role === undefined || grantee === undefined) return [];
        return [[projectId, null, datasetId, 'SCHEMA', iamRoleName(entry.role), grantee]];
      }),
    );
}

function tablePrivileges(services: Services, principal: Principal, projectId: string, location: string): Row[] {
  return services.tablePolicies.inProject(projectId, MAX_ROWS).flatMap(({ ref, policy }): Row[] => {
    if (services.datasets.get(projectId, ref.datasetId)?.location !== location) return [];
    const table = services.tables.get(ref);
    if (table === undefined) return [];
    const resource = { kind: 'table', ...ref } as const;
    if (!services.access.decide(principal, 'bigquery.tables.getIamPolicy', resource).allowed) return [];
    return policy.bindings.flatMap(({ role, members }) =>
      members.map((member): Row => [projectId, ref.datasetId, ref.tableId, table.kind, role, member]),
    );
  });
}

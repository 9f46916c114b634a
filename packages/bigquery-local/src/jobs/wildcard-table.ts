// Wildcard tables, `dataset.prefix_*`: which tables a name matches, and one table made of them.
// The schema is that of the table made last; the others give NULL for the columns that they
// lack. Source: "Query multiple tables using a wildcard table".
import type { Principal } from '../access/decision.ts';
import { queryDenied } from '../access/denied.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { Table } from '../catalog/tables.ts';
import { nameOf } from '../catalog/tables.ts';
import type { TableInfo, TableRef } from '../googlesql/statement.ts';
import { sameType, typeName } from '../googlesql/types.ts';
import { duckdbType } from '../googlesql/values/physical.ts';
import { typeOfField } from '../googlesql/values/schema.ts';
import type { Services } from '../services.ts';
import { identifier, literal } from '../storage/duckdb.ts';
import { PhysicalTables } from '../storage/physical-tables.ts';

/** Tables that one name may match. */
const MAX_MATCHED = 1_000;

export const TABLE_SUFFIX = '_TABLE_SUFFIX';

/** Throws 404 when nothing matches, to who may know that; 403 to everybody else. */
export function matchedTables(services: Services, principal: Principal, wildcard: TableRef): readonly Table[] {
  const { projectId, datasetId, tableId } = wildcard;
  const prefix = tableId.slice(0, -1);
  const may = (permission: string): boolean =>
    services.access.decide(principal, permission, { kind: 'dataset', projectId, datasetId }).allowed;
  const found = services.tables
    .list(projectId, datasetId, '', 1_000_000)
    .filter(({ ref }) => ref.tableId.startsWith(prefix) && ref.tableId !== prefix);
  if (found.length === 0) {
    if (!may('bigquery.tables.getData') && !may('bigquery.tables.list')) throw queryDenied(wildcard);
    throw new BigQueryError('invalidQuery', `${nameOf(wildcard)} does not match any table.`, { location: 'query' });
  }
  return found;
}

/** Throws for views and tables with row access policies among them, which BigQuery refuses too. */
export function requireUnionable(services: Services, tables: readonly Table[]): void {
  const view = tables.find(({ kind }) => kind === 'VIEW' || kind === 'MATERIALIZED_VIEW');
  if (view !== undefined)
    throw invalidQuery(`Views cannot be queried through prefix. Matched views are: ${nameOf(view.ref)}`);
  const policed = tables.find(({ ref }) => services.rowAccessPolicies.list(ref).length > 0);
  if (policed !== undefined)
    throw invalidQuery(`Wildcard queries on tables with row access policies are not allowed: ${nameOf(policed.ref)}`);
  if (tables.length > MAX_MATCHED)
    throw new BigQueryError(
      'resourcesExceeded',
      `The wildcard matches ${tables.length} tables: the local BigQuery supports at most ${MAX_MATCHED}.`,
    );
}

export function wildcardInfo(wildcard: TableRef, tables: readonly Table[]): TableInfo {
  const prefix = wildcard.tableId.slice(0, -1);
  const latest = tables.reduce((a, b) => (b.createdMs >= a.createdMs ? b : a));
  const { fields } = latest.properties.schema;
  const matched = tables.map((table) => {
    const suffix = table.ref.tableId.slice(prefix.length);
    return { ref: table.ref, suffix, sql: memberSql(table, suffix, latest) };
  });
  return {
    ref: wildcard,
    kind: 'TABLE',
    fields: fields.map(({ defaultValueExpression: _none, ...field }) => ({
      ...field,
      ...(field.mode === 'REPEATED' ? {} : { mode: 'NULLABLE' as const }),
    })),
    physicalName: `(${matched.map(({ sql }) => sql).join(' UNION ALL ')})`,
    matched,
    pseudoColumns: [{ name: TABLE_SUFFIX, type: { kind: 'STRING' }, sql: identifier(TABLE_SUFFIX) }],
  };
}

function memberSql(table: Table, suffix: string, latest: Table): string {
  const own = new Map(table.properties.schema.fields.map((field) => [field.name.toLowerCase(), field]));
  const columns = latest.properties.schema.fields.map((field) => {
    const type = typeOfField(field);
    const mine = own.get(field.name.toLowerCase());
    if (mine === undefined || table.physicalId === undefined)
      return `CAST(NULL AS ${duckdbType(type)}) AS ${identifier(field.name)}`;
    if (!sameType(typeOfField(mine), type))
      throw invalidQuery(
        `Cannot read field '${field.name}' of type ${typeName(typeOfField(mine))} as ${typeName(type)} Field: ${field.name} of table ${nameOf(table.ref)}, which the wildcard matches`,
      );
    return `${identifier(mine.name)} AS ${identifier(field.name)}`;
  });
  const from =
    table.physicalId === undefined
      ? '(SELECT 1) WHERE false'
      : PhysicalTables.nameOf(table.ref.projectId, table.physicalId);
  return `SELECT ${[...columns, `${literal(suffix)} AS ${identifier(TABLE_SUFFIX)}`].join(', ')} FROM ${from}`;
}

function invalidQuery(message: string): BigQueryError {
  return new BigQueryError('invalidQuery', message, { location: 'query' });
}

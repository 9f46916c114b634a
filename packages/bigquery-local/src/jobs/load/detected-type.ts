// DuckDB's types, as its readers detect them in files, → GoogleSQL's ("Parquet
// conversions" and "Schema auto-detection" of BigQuery's loading pages).
import { DuckDBDecimalType, DuckDBListType, DuckDBStructType, DuckDBTypeId, type DuckDBType } from '@duckdb/node-api';
import { BigQueryError } from '../../bigquery-error.ts';
import type { GType } from '../../googlesql/types.ts';
import type { DecimalType } from './load-configuration.ts';

/** Throws `invalid`, naming the column, for a type that BigQuery would not load or this server does not have. */
export function detectedType(
  column: string,
  type: DuckDBType,
  decimals: readonly DecimalType[] = ['NUMERIC', 'BIGNUMERIC'],
): GType {
  if (type instanceof DuckDBListType) return { kind: 'ARRAY', element: detectedType(column, type.valueType, decimals) };
  if (type instanceof DuckDBStructType) {
    return {
      kind: 'STRUCT',
      fields: type.entryNames.map((name, i) => ({
        name,
        type: detectedType(`${column}.${name}`, type.entryTypes[i]!, decimals),
      })),
    };
  }
  if (type instanceof DuckDBDecimalType) return { kind: decimalType(column, type.width, type.scale, decimals) };
  if (type.alias === 'JSON') return { kind: 'JSON' };
  switch (type.typeId) {
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.UBIGINT:
      return { kind: 'INT64' };
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
      return { kind: 'FLOAT64' };
    case DuckDBTypeId.BOOLEAN:
      return { kind: 'BOOL' };
    case DuckDBTypeId.VARCHAR:
    case DuckDBTypeId.UUID:
    case DuckDBTypeId.ENUM:
      return { kind: 'STRING' };
    case DuckDBTypeId.BLOB:
      return { kind: 'BYTES' };
    case DuckDBTypeId.DATE:
      return { kind: 'DATE' };
    case DuckDBTypeId.TIME:
      return { kind: 'TIME' };
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_NS:
      return { kind: 'DATETIME' };
    case DuckDBTypeId.TIMESTAMP_TZ:
      return { kind: 'TIMESTAMP' };
    default:
      throw unsupported(column, `type ${type.toString()} is not supported`);
  }
}

/** `decimalTargetTypes`: the first type that holds every value of the precision and scale. */
export function decimalType(
  column: string,
  precision: number,
  scale: number,
  targets: readonly DecimalType[],
): DecimalType {
  const whole = precision - scale;
  const found = targets.find(
    (type) => type === 'STRING' || (type === 'NUMERIC' ? scale <= 9 && whole <= 29 : scale <= 38 && whole <= 38),
  );
  if (found !== undefined) return found;
  throw unsupported(
    column,
    `DECIMAL(${precision}, ${scale}) does not fit into ${targets.join(' or ')}: name another type in decimalTargetTypes`,
  );
}

/** SQL that turns a value of the reader's type into the stored form of `to`, its detected type. */
export function storedForm(sql: string, type: DuckDBType, to: GType, depth = 0): string {
  if (type instanceof DuckDBListType && to.kind === 'ARRAY') {
    const item = `v${depth}`;
    return `list_transform(${sql}, lambda ${item}: ${storedForm(item, type.valueType, to.element, depth + 1)})`;
  }
  if (type instanceof DuckDBStructType && to.kind === 'STRUCT') {
    const entries = type.entryNames.map(
      (name, i) =>
        `f${i} := ${storedForm(`struct_extract(${sql}, '${name.replaceAll("'", "''")}')`, type.entryTypes[i]!, to.fields[i]!.type, depth)}`,
    );
    return `CASE WHEN ${sql} IS NULL THEN NULL ELSE struct_pack(${entries.join(', ')}) END`;
  }
  switch (to.kind) {
    case 'INT64':
      return `CAST(${sql} AS BIGINT)`;
    case 'FLOAT64':
      return `CAST(${sql} AS DOUBLE)`;
    case 'STRING':
      return `CAST(${sql} AS VARCHAR)`;
    case 'DATETIME':
      return `CAST(${sql} AS TIMESTAMP)`;
    case 'NUMERIC':
      return `CAST(${sql} AS DECIMAL(38,9))`;
    case 'BIGNUMERIC':
      return `bq_big_of(CAST(${sql} AS VARCHAR))`;
    default:
      return sql;
  }
}

function unsupported(column: string, why: string): BigQueryError {
  return new BigQueryError('invalid', `Column ${column}: ${why}.`);
}

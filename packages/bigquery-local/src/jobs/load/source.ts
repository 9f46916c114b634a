// What a format gives the load: the schema of the file and SQL that reads it.
import type { FieldSchema } from '../../catalog/schema.ts';
import type { GType } from '../../googlesql/types.ts';
import { castSql } from '../../googlesql/values/cast.ts';
import { tried } from '../../googlesql/values/sql-text.ts';
import { fittedValue, type TypeParameters } from '../../googlesql/values/type-parameters.ts';
import { literal, type Session } from '../../storage/duckdb.ts';

/** One file of a load: where it is, and what texts call it. */
export type LoadFile = { readonly path: string; readonly name: string; readonly size: number };

/** BigQuery's limit of one row. */
const MAX_ROW_BYTES = 100_000_000;
const SMALL_ROW_BYTES = 1_000_000;

/**
 * The longest row that the files can hold. DuckDB's readers take buffers of a multiple of
 * it, so that the full limit for every small file would use up the memory of many loads.
 */
export function rowLimit(files: readonly LoadFile[], gzip: boolean): number {
  if (gzip) return MAX_ROW_BYTES;
  const largest = Math.max(...files.map(({ size }) => size));
  return Math.min(Math.max(largest, SMALL_ROW_BYTES), MAX_ROW_BYTES);
}

/** The files as the argument of one of DuckDB's readers. */
export function pathsSql(files: readonly LoadFile[]): string {
  return files.length === 1 ? literal(files[0]!.path) : `[${files.map(({ path }) => literal(path)).join(', ')}]`;
}

export type LoadSource = {
  /** The file's own schema when it says one (Parquet) or when it was detected. */
  readonly fields: readonly FieldSchema[];
  /**
   * SELECT of one column per field of `fields`, in order. With `safe`, a value that does
   * not convert is NULL, and the row number (from 1) comes first, followed for each field
   * by a flag that says whether its value did not convert.
   */
  select(): string;
  /** The first bad rows, for a file that did not load. Undefined when the format has no bad rows. */
  readonly badRows?: (session: Session, limit: number) => Promise<readonly BadRow[]>;
  /** SELECT that leaves bad rows out. */
  readonly selectGood?: string;
};

export type BadRow = { readonly row: number; readonly column: string; readonly value: string; readonly type: string };

/** Text of a CSV or JSON file → a value, as BigQuery's loader reads it. */
export function textToValue(sql: string, type: GType, safe: boolean, parameters?: TypeParameters): string {
  return fittedValue(plainValue(sql, type, safe), type, parameters, safe ? () => 'NULL' : undefined);
}

function plainValue(sql: string, type: GType, safe: boolean): string {
  switch (type.kind) {
    case 'STRING':
      return sql;
    case 'BOOL':
      return `CASE WHEN lower(${sql}) IN ('true', 't', 'yes', 'y', '1') THEN true WHEN lower(${sql}) IN ('false', 'f', 'no', 'n', '0') THEN false WHEN ${sql} IS NULL THEN NULL ELSE ${orError(`'Bad bool value: ' || ${sql}`, safe)} END`;
    case 'BYTES':
      return safe ? `TRY(from_base64(${sql}))` : `from_base64(${sql})`;
    case 'JSON':
      return safe ? `TRY_CAST(${sql} AS JSON)` : `CAST(${sql} AS JSON)`;
    case 'GEOGRAPHY': {
      // Well-known text, or GeoJSON.
      const point = `CASE WHEN starts_with(ltrim(${sql}), '{') THEN bq_geog_from_geojson(${sql}) ELSE bq_geog_from_text(${sql}) END`;
      return safe ? tried(point) : point;
    }
    case 'TIMESTAMP': {
      // Seconds since 1970, or text; clients write nanoseconds, BigQuery keeps microseconds.
      const micros = `regexp_replace(${sql}, '(\\.\\d{6})\\d{1,3}', '\\1')`;
      const text = castSql({ sql: micros, from: { kind: 'STRING' }, to: type, safe });
      return `CASE WHEN regexp_full_match(${sql}, '-?\\d+(\\.\\d+)?([eE][+-]?\\d+)?') THEN make_timestamptz(CAST(round(CAST(${sql} AS DOUBLE) * 1000000) AS BIGINT)) ELSE ${text} END`;
    }
    default:
      return castSql({ sql, from: { kind: 'STRING' }, to: type, safe });
  }
}

function orError(message: string, safe: boolean): string {
  return safe ? 'NULL' : `error(${message})`;
}

// What a format gives the load: the schema of the file and SQL that reads it.
import type { FieldSchema } from '../../catalog/schema.ts';
import type { GType } from '../../googlesql/types.ts';
import { castSql } from '../../googlesql/values/cast.ts';
import { formatCastSql } from '../../googlesql/values/cast-format.ts';
import { quoteText } from '../../googlesql/values/literal.ts';
import { duckdbType } from '../../googlesql/values/physical.ts';
import { tried } from '../../googlesql/values/sql-text.ts';
import { atZone } from '../../googlesql/values/time-zone.ts';
import { fittedValue, type TypeParameters } from '../../googlesql/values/type-parameters.ts';
import { literal, type Session } from '../../storage/duckdb.ts';

/** One file of a load: where it is, and what texts call it. */
export type LoadFile = { readonly path: string; readonly name: string; readonly size: number };

/** Files of text as DuckDB's readers take them: plain, in UTF-8 or ISO-8859-1. */
export type TextFiles = { readonly files: readonly LoadFile[]; readonly longestRowBytes: number };

/** How the job says that dates and times are written; undefined: as BigQuery writes them. */
export type TimeFormats = {
  readonly DATE?: string;
  readonly TIME?: string;
  readonly DATETIME?: string;
  readonly TIMESTAMP?: string;
  /** Of timestamps that name no zone; undefined: UTC. */
  readonly zone?: string;
  /** Microseconds since 1970: what a format leaves out is taken from it. */
  readonly nowMicros: bigint;
};

const SMALL_ROW_BYTES = 1_000_000;

/** The longest row that a reader is told of. It takes buffers of a multiple of it. */
export function rowLimit({ longestRowBytes }: TextFiles): number {
  return Math.max(longestRowBytes + 2, SMALL_ROW_BYTES);
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
export function textToValue(
  sql: string,
  type: GType,
  safe: boolean,
  parameters?: TypeParameters,
  formats?: TimeFormats,
): string {
  const value = formattedTime(sql, type, safe, formats) ?? plainValue(sql, type, safe);
  return fittedValue(value, type, parameters, safe ? () => 'NULL' : undefined);
}

function formattedTime(sql: string, to: GType, safe: boolean, formats: TimeFormats | undefined): string | undefined {
  if (formats === undefined) return undefined;
  const { nowMicros, zone } = formats;
  const format = formats[to.kind as 'DATE'];
  const at = zone === undefined || to.kind !== 'TIMESTAMP' ? {} : { zone: quoteText(zone) };
  if (format !== undefined) return formatCastSql({ sql, from: { kind: 'STRING' }, to, safe, format, nowMicros, ...at });
  if (zone === undefined || to.kind !== 'TIMESTAMP') return undefined;
  const local = castSql({ sql, from: { kind: 'STRING' }, to: { kind: 'DATETIME' }, safe });
  const hasZone = `regexp_matches(${sql}, '([Zz]|UTC|[+-]\\d{1,2}(:\\d\\d)?|[A-Za-z]+/[A-Za-z_]+)\\s*$')`;
  const isNumber = `regexp_full_match(${sql}, ${NUMBER})`;
  return `CASE WHEN ${isNumber} OR (regexp_matches(${sql}, ':') AND ${hasZone}) THEN ${plainValue(sql, to, safe)} ELSE ${atZone(`(${local})`, quoteText(zone))} END`;
}

const NUMBER = String.raw`'-?\d+(\.\d+)?([eE][+-]?\d+)?'`;
const YEAR = String.raw`(?:[1-9]\d{3}|0[1-9]\d\d|00[1-9]\d|000[1-9])`;
const DAY = String.raw`${YEAR}-\d\d-\d\d`;
const CLOCK = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?`;

/** Texts of the usual form, of which DuckDB's own cast makes the same value at a fraction of the cost. */
function plainValue(sql: string, type: GType, safe: boolean): string {
  const usual = USUAL[type.kind];
  if (usual === undefined) return anyValue(sql, type, safe);
  const cast = `${safe ? 'TRY_CAST' : 'CAST'}(${sql} AS ${duckdbType(type)})`;
  return `CASE WHEN ${sql} IS NULL THEN NULL WHEN regexp_full_match(${sql}, '${usual}') THEN ${cast} ELSE ${anyValue(sql, type, safe)} END`;
}

const USUAL: Partial<Record<GType['kind'], string>> = {
  INT64: String.raw`-?\d{1,18}`,
  FLOAT64: String.raw`-?\d{1,15}(?:\.\d{1,17})?`,
  DATE: DAY,
  TIMESTAMP: `${DAY}[T ]${CLOCK}(?:Z| UTC|[+-](?:0\\d|1[0-3]):[0-5]\\d)?`,
};

function anyValue(sql: string, type: GType, safe: boolean): string {
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
      return `CASE WHEN regexp_full_match(${sql}, ${NUMBER}) THEN make_timestamptz(CAST(round(CAST(${sql} AS DOUBLE) * 1000000) AS BIGINT)) ELSE ${text} END`;
    }
    default:
      return castSql({ sql, from: { kind: 'STRING' }, to: type, safe });
  }
}

function orError(message: string, safe: boolean): string {
  return safe ? 'NULL' : `error(${message})`;
}

// CAST and SAFE_CAST between GoogleSQL types, as DuckDB SQL with GoogleSQL's rounding,
// texts and error messages. SAFE_CAST is the same SQL with NULL where CAST raises, so it
// needs no TRY (which DuckDB does not allow around subqueries).
// Source: "Conversion rules" and "Conversion functions" of the GoogleSQL reference.
import { BigQueryError } from '../../bigquery-error.ts';
import { sameType, typeName, type GType } from '../types.ts';
import { quoteText } from './literal.ts';
import { duckdbType } from './physical.ts';
import {
  bind,
  clockTextSql,
  fieldSql,
  floatTextSql,
  intervalTextSql,
  momentTextSql,
  numericTextSql,
  raise,
} from './sql-text.ts';
import { atZone } from './time-zone.ts';

export type Cast = {
  readonly sql: string;
  readonly from: GType;
  readonly to: GType;
  /** SAFE_CAST: NULL in place of an error. */
  readonly safe: boolean;
};

/** Makes the SQL that stands where the cast fails: an error with this prefix and the value's text, or NULL. */
type Fail = (prefix: string, valueText: string, suffix?: string) => string;

/** DuckDB SQL of a cast. Throws `invalidQuery` for pairs of types without a cast. */
export function castSql(cast: Cast): string {
  const { from, to, safe } = cast;
  if (sameType(from, to)) return cast.sql;
  const fail: Fail = safe
    ? () => 'NULL'
    : (prefix, text, suffix = '') =>
        raise(`${quoteText(prefix)} || ${text}${suffix === '' ? '' : ` || ${quoteText(suffix)}`}`);
  return bind([cast.sql], (x) => `(${convert(x, from, to, safe, fail)})`);
}

function convert(x: string, from: GType, to: GType, safe: boolean, fail: Fail): string {
  if (to.kind === 'ARRAY' && from.kind === 'ARRAY') {
    return `list_transform(${x}, lambda bq_e${depthOf(to)}: ${convert(`bq_e${depthOf(to)}`, from.element, to.element, safe, fail)})`;
  }
  if (to.kind === 'STRUCT' && from.kind === 'STRUCT' && to.fields.length === from.fields.length) {
    const fields = to.fields.map((field, i) => {
      const source = from.fields[i]!.type;
      return `f${i} := ${convert(fieldSql(x, i), source, field.type, safe, fail)}`;
    });
    return `CASE WHEN ${x} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`;
  }
  if (sameType(from, to)) return x;
  const native = NATIVE[from.kind]?.includes(to.kind);
  if (native === true) return `CAST(${x} AS ${duckdbType(to)})`;
  if (from.kind === 'STRING') return fromText(x, to, fail);
  if (to.kind === 'STRING') return toText(x, from, fail);
  if (from.kind === 'INT64' && to.kind === 'BOOL') return `${x} <> 0`;
  if (from.kind === 'FLOAT64' && to.kind === 'INT64') {
    const text = floatTextSql(x);
    return `CASE WHEN NOT isfinite(${x}) THEN ${fail('Illegal conversion of non-finite floating point number to an integer: ', text)} WHEN ${x} IS NOT NULL AND TRY_CAST(round(${x}) AS BIGINT) IS NULL THEN ${fail('int64 out of range: ', text)} ELSE TRY_CAST(round(${x}) AS BIGINT) END`;
  }
  if (from.kind === 'FLOAT64' && to.kind === 'NUMERIC') {
    // DuckDB multiplies, which is inexact; printing is exact but rounds halves to even. Where both agree they are right.
    const product = `TRY_CAST(${x} AS DECIMAL(38,9))`;
    const printed = `TRY_CAST(format('{:.9f}', ${x}) AS DECIMAL(38,9))`;
    const text = floatTextSql(x);
    return `CASE WHEN NOT isfinite(${x}) THEN ${fail('Illegal conversion of non-finite floating point number to numeric: ', text)} WHEN abs(${x}) >= 1e29 THEN ${fail('numeric out of range: ', text)} WHEN ${product} = ${printed} THEN ${product} ELSE CAST(bq_float_numeric(CAST(${x} AS VARCHAR)) AS DECIMAL(38,9)) END`;
  }
  if (from.kind === 'NUMERIC' && to.kind === 'INT64') {
    return `CASE WHEN ${x} IS NOT NULL AND TRY_CAST(${x} AS BIGINT) IS NULL THEN ${fail('int64 out of range: ', numericTextSql(x))} ELSE TRY_CAST(${x} AS BIGINT) END`;
  }
  if (to.kind === 'BIGNUMERIC') {
    if (from.kind === 'INT64' || from.kind === 'NUMERIC') return `bq_big_of(CAST(${x} AS VARCHAR))`;
    if (from.kind === 'FLOAT64') {
      const text = floatTextSql(x);
      return `CASE WHEN NOT isfinite(${x}) THEN ${fail('Illegal conversion of non-finite floating point number to BIGNUMERIC: ', text)} WHEN ${x} IS NULL THEN NULL ELSE coalesce(CASE WHEN abs(${x}) < 1e39 THEN bq_big_float(CAST(${x} AS VARCHAR)) END, ${fail('BIGNUMERIC out of range: ', text)}) END`;
    }
  }
  if (from.kind === 'BIGNUMERIC') {
    const text = `bq_big_text(${x})`;
    const checked = (value: string, prefix: string): string =>
      `CASE WHEN ${x} IS NULL THEN NULL ELSE coalesce(${value}, ${fail(prefix, text)}) END`;
    if (to.kind === 'FLOAT64') return `CAST(${text} AS DOUBLE)`;
    if (to.kind === 'INT64') return checked(`TRY_CAST(bq_big_integer(${x}) AS BIGINT)`, 'int64 out of range: ');
    if (to.kind === 'NUMERIC') return checked(`CAST(bq_big_numeric(${x}) AS DECIMAL(38,9))`, 'numeric out of range: ');
  }
  throw new BigQueryError(
    'invalidQuery',
    `CAST from ${typeName(from)} to ${typeName(to)} is not supported by the local BigQuery`,
  );
}

/** Lambdas of nested arrays need different names. */
function depthOf(type: GType): number {
  if (type.kind === 'ARRAY') return 1 + depthOf(type.element);
  if (type.kind === 'STRUCT') return Math.max(0, ...type.fields.map((field) => depthOf(field.type)));
  return 0;
}

/** Casts that DuckDB does the same way (the session's time zone is UTC). */
const NATIVE: Readonly<Record<string, readonly string[]>> = {
  INT64: ['FLOAT64', 'NUMERIC'],
  BOOL: ['INT64'],
  NUMERIC: ['FLOAT64'],
  DATE: ['DATETIME', 'TIMESTAMP'],
  DATETIME: ['DATE', 'TIME', 'TIMESTAMP'],
  TIMESTAMP: ['DATE', 'DATETIME'],
};

const INTEGER = String.raw`\s*[+-]?([0-9]+|0[xX][0-9a-fA-F]+)\s*`;
const FLOAT = String.raw`(?i)\s*[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf|infinity|nan)\s*`;
const DECIMAL = String.raw`\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*`;
/** Year 0 is no year. */
const DAY = String.raw`(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)-[0-9]{1,2}-[0-9]{1,2}`;
const CLOCK = String.raw`[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]{0,6})?`;
const DATETIME = String.raw`${DAY}([ Tt]${CLOCK})?`;

function fromText(x: string, to: GType, fail: Fail): string {
  const checked = (pattern: string, value: string, prefix: string, suffix = ''): string =>
    `CASE WHEN ${x} IS NULL THEN NULL ELSE coalesce(CASE WHEN regexp_full_match(${x}, ${quoteText(pattern)}) THEN ${value} END, ${fail(prefix, x, suffix)}) END`;
  switch (to.kind) {
    case 'INT64': {
      // DuckDB reads -0x1A as nothing: the sign is put before the value.
      const hex = `CASE WHEN regexp_matches(${x}, '^\\s*[+-]?0[xX]') THEN TRY_CAST(CASE WHEN contains(${x}, '-') THEN '-' ELSE '' END || CAST(TRY_CAST(ltrim(trim(${x}), '+-') AS HUGEINT) AS VARCHAR) AS BIGINT) ELSE TRY_CAST(trim(${x}) AS BIGINT) END`;
      return checked(INTEGER, hex, 'Bad int64 value: ');
    }
    case 'FLOAT64':
      return checked(FLOAT, `TRY_CAST(trim(${x}) AS DOUBLE)`, 'Bad double value: ');
    case 'NUMERIC':
      return checked(DECIMAL, `TRY_CAST(trim(${x}) AS DECIMAL(38,9))`, 'Invalid NUMERIC value: ');
    case 'BIGNUMERIC':
      return `CASE WHEN ${x} IS NULL THEN NULL ELSE coalesce(bq_big_of(${x}), ${fail('Invalid BIGNUMERIC value: ', x)}) END`;
    case 'INTERVAL':
      return `CASE WHEN ${x} IS NULL THEN NULL ELSE coalesce(${intervalFromParts(`bq_interval_parts(${x})`)}, ${fail("Invalid INTERVAL value '", x, "'")}) END`;
    case 'RANGE':
      return rangeFromText(x, to.element, fail);
    case 'BOOL':
      return `CASE WHEN lower(${x}) = 'true' THEN true WHEN lower(${x}) = 'false' THEN false WHEN ${x} IS NOT NULL THEN ${fail('Bad bool value: ', x)} END`;
    case 'BYTES':
      return `encode(${x})`;
    case 'DATE':
      return checked(DAY, `TRY_CAST(${x} AS DATE)`, "Invalid date: '", "'");
    case 'DATETIME':
      return checked(DATETIME, `TRY_CAST(upper(${x}) AS TIMESTAMP)`, 'Invalid datetime string "', '"');
    case 'TIME':
      return checked(CLOCK, `TRY_CAST(${x} AS TIME)`, 'Invalid time string "', '"');
    case 'TIMESTAMP':
      return `CASE WHEN ${x} IS NULL THEN NULL ELSE coalesce(${timestampFromText(x)}, ${fail("Invalid timestamp: '", x, "'")}) END`;
    default:
      throw new BigQueryError(
        'invalidQuery',
        `CAST from STRING to ${typeName(to)} is not supported by the local BigQuery`,
      );
  }
}

/**
 * A timestamp from its canonical text, or NULL: date, optional time, optional zone (`Z`,
 * `+8`, `+08:00`, ` America/New_York`). `defaultZone` is SQL of a zone's name.
 */
function timestampFromText(x: string, defaultZone?: string): string {
  const head = `upper(regexp_extract(${x}, '^(${DATETIME})\\s*([Zz]|[+-][0-9]{1,2}(:?[0-9]{2})?|[A-Za-z][A-Za-z_/+0-9-]*)?$', 1))`;
  const zone = `regexp_extract(${x}, '^(${DATETIME})\\s*([Zz]|[+-][0-9]{1,2}(:?[0-9]{2})?|[A-Za-z][A-Za-z_/+0-9-]*)?$', 4)`;
  const local = `TRY_CAST(${head} AS TIMESTAMP)`;
  return (
    `CASE WHEN ${zone} = '' THEN ${defaultZone === undefined ? `CAST(${local} AS TIMESTAMP WITH TIME ZONE)` : atZone(local, defaultZone)}` +
    // A zone needs a time before it.
    ` WHEN NOT contains(${head}, ':') THEN NULL` +
    ` WHEN upper(${zone}) IN ('Z', 'UTC') THEN CAST(${local} AS TIMESTAMP WITH TIME ZONE)` +
    ` ELSE TRY(${atZone(local, zone)}) END`
  );
}

/** `months days micros`, as `bq_interval_parts` gives them, → INTERVAL; NULL for NULL. */
export function intervalFromParts(parts: string): string {
  return bind([`string_split(${parts}, ' ')`], (p) =>
    [1, 2, 3]
      .map(
        (i) =>
          `${['to_months', 'to_days', 'to_microseconds'][i - 1]}(CAST(${p}[${i}] AS ${i < 3 ? 'INTEGER' : 'BIGINT'}))`,
      )
      .join(' + '),
  );
}

/** `[start, end)`, where a bound may be UNBOUNDED or NULL. */
function rangeFromText(x: string, element: GType, fail: Fail): string {
  const bound = (index: 1 | 2, infinity: string): string => {
    const text = `trim(regexp_extract(${x}, '^\\[([^,]*), ([^,]*)\\)$', ${index}))`;
    return `CASE WHEN upper(${text}) IN ('UNBOUNDED', 'NULL') THEN CAST('${infinity}' AS ${duckdbType(element)}) ELSE ${convert(text, { kind: 'STRING' }, element, false, fail)} END`;
  };
  const range = bind(
    [bound(1, '-infinity'), bound(2, 'infinity')],
    (start, end) =>
      `(CASE WHEN ${start} IS NULL OR ${end} IS NULL THEN NULL WHEN ${start} >= ${end} THEN ${fail('Range start element must be smaller than range end element', "''")} ELSE struct_pack(f0 := ${start}, f1 := ${end}) END)`,
  );
  return `CASE WHEN ${x} IS NULL THEN NULL WHEN regexp_matches(${x}, '^\\[[^,]*, [^,]*\\)$') THEN ${range} ELSE ${fail('Failed to parse range: range must be formatted exactly as [START, END) (found ', x, ')')} END`;
}

function toText(x: string, from: GType, fail: Fail): string {
  switch (from.kind) {
    case 'INT64':
    case 'DATE':
    case 'BOOL':
      return `CAST(${x} AS VARCHAR)`;
    case 'FLOAT64':
      return floatTextSql(x);
    case 'NUMERIC':
      return numericTextSql(x);
    case 'BIGNUMERIC':
      return `bq_big_text(${x})`;
    case 'INTERVAL':
      return intervalTextSql(x);
    case 'TIME':
      return clockTextSql(x, 8);
    case 'DATETIME':
      return clockTextSql(x, 19);
    case 'TIMESTAMP':
      return `((${momentTextSql(x)}) || '+00')`;
    case 'BYTES':
      return `CASE WHEN ${x} IS NOT NULL AND TRY(decode(${x})) IS NULL THEN ${fail('Invalid cast of bytes to UTF8 string', "''")} ELSE TRY(decode(${x})) END`;
    default:
      throw new BigQueryError(
        'invalidQuery',
        `CAST from ${typeName(from)} to STRING is not supported by the local BigQuery`,
      );
  }
}

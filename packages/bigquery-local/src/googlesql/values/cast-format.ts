// CAST with a FORMAT clause: dates and times to text and back, numbers to text, bytes to text and back.
// Source: "Format clause for CAST" of the GoogleSQL reference.
import { BigQueryError } from '../../bigquery-error.ts';
import { typeName, type GType } from '../types.ts';
import { quoteText } from './literal.ts';
import { bind, raise, tried } from './sql-text.ts';
import { atZone, inZone } from './time-zone.ts';

export type FormatCast = {
  readonly sql: string;
  readonly from: GType;
  readonly to: GType;
  readonly safe: boolean;
  readonly format: string;
  /** SQL of the zone of AT TIME ZONE. */
  readonly zone?: string;
  /** The statement's time, in microseconds since 1970: it gives the year and the month that a text leaves out. */
  readonly nowMicros: bigint;
};

const TIMES = new Set(['DATE', 'TIME', 'DATETIME', 'TIMESTAMP']);
const NUMBERS = new Set(['INT64', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC']);

/** DuckDB SQL of the cast. Throws `invalidQuery` for a pair of types that has no format. */
export function formatCastSql(cast: FormatCast): string {
  const sql = plain(cast);
  return cast.safe ? bind([cast.sql], (x) => tried(plain({ ...cast, sql: x }))) : sql;
}

function plain(cast: FormatCast): string {
  const { from, to, sql } = cast;
  if (cast.zone !== undefined && from.kind !== 'TIMESTAMP' && to.kind !== 'TIMESTAMP')
    throw new BigQueryError('invalidQuery', 'CAST with AT TIME ZONE needs a TIMESTAMP');
  if (to.kind === 'STRING' && TIMES.has(from.kind)) return bind([sql], (x) => timeText(cast, x));
  if (from.kind === 'STRING' && TIMES.has(to.kind)) return bind([sql], (x) => textTime(cast, x));
  if (to.kind === 'STRING' && NUMBERS.has(from.kind)) {
    const refusedElement = /(?:TM|RN)/i.exec(cast.format)?.[0];
    if (refusedElement !== undefined)
      throw new BigQueryError(
        'invalidQuery',
        `CAST with the format element ${refusedElement.toUpperCase()} is not supported by the local BigQuery`,
      );
    const text = from.kind === 'BIGNUMERIC' ? `bq_big_text(${sql})` : `CAST(${sql} AS VARCHAR)`;
    return `bq_cast_number_text(${quoteText(cast.format)}, ${text}, '${from.kind}')`;
  }
  if (to.kind === 'STRING' && from.kind === 'BYTES') return bind([sql], (x) => bytesText(x, cast.format));
  if (to.kind === 'BYTES' && from.kind === 'STRING') return bind([sql], (x) => textBytes(x, cast.format));
  throw new BigQueryError(
    'invalidQuery',
    `CAST from ${typeName(from)} to ${typeName(to)} with a FORMAT is not supported by the local BigQuery`,
  );
}

function timeText({ from, format, zone }: FormatCast, x: string): string {
  const local =
    from.kind === 'TIMESTAMP'
      ? zone === undefined
        ? `CAST(${x} AS TIMESTAMP)`
        : `(${inZone(x, zone)})`
      : from.kind === 'TIME'
        ? `(DATE '1970-01-01' + ${x})`
        : `CAST(${x} AS TIMESTAMP)`;
  return bind([`epoch_us(${local})`], (micros) => {
    const offset = from.kind === 'TIMESTAMP' ? `CAST((${micros} - epoch_us(${x})) // 60000000 AS VARCHAR)` : "'0'";
    return `bq_cast_time_text(${quoteText(format)}, CAST(${micros} AS VARCHAR), '${from.kind}', ${offset})`;
  });
}

function textTime({ to, format, zone, nowMicros }: FormatCast, x: string): string {
  const parsed = `bq_cast_text_time(${quoteText(format)}, ${x}, '${to.kind}', '${nowMicros}')`;
  return bind([parsed], (p) => {
    const local = `make_timestamp(CAST(${p}[2:] AS BIGINT))`;
    if (to.kind !== 'TIMESTAMP') return `CAST(${local} AS ${to.kind === 'DATETIME' ? 'TIMESTAMP' : to.kind})`;
    const moment = zone === undefined ? `CAST(${local} AS TIMESTAMP WITH TIME ZONE)` : atZone(local, zone);
    return `(CASE WHEN ${p}[1] = 'U' THEN make_timestamptz(CAST(${p}[2:] AS BIGINT)) ELSE ${moment} END)`;
  });
}

function unknownFormat(format: string): BigQueryError {
  return new BigQueryError('invalidQuery', `Invalid format '${format}'`);
}

function bytesText(x: string, format: string): string {
  switch (format.toUpperCase()) {
    case 'HEX':
    case 'BASE16':
      return `lower(hex(${x}))`;
    case 'BASE64':
      return `to_base64(${x})`;
    case 'UTF8':
    case 'UTF-8':
      return `(CASE WHEN ${x} IS NULL THEN NULL ELSE coalesce(${tried(`decode(${x})`)}, ${raise("'A string is not valid UTF-8.'")}) END)`;
    case 'ASCII':
      return `(CASE WHEN regexp_matches(hex(${x}), '^(..)*[89A-F].') THEN ${raise("'Failed to decode invalid ASCII string'")} ELSE decode(${x}) END)`;
    default:
      throw refused(format);
  }
}

function textBytes(x: string, format: string): string {
  switch (format.toUpperCase()) {
    case 'HEX':
    case 'BASE16':
      return `(CASE WHEN NOT regexp_full_match(${x}, '[0-9a-fA-F]*') THEN ${raise(`'Failed to decode invalid hexadecimal string due to character at offset ' || length(regexp_extract(${x}, '^[0-9a-fA-F]*')) || ': ' || ${x}`)} ELSE unhex(CASE WHEN length(${x}) % 2 = 1 THEN '0' ELSE '' END || ${x}) END)`;
    case 'BASE64':
      return `(CASE WHEN ${x} IS NULL THEN NULL ELSE coalesce(${tried(`from_base64(rpad(rtrim(${x}, '='), CAST((length(rtrim(${x}, '=')) + 3) // 4 * 4 AS INTEGER), '='))`)}, ${raise("'Failed to decode invalid base64 string'")}) END)`;
    case 'UTF8':
    case 'UTF-8':
      return `encode(${x})`;
    case 'ASCII':
      return `(CASE WHEN strlen(${x}) <> length(${x}) THEN ${raise("'Failed to decode invalid ASCII string'")} ELSE encode(${x}) END)`;
    default:
      throw refused(format);
  }
}

const UNSUPPORTED = new Set(['BASE2', 'BASE8', 'BASE32', 'BASE64M']);

function refused(format: string): BigQueryError {
  return UNSUPPORTED.has(format.toUpperCase())
    ? new BigQueryError('invalidQuery', `CAST with the FORMAT ${format} is not supported by the local BigQuery`)
    : unknownFormat(format);
}

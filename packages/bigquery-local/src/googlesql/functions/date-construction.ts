// Constructors and conversions of DATE, TIME, DATETIME and TIMESTAMP, CURRENT_*, UNIX_*, FORMAT_* and PARSE_*.
// The time zone argument is a name (America/New_York) or an offset (+05:30); the default is UTC.
// Source: "Date functions" and its neighbours, and "Format elements for date and time parts", of the GoogleSQL reference.
import { castSql } from '../values/cast.ts';
import { atZone, inZone } from '../values/time-zone.ts';
import { quoteText } from '../values/literal.ts';
import { clockTextSql } from '../values/sql-text.ts';
import { argument, bind, constantText, kindOf, raise, sqls, template } from './call.ts';
import type { Call, ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

const STRING_TYPE = { kind: 'STRING' } as const;

function localTime(x: string, zone: string | undefined): string {
  return zone === undefined ? `CAST(${x} AS TIMESTAMP)` : `(${inZone(x, zone)})`;
}

function fromParts(name: string, make: (...parts: string[]) => string): (call: Call) => string {
  return (call) =>
    bind(
      sqls(call),
      (...parts) =>
        `(CASE WHEN ${parts.map((p) => `${p} IS NULL`).join(' OR ')} THEN NULL ELSE coalesce(TRY(${make(...parts)}), ${raise(`'Input calculates to invalid ${name}: ' || concat_ws('-', ${parts.map((p) => `lpad(CAST(${p} AS VARCHAR), CAST(greatest(2, length(CAST(${p} AS VARCHAR))) AS INTEGER), '0')`).join(', ')})`)}) END)`,
    );
}

const makeDate = fromParts(
  'date',
  (y, m, d) => `CASE WHEN ${y} BETWEEN 1 AND 9999 THEN make_date(${y}, ${m}, ${d}) END`,
);
const makeTime = fromParts(
  'time',
  (h, m, s) =>
    `CASE WHEN ${h} BETWEEN 0 AND 23 AND ${m} BETWEEN 0 AND 59 AND ${s} BETWEEN 0 AND 59 THEN make_time(${h}, ${m}, CAST(${s} AS DOUBLE)) END`,
);
const makeDatetime = fromParts(
  'datetime',
  (y, m, d, h, n, s) =>
    `CASE WHEN ${y} BETWEEN 1 AND 9999 AND ${h} BETWEEN 0 AND 23 AND ${n} BETWEEN 0 AND 59 AND ${s} BETWEEN 0 AND 59 THEN make_timestamp(${y}, ${m}, ${d}, ${h}, ${n}, CAST(${s} AS DOUBLE)) END`,
);

const date: ScalarFunction = (call) => {
  if (call.args.length === 3) return makeDate(call);
  return converted(call, 'DATE');
};

/** DATE(x), DATETIME(x), TIME(x) of another date or time type, with an optional zone for TIMESTAMP. */
function converted(call: Call, target: 'DATE' | 'DATETIME' | 'TIME'): string {
  const source = argument(call, 0);
  const sqlType = target === 'DATETIME' ? 'TIMESTAMP' : target;
  if (source.type.kind === 'STRING')
    return castSql({ sql: source.sql, from: STRING_TYPE, to: { kind: target }, safe: false });
  if (source.type.kind === 'TIMESTAMP')
    return bind(sqls(call), (x, zone) => `CAST(${localTime(x, zone)} AS ${sqlType})`);
  return `CAST(${source.sql} AS ${sqlType})`;
}

const datetime: ScalarFunction = (call) => {
  if (call.args.length === 6) return makeDatetime(call);
  if (call.args.length === 2 && kindOf(call) === 'DATE') return `(${sqls(call)[0]} + ${sqls(call)[1]})`;
  return converted(call, 'DATETIME');
};

const time: ScalarFunction = (call) => (call.args.length === 3 ? makeTime(call) : converted(call, 'TIME'));

const timestamp: ScalarFunction = (call) => {
  const source = argument(call, 0);
  const [x, zone] = sqls(call);
  if (source.type.kind === 'TIMESTAMP') return x!;
  if (source.type.kind === 'STRING') {
    if (zone === undefined) return castSql({ sql: x!, from: STRING_TYPE, to: { kind: 'TIMESTAMP' }, safe: false });
    // Text without a zone of its own is local to the argument's zone.
    return bind(
      [x!, zone],
      (text, z) =>
        `(CASE WHEN regexp_matches(${text}, '([Zz]|[+-][0-9]{1,2}(:?[0-9]{2})?|[ ][A-Za-z][A-Za-z_/]*)$') AND NOT regexp_full_match(${text}, '\\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\\s*') THEN ${raise("'TIMESTAMP with a time zone in the text and as an argument is not supported by the local BigQuery'")} ELSE ${atZone(castSql({ sql: text, from: STRING_TYPE, to: { kind: 'DATETIME' }, safe: false }), z)} END)`,
    );
  }
  if (zone === undefined) return `CAST(${x} AS TIMESTAMP WITH TIME ZONE)`;
  return bind([x!, zone], (local, z) => `(${atZone(`CAST(${local} AS TIMESTAMP)`, z)})`);
};

/** The last argument is the statement's time. */
function current(target: 'DATE' | 'TIME' | 'TIMESTAMP'): ScalarFunction {
  return (call) => {
    const now = sqls(call).at(-1);
    if (now === undefined) throw unsupportedFunction(call.name);
    const zone = call.args.length > 1 ? sqls(call)[0] : undefined;
    if (zone === undefined) return `CAST(CAST(${now} AS TIMESTAMP) AS ${target})`;
    return bind([now, zone], (x, z) => `CAST((${inZone(x, z)}) AS ${target})`);
  };
}

/** Seconds (or milliseconds) since 1970, rounded down. */
function unix(divisor: string): ScalarFunction {
  return template(
    1,
    (x) => `(epoch_us(${x}) - ((epoch_us(${x}) % ${divisor}) + ${divisor}) % ${divisor}) // ${divisor}`,
  );
}

const MIN_MICROS = "CAST('-62135596800000000' AS HUGEINT)";
const MAX_MICROS = "CAST('253402300799999999' AS HUGEINT)";

function fromUnix(factor: string, name: string): ScalarFunction {
  return (call) => {
    if (kindOf(call) === 'TIMESTAMP') return sqls(call)[0]!;
    return template(
      1,
      (x) =>
        `CASE WHEN CAST(${x} AS HUGEINT) * ${factor} NOT BETWEEN ${MIN_MICROS} AND ${MAX_MICROS} THEN ${raise(`'Input value ' || ${x} || ' cannot be converted into a TIMESTAMP by ${name}'`)} ELSE make_timestamptz(${x} * ${factor}) END`,
    )(call);
  };
}

/** Elements that DuckDB's strftime writes the same way. */
const SHARED_ELEMENTS = /^(?:[^%]|%[YmdHMSyjbBaAFTp%])+$/s;
const SHARED_DATE_ELEMENTS = /^(?:[^%]|%[YmdyjbBaAF%])+$/s;

/** FORMAT_*(format, value[, zone]). */
const format: ScalarFunction = (call) => {
  const [pattern, value, zone] = sqls(call);
  const kind = kindOf(call, 1);
  const local = (x: string, z: string | undefined): string => {
    if (kind === 'TIMESTAMP') return localTime(x, z);
    return kind === 'TIME' ? `(DATE '1970-01-01' + ${x})` : `CAST(${x} AS TIMESTAMP)`;
  };
  const constant = constantText(call, 0);
  const shared = kind === 'DATE' ? SHARED_DATE_ELEMENTS : SHARED_ELEMENTS;
  if (constant !== undefined && shared.test(constant) && kind !== 'TIME') {
    const native = constant.replaceAll(/%(.)/g, (element, name: string) =>
      name === 'F' ? '%Y-%m-%d' : name === 'T' ? '%H:%M:%S' : element,
    );
    return bind([value!, ...(zone === undefined ? [] : [zone])], (x, z) =>
      // DuckDB pads years before 1000 with zeros.
      bind(
        [local(x, z)],
        (l) =>
          `(CASE WHEN year(${l}) < 1000 THEN bq_format_time(${pattern}, CAST(epoch_us(${l}) AS VARCHAR), '${kind}', '') ELSE strftime(${l}, ${quoteText(native)}) END)`,
      ),
    );
  }
  return bind([pattern!, value!, ...(zone === undefined ? [] : [zone])], (f, x, z) => {
    const micros = `epoch_us(${local(x, z)})`;
    const offset = kind === 'TIMESTAMP' ? `CAST((${micros} - epoch_us(${x})) // 60000000 AS VARCHAR)` : "''";
    return `bq_format_time(${f}, CAST(${micros} AS VARCHAR), '${kind}', ${offset})`;
  });
};

/** PARSE_*(format, text[, zone]): the parser gives U or L (moment or local time) and microseconds. */
function parse(target: 'DATE' | 'TIME' | 'DATETIME' | 'TIMESTAMP'): ScalarFunction {
  return (call) => {
    const [pattern, text, zone] = sqls(call);
    const parsed = `bq_parse_time(${pattern}, ${text}, '${target}')`;
    if (target !== 'TIMESTAMP')
      return `CAST(make_timestamp(CAST(${parsed} AS BIGINT)) AS ${target === 'DATETIME' ? 'TIMESTAMP' : target})`;
    return bind([parsed, ...(zone === undefined ? [] : [zone])], (p, z) => {
      const local = `make_timestamp(CAST(${p}[2:] AS BIGINT))`;
      return `(CASE WHEN ${p}[1] = 'U' THEN make_timestamptz(CAST(${p}[2:] AS BIGINT)) ELSE ${z === undefined ? `CAST(${local} AS TIMESTAMP WITH TIME ZONE)` : atZone(local, z)} END)`;
    });
  };
}

/** STRING(timestamp, zone): `2020-01-01 05:30:00+05:30`. */
function timestampText(x: string, zone: string): string {
  return bind([`(${inZone(x, zone)})`], (local) => {
    const minutes = `((epoch_us(${local}) - epoch_us(${x})) // 60000000)`;
    const offset = `CASE WHEN ${minutes} < 0 THEN '-' ELSE '+' END || format('{:02d}', abs(${minutes}) // 60) || CASE WHEN ${minutes} % 60 = 0 THEN '' ELSE format(':{:02d}', abs(${minutes}) % 60) END`;
    return `(${clockTextSql(local, 19)} || ${offset})`;
  });
}

export const dateText: ScalarFunction = (call) => {
  const source = argument(call, 0);
  if (source.type.kind === 'TIMESTAMP' && call.args.length === 2)
    return bind(sqls(call), (x, zone) => timestampText(x, zone));
  return castSql({ sql: source.sql, from: source.type, to: STRING_TYPE, safe: false });
};

export const dateConstructionFunctions: Readonly<Record<string, ScalarFunction>> = {
  date,
  datetime,
  time,
  timestamp,
  current_date: current('DATE'),
  current_time: current('TIME'),
  current_datetime: current('TIMESTAMP'),
  current_timestamp: (call) => sqls(call).at(-1) ?? raise("'CURRENT_TIMESTAMP was compiled without a time'"),
  unix_seconds: unix('1000000'),
  unix_millis: unix('1000'),
  unix_micros: (call) => `epoch_us(${sqls(call)[0]})`,
  unix_date: (call) => `CAST(${sqls(call)[0]} - DATE '1970-01-01' AS BIGINT)`,
  date_from_unix_date: (call) => `(DATE '1970-01-01' + CAST(${sqls(call)[0]} AS INTEGER))`,
  timestamp_seconds: fromUnix('1000000', 'TIMESTAMP_SECONDS'),
  timestamp_millis: fromUnix('1000', 'TIMESTAMP_MILLIS'),
  timestamp_micros: fromUnix('1', 'TIMESTAMP_MICROS'),
  timestamp_from_unix_seconds: fromUnix('1000000', 'TIMESTAMP_FROM_UNIX_SECONDS'),
  timestamp_from_unix_millis: fromUnix('1000', 'TIMESTAMP_FROM_UNIX_MILLIS'),
  timestamp_from_unix_micros: fromUnix('1', 'TIMESTAMP_FROM_UNIX_MICROS'),
  format_date: format,
  format_datetime: format,
  format_time: format,
  format_timestamp: format,
  parse_date: parse('DATE'),
  parse_datetime: parse('DATETIME'),
  parse_time: parse('TIME'),
  parse_timestamp: parse('TIMESTAMP'),
};

// *_ADD, *_SUB, *_DIFF, *_TRUNC, EXTRACT, LAST_DAY and the arrays of dates, with every date part and WEEK(day).
// DATE_DIFF and DATETIME_DIFF count boundaries, TIMESTAMP_DIFF whole units; weeks start on Sunday unless the part says so.
// Source: "Date functions", "Datetime functions", "Time functions", "Timestamp functions" of the GoogleSQL reference.
import type { BigQueryError } from '../../bigquery-error.ts';
import { momentTextSql } from '../values/sql-text.ts';
import { atZone, inZone } from '../values/time-zone.ts';
import { dateBucketFunctions } from './date-bucket.ts';
import { bind, constantText, kindOf, raise, sqls } from './call.ts';
import type { Call, ScalarFunction } from './contract.ts';
import { extractFromInterval, intervalOfPart } from './interval.ts';
import { unsupportedFunction } from './unsupported.ts';

const MICROS: Readonly<Record<string, string>> = {
  MICROSECOND: '1',
  MILLISECOND: '1000',
  SECOND: '1000000',
  MINUTE: '60000000',
  HOUR: '3600000000',
  DAY: '86400000000',
};

/** Days to add so that a week that starts on the part's day starts on Monday, as DuckDB's does. */
const WEEK_SHIFT: Readonly<Record<string, number>> = {
  WEEK: 1,
  WEEK_SUNDAY: 1,
  WEEK_MONDAY: 0,
  ISOWEEK: 0,
  WEEK_TUESDAY: -1,
  WEEK_WEDNESDAY: -2,
  WEEK_THURSDAY: -3,
  WEEK_FRIDAY: -4,
  WEEK_SATURDAY: -5,
};

const CALENDAR: Readonly<Record<string, string>> = {
  DAY: 'day',
  MONTH: 'month',
  QUARTER: 'quarter',
  YEAR: 'year',
  ISOYEAR: 'isoyear',
};

function part(call: Call, index: number): string {
  const name = constantText(call, index)?.toUpperCase();
  if (name === undefined) throw unsupportedFunction(`${call.name} with this date part`);
  return name;
}

function badPart(call: Call, name: string): BigQueryError {
  return unsupportedFunction(`${call.name} with the date part ${name}`);
}

/** An interval of `n` parts; undefined for a part that cannot be added. */
function interval(name: string, n: string): string | undefined {
  switch (name) {
    case 'YEAR':
      return `to_months(CAST(${n} * 12 AS INTEGER))`;
    case 'QUARTER':
      return `to_months(CAST(${n} * 3 AS INTEGER))`;
    case 'MONTH':
      return `to_months(CAST(${n} AS INTEGER))`;
    case 'WEEK':
      return `to_days(CAST(${n} * 7 AS INTEGER))`;
    case 'DAY':
      return `to_days(CAST(${n} AS INTEGER))`;
    default:
      return MICROS[name] === undefined ? undefined : `to_microseconds(${n} * ${MICROS[name]})`;
  }
}

const RANGE: Readonly<Record<string, readonly [string, string]>> = {
  DATE: ["DATE '0001-01-01'", "DATE '9999-12-31'"],
  DATETIME: ["TIMESTAMP '0001-01-01 00:00:00'", "TIMESTAMP '9999-12-31 23:59:59.999999'"],
  TIMESTAMP: ["TIMESTAMPTZ '0001-01-01 00:00:00+00'", "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"],
};

/** More of these than lie between year 1 and year 9999 overflow, and DuckDB's intervals too. */
const FARTHEST: Readonly<Record<string, string>> = {
  YEAR: '10000',
  QUARTER: '40000',
  MONTH: '120000',
  WEEK: '600000',
  DAY: '4000000',
  HOUR: '100000000',
  MINUTE: '6000000000',
  SECOND: '400000000000',
  MILLISECOND: '400000000000000',
  MICROSECOND: '400000000000000000',
};

/** DATE plus or minus days, as the operators have it. */
export function addedDays(sign: '+' | '-', date: string, days: string): string {
  return bind([date, days], (x, n) => {
    const text = `'Adding ' || ${sign === '+' ? n : `-CAST(${n} AS HUGEINT)`} || ' DAY to date ' || ${x} || ' causes overflow'`;
    const result = `(${x} ${sign} CAST(${n} AS INTEGER))`;
    return `(CASE WHEN ${n} NOT BETWEEN -${FARTHEST['DAY']} AND ${FARTHEST['DAY']} THEN ${raise(text)} WHEN ${result} NOT BETWEEN ${RANGE['DATE']![0]} AND ${RANGE['DATE']![1]} THEN ${raise(text)} ELSE ${result} END)`;
  });
}

function add(sign: '+' | '-'): ScalarFunction {
  return (call) => {
    const kind = kindOf(call);
    const name = part(call, 2);
    const clockPart = MICROS[name] !== undefined && name !== 'DAY';
    if (kind === 'DATE' && clockPart) throw badPart(call, name);
    if (kind === 'TIME' && !clockPart) throw badPart(call, name);
    if (kind === 'TIMESTAMP' && MICROS[name] === undefined) throw badPart(call, name);
    return bind(sqls(call).slice(0, 2), (x, n) => {
      const amount = kind === 'TIMESTAMP' ? `to_microseconds(${n} * ${MICROS[name]})` : interval(name, n);
      if (amount === undefined) throw badPart(call, name);
      if (kind === 'TIME') return `(${x} ${sign} to_microseconds((${n} * ${MICROS[name]}) % 86400000000))`;
      const result = kind === 'DATE' ? `CAST(${x} ${sign} ${amount} AS DATE)` : `(${x} ${sign} ${amount})`;
      const [low, high] = RANGE[kind]!;
      const verb = sign === '+' ? 'Adding' : 'Subtracting';
      const text = `'${verb} ' || ${n} || ' ${name} ${sign === '+' ? 'to' : 'from'} ${kind.toLowerCase()} ' || CAST(${x} AS VARCHAR) || ' causes overflow'`;
      return `(CASE WHEN ${n} NOT BETWEEN -${FARTHEST[name]} AND ${FARTHEST[name]} THEN ${raise(text)} WHEN ${result} NOT BETWEEN ${low} AND ${high} THEN ${raise(text)} ELSE ${result} END)`;
    });
  };
}

/** Counts the boundaries between two dates, datetimes or times. */
function boundaries(call: Call): string {
  const name = part(call, 2);
  const [later, earlier] = sqls(call);
  const shift = WEEK_SHIFT[name];
  if (shift !== undefined) {
    if (kindOf(call) === 'TIME') throw badPart(call, name);
    // Weeks since a start of a week long before year 1: 1970-01-01 was a Thursday, three days after a Monday.
    const week = (x: string): string =>
      `(CAST(CAST(${x} AS DATE) - DATE '1970-01-01' AS BIGINT) + ${1_400_000 + 3 + shift}) // 7`;
    return `(${week(later!)} - ${week(earlier!)})`;
  }
  const clockPart = MICROS[name] !== undefined && name !== 'DAY';
  if (CALENDAR[name] === undefined && !clockPart) throw badPart(call, name);
  if (kindOf(call) === 'TIME' ? !clockPart : kindOf(call) === 'DATE' && clockPart) throw badPart(call, name);
  return `date_diff('${CALENDAR[name] ?? name.toLowerCase()}', ${earlier}, ${later})`;
}

const timestampDiff: ScalarFunction = (call) => {
  const name = part(call, 2);
  if (kindOf(call) === 'DATETIME') return boundaries(call);
  if (MICROS[name] === undefined) throw badPart(call, name);
  const [later, earlier] = sqls(call);
  return `((epoch_us(${later}) - epoch_us(${earlier})) // ${MICROS[name]})`;
};

const diff: ScalarFunction = (call) => (kindOf(call) === 'TIMESTAMP' ? timestampDiff(call) : boundaries(call));

/** Truncates DuckDB DATE or TIMESTAMP SQL. */
function truncated(call: Call, x: string, name: string): string {
  const shift = WEEK_SHIFT[name];
  if (shift !== undefined) {
    return shift === 0
      ? `date_trunc('week', ${x})`
      : `(date_trunc('week', ${x} + to_days(${shift})) - to_days(${shift}))`;
  }
  const clockPart = MICROS[name] !== undefined && name !== 'DAY';
  if (CALENDAR[name] === undefined && !clockPart) throw badPart(call, name);
  return `date_trunc('${CALENDAR[name] ?? name.toLowerCase()}', ${x})`;
}

/** `WEEK_TUESDAY` → `WEEK(TUESDAY)`. */
function partText(name: string): string {
  return name.replace(/^WEEK_(\w+)$/, 'WEEK($1)');
}

/** Days since 1970-01-01, signed. */
function dayNumber(day: string): string {
  return `CAST(CAST(${day} AS DATE) - DATE '1970-01-01' AS VARCHAR)`;
}

/** A start of a week may lie before year 1. `x` is a simple DATE or TIMESTAMP, `message` SQL over it and the result. */
function weekInRange(x: string, result: string, message: (result: string) => string): string {
  return `(CASE WHEN ${x} < DATE '0001-01-08' AND ${result} < DATE '0001-01-01' THEN ${raise(message(result))} ELSE ${result} END)`;
}

const trunc: ScalarFunction = (call) => {
  const kind = kindOf(call);
  const name = part(call, 1);
  const [x, , zone] = sqls(call);
  const clockPart = MICROS[name] !== undefined && name !== 'DAY';
  if (kind === 'DATE') {
    if (clockPart) throw badPart(call, name);
  }
  if (kind === 'DATE' || kind === 'DATETIME') {
    const result = (day: string): string =>
      `CAST(${truncated(call, day, name)} AS ${kind === 'DATE' ? 'DATE' : 'TIMESTAMP'})`;
    if (WEEK_SHIFT[name] === undefined) return result(x!);
    return bind([x!], (day) =>
      weekInRange(
        day,
        result(day),
        (start) =>
          `'Truncating date ' || CAST(CAST(${day} AS DATE) AS VARCHAR) || ' to ${partText(name)} resulted in an out of range date value: ' || ${dayNumber(start)}`,
      ),
    );
  }
  if (kind === 'TIME') {
    if (!clockPart) throw badPart(call, name);
    return `CAST(date_trunc('${name.toLowerCase()}', DATE '2000-01-01' + ${x}) AS TIME)`;
  }
  if (kind !== 'TIMESTAMP') throw unsupportedFunction(call.name);
  if (zone === undefined || (clockPart && name !== 'HOUR')) {
    const result = (moment: string): string =>
      `CAST(${truncated(call, `CAST(${moment} AS TIMESTAMP)`, name)} AS TIMESTAMP WITH TIME ZONE)`;
    if (WEEK_SHIFT[name] === undefined) return result(x!);
    return bind([x!], (moment) =>
      weekInRange(
        moment,
        result(moment),
        () => `'Truncating ' || (${momentTextSql(moment)}) || '+00 to the nearest week causes overflow'`,
      ),
    );
  }
  return bind([x!, zone], (moment, z) => {
    const result = `(${atZone(`CAST(${truncated(call, `(${inZone(moment, z)})`, name)} AS TIMESTAMP)`, z)})`;
    const message = `'Truncating to the nearest ${partText(name)} causes underflow at timezone ' || ${z}`;
    // Up to a year is cut off.
    return `(CASE WHEN ${moment} < TIMESTAMPTZ '0002-01-02 00:00:00+00' AND ${result} < TIMESTAMPTZ '0001-01-01 00:00:00+00' THEN ${raise(message)} ELSE ${result} END)`;
  });
};

const EXTRACTS: Readonly<Record<string, string>> = {
  YEAR: 'year',
  MONTH: 'month',
  DAY: 'day',
  DAYOFYEAR: 'dayofyear',
  QUARTER: 'quarter',
  ISOWEEK: 'week',
  ISOYEAR: 'isoyear',
  HOUR: 'hour',
  MINUTE: 'minute',
  SECOND: 'second',
};

/** A week's number in its year: days before the first start of a week are in week 0. */
const WEEK_START: Readonly<Record<string, number>> = {
  WEEK: 0,
  WEEK_SUNDAY: 0,
  WEEK_MONDAY: 1,
  WEEK_TUESDAY: 2,
  WEEK_WEDNESDAY: 3,
  WEEK_THURSDAY: 4,
  WEEK_FRIDAY: 5,
  WEEK_SATURDAY: 6,
};

const extract: ScalarFunction = (call) => {
  const name = part(call, 1);
  const kind = kindOf(call);
  const clockPart = ['HOUR', 'MINUTE', 'SECOND', 'MILLISECOND', 'MICROSECOND'].includes(name);
  if (kind === 'INTERVAL') {
    const value = bind(sqls(call).slice(0, 1), (x) => extractFromInterval(name, x) ?? '');
    if (value === '') throw badPart(call, name);
    return value;
  }
  if (kind === 'STRING' || (kind === 'DATE' && clockPart) || (kind === 'TIME' && !clockPart)) throw badPart(call, name);
  const take = (x: string): string => {
    if (EXTRACTS[name] !== undefined) return `datepart('${EXTRACTS[name]}', ${x})`;
    if (name === 'DAYOFWEEK') return `(datepart('dow', ${x}) + 1)`;
    if (name === 'MILLISECOND') return `(datepart('millisecond', ${x}) % 1000)`;
    if (name === 'MICROSECOND') return `(datepart('microsecond', ${x}) % 1000000)`;
    if (name === 'DATE' && kind !== 'TIME') return `CAST(${x} AS DATE)`;
    if (name === 'TIME' && kind !== 'DATE') return `CAST(${x} AS TIME)`;
    if (name === 'DATETIME' && kind === 'TIMESTAMP') return `CAST(${x} AS TIMESTAMP)`;
    const start = WEEK_START[name];
    if (start === undefined) throw badPart(call, name);
    return `((datepart('dayofyear', ${x}) + 6 - (datepart('dow', ${x}) - ${start} + 7) % 7) // 7)`;
  };
  return bind([...sqls(call).slice(0, 1), ...sqls(call).slice(2)], (x, zone) =>
    kind === 'TIMESTAMP'
      ? `(${take(zone === undefined ? `CAST(${x} AS TIMESTAMP)` : `(${inZone(x, zone)})`)})`
      : `(${take(x)})`,
  );
};

const lastDay: ScalarFunction = (call) => {
  const name = call.args.length > 1 ? part(call, 1) : 'MONTH';
  const span =
    WEEK_SHIFT[name] !== undefined
      ? 'to_days(7)'
      : { MONTH: 'to_months(1)', QUARTER: 'to_months(3)', YEAR: 'to_months(12)' }[name];
  const [x] = sqls(call);
  if (name !== 'ISOYEAR' && span === undefined) throw badPart(call, name);
  return bind([`CAST(${x} AS DATE)`], (day) => {
    const result =
      name === 'ISOYEAR'
        ? `CAST(date_trunc('isoyear', date_trunc('isoyear', ${day}) + to_days(375)) - to_days(1) AS DATE)`
        : `CAST(${truncated(call, day, name)} + ${span} - to_days(1) AS DATE)`;
    if (name !== 'ISOYEAR' && WEEK_SHIFT[name] === undefined) return result;
    const message = `'Last day of date ' || CAST(${day} AS VARCHAR) || ' to ${partText(name)} resulted in an out of range date value: ' || ${dayNumber(result)}`;
    return `(CASE WHEN ${day} > DATE '9999-12-20' AND ${result} > DATE '9999-12-31' THEN ${raise(message)} ELSE ${result} END)`;
  });
};

const ZERO_STEP = "'Sequence step cannot be 0.'";

/** GENERATE_DATE_ARRAY: each element is reckoned from the one before, so a short month shortens all that follow. */
const dateArray: ScalarFunction = (call) => {
  const name = call.args.length > 3 ? part(call, 3) : 'DAY';
  if (!['DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR'].includes(name)) throw badPart(call, name);
  const [start, stop, step = '1'] = sqls(call);
  return bind([start!, stop!, step], (from, to, by) => {
    const series = `generate_series(CAST(${from} AS TIMESTAMP), CAST(${to} AS TIMESTAMP), ${interval(name, by)})`;
    return `(CASE WHEN ${from} IS NULL OR ${to} IS NULL OR ${by} IS NULL THEN NULL WHEN ${by} = 0 THEN ${raise(ZERO_STEP)} ELSE CAST(${series} AS DATE[]) END)`;
  });
};

const timestampArray: ScalarFunction = (call) => {
  const name = part(call, 3);
  const unit = MICROS[name];
  if (unit === undefined || kindOf(call) !== 'TIMESTAMP') throw badPart(call, name);
  return bind(
    sqls(call).slice(0, 3),
    (from, to, by) =>
      `(CASE WHEN ${from} IS NULL OR ${to} IS NULL OR ${by} IS NULL THEN NULL WHEN ${by} = 0 THEN ${raise(ZERO_STEP)} ELSE list_transform(generate_series(epoch_us(${from}), epoch_us(${to}), ${by} * ${unit}), lambda bq_e: make_timestamptz(bq_e)) END)`,
  );
};

const makeInterval: ScalarFunction = (call) => {
  const amount = intervalOfPart(part(call, 1), `(${sqls(call)[0]})`);
  if (amount === undefined) throw badPart(call, part(call, 1));
  return amount;
};

export const dateArithmeticFunctions: Readonly<Record<string, ScalarFunction>> = {
  ...Object.fromEntries(
    ['date', 'datetime', 'timestamp', 'time'].flatMap((type) => [
      [`${type}_add`, add('+')],
      [`${type}_sub`, add('-')],
      [`${type}_trunc`, trunc],
    ]),
  ),
  date_diff: diff,
  datetime_diff: diff,
  time_diff: boundaries,
  timestamp_diff: timestampDiff,
  $extract: extract,
  $extract_date: (call) => extractWhole(call, 'DATE'),
  $extract_time: (call) => extractWhole(call, 'TIME'),
  $extract_datetime: (call) => extractWhole(call, 'TIMESTAMP'),
  $interval: makeInterval,
  last_day: lastDay,
  ...dateBucketFunctions,
  generate_date_array: dateArray,
  generate_timestamp_array: timestampArray,
};

function extractWhole(call: Call, type: 'DATE' | 'TIME' | 'TIMESTAMP'): string {
  const local = kindOf(call) === 'TIMESTAMP';
  return bind(
    sqls(call),
    (x, zone) => `CAST((${local ? (zone === undefined ? `CAST(${x} AS TIMESTAMP)` : inZone(x, zone)) : x}) AS ${type})`,
  );
}

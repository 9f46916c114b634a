// DATE_BUCKET, DATETIME_BUCKET and TIMESTAMP_BUCKET: the start of the bucket, of a width counted from an origin, that
// holds a date or time. Months are counted from the origin, a day that its month lacks being the month's last.
// Source: "Time series functions" of the GoogleSQL reference.
import { duckdbType } from '../values/physical.ts';
import { intervalDaysSql, intervalMicrosSql, intervalMonthsSql } from '../values/sql-text.ts';
import { argument, bind, raise, sqls } from './call.ts';
import type { ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

const DAY = '86400000000';
const ORIGIN: Readonly<Record<string, string>> = {
  DATE: "DATE '1950-01-01'",
  DATETIME: "TIMESTAMP '1950-01-01 00:00:00'",
  TIMESTAMP: "TIMESTAMPTZ '1950-01-01 00:00:00+00'",
};
const LOWEST: Readonly<Record<string, string>> = {
  DATE: "DATE '0001-01-01'",
  DATETIME: "TIMESTAMP '0001-01-01 00:00:00'",
  TIMESTAMP: "TIMESTAMPTZ '0001-01-01 00:00:00+00'",
};

function flooredQuotient(dividend: string, divisor: string): string {
  return `((${dividend} - ((${dividend} % ${divisor}) + ${divisor}) % ${divisor}) // ${divisor})`;
}

const ONE_PART = 'Exactly one non-zero INTERVAL part in bucket width is required';

/** What a width may not be, in the order in which GoogleSQL says so. */
function refusals(kind: string, months: string, days: string, micros: string): string {
  const several = `(CAST(${months} <> 0 AS INTEGER) + CAST(${days} <> 0 AS INTEGER) + CAST(${micros} <> 0 AS INTEGER)) <> 1`;
  const negative: [string, string] = [
    `${months} < 0 OR ${days} < 0 OR ${micros} < 0`,
    'Negative bucket width INTERVAL is not allowed',
  ];
  const rules: [string, string][] =
    kind === 'TIMESTAMP'
      ? [
          [`${months} <> 0`, 'Bucket width INTERVAL with non-zero MONTH part is not allowed'],
          [
            `${days} <> 0 AND ${micros} <> 0`,
            'Bucket width INTERVAL with mixed DAY and NANOSECOND parts is not allowed',
          ],
          negative,
          [`${days} = 0 AND ${micros} = 0`, 'Zero bucket width INTERVAL is not allowed'],
        ]
      : [
          ...(kind === 'DATE'
            ? [[`${micros} <> 0`, 'Only MONTH and DAY parts are allowed in bucket width INTERVAL'] as [string, string]]
            : []),
          [several, ONE_PART],
          negative,
        ];
  return rules.map(([condition, message]) => `WHEN ${condition} THEN ${raise(`'${message}'`)}`).join(' ');
}

const bucket: ScalarFunction = (call) => {
  const { type } = argument(call, 0);
  const given = ORIGIN[type.kind];
  if (given === undefined) throw unsupportedFunction(`${call.name} (${type.kind})`);
  const [moment, width, origin = given] = sqls(call);
  const cast = (sql: string): string => `CAST(${sql} AS ${duckdbType(type)})`;
  return bind([moment!, width!, origin], (x, by, from) => {
    const [months, days, micros] = [intervalMonthsSql(by), intervalDaysSql(by), intervalMicrosSql(by)];
    const index = (value: string): string => `(datepart('year', ${value}) * 12 + datepart('month', ${value}))`;
    const byMonths = bind([flooredQuotient(`(${index(x)} - ${index(from)})`, months)], (k) => {
      const nth = (n: string): string => cast(`${from} + to_months(CAST((${n}) * ${months} AS INTEGER))`);
      return `CASE WHEN ${nth(k)} > ${x} THEN ${nth(`${k} - 1`)} ELSE ${nth(k)} END`;
    });
    const size = `(${days} * ${DAY} + ${micros})`;
    const span = `(epoch_us(${x}) - epoch_us(${from}))`;
    const byTime = cast(`${from} + to_microseconds(${flooredQuotient(span, size)} * ${size})`);
    const start = `CASE WHEN ${months} > 0 THEN ${byMonths} ELSE ${byTime} END`;
    const outside = raise(
      `'Bucket for ' || CAST(${x} AS VARCHAR) || ' is outside of ${type.kind.toLowerCase()} range'`,
    );
    return `(CASE WHEN ${x} IS NULL OR ${by} IS NULL OR ${from} IS NULL THEN NULL ${refusals(type.kind, months, days, micros)} ELSE ${bind([start], (b) => `CASE WHEN ${b} < ${LOWEST[type.kind]} THEN ${outside} ELSE ${b} END`)} END)`;
  });
};

export const dateBucketFunctions: Readonly<Record<string, ScalarFunction>> = {
  date_bucket: bucket,
  datetime_bucket: bucket,
  timestamp_bucket: bucket,
};

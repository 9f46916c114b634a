// INTERVAL: arithmetic, JUSTIFY_*, MAKE_INTERVAL, EXTRACT, SUM and AVG. DuckDB's INTERVAL has GoogleSQL's three parts;
// here they are taken apart, reckoned with as integers of 128 bits and put together within GoogleSQL's range.
// Source: "Interval functions" and "Interval arithmetic operators" of the GoogleSQL reference.
import { MAX_DAYS, MAX_MICROS, MAX_MONTHS } from '../values/interval.ts';
import { intervalDaysSql, intervalMicrosSql, intervalMonthsSql } from '../values/sql-text.ts';
import { argument, bind, kindOf, raise, sqls } from './call.ts';
import type { AggregateCall, AggregateFunction, Call, ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

type Parts = readonly [months: string, days: string, micros: string];

function partsOf(x: string): Parts {
  return [intervalMonthsSql(x), intervalDaysSql(x), intervalMicrosSql(x)];
}

function wide(x: string): string {
  return `CAST(${x} AS HUGEINT)`;
}

/** An INTERVAL of three whole numbers, NULL when one of them is; GoogleSQL's error for one out of range. */
export function intervalOf(parts: Parts): string {
  return bind(parts, (months, days, micros) => {
    const outside = (x: string, name: string, limit: bigint, zeros = ''): string =>
      `WHEN ${x} NOT BETWEEN -${limit} AND ${limit} THEN ${raise(`'Interval field ${name} ''' || ${x} || '${zeros}'' is out of range -${limit}${zeros} to ${limit}${zeros}'`)}`;
    return `(CASE ${outside(months, 'months', MAX_MONTHS)} ${outside(days, 'days', MAX_DAYS)} ${outside(micros, 'nanoseconds', MAX_MICROS, '000')} ELSE to_months(CAST(${months} AS INTEGER)) + to_days(CAST(${days} AS INTEGER)) + to_microseconds(CAST(${micros} AS BIGINT)) END)`;
  });
}

/** `INTERVAL n part`. Undefined for a part that cannot stand there. */
export function intervalOfPart(part: string, n: string): string | undefined {
  const units: Readonly<Record<string, readonly [index: 0 | 1 | 2, factor: string]>> = {
    YEAR: [0, '12'],
    QUARTER: [0, '3'],
    MONTH: [0, '1'],
    WEEK: [1, '7'],
    DAY: [1, '1'],
    HOUR: [2, '3600000000'],
    MINUTE: [2, '60000000'],
    SECOND: [2, '1000000'],
    MILLISECOND: [2, '1000'],
    MICROSECOND: [2, '1'],
  };
  const unit = units[part];
  if (unit === undefined) return undefined;
  return bind([n], (x) => {
    const parts: [string, string, string] = ['0', '0', '0'];
    parts[unit[0]] = `(${wide(x)} * ${unit[1]})`;
    return `(CASE WHEN ${x} IS NOT NULL THEN ${intervalOf(parts)} END)`;
  });
}

function added(sign: '+' | '-'): ScalarFunction {
  return (call) =>
    bind(sqls(call), (a, b) => {
      const [left, right] = [partsOf(a), partsOf(b)];
      return intervalOf([
        `(${left[0]} ${sign} ${right[0]})`,
        `(${left[1]} ${sign} ${right[1]})`,
        `(${left[2]} ${sign} ${right[2]})`,
      ]);
    });
}

const negated: ScalarFunction = (call) =>
  bind(sqls(call), (x) => {
    const [months, days, micros] = partsOf(x);
    return intervalOf([`(-${months})`, `(-${days})`, `(-${micros})`]);
  });

/** INTERVAL * INT64, in either order. */
const multiplied: ScalarFunction = (call) => {
  const [interval, factor] = kindOf(call) === 'INTERVAL' ? [0, 1] : [1, 0];
  return bind([argument(call, interval).sql, argument(call, factor).sql], (x, n) => {
    const [months, days, micros] = partsOf(x);
    const fits = `abs(${wide(n)}) < 10000000000000000`;
    const product = intervalOf([`(${months} * ${wide(n)})`, `(${days} * ${wide(n)})`, `(${micros} * ${wide(n)})`]);
    return `(CASE WHEN ${n} IS NULL THEN NULL WHEN NOT ${fits} AND ${x} <> to_days(0) THEN ${raise("'Interval overflow during multiplication'")} WHEN ${x} = to_days(0) THEN ${x} ELSE ${product} END)`;
  });
};

const DAY_MICROS = '86400000000';

/** What is left of the months goes to the days, what is left of those to the microseconds, which are cut off. */
function dividedParts([months, days, micros]: Parts, n: string): string {
  return bind([`(${wide(days)} + (${months} % ${n}) * 30)`], (d) =>
    intervalOf([
      `(${months} // ${n})`,
      `(${d} // ${n})`,
      `((${wide(micros)} + (${d} % ${n}) * ${DAY_MICROS}) // ${n})`,
    ]),
  );
}

const divided: ScalarFunction = (call) =>
  bind(
    sqls(call),
    (x, n) =>
      `(CASE WHEN ${n} = 0 THEN ${raise("'Interval division by zero'")} WHEN ${x} IS NULL OR ${n} IS NULL THEN NULL ELSE ${dividedParts(partsOf(x), n)} END)`,
  );

/** The difference of two dates (in days), datetimes (days and time), timestamps or times (time alone). */
function difference(kind: string): ScalarFunction {
  return (call) =>
    bind(sqls(call), (a, b) => {
      if (kind === 'DATE') return intervalOf(['0', `CAST(${a} - ${b} AS BIGINT)`, '0']);
      const micros = `(epoch_us(${a}) - epoch_us(${b}))`;
      return kind === 'DATETIME'
        ? bind([micros], (m) => intervalOf(['0', `(${m} // ${DAY_MICROS})`, `(${m} % ${DAY_MICROS})`]))
        : intervalOf(['0', '0', micros]);
    });
}

const HIGHEST: Readonly<Record<string, string>> = {
  DATETIME: "TIMESTAMP '9999-12-31 23:59:59.999999'",
  TIMESTAMP: "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'",
};
const LOWEST: Readonly<Record<string, string>> = {
  DATETIME: "TIMESTAMP '0001-01-01 00:00:00'",
  TIMESTAMP: "TIMESTAMPTZ '0001-01-01 00:00:00+00'",
};

/** DATE, DATETIME or TIMESTAMP plus or minus an INTERVAL; DATE gives DATETIME. */
function shifted(sign: '+' | '-'): ScalarFunction {
  return (call) => {
    const [moment, interval] = kindOf(call) === 'INTERVAL' ? [1, 0] : [0, 1];
    const kind = kindOf(call, moment) === 'TIMESTAMP' ? 'TIMESTAMP' : 'DATETIME';
    const start = argument(call, moment).sql;
    return bind([kind === 'DATETIME' ? `CAST(${start} AS TIMESTAMP)` : start, argument(call, interval).sql], (x, y) => {
      const months = `WHEN ${intervalMonthsSql(y)} <> 0 THEN ${raise("'TIMESTAMP +/- INTERVAL is not supported for intervals with non-zero MONTH or YEAR part.'")}`;
      const overflow = raise(
        `'${sign === '+' ? 'Adding' : 'Subtracting'} interval ' || CAST(${y} AS VARCHAR) || '${sign === '+' ? ' to' : ' from'} ${kind.toLowerCase()} ' || CAST(${x} AS VARCHAR) || ' causes overflow'`,
      );
      const result = `${x} ${sign} ${y}`;
      return `(CASE ${kind === 'TIMESTAMP' ? months : ''} WHEN ${result} > ${HIGHEST[kind]} OR ${result} < ${LOWEST[kind]} THEN ${overflow} ELSE ${result} END)`;
    });
  };
}

/** `+` and `-` with an INTERVAL or a difference of dates and times in them; undefined for other operands. */
export function intervalAddition(sign: '+' | '-', call: Call): string | undefined {
  const [left, right] = [kindOf(call, 0), kindOf(call, 1)];
  const isMoment = (kind: string): boolean => ['DATE', 'DATETIME', 'TIMESTAMP'].includes(kind);
  if (left === 'INTERVAL' && right === 'INTERVAL') return added(sign)(call);
  if (right === 'INTERVAL' && isMoment(left)) return shifted(sign)(call);
  if (left === 'INTERVAL' && isMoment(right) && sign === '+') return shifted(sign)(call);
  if (sign === '-' && left === right && (isMoment(left) || left === 'TIME')) return difference(left)(call);
  return undefined;
}

/** Uses `large` and `small` after moving one unit of `size` between them where `borrows` (1) or `returns` (-1) says so. */
function agreed(
  large: string,
  small: string,
  size: string,
  borrows: string,
  returns: string,
  use: (large: string, small: string) => string,
): string {
  return bind([`CASE WHEN ${borrows} THEN 1 WHEN ${returns} THEN -1 ELSE 0 END`], (d) =>
    bind([`(${large} - ${d})`, `(${small} + ${d} * ${size})`], use),
  );
}

/** Moves whole units of the smaller part to the larger one. */
function carried(large: string, small: string, size: string, use: (large: string, small: string) => string): string {
  return bind([`(${wide(large)} + ${wide(small)} // ${size})`, `(${wide(small)} % ${size})`], use);
}

/** 24 hours to a day, 30 days to a month; then the signs are made to agree, from the largest part down. */
function justified(parts: 'hours' | 'days' | 'both'): ScalarFunction {
  return (call) =>
    bind(sqls(call), (x) => {
      const [months, days, micros] = partsOf(x);
      const agree = (l: string, s: string, size: string, use: (l: string, s: string) => string): string =>
        agreed(l, s, size, `${l} > 0 AND ${s} < 0`, `${l} < 0 AND ${s} > 0`, use);
      const sql = {
        days: () => carried(months, days, '30', (m, d) => agree(m, d, '30', (l, s) => intervalOf([l, s, micros]))),
        hours: () =>
          carried(days, micros, DAY_MICROS, (d, u) => agree(d, u, DAY_MICROS, (l, s) => intervalOf([months, l, s]))),
        both: () =>
          carried(days, micros, DAY_MICROS, (wholeDays, u) =>
            carried(months, wholeDays, '30', (m, d) =>
              agreed(
                m,
                d,
                '30',
                `${m} > 0 AND (${d} < 0 OR (${d} = 0 AND ${u} < 0))`,
                `${m} < 0 AND (${d} > 0 OR (${d} = 0 AND ${u} > 0))`,
                (month, day) => agree(day, u, DAY_MICROS, (l, s) => intervalOf([month, l, s])),
              ),
            ),
          ),
      }[parts]();
      return `(CASE WHEN ${x} IS NOT NULL THEN ${sql} END)`;
    });
}

const makeInterval: ScalarFunction = (call) =>
  bind(sqls(call), (...given) => {
    const [year = '0', month = '0', day = '0', hour = '0', minute = '0', second = '0'] = given;
    const parts = intervalOf([
      `(${wide(year)} * 12 + ${month})`,
      wide(day),
      `((${wide(hour)} * 60 + ${minute}) * 60000000 + ${wide(second)} * 1000000)`,
    ]);
    const nulls = given.map((x) => `${x} IS NULL`);
    return nulls.length === 0 ? parts : `(CASE WHEN ${nulls.join(' OR ')} THEN NULL ELSE ${parts} END)`;
  });

/** EXTRACT(part FROM interval); undefined for a part that an INTERVAL has not. */
export function extractFromInterval(part: string, x: string): string | undefined {
  const clock: Readonly<Record<string, string>> = {
    HOUR: '// 3600000000',
    MINUTE: '// 60000000 % 60',
    SECOND: '// 1000000 % 60',
    MILLISECOND: '// 1000 % 1000',
    MICROSECOND: '% 1000000',
  };
  if (part === 'YEAR') return `(${intervalMonthsSql(x)} // 12)`;
  if (part === 'MONTH') return `(${intervalMonthsSql(x)} % 12)`;
  if (part === 'DAY') return `(${intervalDaysSql(x)})`;
  return clock[part] === undefined ? undefined : `(${intervalMicrosSql(x)} ${clock[part]})`;
}

export const intervalOperators = { multiply: multiplied, divide: divided, negate: negated } satisfies Readonly<
  Record<string, ScalarFunction>
>;

export const intervalFunctions: Readonly<Record<string, ScalarFunction>> = {
  make_interval: makeInterval,
  justify_hours: justified('hours'),
  justify_days: justified('days'),
  justify_interval: justified('both'),
};

/** SUM and AVG of INTERVAL, part by part. */
export function intervalTotal(name: 'sum' | 'avg'): AggregateFunction {
  return (call: AggregateCall) => {
    if (call.distinct || call.orderBy !== '' || call.limit !== undefined || call.having !== undefined)
      throw unsupportedFunction(`${call.name} (INTERVAL) with these modifiers`);
    const x = argument(call, 0).sql;
    const over = call.over === undefined ? '' : ` OVER (${call.over})`;
    const sum = (part: string): string => `sum(${wide(part)})${over}`;
    const [months, days, micros] = partsOf(x).map(sum) as [string, string, string];
    if (name === 'sum') return intervalOf([months, days, micros]);
    return bind(
      [months, days, micros, `count(${x})${over}`],
      (m, d, u, n) => `(CASE WHEN ${n} > 0 THEN ${dividedParts([m, d, u], n)} END)`,
    );
  };
}

/** GREATEST and LEAST: DuckDB's own compare the parts one by one. */
export const intervalExtreme =
  (name: 'greatest' | 'least'): ScalarFunction =>
  (call) =>
    bind(sqls(call), (...values) => {
      const nulls = values.map((x) => `${x} IS NULL`).join(' OR ');
      const best = values.map((x, i) => {
        const wins = values.slice(i + 1).map((y) => `${x} ${name === 'greatest' ? '>=' : '<='} ${y}`);
        return wins.length === 0 ? `ELSE ${x}` : `WHEN ${wins.join(' AND ')} THEN ${x}`;
      });
      return `(CASE WHEN ${nulls} THEN NULL ${best.join(' ')} END)`;
    });

// RANGE of DATE, DATETIME and TIMESTAMP: stored as a struct of start (f0) and end (f1), where DuckDB's infinities stand
// for UNBOUNDED, so that comparing two of them compares start, then end, as GoogleSQL does.
// Source: "Range functions" and "Range type" of the GoogleSQL reference.
import { duckdbType } from '../values/physical.ts';
import { fieldSql, intervalDaysSql, intervalMicrosSql, intervalMonthsSql } from '../values/sql-text.ts';
import { argument, bind, kindOf, raise, sqls } from './call.ts';
import type { Call, ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

const start = (range: string): string => fieldSql(range, 0);
const end = (range: string): string => fieldSql(range, 1);

/** RANGE(start, end): NULL bounds are unbounded. */
const range: ScalarFunction = (call) => {
  const type = duckdbType(argument(call, 0).type);
  return bind(
    sqls(call),
    (from, to) =>
      `(CASE WHEN ${from} >= ${to} THEN ${raise("'Range start element must be smaller than range end element'")} ELSE struct_pack(f0 := coalesce(${from}, CAST('-infinity' AS ${type})), f1 := coalesce(${to}, CAST('infinity' AS ${type}))) END)`,
  );
};

/** RANGE_START and RANGE_END: NULL where the range is unbounded. */
function bound(of: (range: string) => string): ScalarFunction {
  return (call) => bind(sqls(call), (x) => bind([of(x)], (b) => `(CASE WHEN isfinite(${b}) THEN ${b} END)`));
}

const contains: ScalarFunction = (call) =>
  bind(sqls(call), (outer, inner) =>
    kindOf(call, 1) === 'RANGE'
      ? `(${start(outer)} <= ${start(inner)} AND ${end(inner)} <= ${end(outer)})`
      : `(${start(outer)} <= ${inner} AND ${inner} < ${end(outer)})`,
  );

function overlap(a: string, b: string): string {
  return `(${start(a)} < ${end(b)} AND ${start(b)} < ${end(a)})`;
}

const intersect: ScalarFunction = (call) =>
  bind(
    sqls(call),
    (a, b) =>
      `(CASE WHEN NOT ${overlap(a, b)} THEN ${raise(`'Provided RANGE inputs: ' || ${rangeText(a)} || ' and ' || ${rangeText(b)} || ' do not overlap. Please check RANGE_OVERLAPS before calling RANGE_INTERSECT'`)} WHEN ${overlap(a, b)} THEN struct_pack(f0 := greatest(${start(a)}, ${start(b)}), f1 := least(${end(a)}, ${end(b)})) END)`,
  );

function rangeText(x: string): string {
  const text = (b: string): string => `CASE WHEN isfinite(${b}) THEN CAST(${b} AS VARCHAR) ELSE 'UNBOUNDED' END`;
  return `'[' || ${text(start(x))} || ', ' || ${text(end(x))} || ')'`;
}

const MAX_RANGES = 1_000_000;

/** GENERATE_RANGE_ARRAY(range, step[, include_last_partial_range]): each range starts a number of steps after the first. */
const generate: ScalarFunction = (call: Call) => {
  const type = argument(call, 0).type;
  if (type.kind !== 'RANGE') throw unsupportedFunction(call.name);
  const element = type.element.kind;
  const [whole, step, last = 'true'] = sqls(call);
  // Of a NULL range DuckDB takes the fields for NULLs of no type.
  const typed = (sql: string): string => `CAST(${sql} AS ${duckdbType(type.element)})`;
  return bind([typed(start(whole!)), typed(end(whole!)), step!, last], (from, to, by, partial) => {
    const [months, days, micros] = [intervalMonthsSql(by), intervalDaysSql(by), intervalMicrosSql(by)];
    const nth = (n: string): string => `CAST(${from} + ${by} * CAST(${n} AS INTEGER) AS ${duckdbType(type.element)})`;
    const span = `(epoch_us(${to}) - epoch_us(${from}))`;
    // No month is shorter than 28 days: more steps than there can be, cut off where they reach the end.
    const length = `(${months} * 28 * 86400000000 + ${days} * 86400000000 + ${micros})`;
    const count = `((${span} + ${length} - 1) // ${length} + 1)`;
    const bounds = `list_filter(list_transform(range(${count}), lambda bq_n: ${nth('bq_n')}), lambda bq_b: bq_b < ${to})`;
    const ranges = bind([bounds], (b) => {
      const full = `CASE WHEN ${partial} OR ${nth(`len(${b})`)} <= ${to} THEN len(${b}) ELSE len(${b}) - 1 END`;
      return `list_transform(range(1, ${full} + 1), lambda bq_i: struct_pack(f0 := ${b}[bq_i], f1 := coalesce(${b}[bq_i + 1], ${to})))`;
    });
    const refused = [
      [`NOT isfinite(${from}) OR NOT isfinite(${to})`, 'input RANGE cannot have UNBOUNDED endpoints'],
      [`${months} < 0 OR ${days} < 0 OR ${micros} < 0`, 'step cannot be negative'],
      [`${months} = 0 AND ${days} = 0 AND ${micros} = 0`, 'step cannot be 0'],
      ...(element === 'DATE'
        ? [[`${micros} <> 0`, 'step with non-zero (H:M:S[.F]) part is not supported'] as const]
        : []),
      ...(element === 'TIMESTAMP'
        ? [[`${months} <> 0`, 'step with non-zero MONTH or YEAR part is not supported'] as const]
        : []),
      ...(element === 'DATE'
        ? [[`${months} <> 0 AND ${days} <> 0`, 'step should either have the Y-M part or the DAY part'] as const]
        : []),
      ...(element === 'DATETIME'
        ? [
            [
              `${months} <> 0 AND (${days} <> 0 OR ${micros} <> 0)`,
              'step should either have the Y-M part or the D (H:M:S[.F]) part',
            ] as const,
          ]
        : []),
      [
        `${count} > ${MAX_RANGES}`,
        `GENERATE_RANGE_ARRAY of more than ${MAX_RANGES} ranges is not supported by the local BigQuery`,
      ],
    ] as const;
    const errors = refused.map(([condition, message]) => `WHEN ${condition} THEN ${raise(`'${message}'`)}`);
    return `(CASE WHEN ${from} IS NULL OR ${by} IS NULL OR ${partial} IS NULL THEN NULL ${errors.join(' ')} ELSE ${ranges} END)`;
  });
};

export const rangeFunctions: Readonly<Record<string, ScalarFunction>> = {
  range,
  range_start: bound(start),
  range_end: bound(end),
  range_contains: contains,
  range_overlaps: (call) => bind(sqls(call), overlap),
  range_intersect: intersect,
  generate_range_array: generate,
};

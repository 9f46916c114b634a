// Approximate aggregates, which are exact here, and HLL_COUNT.*, whose sketches are our own.
// Source: "Approximate aggregate functions" and "HyperLogLog++ functions" of the GoogleSQL reference.
import { castSql } from '../values/cast.ts';
import { duckdbType } from '../values/physical.ts';
import { bind } from '../values/sql-text.ts';
import { over, refuseModifiers } from './aggregate.ts';
import { argument, kindOf, sqls } from './call.ts';
import type { AggregateCall, AggregateFunction, ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

/** A constant integer argument within bounds. */
function constantCount(call: AggregateCall, index: number, maximum: bigint): number {
  const value = argument(call, index).constant?.value;
  if (typeof value !== 'bigint' || value < 1n || value > maximum)
    throw unsupportedFunction(`${call.name} with this number`);
  return Number(value);
}

/** Exact quantiles: number + 1 values, from the minimum to the maximum. */
const approxQuantiles: AggregateFunction = (call) => {
  refuseModifiers(call, 'distinct', 'nulls');
  const pieces = constantCount(call, 1, 100_000n);
  const [x] = sqls(call);
  const kind = kindOf(call);
  const steps = Array.from({ length: pieces + 1 }, (_, i) => String(i / pieces));
  if (call.nulls !== 'respect' && kind !== 'FLOAT64')
    return `quantile_disc(${call.distinct ? 'DISTINCT ' : ''}${x}, [${steps.join(', ')}])${over(call)}`;
  // NULL sorts first, then NaN: positions in the sorted list, as quantile_disc has them.
  const sorted = sortedList(call, x!, kind, call.nulls === 'respect');
  return bind(
    [sorted],
    (list) =>
      `(CASE WHEN len(${list}) > 0 THEN list_transform([${steps.join(', ')}], lambda bq_q: ${list}[greatest(CAST(ceil(bq_q * len(${list})) AS BIGINT), 1)]) END)`,
  );
};

/** All values, smallest first: NULL, then NaN, then numbers. NULL without any row. */
export function sortedList(call: AggregateCall, x: string, kind: string, withNulls: boolean): string {
  const value =
    kind === 'FLOAT64'
      ? `struct_pack(n := ${x} IS NOT NULL, k := NOT isnan(${x}), v := ${x})`
      : `struct_pack(n := ${x} IS NOT NULL, v := ${x})`;
  const filter = withNulls ? '' : ` FILTER (WHERE (${x}) IS NOT NULL)`;
  const list = `list(${call.distinct ? 'DISTINCT ' : ''}${value})${filter}${over(call)}`;
  return `list_transform(list_sort(${list}, 'ASC', 'NULLS FIRST'), lambda bq_r: bq_r.v)`;
}

const approxTopCount: AggregateFunction = (call) => {
  refuseModifiers(call);
  const [x] = sqls(call);
  const type = argument(call, 0).type;
  if (call.over !== undefined) throw unsupportedFunction('APPROX_TOP_COUNT with OVER');
  const number = constantCount(call, 1, 1_000_000n);
  const entries = `map_entries(histogram(${x}))`;
  const nulls = `CASE WHEN count(*) > count(${x}) THEN [struct_pack(f0 := CAST(NULL AS ${duckdbType(type)}), f1 := count(*) - count(${x}))] ELSE [] END`;
  const pairs = `list_transform(${entries}, lambda bq_e: struct_pack(f0 := bq_e.key, f1 := CAST(bq_e.value AS BIGINT)))`;
  const keyed = `list_transform(list_concat(coalesce(${pairs}, []), ${nulls}), lambda bq_e: struct_pack(k := -bq_e.f1, v := bq_e))`;
  return `nullif(list_transform(list_sort(${keyed})[1:${number}], lambda bq_e: bq_e.v), [])`;
};

const approxTopSum: AggregateFunction = (call) => {
  refuseModifiers(call);
  const [value, weight] = [argument(call, 0), argument(call, 1)];
  if (call.over !== undefined) throw unsupportedFunction('APPROX_TOP_SUM with OVER');
  if (['ARRAY', 'STRUCT', 'JSON'].includes(value.type.kind))
    throw unsupportedFunction(`APPROX_TOP_SUM (${value.type.kind})`);
  const text = { kind: 'STRING' } as const;
  const key =
    value.type.kind === 'BYTES'
      ? `hex(${value.sql})`
      : castSql({ sql: value.sql, from: value.type, to: text, safe: false });
  const weights = castSql({ sql: weight.sql, from: weight.type, to: text, safe: false });
  const number = constantCount(call, 2, 1_000_000n);
  const top = `bq_top_sum(list(${key}), list(${weights}), ${number}, '${weight.type.kind}')`;
  const sum = castSql({ sql: `nullif(split_part(bq_e, ':', 2), '')`, from: text, to: weight.type, safe: false });
  return bind(
    [`list(${value.sql})`, top],
    (values, pairs) =>
      `list_transform(${pairs}, lambda bq_e: struct_pack(f0 := ${values}[CAST(split_part(bq_e, ':', 1) AS BIGINT)], f1 := ${sum}))`,
  );
};

/** 63 bits of the MD5 of a value's text: the same on every machine and in every version. */
function hashOf(sql: string, kind: string): string {
  const text = kind === 'BYTES' ? `hex(${sql})` : kind === 'STRING' ? sql : `CAST(${sql} AS VARCHAR)`;
  return `CAST(md5_number_lower(${text}) >> 1 AS BIGINT)`;
}

const hllInit: AggregateFunction = (call) => {
  refuseModifiers(call);
  const precision = call.args.length > 1 ? argument(call, 1).constant?.value : 15n;
  if (typeof precision !== 'bigint') throw unsupportedFunction('HLL_COUNT.INIT with a precision that is not constant');
  const [x] = sqls(call);
  return `bq_hll_init(list(DISTINCT ${hashOf(x!, kindOf(call))}) FILTER (WHERE (${x}) IS NOT NULL)${over(call)}, ${precision}, '${kindOf(call)}')`;
};

function merged(call: AggregateCall): string {
  refuseModifiers(call);
  return `bq_hll_merge(list(DISTINCT ${sqls(call)[0]})${over(call)})`;
}

export const approximateAggregates: Readonly<Record<string, AggregateFunction>> = {
  approx_count_distinct: (call) => {
    refuseModifiers(call);
    return `count(DISTINCT ${sqls(call)[0]})${over(call)}`;
  },
  approx_quantiles: approxQuantiles,
  approx_top_count: approxTopCount,
  approx_top_sum: approxTopSum,
  'hll_count.init': hllInit,
  'hll_count.merge': (call) => `coalesce(bq_hll_extract(${merged(call)}), 0)`,
  'hll_count.merge_partial': merged,
};

export const approximateFunctions: Readonly<Record<string, ScalarFunction>> = {
  'hll_count.extract': (call) => `coalesce(bq_hll_extract(${sqls(call)[0]}), 0)`,
};

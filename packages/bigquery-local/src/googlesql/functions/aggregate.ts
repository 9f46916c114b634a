// Aggregate functions. DuckDB's own aggregate, with GoogleSQL's types, NaN and NULL rules around it.
// Source: "Aggregate functions", "Statistical aggregate functions", "Approximate aggregate functions" of the GoogleSQL reference.
import { duckdbType } from '../values/physical.ts';
import { argument, kindOf, raise, sqls } from './call.ts';
import type { AggregateCall, AggregateFunction, Arg } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

/** `OVER (…)` of a window call. */
export function over(call: AggregateCall): string {
  return call.over === undefined ? '' : ` OVER (${call.over})`;
}

/** Refuses by name the modifiers that are not allowed. */
export function refuseModifiers(call: AggregateCall, ...allowed: ('distinct' | 'orderBy' | 'limit' | 'nulls')[]): void {
  const refused = (what: string): never => {
    throw unsupportedFunction(`${call.name} with ${what}`);
  };
  if (call.distinct && !allowed.includes('distinct')) refused('DISTINCT');
  if (call.orderBy !== '' && !allowed.includes('orderBy')) refused('ORDER BY');
  if (call.limit !== undefined && !allowed.includes('limit')) refused('LIMIT');
  if (call.nulls === 'respect' && !allowed.includes('nulls')) refused('RESPECT NULLS');
  if (call.having !== undefined) refused('HAVING MAX or MIN');
}

/** `name([DISTINCT] args) [FILTER (WHERE …)] [OVER (…)]`. */
function apply(call: AggregateCall, name: string, args: string, filter = ''): string {
  return `${name}(${call.distinct ? 'DISTINCT ' : ''}${args})${filter === '' ? '' : ` FILTER (WHERE ${filter})`}${over(call)}`;
}

function simple(name: string): AggregateFunction {
  return (call) => {
    refuseModifiers(call, 'distinct');
    return apply(call, name, sqls(call).join(', '));
  };
}

/**
 * Whether a sum or average of finite values left the range of FLOAT64. Zero times a value is zero, but NaN for an
 * infinity and NaN, and a second sum costs half of what an aggregate over a test of each value does.
 */
function overflowed(result: string, x: string, call: AggregateCall): string {
  return `NOT isfinite(${result}) AND isfinite(sum(${x} * CAST(0 AS DOUBLE))${over(call)})`;
}

const sum: AggregateFunction = (call) => {
  refuseModifiers(call, 'distinct');
  const [x] = sqls(call);
  const total = apply(call, 'sum', x!);
  switch (kindOf(call)) {
    case 'FLOAT64':
      return `(CASE WHEN ${overflowed(total, x!, call)} THEN ${raise("'double overflow'")} ELSE ${total} END)`;
    case 'NUMERIC':
      return `(CASE WHEN abs(${total}) > 99999999999999999999999999999.999999999 THEN ${raise("'numeric overflow: SUM'")} ELSE CAST(${total} AS ${duckdbType(call.type)}) END)`;
    default:
      return `CAST(${total} AS ${duckdbType(call.type)})`;
  }
};

const avg: AggregateFunction = (call) => {
  refuseModifiers(call, 'distinct');
  const [x] = sqls(call);
  // DuckDB's average of decimals is a DOUBLE: the exact sum is divided instead.
  if (kindOf(call) === 'NUMERIC')
    return `CAST(bq_numeric_divide(CAST(${apply(call, 'sum', x!)} AS VARCHAR), nullif(CAST(${apply(call, 'count', x!)} AS VARCHAR), '0')) AS ${duckdbType(call.type)})`;
  const mean = apply(call, 'avg', x!);
  if (kindOf(call) !== 'FLOAT64') return mean;
  return `(CASE WHEN ${overflowed(mean, x!, call)} THEN ${raise("'AVG of values this large is not supported by the local BigQuery'")} ELSE ${mean} END)`;
};

const count: AggregateFunction = (call) => {
  refuseModifiers(call, 'distinct');
  if (call.distinct && argument(call, 0).type.kind === 'STRUCT')
    throw unsupportedFunction('COUNT DISTINCT of a STRUCT');
  return apply(call, 'count', sqls(call)[0] ?? '*');
};

const countIf: AggregateFunction = (call) => {
  refuseModifiers(call, 'distinct');
  const [condition] = sqls(call);
  return call.distinct
    ? apply(call, 'count', `CASE WHEN ${condition} THEN true END`)
    : `count(*) FILTER (WHERE ${condition})${over(call)}`;
};

/** MIN and MAX are NaN as soon as one value is; NaN is already DuckDB's maximum. */
function extreme(name: 'min' | 'max'): AggregateFunction {
  return (call) => {
    refuseModifiers(call, 'distinct');
    const [x] = sqls(call);
    if (['STRUCT', 'ARRAY', 'JSON'].includes(kindOf(call))) throw unsupportedFunction(`${call.name} (${kindOf(call)})`);
    if (name === 'min' && kindOf(call) === 'FLOAT64')
      return `(CASE WHEN bool_or(isnan(${x}))${over(call)} THEN CAST('nan' AS DOUBLE) ELSE ${apply(call, name, x!)} END)`;
    return apply(call, name, x!);
  };
}

const anyValue: AggregateFunction = (call) => {
  const { having, ...plain } = call;
  refuseModifiers(plain, 'nulls');
  const [x] = sqls(call);
  if (having === undefined) return apply(call, 'any_value', x!);
  return winner(having.kind === 'max' ? 'arg_max_null' : 'arg_min_null', x!, having.arg, call);
};

function extremeBy(name: 'arg_max_null' | 'arg_min_null'): AggregateFunction {
  return (call) => {
    refuseModifiers(call);
    return winner(name, sqls(call)[0]!, argument(call, 1), call);
  };
}

/**
 * The value of the row with the extreme measure. arg_max_null keeps a NULL value of that row; rows with a NULL measure
 * never win. A NaN among the measures is the extreme and equals none of them, so then the answer is NULL.
 */
function winner(name: 'arg_max_null' | 'arg_min_null', x: string, measure: Arg, call: AggregateCall): string {
  const value = `${name}(${x}, ${measure.sql})${over(call)}`;
  if (measure.type.kind !== 'FLOAT64') return value;
  return `(CASE WHEN bool_or(isnan(${measure.sql}))${over(call)} THEN NULL ELSE ${value} END)`;
}

/** A list with every modifier; `limit` cuts the ordered list. */
function collected(call: AggregateCall, x: string): string {
  const order = call.orderBy === '' ? '' : ` ORDER BY ${call.orderBy}`;
  const filter = call.nulls === 'ignore' ? ` FILTER (WHERE (${x}) IS NOT NULL)` : '';
  const list = `list(${call.distinct ? 'DISTINCT ' : ''}${x}${order})${filter}${over(call)}`;
  return call.limit === undefined ? list : `(${list})[1:${call.limit}]`;
}

const arrayAgg: AggregateFunction = (call) => {
  if (call.having !== undefined) throw unsupportedFunction('ARRAY_AGG with HAVING');
  const x = sqls(call)[0]!;
  // DuckDB's DISTINCT drops NULLs of lists of scalars or not by version: only what is certain is answered.
  if (call.distinct && call.nulls !== 'ignore' && argument(call, 0).type.kind === 'STRUCT')
    throw unsupportedFunction('ARRAY_AGG DISTINCT of a STRUCT');
  return collected(call, x);
};

const arrayConcatAgg: AggregateFunction = (call) => {
  if (call.having !== undefined || call.distinct) throw unsupportedFunction('ARRAY_CONCAT_AGG with these modifiers');
  return `flatten(${collected({ ...call, nulls: 'ignore' }, sqls(call)[0]!)})`;
};

const stringAgg: AggregateFunction = (call) => {
  if (call.having !== undefined) throw unsupportedFunction('STRING_AGG with HAVING');
  const [x, delimiter = "','"] = sqls(call);
  if (kindOf(call) === 'BYTES') {
    const hex = `list_transform(${collected({ ...call, nulls: 'ignore' }, x!)}, lambda bq_e: hex(bq_e))`;
    return `unhex(array_to_string(${hex}, hex(${sqls(call)[1] ?? "','::BLOB"})))`;
  }
  return `array_to_string(${collected({ ...call, nulls: 'ignore' }, x!)}, ${delimiter})`;
};

/** Statistics: always DOUBLE, NULL below so many rows. With NaN or infinity among the values they are NaN; DuckDB would raise or leave those out. */
function statistic(name: string, minimumRows: 1 | 2): AggregateFunction {
  return (call) => {
    refuseModifiers(call, 'distinct');
    const args = sqls(call).map((x) => `CAST(${x} AS DOUBLE)`);
    if (call.distinct && args.length > 1) throw unsupportedFunction(`${call.name} with DISTINCT`);
    const complete = args.map((x) => `${x} IS NOT NULL`).join(' AND ');
    const rows = `count(${call.distinct ? `DISTINCT ${args[0]}` : `CASE WHEN ${complete} THEN 1 END`})${over(call)}`;
    // One value alone has no NaN of its own to give: DuckDB's answer to pairs is NaN there, GoogleSQL's NULL.
    const enough = (value: string): string =>
      args.length === 1 ? value : `CASE WHEN ${rows} >= ${minimumRows} THEN ${value} END`;
    if (!call.args.some((arg) => arg.type.kind === 'FLOAT64')) return `(${enough(apply(call, name, args.join(', ')))})`;
    const finite = args.map((x) => `isfinite(${x})`).join(' AND ');
    const finiteArgs = args.map((x) => `CASE WHEN ${finite} THEN ${x} END`).join(', ');
    const special = `bool_or(${complete} AND NOT (${finite}))${over(call)}`;
    return `(CASE WHEN ${special} THEN CASE WHEN ${rows} >= ${minimumRows} THEN CAST('nan' AS DOUBLE) END ELSE ${enough(apply(call, name, finiteArgs))} END)`;
  };
}

function bits(name: string): AggregateFunction {
  return (call) => {
    refuseModifiers(call, 'distinct');
    if (kindOf(call) !== 'INT64') throw unsupportedFunction(`${call.name} (${kindOf(call)})`);
    return apply(call, name, sqls(call)[0]!);
  };
}

export const plainAggregates: Readonly<Record<string, AggregateFunction>> = {
  $count_star: (call) => `count(*)${over(call)}`,
  count,
  countif: countIf,
  sum,
  avg,
  min: extreme('min'),
  max: extreme('max'),
  any_value: anyValue,
  max_by: extremeBy('arg_max_null'),
  min_by: extremeBy('arg_min_null'),
  array_agg: arrayAgg,
  array_concat_agg: arrayConcatAgg,
  string_agg: stringAgg,
  logical_and: simple('bool_and'),
  logical_or: simple('bool_or'),
  bit_and: bits('bit_and'),
  bit_or: bits('bit_or'),
  bit_xor: bits('bit_xor'),
  stddev: statistic('stddev_samp', 2),
  stddev_samp: statistic('stddev_samp', 2),
  stddev_pop: statistic('stddev_pop', 1),
  variance: statistic('var_samp', 2),
  var_samp: statistic('var_samp', 2),
  var_pop: statistic('var_pop', 1),
  corr: statistic('corr', 2),
  covar_pop: statistic('covar_pop', 1),
  covar_samp: statistic('covar_samp', 2),
};

// Types whose stored form in DuckDB is not what DuckDB's own functions would take it for: BIGNUMERIC and GEOGRAPHY are
// text there, RANGE is a struct. A function that does not know them is refused by name, never run over the stored form.
import { generateBignumericArray, withBignumeric } from './bignumeric.ts';
import type { AggregateFunction, Call, ScalarFunction } from './contract.ts';
import { intervalTotal } from './interval.ts';
import { unsupportedFunction } from './unsupported.ts';

/** Functions that do not look into their values. */
const BLIND = [
  '$is_null',
  '$case_no_value',
  'if',
  'ifnull',
  'coalesce',
  'count',
  'any_value',
  'array_agg',
  'max_by',
  'min_by',
  'lag',
  'lead',
  'first_value',
  'last_value',
  'nth_value',
];

/** Those that check types on their own. */
const CHECKED = [
  'format',
  'to_json',
  'to_json_string',
  'json_object',
  'json_array',
  'json_set',
  'json_array_append',
  'json_array_insert',
  'contains_substr',
  'approx_top_sum',
  'hll_count.init',
];

const EQUALITY = [
  '$equal',
  '$not_equal',
  '$in',
  '$in_array',
  '$case_with_value',
  'nullif',
  '$is_distinct_from',
  '$is_not_distinct_from',
];
const ORDER = [
  '$less',
  '$less_or_equal',
  '$greater',
  '$greater_or_equal',
  '$between',
  'greatest',
  'least',
  'min',
  'max',
];

const ALLOWED: Readonly<Record<string, ReadonlySet<string>>> = {
  BIGNUMERIC: new Set([
    ...BLIND,
    ...CHECKED,
    ...EQUALITY,
    ...ORDER,
    '$add',
    '$subtract',
    '$multiply',
    '$divide',
    '$unary_minus',
    'div',
    'mod',
    'abs',
    'sign',
    'floor',
    'ceil',
    'safe_add',
    'safe_subtract',
    'safe_multiply',
    'safe_divide',
    'safe_negate',
    'ceiling',
    'round',
    'trunc',
    'truncate',
    'sqrt',
    'cbrt',
    'exp',
    'ln',
    'log10',
    'log',
    'pow',
    'power',
    'nullifzero',
    'zeroifnull',
    'range_bucket',
    'sum',
    'avg',
    'generate_array',
    'stddev',
    'stddev_samp',
    'stddev_pop',
    'variance',
    'var_samp',
    'var_pop',
    'corr',
    'covar_pop',
    'covar_samp',
    'approx_count_distinct',
    'approx_quantiles',
    'approx_top_count',
    'percentile_disc',
  ]),
  RANGE: new Set([
    ...BLIND,
    ...EQUALITY,
    ...ORDER.filter((name) => name.startsWith('$')),
    'range_start',
    'range_end',
    'range_contains',
    'range_overlaps',
    'range_intersect',
    'generate_range_array',
  ]),
  GEOGRAPHY: new Set([
    ...BLIND,
    'st_x',
    'st_y',
    'st_astext',
    'st_asgeojson',
    'st_distance',
    'st_dwithin',
    'st_equals',
    'st_maxdistance',
    'st_isempty',
    'st_dimension',
    'st_geometrytype',
    'st_npoints',
    'st_numpoints',
  ]),
};

function check(call: Call): void {
  for (const { type } of call.args) {
    const allowed = ALLOWED[type.kind];
    if (allowed !== undefined && !allowed.has(call.name)) throw unsupportedFunction(`${call.name} (${type.kind})`);
  }
}

export function guardedScalar([name, compile]: readonly [string, ScalarFunction]): [string, ScalarFunction] {
  return [
    name,
    (call) => {
      check(call);
      if (name === 'generate_array' && call.args[0]?.type.kind === 'BIGNUMERIC') return generateBignumericArray(call);
      return compile(call);
    },
  ];
}

export function guardedAggregate([name, compile]: readonly [string, AggregateFunction]): [string, AggregateFunction] {
  const aware = withBignumeric(name, compile);
  const interval = name === 'sum' || name === 'avg' ? intervalTotal(name) : undefined;
  return [
    name,
    (call) => {
      check(call);
      if (interval !== undefined && call.args[0]?.type.kind === 'INTERVAL') return interval(call);
      return aware(call);
    },
  ];
}

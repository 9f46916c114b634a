// Operators, mathematical functions and aggregates of BIGNUMERIC, over its stored form (`values/bignumeric.ts`).
// Comparison, grouping and ordering need nothing here: the stored form has the order of the numbers.
// Source: "Operators", "Mathematical functions" and "Aggregate functions" of the GoogleSQL reference.
import { BIGNUMERIC_WIDTH, BIGNUMERIC_ONE, storedBignumeric } from '../values/bignumeric.ts';
import { quoteText } from '../values/literal.ts';
import { argument, bind, constantText, kindOf, raise, sqls } from './call.ts';
import type { AggregateCall, AggregateFunction, ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

/** A function of `udf/bignumeric.ts` over the arguments. */
function udf(name: string): ScalarFunction {
  return (call) => `bq_big_${name}(${sqls(call).join(', ')})`;
}

/** ROUND and TRUNC to a number of digits (0 by default), ROUND with a rounding mode. */
function atDigits(name: 'round' | 'trunc'): ScalarFunction {
  return (call) => {
    const [x, digits = '0'] = sqls(call);
    if (call.args.length < 3) return `bq_big_${name}(${x}, CAST(${digits} AS VARCHAR))`;
    const mode = constantText(call, 2);
    if (mode === 'ROUND_HALF_AWAY_FROM_ZERO') return `bq_big_round(${x}, CAST(${digits} AS VARCHAR))`;
    if (mode === 'ROUND_HALF_EVEN') return `bq_big_round_even(${x}, CAST(${digits} AS VARCHAR))`;
    throw unsupportedFunction(`${call.name} with this rounding mode`);
  };
}

export const BIGNUMERIC_ZERO_SQL = quoteText(storedBignumeric(0n));

export const bignumericOverloads = {
  add: udf('add'),
  subtract: udf('subtract'),
  multiply: udf('multiply'),
  divide: udf('divide'),
  div: udf('div'),
  mod: udf('mod'),
  negate: udf('negate'),
  abs: udf('abs'),
  sign: udf('sign'),
  floor: udf('floor'),
  ceil: udf('ceil'),
  round: atDigits('round'),
  trunc: atDigits('trunc'),
} satisfies Readonly<Record<string, ScalarFunction>>;

export const bignumericFunctions: Readonly<Record<string, ScalarFunction>> = {
  parse_bignumeric: (call) => `bq_big_parse(${sqls(call)[0]})`,
};

/** Longest array that GENERATE_ARRAY makes of BIGNUMERIC, whose elements are made one by one. */
const MAX_STEPS = 1_000_000;

/** GENERATE_ARRAY(start, stop[, step]). */
export const generateBignumericArray: ScalarFunction = (call) => {
  const [start, stop, step = quoteText(storedBignumeric(BIGNUMERIC_ONE))] = sqls(call);
  return bind([start!, stop!, step], (from, to, by) => {
    const count = `CAST(bq_big_integer(bq_big_floor(bq_big_divide(bq_big_subtract(${to}, ${from}), ${by}))) AS BIGINT)`;
    return `(CASE WHEN ${from} IS NULL OR ${to} IS NULL OR ${by} IS NULL THEN NULL WHEN ${by} = ${BIGNUMERIC_ZERO_SQL} THEN ${raise("'Sequence step cannot be 0.'")} WHEN ${count} > ${MAX_STEPS} THEN ${raise("'GENERATE_ARRAY of more than 1000000 BIGNUMERIC values is not supported by the local BigQuery'")} ELSE list_transform(range(greatest(${count} + 1, 0)), lambda bq_n: bq_big_add(${from}, bq_big_multiply(${by}, bq_big_of(CAST(bq_n AS VARCHAR))))) END)`;
  });
};

function over(call: AggregateCall): string {
  return call.over === undefined ? '' : ` OVER (${call.over})`;
}

/** SUM and AVG: the digits of the stored forms are added in three groups, each within 128 bits for 10^12 rows. */
function total(udfName: 'sum' | 'average'): AggregateFunction {
  return (call) => {
    if (call.orderBy !== '' || call.limit !== undefined || call.having !== undefined)
      throw unsupportedFunction(`${call.name} with these modifiers`);
    const x = argument(call, 0).sql;
    const distinct = call.distinct ? 'DISTINCT ' : '';
    const width = BIGNUMERIC_WIDTH / 3;
    // DISTINCT must tell whole values apart, not groups of digits: it takes a list of them first.
    const source = call.distinct ? `list_distinct(list(${x})${over(call)})` : undefined;
    const group = (i: number): string => {
      const digits = (value: string): string =>
        `CAST(substring(rpad(${value}, ${BIGNUMERIC_WIDTH}, '0'), ${i * width + 1}, ${width}) AS HUGEINT)`;
      return source === undefined
        ? `CAST(sum(${digits(x)})${over(call)} AS VARCHAR)`
        : `CAST(coalesce(list_sum(list_transform(${source}, lambda bq_d: ${digits('bq_d')})), 0) AS VARCHAR)`;
    };
    const count = source === undefined ? `count(${distinct}${x})${over(call)}` : `len(${source})`;
    return `bq_big_${udfName}(coalesce(${group(0)}, '0'), coalesce(${group(1)}, '0'), coalesce(${group(2)}, '0'), CAST(coalesce(${count}, 0) AS VARCHAR))`;
  };
}

const sum = total('sum');
const average = total('average');

/** Statistics work on FLOAT64, which is how BigQuery reads these values there. */
const STATISTICS = new Set([
  'stddev',
  'stddev_samp',
  'stddev_pop',
  'variance',
  'var_samp',
  'var_pop',
  'corr',
  'covar_pop',
  'covar_samp',
]);

/** An aggregate that also takes BIGNUMERIC: SUM and AVG of its own, statistics over FLOAT64, the rest as it is. */
export function withBignumeric(name: string, plain: AggregateFunction): AggregateFunction {
  return (call) => {
    if (!call.args.some((_, i) => kindOf(call, i) === 'BIGNUMERIC')) return plain(call);
    if (name === 'sum') return sum(call);
    if (name === 'avg') return average(call);
    if (!STATISTICS.has(name)) return plain(call);
    const args = call.args.map((arg) =>
      arg.type.kind === 'BIGNUMERIC'
        ? { sql: `CAST(bq_big_text(${arg.sql}) AS DOUBLE)`, type: { kind: 'FLOAT64' } as const }
        : arg,
    );
    return plain({ ...call, args });
  };
}

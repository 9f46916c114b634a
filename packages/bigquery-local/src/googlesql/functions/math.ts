// Mathematical functions. NUMERIC forms that DuckDB would compute in DOUBLE are refused by name.
// Source: "Mathematical functions" of the GoogleSQL reference.
import { floatTextSql } from '../values/sql-text.ts';
import { bignumericOverloads } from './bignumeric.ts';
import { bind, byCount, byType, constantText, kindOf, native, raise, sqls, template } from './call.ts';
import type { Call, ScalarFunction } from './contract.ts';
import { withDecimals } from './decimal-functions.ts';
import { unsupportedFunction } from './unsupported.ts';

const NUMERIC_TYPE = 'DECIMAL(38,9)';

/** A result that is infinite or NaN although no argument was is an error with the call's text. */
function floatFunction(name: string, make: (...args: string[]) => string): ScalarFunction {
  return (call) => {
    for (const arg of call.args)
      if (arg.type.kind !== 'FLOAT64') throw unsupportedFunction(`${call.name} (${arg.type.kind})`);
    return bind(sqls(call), (...args) => {
      const result = make(...args);
      const finite = args.map((x) => `isfinite(${x})`).join(' AND ');
      const text = raise(
        `'Floating point error in function: ${name}(' || ${args.map(floatTextSql).join(` || ', ' || `)} || ')'`,
      );
      return `(CASE WHEN ${finite} AND NOT isfinite(${result}) THEN ${text} ELSE ${result} END)`;
    });
  };
}

/** Functions whose domain DuckDB checks by an error of its own. */
function domainChecked(
  name: string,
  bad: (x: string) => string,
  message: (text: string) => string,
  make: (x: string) => string,
): ScalarFunction {
  return (call) => {
    if (kindOf(call) !== 'FLOAT64') throw unsupportedFunction(`${name} (${kindOf(call)})`);
    // An infinity outside of the domain is no error, but SQRT's.
    const infinite = (x: string): string =>
      name === 'SQRT' ? '' : `WHEN isinf(${x}) AND ${bad(x)} THEN CAST('nan' AS DOUBLE) `;
    return template(
      1,
      (x) => `CASE ${infinite(x)}WHEN ${bad(x)} THEN ${raise(message(floatTextSql(x)))} ELSE ${make(x)} END`,
    )(call);
  };
}

const floatingPointError =
  (name: string) =>
  (text: string): string =>
    `'Floating point error in function: ${name}(' || ${text} || ')'`;

/** Digits of ROUND and TRUNC on NUMERIC: DuckDB wants a constant, other digits go to JavaScript. */
function numericDigits(name: 'round' | 'trunc'): ScalarFunction {
  return (call) => {
    if (call.args.length === 1) return `CAST(${name}(${sqls(call)[0]}) AS ${NUMERIC_TYPE})`;
    const mode = call.args.length > 2 ? constantText(call, 2) : 'ROUND_HALF_AWAY_FROM_ZERO';
    if (mode !== 'ROUND_HALF_AWAY_FROM_ZERO' && mode !== 'ROUND_HALF_EVEN')
      throw unsupportedFunction(`${call.name} with this rounding mode`);
    const udf = mode === 'ROUND_HALF_EVEN' ? 'bq_numeric_round_even' : `bq_numeric_${name}`;
    return bind(
      sqls(call).slice(0, 2),
      (x, n) => `CAST(${udf}(CAST(${x} AS VARCHAR), CAST(${n} AS VARCHAR)) AS ${NUMERIC_TYPE})`,
    );
  };
}

/**
 * Rounds the exact decimal value of the double. DuckDB's round multiplies first, which can push a number over the
 * half; printing rounds exactly but halves to even. Where the two agree they are right; the rest goes to JavaScript.
 */
function roundedAt(x: string, n: string): string {
  const exact = `CAST(bq_float_round(CAST(${x} AS VARCHAR), CAST(${n} AS VARCHAR)) AS DOUBLE)`;
  const digits = /^CAST\('(\d|1[0-5])' AS BIGINT\)$/.exec(n)?.[1];
  if (digits === undefined) return exact;
  return `CASE WHEN CAST(format('{:.${digits}f}', ${x}) AS DOUBLE) = round(${x}, ${digits}) THEN round(${x}, ${digits}) ELSE ${exact} END`;
}

const round: ScalarFunction = byType({
  FLOAT64: byCount({
    1: (call) => `round(${sqls(call)[0]})`,
    2: template(
      2,
      (x, n) =>
        `CASE WHEN ${n} IS NULL THEN NULL WHEN ${n} < -308 THEN 0.0 WHEN NOT isfinite(${x}) OR ${n} > 330 THEN ${x} ELSE ${roundedAt(x, n)} END`,
    ),
  }),
  NUMERIC: numericDigits('round'),
  BIGNUMERIC: bignumericOverloads.round,
});

const trunc: ScalarFunction = byType({
  FLOAT64: byCount({
    1: (call) => `trunc(${sqls(call)[0]})`,
    2: template(
      2,
      (x, n) =>
        `CASE WHEN ${n} IS NULL THEN NULL WHEN ${n} < -308 THEN 0.0 WHEN NOT isfinite(${x}) OR ${n} > 330 THEN ${x} ELSE CAST(bq_float_trunc(CAST(${x} AS VARCHAR), CAST(${n} AS VARCHAR)) AS DOUBLE) END`,
    ),
  }),
  NUMERIC: numericDigits('trunc'),
  BIGNUMERIC: bignumericOverloads.trunc,
});

function integral(name: 'floor' | 'ceil'): ScalarFunction {
  return byType({
    FLOAT64: (call) => `${name}(${sqls(call)[0]})`,
    NUMERIC: (call) => `CAST(${name}(${sqls(call)[0]}) AS ${NUMERIC_TYPE})`,
    BIGNUMERIC: bignumericOverloads[name],
  });
}

function log(call: Call): string {
  if (kindOf(call) !== 'FLOAT64') throw unsupportedFunction(`LOG (${kindOf(call)})`);
  if (call.args.length === 1)
    return domainChecked(
      'LOG',
      (x) => `${x} <= 0`,
      floatingPointError('LOG'),
      (x) => `ln(${x})`,
    )(call);
  return template(
    2,
    (x, base) =>
      `CASE WHEN NOT (isfinite(${x}) AND isfinite(${base})) AND (${x} <= 0 OR ${base} <= 0 OR ${base} = 1) THEN CAST('nan' AS DOUBLE) WHEN ${x} <= 0 OR ${base} <= 0 OR ${base} = 1 THEN ${raise(`'Floating point error in function: LOG(' || ${floatTextSql(x)} || ', ' || ${floatTextSql(base)} || ')'`)} WHEN isinf(${base}) THEN CAST('nan' AS DOUBLE) ELSE ln(${x}) / ln(${base}) END`,
  )(call);
}

const power = floatFunction('POW', (x, y) => `pow(${x}, ${y})`);

const trigonometric = (name: string): ScalarFunction =>
  template(1, (x) => `CASE WHEN isinf(${x}) THEN CAST('nan' AS DOUBLE) ELSE ${name}(${x}) END`);
const unitInterval = (name: string): ScalarFunction =>
  domainChecked(
    name.toUpperCase(),
    (x) => `abs(${x}) > 1 AND NOT isnan(${x})`,
    floatingPointError(name.toUpperCase()),
    (x) => `${name}(${x})`,
  );

/** RANGE_BUCKET(point, sorted array): how many bounds are at or below the point. */
const rangeBucket: ScalarFunction = (call) =>
  template(2, (point, bounds) => {
    const isFloat = kindOf(call) === 'FLOAT64';
    const nullAt = `list_position(list_transform(${bounds}, lambda bq_e: bq_e IS NULL), true)`;
    const falls = `list_position(list_transform(range(1, len(${bounds})), lambda bq_i: ${bounds}[bq_i] > ${bounds}[bq_i + 1]), true)`;
    const unsorted = raise(
      `'Elements in input array to RANGE_BUCKET must be in ascending order. Nonconforming elements found at position ' || ${falls} || ' and ' || (${falls} + 1)`,
    );
    return `CASE WHEN ${point} IS NULL OR ${bounds} IS NULL${isFloat ? ` OR isnan(${point})` : ''} THEN NULL WHEN list_count(${bounds}) < len(${bounds}) THEN ${raise(`'Elements in input array to RANGE_BUCKET cannot be null. Null element found at position ' || ${nullAt}`)} WHEN ${falls} > 0 THEN ${unsorted} ELSE CAST(len(list_filter(${bounds}, lambda bq_e: bq_e <= ${point})) AS BIGINT) END`;
  })(call);

export const mathFunctions: Readonly<Record<string, ScalarFunction>> = {
  abs: byType({
    INT64: template(
      1,
      (x) =>
        `CASE WHEN ${x} = CAST('-9223372036854775808' AS BIGINT) THEN ${raise("'int64 overflow: --9223372036854775808'")} ELSE abs(${x}) END`,
    ),
    FLOAT64: native('abs'),
    NUMERIC: native('abs'),
    BIGNUMERIC: bignumericOverloads.abs,
  }),
  sign: byType({
    INT64: (call) => `CAST(sign(${sqls(call)[0]}) AS BIGINT)`,
    FLOAT64: template(1, (x) => `CASE WHEN isnan(${x}) THEN ${x} ELSE CAST(sign(${x}) AS DOUBLE) END`),
    NUMERIC: (call) => `CAST(sign(${sqls(call)[0]}) AS ${NUMERIC_TYPE})`,
    BIGNUMERIC: bignumericOverloads.sign,
  }),
  round,
  trunc,
  truncate: trunc,
  ceil: integral('ceil'),
  ceiling: integral('ceil'),
  floor: integral('floor'),
  sqrt: withDecimals(
    'sqrt',
    domainChecked(
      'SQRT',
      (x) => `${x} < 0`,
      (text) => `'Argument to SQRT cannot be negative: ' || ${text}`,
      (x) => `sqrt(${x})`,
    ),
  ),
  cbrt: withDecimals('cbrt', (call) => (kindOf(call) === 'FLOAT64' ? `cbrt(${sqls(call)[0]})` : refuse(call))),
  exp: withDecimals(
    'exp',
    floatFunction('EXP', (x) => `exp(${x})`),
  ),
  ln: withDecimals(
    'ln',
    domainChecked(
      'LN',
      (x) => `${x} <= 0`,
      floatingPointError('LN'),
      (x) => `ln(${x})`,
    ),
  ),
  log: withDecimals('log', log),
  log10: withDecimals(
    'log10',
    domainChecked(
      'LOG10',
      (x) => `${x} <= 0`,
      floatingPointError('LOG10'),
      (x) => `log10(${x})`,
    ),
  ),
  pow: withDecimals('pow', power),
  power: withDecimals('pow', power),
  is_nan: native('isnan'),
  is_inf: native('isinf'),
  rand: () => 'random()',
  pi: () => 'pi()',
  sin: trigonometric('sin'),
  cos: trigonometric('cos'),
  tan: trigonometric('tan'),
  asin: unitInterval('asin'),
  acos: unitInterval('acos'),
  atan: native('atan'),
  atan2: native('atan2'),
  sinh: floatFunction('SINH', (x) => `sinh(${x})`),
  cosh: floatFunction('COSH', (x) => `cosh(${x})`),
  tanh: native('tanh'),
  asinh: native('asinh'),
  acosh: domainChecked(
    'ACOSH',
    (x) => `${x} < 1`,
    floatingPointError('ACOSH'),
    (x) => `acosh(${x})`,
  ),
  atanh: domainChecked(
    'ATANH',
    (x) => `abs(${x}) >= 1 AND NOT isnan(${x})`,
    floatingPointError('ATANH'),
    (x) => `atanh(${x})`,
  ),
  range_bucket: rangeBucket,
  parse_numeric: (call) => `CAST(bq_parse_numeric(${sqls(call)[0]}) AS ${NUMERIC_TYPE})`,
  // Of no type of its own, so that it fits wherever it stands.
  error: (call) => bind(sqls(call), (text) => raise(text)),
};

function refuse(call: Call): never {
  throw unsupportedFunction(`${call.name} (${call.args.map((arg) => arg.type.kind).join(', ')})`);
}

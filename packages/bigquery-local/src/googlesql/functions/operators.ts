// Arithmetic and bit operators, and their SAFE_ forms. Integer overflow is DuckDB's own error, which the
// runtime-error mapping rewords; division by zero and float overflow are raised here with GoogleSQL's text.
// Source: "Operators" and "Mathematical functions" of the GoogleSQL reference.
import { floatTextSql, tried } from '../values/sql-text.ts';
import { bignumericOverloads } from './bignumeric.ts';
import { bind, byType, kindOf, raise, sqls, template } from './call.ts';
import type { Call, ScalarFunction } from './contract.ts';
import { addedDays } from './date-arithmetic.ts';
import { intervalAddition, intervalOperators } from './interval.ts';
import { unsupportedFunction } from './unsupported.ts';

/** NUMERIC through a decimal function of JavaScript, exact where DuckDB's product and quotient are not. */
function numericUdf(name: string, a: string, b: string): string {
  return `CAST(${name}(CAST(${a} AS VARCHAR), CAST(${b} AS VARCHAR)) AS DECIMAL(38,9))`;
}

/** A float result that overflowed from finite operands is an error. */
function checkedFloat(operator: string): ScalarFunction {
  return template(2, (a, b) => {
    const result = `${a} ${operator} ${b}`;
    return `CASE WHEN isinf(${result}) AND isfinite(${a}) AND isfinite(${b}) THEN ${raise(`'double overflow: ' || ${floatTextSql(a)} || ' ${operator} ' || ${floatTextSql(b)}`)} ELSE ${result} END`;
  });
}

function infix(operator: string): ScalarFunction {
  return (call) => `(${sqls(call).join(` ${operator} `)})`;
}

const numericMultiply = template(
  2,
  (a, b) =>
    `CASE WHEN ${a} IS NULL OR ${b} IS NULL THEN NULL ELSE coalesce(TRY(CAST(${a} * ${b} AS DECIMAL(38,9))), ${numericUdf('bq_numeric_multiply', a, b)}) END`,
);

const divide = byType({
  FLOAT64: template(
    2,
    (a, b) =>
      `CASE WHEN ${b} = 0 THEN ${raise(`'division by zero: ' || ${floatTextSql(a)} || ' / ' || ${floatTextSql(b)}`)} WHEN isinf(${a} / ${b}) AND isfinite(${a}) AND isfinite(${b}) THEN ${raise(`'double overflow: ' || ${floatTextSql(a)} || ' / ' || ${floatTextSql(b)}`)} ELSE ${a} / ${b} END`,
  ),
  NUMERIC: template(2, (a, b) => numericUdf('bq_numeric_divide', a, b)),
  BIGNUMERIC: bignumericOverloads.divide,
  INTERVAL: intervalOperators.divide,
});

function addition(sign: '+' | '-'): ScalarFunction {
  return (call) => {
    const [left, right] = [kindOf(call, 0), kindOf(call, 1)];
    const [a, b] = sqls(call);
    if (left === 'FLOAT64') return checkedFloat(sign)(call);
    if (left === 'BIGNUMERIC') return (sign === '+' ? bignumericOverloads.add : bignumericOverloads.subtract)(call);
    if (left === 'DATE' && right === 'INT64') return addedDays(sign, a!, b!);
    if (left === 'INT64' && right === 'DATE' && sign === '+') return addedDays('+', b!, a!);
    if ((left === 'INT64' && right === 'INT64') || (left === 'NUMERIC' && right === 'NUMERIC'))
      return `(${a} ${sign} ${b})`;
    const interval = intervalAddition(sign, call);
    if (interval !== undefined) return interval;
    throw unsupportedFunction(`${call.name} (${left}, ${right})`);
  };
}

/** GoogleSQL words DIV's error as a division's. */
function zeroChecked(name: 'DIV' | 'MOD', make: (a: string, b: string) => string): ScalarFunction {
  return byType({
    INT64: template(
      2,
      (a, b) =>
        `CASE WHEN ${b} = 0 THEN ${raise(name === 'DIV' ? `'division by zero: ' || ${a} || ' / ' || ${b}` : `'division by zero: MOD(' || ${a} || ', ' || ${b} || ')'`)} WHEN ${b} = -1 THEN ${name === 'DIV' ? `- ${a}` : `${a} - ${a}`} ELSE ${make(a, b)} END`,
    ),
    NUMERIC: template(2, (a, b) => numericUdf(`bq_numeric_${name.toLowerCase()}`, a, b)),
    BIGNUMERIC: name === 'DIV' ? bignumericOverloads.div : bignumericOverloads.mod,
  });
}

/** SAFE_ADD and its kind: NULL where the operator fails. */
function safe(operator: ScalarFunction): ScalarFunction {
  return (call) =>
    bind(sqls(call), (...names) =>
      tried(operator({ ...call, args: call.args.map((arg, i) => ({ ...arg, sql: names[i]! })) })),
    );
}

const multiply: ScalarFunction = byType({
  INT64: (call) => (kindOf(call, 1) === 'INTERVAL' ? intervalOperators.multiply : infix('*'))(call),
  INTERVAL: intervalOperators.multiply,
  FLOAT64: checkedFloat('*'),
  NUMERIC: numericMultiply,
  BIGNUMERIC: bignumericOverloads.multiply,
});
const negate: ScalarFunction = byType({
  INT64: (call) => `(- (${sqls(call)[0]}))`,
  FLOAT64: (call) => `(- (${sqls(call)[0]}))`,
  NUMERIC: (call) => `(- (${sqls(call)[0]}))`,
  BIGNUMERIC: bignumericOverloads.negate,
  INTERVAL: intervalOperators.negate,
});

function bits(operator: string): ScalarFunction {
  return (call: Call) => {
    if (kindOf(call) !== 'INT64') throw unsupportedFunction(`${call.name} (${kindOf(call)})`);
    const [a, b] = sqls(call);
    return operator === 'xor' ? `xor(${a}, ${b})` : `(${a} ${operator} ${b})`;
  };
}

/** Shifts work on the 64 bits as unsigned; 64 or more give 0, a negative number is an error. */
function shift(direction: 'left' | 'right'): ScalarFunction {
  return (call) => {
    if (kindOf(call) !== 'INT64') throw unsupportedFunction(`${call.name} (${kindOf(call)})`);
    // Unsigned 64-bit arithmetic in 128 bits: x mod 2^64, shifted, and back to two's complement.
    return template(2, (x, n) => {
      const unsigned = `(CAST(${x} AS HUGEINT) + CASE WHEN ${x} < 0 THEN 18446744073709551616 ELSE 0 END)`;
      const power = `CAST(pow(2, ${direction === 'left' ? `(64 - ${n})` : n}) AS HUGEINT)`;
      const shifted =
        direction === 'left' ? `(${unsigned} % ${power}) * CAST(pow(2, ${n}) AS HUGEINT)` : `${unsigned} // ${power}`;
      const result = `(${shifted})`;
      return `CASE WHEN ${x} IS NULL OR ${n} IS NULL THEN NULL WHEN ${n} < 0 THEN ${raise("'Bitwise shift by negative offset.'")} WHEN ${n} >= 64 THEN 0 WHEN ${n} = 0 THEN ${x} ELSE CAST(CASE WHEN ${result} >= 9223372036854775808 THEN ${result} - 18446744073709551616 ELSE ${result} END AS BIGINT) END`;
    })(call);
  };
}

export const operatorFunctions: Readonly<Record<string, ScalarFunction>> = {
  $add: addition('+'),
  $subtract: addition('-'),
  $multiply: multiply,
  $divide: divide,
  $unary_minus: negate,
  safe_add: safe(addition('+')),
  safe_subtract: safe(addition('-')),
  safe_multiply: safe(multiply),
  safe_negate: safe(negate),
  safe_divide: byType({
    FLOAT64: template(
      2,
      (a, b) =>
        `CASE WHEN ${b} = 0 OR (isinf(${a} / ${b}) AND isfinite(${a}) AND isfinite(${b})) THEN NULL ELSE ${a} / ${b} END`,
    ),
    NUMERIC: template(2, (a, b) => tried(numericUdf('bq_numeric_divide', a, b))),
    BIGNUMERIC: safe(divide),
  }),
  ieee_divide: byType({ FLOAT64: template(2, (a, b) => `${a} / ${b}`) }),
  div: zeroChecked('DIV', (a, b) => `${a} // ${b}`),
  mod: zeroChecked('MOD', (a, b) => `${a} % ${b}`),
  $bitwise_and: bits('&'),
  $bitwise_or: bits('|'),
  $bitwise_xor: bits('xor'),
  $bitwise_not: (call) => {
    if (kindOf(call) !== 'INT64') throw unsupportedFunction(`${call.name} (${kindOf(call)})`);
    return `(~ (${sqls(call)[0]}))`;
  },
  $bitwise_left_shift: shift('left'),
  $bitwise_right_shift: shift('right'),
  bit_count: byType({
    INT64: (call) => `CAST(bit_count(${sqls(call)[0]}) AS BIGINT)`,
    BYTES: template(
      1,
      (x) => `CASE WHEN octet_length(${x}) = 0 THEN 0 ELSE CAST(bit_count(CAST(${x} AS BIT)) AS BIGINT) END`,
    ),
  }),
};

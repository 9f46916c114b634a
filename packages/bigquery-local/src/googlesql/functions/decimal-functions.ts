// Roots, powers and logarithms of NUMERIC and BIGNUMERIC, which DuckDB would compute in DOUBLE.
// Source: "Mathematical functions" of the GoogleSQL reference.
import { kindOf, sqls } from './call.ts';
import type { ScalarFunction } from './contract.ts';

/** The function for FLOAT64, with decimal overloads whose arguments are all of one decimal type. */
export function withDecimals(
  name: 'sqrt' | 'cbrt' | 'exp' | 'ln' | 'log10' | 'pow' | 'log',
  float: ScalarFunction,
): ScalarFunction {
  return (call) => {
    const kind = kindOf(call);
    if (kind !== 'NUMERIC' && kind !== 'BIGNUMERIC') return float(call);
    // LOG of one argument is the natural logarithm.
    const udf = name === 'log' && call.args.length === 1 ? 'ln' : name;
    if (kind === 'BIGNUMERIC') return `bq_big_${udf}(${sqls(call).join(', ')})`;
    const texts = sqls(call).map((x) => `CAST(${x} AS VARCHAR)`);
    return `CAST(bq_numeric_${udf}(${texts.join(', ')}) AS DECIMAL(38,9))`;
  };
}

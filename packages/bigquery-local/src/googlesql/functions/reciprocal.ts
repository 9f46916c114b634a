// Reciprocal trigonometric functions. Source: "Mathematical functions" of the GoogleSQL reference.
import { floatTextSql } from '../values/sql-text.ts';
import { raise, template } from './call.ts';
import type { ScalarFunction } from './contract.ts';

/** `1 / of(x)`: an error where that leaves the range of FLOAT64. The periodic ones have no value at infinity. */
function reciprocal(name: string, of: string, periodic: boolean): ScalarFunction {
  return template(1, (x) => {
    const value = `1.0::DOUBLE / ${of}(${x})`;
    const infinite = periodic ? `WHEN isinf(${x}) THEN CAST('nan' AS DOUBLE) ` : '';
    return `CASE ${infinite}WHEN ${of}(${x}) = 0 OR (isinf(${value}) AND isfinite(${x})) THEN ${raise(`'Floating point error in function: ${name}(' || ${floatTextSql(x)} || ')'`)} ELSE ${value} END`;
  });
}

export const reciprocalFunctions: Readonly<Record<string, ScalarFunction>> = {
  cot: reciprocal('COT', 'tan', true),
  coth: reciprocal('COTH', 'tanh', false),
  csc: reciprocal('CSC', 'sin', true),
  csch: reciprocal('CSCH', 'sinh', false),
  sec: reciprocal('SEC', 'cos', true),
  sech: reciprocal('SECH', 'cosh', false),
};

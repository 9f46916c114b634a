// The function library: every GoogleSQL function and operator that the local BigQuery has.
import type { AggregateFunction, ScalarFunction } from './contract.ts';
import { extraSignatures } from './signatures.ts';

export { datePartName } from './date-part.ts';
export { registerFunctions } from './register.ts';
export { unsupportedFunction } from './unsupported.ts';
export { extraSignatures };

export const scalarFunctions: ReadonlyMap<string, ScalarFunction> = new Map<string, ScalarFunction>();
/** Aggregates and window functions. */
export const aggregateFunctions: ReadonlyMap<string, AggregateFunction> = new Map<string, AggregateFunction>();

// The function library: every GoogleSQL function and operator that the local BigQuery has, by the analyser's name.
import { plainAggregates } from './aggregate.ts';
import { approximateAggregates, approximateFunctions } from './approximate.ts';
import { arrayFunctions } from './array.ts';
import { bignumericFunctions } from './bignumeric.ts';
import { collationFunctions } from './collation.ts';
import { comparisonFunctions } from './comparison.ts';
import type { AggregateFunction, ScalarFunction } from './contract.ts';
import { dateArithmeticFunctions } from './date-arithmetic.ts';
import { dateConstructionFunctions } from './date-construction.ts';
import { encodingFunctions } from './encoding.ts';
import { format } from './format.ts';
import { geographyFunctions } from './geography.ts';
import { intervalFunctions } from './interval.ts';
import { jsonFunctions } from './json.ts';
import { mathFunctions } from './math.ts';
import { netFunctions } from './net.ts';
import { guardedAggregate, guardedScalar } from './opaque-types.ts';
import { operatorFunctions } from './operators.ts';
import { rangeFunctions } from './range.ts';
import { reciprocalFunctions } from './reciprocal.ts';
import { regexpFunctions } from './regexp.ts';
import { javascriptFunctions } from '../routines/javascript/call.ts';
import { stringFunctions } from './string.ts';
import { vectorFunctions } from './vector.ts';
import { windowFunctions } from './window.ts';

export { datePartName } from './date-part.ts';
export { registerFunctions } from './register.ts';
export { extraSignatures } from './signatures.ts';
export { unsupportedFunction } from './unsupported.ts';

export const scalarFunctions: ReadonlyMap<string, ScalarFunction> = new Map(
  [
    operatorFunctions,
    comparisonFunctions,
    mathFunctions,
    bignumericFunctions,
    collationFunctions,
    intervalFunctions,
    rangeFunctions,
    geographyFunctions,
    stringFunctions,
    encodingFunctions,
    regexpFunctions,
    dateArithmeticFunctions,
    dateConstructionFunctions,
    arrayFunctions,
    jsonFunctions,
    netFunctions,
    javascriptFunctions,
    vectorFunctions,
    reciprocalFunctions,
    approximateFunctions,
    { format },
  ]
    .flatMap((group) => Object.entries(group))
    .map(guardedScalar),
);

/** Aggregates and window functions. */
export const aggregateFunctions: ReadonlyMap<string, AggregateFunction> = new Map(
  [plainAggregates, approximateAggregates, windowFunctions]
    .flatMap((group) => Object.entries(group))
    .map(guardedAggregate),
);

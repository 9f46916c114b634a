// Numbering and navigation functions, and the percentiles, which exist only with OVER.
// Source: "Numbering functions" and "Navigation functions" of the GoogleSQL reference.
import { BigQueryError } from '../../bigquery-error.ts';
import { bind } from '../values/sql-text.ts';
import { argument, kindOf, sqls } from './call.ts';
import { over } from './aggregate.ts';
import { sortedList } from './approximate.ts';
import type { AggregateCall, AggregateFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

function numbering(name: string): AggregateFunction {
  return (call) => `${name}(${sqls(call).join(', ')})${over(call)}`;
}

/** FIRST_VALUE and its kin respect NULLs unless the call says IGNORE NULLS. */
function navigation(name: string): AggregateFunction {
  return (call) => `${name}(${sqls(call).join(', ')}${call.nulls === 'ignore' ? ' IGNORE NULLS' : ''})${over(call)}`;
}

/** The offset of LAG and LEAD is a constant. */
function shifted(name: 'lag' | 'lead'): AggregateFunction {
  return (call) => {
    const offset = call.args[1]?.constant?.value;
    if (offset === null || (typeof offset === 'bigint' && offset < 0n))
      throw new BigQueryError(
        'invalidQuery',
        `The offset to the function ${name.toUpperCase()} must not be ${offset === null ? 'null' : 'negative'}`,
      );
    return navigation(name)(call);
  };
}

function constantPercentile(call: AggregateCall): string {
  const value = call.args[1]?.constant?.value;
  const fraction = typeof value === 'string' ? Number(value) : value;
  if (typeof fraction !== 'number' || !(fraction >= 0 && fraction <= 1))
    throw unsupportedFunction(`${call.name} with this percentile`);
  return String(fraction);
}

/** Of a sorted list: the value at a fraction, between two values their mean by distance. A NULL beside a value gives way. */
function interpolated(list: string, fraction: string, exact: boolean): string {
  const position = `(${fraction} * (len(${list}) - 1))`;
  const [low, high] = [
    `${list}[CAST(floor(${position}) AS BIGINT) + 1]`,
    `${list}[CAST(ceil(${position}) AS BIGINT) + 1]`,
  ];
  const share = `(${position} - floor(${position}))`;
  const between = exact ? numericBetween(low, high, share) : `${low} * (1 - ${share}) + ${high} * ${share}`;
  return `CASE WHEN ${low} IS NULL THEN ${high} WHEN ${high} IS NULL OR ${share} = 0 THEN ${low} ELSE ${between} END`;
}

/** NUMERIC: both weights as NUMERIC of nine digits. */
function numericBetween(low: string, high: string, share: string): string {
  const product = (value: string, weight: string): string =>
    `CAST(bq_numeric_multiply(CAST(${value} AS VARCHAR), CAST(CAST(${weight} AS DECIMAL(38,9)) AS VARCHAR)) AS DECIMAL(38,9))`;
  return `${product(low, `1 - ${share}`)} + ${product(high, share)}`;
}

/**
 * NULLs are left out unless the call respects them; then they are the smallest values. NaN is smaller than all numbers,
 * to DuckDB it is the largest, so that a window with one takes the longer way, as NUMERIC does.
 */
function percentile(name: 'quantile_cont' | 'quantile_disc'): AggregateFunction {
  return (call) => {
    const kind = kindOf(call);
    const [x] = sqls(call);
    const fraction = constantPercentile(call);
    const respect = call.nulls === 'respect';
    const own = bind([sortedList(call, x!, kind, respect)], (list) => {
      const value =
        name === 'quantile_disc'
          ? `${list}[greatest(CAST(ceil(${fraction} * len(${list})) AS BIGINT), 1)]`
          : interpolated(list, fraction, kind === 'NUMERIC');
      return `(CASE WHEN len(${list}) > 0 THEN ${value} END)`;
    });
    if (respect || (kind === 'NUMERIC' && name === 'quantile_cont')) return own;
    if (argument(call, 0).type.kind === 'BIGNUMERIC' && name === 'quantile_cont')
      throw unsupportedFunction('PERCENTILE_CONT (BIGNUMERIC)');
    const native = `${name}(${x}, ${fraction})${over(call)}`;
    if (kind !== 'FLOAT64') return native;
    return `(CASE WHEN bool_or(isnan(${x}))${over(call)} THEN ${own} ELSE ${native} END)`;
  };
}

export const windowFunctions: Readonly<Record<string, AggregateFunction>> = {
  row_number: numbering('row_number'),
  rank: numbering('rank'),
  dense_rank: numbering('dense_rank'),
  percent_rank: numbering('percent_rank'),
  cume_dist: numbering('cume_dist'),
  ntile: numbering('ntile'),
  lag: shifted('lag'),
  lead: shifted('lead'),
  first_value: navigation('first_value'),
  last_value: navigation('last_value'),
  nth_value: navigation('nth_value'),
  percentile_cont: percentile('quantile_cont'),
  percentile_disc: percentile('quantile_disc'),
};

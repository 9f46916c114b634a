// Numbering and navigation functions, and the percentiles, which exist only with OVER.
// Source: "Numbering functions" and "Navigation functions" of the GoogleSQL reference.
import { sqls } from './call.ts';
import { over } from './aggregate.ts';
import type { AggregateCall, AggregateFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

function numbering(name: string): AggregateFunction {
  return (call) => `${name}(${sqls(call).join(', ')})${over(call)}`;
}

/** FIRST_VALUE and its kin respect NULLs unless the call says IGNORE NULLS. */
function navigation(name: string): AggregateFunction {
  return (call) => `${name}(${sqls(call).join(', ')}${call.nulls === 'ignore' ? ' IGNORE NULLS' : ''})${over(call)}`;
}

function constantPercentile(call: AggregateCall): string {
  const value = call.args[1]?.constant?.value;
  const fraction = typeof value === 'string' ? Number(value) : value;
  if (typeof fraction !== 'number' || !(fraction >= 0 && fraction <= 1))
    throw unsupportedFunction(`${call.name} with this percentile`);
  return String(fraction);
}

/** NULLs are left out by default, which is what DuckDB's quantiles do. */
function percentile(name: 'quantile_cont' | 'quantile_disc'): AggregateFunction {
  return (call) => {
    if (call.nulls === 'respect' || call.args[0]?.type.kind === 'NUMERIC')
      throw unsupportedFunction(`${call.name} with these arguments`);
    return `${name}(${sqls(call)[0]}, ${constantPercentile(call)})${over(call)}`;
  };
}

export const windowFunctions: Readonly<Record<string, AggregateFunction>> = {
  row_number: numbering('row_number'),
  rank: numbering('rank'),
  dense_rank: numbering('dense_rank'),
  percent_rank: numbering('percent_rank'),
  cume_dist: numbering('cume_dist'),
  ntile: numbering('ntile'),
  lag: navigation('lag'),
  lead: navigation('lead'),
  first_value: navigation('first_value'),
  last_value: navigation('last_value'),
  nth_value: navigation('nth_value'),
  percentile_cont: percentile('quantile_cont'),
  percentile_disc: percentile('quantile_disc'),
};

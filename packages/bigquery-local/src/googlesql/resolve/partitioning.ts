// PARTITION BY and CLUSTER BY of CREATE TABLE.
// Source: "PARTITION BY partition_expression" of BigQuery's DDL reference.
import { invalidQuery, unsupported } from '../analyzer/analyzer-error.ts';
import type { Expr } from '../ir.ts';

export type TimeUnit = 'HOUR' | 'DAY' | 'MONTH' | 'YEAR';

export type Partitioning =
  /** Without a field: by the time at which a row comes in. */
  | { readonly kind: 'time'; readonly field?: string; readonly type: TimeUnit }
  | {
      readonly kind: 'range';
      readonly field: string;
      readonly start: bigint;
      readonly end: bigint;
      readonly interval: bigint;
    };

/** `col`, `DATE(col)`, `TIMESTAMP_TRUNC(col, HOUR)`, `_PARTITIONDATE`, `RANGE_BUCKET(col, GENERATE_ARRAY(…))` and so on. */
export function partitioning(exprs: readonly Expr[]): Partitioning {
  const [expr] = exprs;
  if (exprs.length > 1 || expr === undefined) throw invalidQuery('Only a single PARTITION BY expression is supported');
  if (expr.kind === 'column' && expr.type.kind === 'DATE') return byTime(expr.column.name, 'DAY');
  if (expr.kind === 'call') {
    const [column, second] = expr.args;
    if (column?.kind === 'column') {
      const { name } = column.column;
      if (expr.name === 'date' && expr.args.length === 1) return byTime(name, 'DAY');
      if (/^(timestamp|datetime|date)_trunc$/.test(expr.name)) {
        const unit = second?.kind === 'literal' ? second.value.value : undefined;
        if (unit === 'DAY' || unit === 'HOUR' || unit === 'MONTH' || unit === 'YEAR') return byTime(name, unit);
      }
      if (expr.name === 'range_bucket' && second !== undefined) return { kind: 'range', field: name, ...range(second) };
    }
  }
  throw invalidQuery(
    'PARTITION BY expression must be DATE(<timestamp_column>), DATE(<datetime_column>), DATETIME_TRUNC(<datetime_column>, DAY/HOUR/MONTH/YEAR), a DATE column, TIMESTAMP_TRUNC(<timestamp_column>, DAY/HOUR/MONTH/YEAR), DATE_TRUNC(<date_column>, MONTH/YEAR), or RANGE_BUCKET(<int64_column>, GENERATE_ARRAY(<int64_value>, <int64_value>[, <int64_value>]))',
  );
}

function byTime(field: string, type: TimeUnit): Partitioning {
  const pseudo = ['_PARTITIONTIME', '_PARTITIONDATE'].includes(field.toUpperCase());
  return pseudo ? { kind: 'time', type } : { kind: 'time', field, type };
}

function range(expr: Expr): { readonly start: bigint; readonly end: bigint; readonly interval: bigint } {
  const args = expr.kind === 'call' && expr.name === 'generate_array' ? expr.args : [];
  const [start, end, interval = 1n] = args.map((arg) => (arg.kind === 'literal' ? arg.value.value : undefined));
  if (typeof start !== 'bigint' || typeof end !== 'bigint' || typeof interval !== 'bigint')
    throw invalidQuery(
      'RANGE_BUCKET in PARTITION BY must be of the form RANGE_BUCKET(<int64_column>, GENERATE_ARRAY(start, end, interval)) with constants',
    );
  if (end <= start || interval <= 0n)
    throw invalidQuery('Integer range partitioning must have an end greater than its start, and an interval above 0');
  return { start, end, interval };
}

export function clusterColumns(exprs: readonly Expr[]): string[] {
  if (exprs.length > 4) throw invalidQuery('At most 4 columns are allowed in the CLUSTER BY clause');
  return exprs.map((expr) => {
    if (expr.kind !== 'column') throw unsupported('CLUSTER BY an expression');
    return expr.column.name;
  });
}

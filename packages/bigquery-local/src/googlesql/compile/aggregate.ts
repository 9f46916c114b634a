// Aggregate and window calls → DuckDB SQL, through the function library.
import { unsupported } from '../analyzer/analyzer-error.ts';
import { aggregateFunctions, unsupportedFunction } from '../functions/index.ts';
import type { AggregateExpr, Frame, FrameBound, WindowGroup } from '../ir.ts';
import type { CompileContext } from './context.ts';
import { argument, compileExpr, sortSql } from './expression.ts';

export function compileAggregate(context: CompileContext, expr: AggregateExpr, over?: string): string {
  const compile = aggregateFunctions.get(expr.name);
  if (compile === undefined) throw unsupportedFunction(expr.name);
  // DuckDB's TRY() cannot hold aggregates.
  if (expr.safe) throw unsupported(`SAFE.${expr.name.toUpperCase()}`);
  return compile({
    name: expr.name,
    args: expr.args.map((a) => argument(context, a)),
    type: expr.type,
    ...(expr.contextId === '' ? {} : { contextId: expr.contextId }),
    distinct: expr.distinct,
    orderBy: sortSql(context, expr.orderBy),
    ...(expr.limit === undefined ? {} : { limit: limitOf(expr) }),
    nulls: expr.nulls,
    ...(expr.having === undefined
      ? {}
      : { having: { kind: expr.having.kind, arg: argument(context, expr.having.expr) } }),
    ...(over === undefined ? {} : { over }),
  });
}

function limitOf(expr: AggregateExpr): number {
  const { limit } = expr;
  if (limit?.kind !== 'literal' || typeof limit.value.value !== 'bigint')
    throw unsupported(`${expr.name.toUpperCase()} with a LIMIT that is not a constant`);
  return Number(limit.value.value);
}

/** The window of one function: `PARTITION BY … ORDER BY … ROWS …`; empty for OVER (). */
export function windowSql(context: CompileContext, group: WindowGroup, call: { readonly frame?: Frame }): string {
  const clauses: string[] = [];
  if (group.partitionBy.length > 0)
    clauses.push(`PARTITION BY ${group.partitionBy.map((e) => compileExpr(context, e)).join(', ')}`);
  const { frame } = call;
  // A RANGE with an offset measures along one key only, so NaN gets no key of its own there.
  const measured = frame?.unit === 'RANGE' && ('offset' in frame.start || 'offset' in frame.end);
  if (group.orderBy.length > 0) clauses.push(`ORDER BY ${sortSql(context, group.orderBy, !measured)}`);
  if (frame !== undefined)
    clauses.push(`${frame.unit} BETWEEN ${boundSql(context, frame.start)} AND ${boundSql(context, frame.end)}`);
  return clauses.join(' ');
}

function boundSql(context: CompileContext, bound: FrameBound): string {
  switch (bound.kind) {
    case 'unbounded_preceding':
      return 'UNBOUNDED PRECEDING';
    case 'unbounded_following':
      return 'UNBOUNDED FOLLOWING';
    case 'current_row':
      return 'CURRENT ROW';
    case 'preceding':
      return `${compileExpr(context, bound.offset)} PRECEDING`;
    case 'following':
      return `${compileExpr(context, bound.offset)} FOLLOWING`;
  }
}

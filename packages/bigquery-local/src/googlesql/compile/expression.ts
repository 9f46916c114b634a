// IR expressions → DuckDB SQL. Functions come from the function library; this file owns
// columns, structs, arrays, subqueries, SAFE calls and the comparison of structs.
import { tooComplex, unsupported } from '../analyzer/analyzer-error.ts';
import type { Arg } from '../functions/contract.ts';
import { scalarFunctions, unsupportedFunction } from '../functions/index.ts';
import type { Column, Expr, Relation, SortKey } from '../ir.ts';
import type { GType } from '../types.ts';
import { castSql } from '../values/cast.ts';
import { formatCastSql, type FormatCast } from '../values/cast-format.ts';
import { literalSql } from '../values/literal.ts';
import { duckdbType } from '../values/physical.ts';
import { bind, tried } from '../values/sql-text.ts';
import { fittedValue } from '../values/type-parameters.ts';
import type { CompileContext } from './context.ts';
import { columnName } from './select-list.ts';
import { compareStructs } from './struct-comparison.ts';

const TIME_FUNCTIONS = new Set(['current_timestamp', 'current_date', 'current_datetime', 'current_time']);
const RANDOM_FUNCTIONS = new Set(['rand', 'generate_uuid']);

export function compileExpr(context: CompileContext, expr: Expr): string {
  switch (expr.kind) {
    case 'literal':
      return literalSql(expr.value);
    case 'column':
      return columnName(expr.column);
    case 'call':
      return compileCall(context, expr);
    case 'cast':
      return compileCast(context, expr);
    case 'struct':
      return compileStruct(context, expr);
    case 'field':
      return `struct_extract(${compileExpr(context, expr.input)}, 'f${expr.index}')`;
    case 'json_field':
      return callFunction('$json_field', expr.type, '', [
        argument(context, expr.input),
        argument(context, {
          kind: 'literal',
          type: { kind: 'STRING' },
          value: { type: { kind: 'STRING' }, value: expr.name },
        }),
      ]);
    case 'scalar_subquery':
    case 'array_subquery':
    case 'exists':
    case 'in_subquery':
      return compileSubquery(context, expr);
    case 'default':
      throw unsupported('DEFAULT in this place');
  }
}

/** DuckDB's time to plan doubles with each subquery in a subquery. */
const MAX_SUBQUERY_DEPTH = 12;

type SubqueryExpr = Extract<Expr, { kind: 'scalar_subquery' | 'array_subquery' | 'exists' | 'in_subquery' }>;

function compileSubquery(context: CompileContext, expr: SubqueryExpr): string {
  if (context.subqueryDepth >= MAX_SUBQUERY_DEPTH) throw tooComplex();
  context.subqueryDepth += 1;
  try {
    return subquerySql(context, expr);
  } finally {
    context.subqueryDepth -= 1;
  }
}

function subquerySql(context: CompileContext, expr: SubqueryExpr): string {
  switch (expr.kind) {
    case 'scalar_subquery':
      return `(SELECT ${columnName(onlyColumn(expr.relation))} FROM (${context.subqueries.relation(context, expr.relation)}))`;
    case 'array_subquery':
      return context.subqueries.list(context, expr.relation, onlyColumn(expr.relation));
    case 'exists':
      return `EXISTS (${context.subqueries.relation(context, expr.relation)})`;
    case 'in_subquery':
      return compileInSubquery(context, expr);
  }
}

export function argument(context: CompileContext, expr: Expr): Arg {
  const sql = compileExpr(context, expr);
  return expr.kind === 'literal' ? { sql, type: expr.type, constant: expr.value } : { sql, type: expr.type };
}

function callFunction(name: string, type: GType, contextId: string, args: readonly Arg[]): string {
  const compile = scalarFunctions.get(name);
  if (compile === undefined) throw unsupportedFunction(name);
  return compile({ name, args, type, ...(contextId === '' ? {} : { contextId }) });
}

function compileCall(context: CompileContext, call: Extract<Expr, { kind: 'call' }>): string {
  if (call.name === '$make_array') {
    return `CAST([${call.args.map((a) => compileExpr(context, a)).join(', ')}] AS ${duckdbType(call.type)})`;
  }
  const comparison = compareStructs(call);
  if (comparison !== undefined) return compileExpr(context, comparison);
  if (call.name === '$in_array' && call.args[0]?.type.kind === 'STRUCT')
    return structInArray(context, call.args[0], call.args[1]!);
  const args = call.args.map((a) => argument(context, a));
  if (TIME_FUNCTIONS.has(call.name)) {
    context.deterministic = false;
    args.push({ sql: literalSql(context.now), type: context.now.type, constant: context.now });
  } else if (call.name === 'session_user') {
    context.deterministic = false;
    args.push({ sql: literalSql(context.sessionUser), type: context.sessionUser.type, constant: context.sessionUser });
  } else if (RANDOM_FUNCTIONS.has(call.name)) {
    context.deterministic = false;
    context.volatileCalls += 1;
  }
  if (!call.safe) return callFunction(call.name, call.type, call.contextId, args);
  // A shape that is not supported must not come out as NULL.
  if (call.name.startsWith('st_geogfrom')) throw unsupported(`SAFE.${call.name.toUpperCase()}`);
  // SAFE is about errors of the function itself: those of its arguments arise outside of TRY.
  return bind(
    args.map((arg) => arg.sql),
    (...names) => {
      const own = args.map((arg, i) => ({ ...arg, sql: names[i]! }));
      return tried(callFunction(call.name, call.type, call.contextId, own));
    },
  );
}

export function holdsSubquery(expr: Expr): boolean {
  switch (expr.kind) {
    case 'call':
      return expr.args.some(holdsSubquery);
    case 'struct':
      return expr.fields.some(holdsSubquery);
    case 'cast':
    case 'field':
    case 'json_field':
      return holdsSubquery(expr.input);
    case 'literal':
    case 'column':
    case 'default':
      return false;
    default:
      return true;
  }
}

function compileCast(context: CompileContext, cast: Extract<Expr, { kind: 'cast' }>): string {
  const { input } = cast;
  if (input.kind === 'literal' && input.value.value === null) return literalSql({ type: cast.type, value: null });
  const own = { sql: compileExpr(context, input), from: input.type, to: cast.type, safe: cast.safe };
  const sql = cast.format === undefined ? castSql(own) : formatCast(context, own, cast.format, cast.timeZone);
  return fittedValue(sql, cast.type, cast.parameters, cast.safe ? () => 'NULL' : undefined);
}

function formatCast(
  context: CompileContext,
  cast: Pick<FormatCast, 'sql' | 'from' | 'to' | 'safe'>,
  format: Expr,
  zone: Expr | undefined,
): string {
  // The year and the month that a text leaves out are those of today.
  if (cast.from.kind === 'STRING' && cast.to.kind !== 'BYTES') context.deterministic = false;
  return formatCastSql({
    ...cast,
    format: constantText(format),
    ...(zone === undefined ? {} : { zone: compileExpr(context, zone) }),
    nowMicros: context.now.value as bigint,
  });
}

function constantText(expr: Expr): string {
  if (expr.kind === 'literal' && typeof expr.value.value === 'string') return expr.value.value;
  throw unsupported('CAST with a FORMAT that is not a constant');
}

function compileStruct(context: CompileContext, struct: Extract<Expr, { kind: 'struct' }>): string {
  if (struct.fields.length === 0) throw unsupported('An empty STRUCT');
  return `struct_pack(${struct.fields.map((f, i) => `f${i} := ${compileExpr(context, f)}`).join(', ')})`;
}

function compileInSubquery(context: CompileContext, expr: Extract<Expr, { kind: 'in_subquery' }>): string {
  const column = onlyColumn(expr.relation);
  const rows = context.subqueries.relation(context, expr.relation);
  if (expr.needle.type.kind === 'FLOAT64') {
    // To DuckDB's IN a NaN is a NaN: the texts of the two sides have different words for it.
    const key = (x: string, nan: string): string =>
      `CASE WHEN isnan(${x}) THEN '${nan}' WHEN ${x} = 0 THEN '0' ELSE CAST(${x} AS VARCHAR) END`;
    const needle = bind([compileExpr(context, expr.needle)], (x) => key(x, 'none'));
    return `((${needle}) IN (SELECT ${key(columnName(column), 'nan')} FROM (${rows})))`;
  }
  if (expr.needle.type.kind !== 'STRUCT')
    return `(${compileExpr(context, expr.needle)} IN (SELECT ${columnName(column)} FROM (${rows})))`;
  // DuckDB takes NULL fields of two structs for equal; GoogleSQL's answer is NULL then.
  const equal = compileExpr(context, {
    kind: 'call',
    name: '$equal',
    args: [expr.needle, { kind: 'column', column, type: column.type }],
    contextId: '',
    safe: false,
    type: { kind: 'BOOL' },
  });
  return `(CASE WHEN EXISTS (SELECT 1 FROM (${rows}) WHERE ${equal}) THEN true WHEN EXISTS (SELECT 1 FROM (${rows}) WHERE (${equal}) IS NULL) THEN NULL ELSE false END)`;
}

/** `s IN UNNEST(array)` compares as IN (subquery) does. */
function structInArray(context: CompileContext, needle: Expr, array: Expr): string {
  const element: Column = { id: context.freshId(), name: 'element', type: needle.type };
  const relation: Relation = { kind: 'unnest', array, element, outer: false, columns: [element] };
  return compileInSubquery(context, { kind: 'in_subquery', needle, relation, type: { kind: 'BOOL' } });
}

function onlyColumn(relation: {
  readonly columns: readonly { readonly id: number; readonly type: GType; readonly name: string }[];
}): {
  readonly id: number;
  readonly type: GType;
  readonly name: string;
} {
  const column = relation.columns[0];
  if (column === undefined) throw new Error('A subquery expression without a column');
  return column;
}

/** An ORDER BY list. GoogleSQL sorts NaN below all numbers, DuckDB above them. */
export function sortSql(context: CompileContext, keys: readonly SortKey[], distinguishNan = true): string {
  return keys
    .flatMap((key) => {
      const sql = compileExpr(context, key.expr);
      const nulls = key.nullsFirst ? 'NULLS FIRST' : 'NULLS LAST';
      const own = `${sql} ${key.descending ? 'DESC' : 'ASC'} ${nulls}`;
      if (!distinguishNan || key.expr.type.kind !== 'FLOAT64') return [own];
      return [`isnan(${sql}) ${key.descending ? 'ASC' : 'DESC'} ${nulls}`, own];
    })
    .join(', ');
}

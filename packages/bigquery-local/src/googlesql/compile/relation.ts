// IR relations → DuckDB SELECTs, one nested SELECT for each relation. A relation's SQL gives
// exactly its columns, each named `c<id>`; since ids are unique, references never clash.
import type { FieldSchema } from '../../catalog/schema.ts';
import type { Column, Expr, Relation } from '../ir.ts';
import { compileAggregate, windowSql } from './aggregate.ts';
import type { CompileContext, SubqueryCompiler } from './context.ts';
import { compileExpr, holdsSubquery, sortSql } from './expression.ts';
import { columnName, compileSetInput, NO_COLUMNS, quoteIdentifier, selectList, unique } from './select-list.ts';
import { compileWith } from './with.ts';
import { storedValue, writtenValue } from './written-value.ts';

export function compileRelation(context: CompileContext, relation: Relation): string {
  const { columns } = relation;
  const from = (input: Relation): string => `(${compileRelation(context, input)})`;
  switch (relation.kind) {
    case 'one_row':
      return `SELECT ${NO_COLUMNS}`;
    case 'table':
      return compileTable(relation);
    case 'project': {
      const computed = new Map(relation.computed.map((c) => [c.column.id, compileExpr(context, c.expr)]));
      return `SELECT ${selectList(columns, computed)} FROM ${from(relation.input)}`;
    }
    case 'filter':
      return `SELECT ${selectList(columns)} FROM ${from(relation.input)} WHERE ${compileExpr(context, relation.condition)}`;
    case 'unnest':
      return compileUnnest(context, relation);
    case 'join':
      return `SELECT ${selectList(columns)} FROM ${joinSql(context, relation)}`;
    case 'aggregate':
      return compileAggregation(context, relation);
    case 'order_by':
      return `SELECT ${selectList(columns)} FROM ${from(relation.input)} ORDER BY ${sortSql(context, relation.keys)}`;
    case 'sample':
      context.deterministic = false;
      return `SELECT ${selectList(columns)} FROM ${from(relation.input)} AS sampled TABLESAMPLE system(${Number(relation.percent.kind === 'literal' ? relation.percent.value.value : 0)}%)`;
    case 'limit':
      return compileLimit(context, relation);
    case 'set_operation':
      return relation.inputs
        .map((input, i) => `(${compileSetInput(context, input, i === 0 ? columns : undefined)})`)
        .join(` ${relation.operator} `);
    case 'with':
      return compileWith(context, relation);
    case 'with_ref': {
      const list = columns.map((c, i) => `p${i} AS ${columnName(c)}`);
      return `SELECT ${list.length === 0 ? NO_COLUMNS : list.join(', ')} FROM ${relation.name}`;
    }
    case 'recursive':
      throw new Error('A recursive query outside of WITH');
    case 'window': {
      const computed = new Map(
        relation.groups.flatMap((group) =>
          group.functions.map((f): [number, string] => [
            f.column.id,
            compileAggregate(context, f.expr, windowSql(context, group, f)),
          ]),
        ),
      );
      return `SELECT ${selectList(columns, computed)} FROM ${from(relation.input)}`;
    }
  }
}

function joinSql(context: CompileContext, relation: Extract<Relation, { kind: 'join' }>): string {
  const { join, condition } = relation;
  const left = compileRelation(context, relation.left);
  const right = compileRelation(context, relation.right);
  if (condition === undefined)
    return `(${left}) ${join === 'INNER' ? 'CROSS JOIN' : `${join} JOIN`} (${right})${join === 'INNER' ? '' : ' ON true'}`;
  const on = compileExpr(context, condition);
  if (join === 'INNER' || !holdsSubquery(condition)) return `(${left}) ${join} JOIN (${right}) ON ${on}`;
  // DuckDB has no subqueries in the conditions of outer joins: the pairs that match are found first, by row number.
  const id = context.freshId();
  const [l, r, m] = [`l${id}`, `r${id}`, `m${id}`];
  const pairs = `SELECT ${l}n AS ${m}l, ${r}n AS ${m}r FROM ${l} CROSS JOIN ${r} WHERE ${on}`;
  const onLeft = `${m} ON ${l}n = ${m}l`;
  const onRight = `${m} ON ${r}n = ${m}r`;
  const joined =
    join === 'RIGHT'
      ? `${r} LEFT JOIN ${onRight} LEFT JOIN ${l} ON ${l}n = ${m}l`
      : `${l} LEFT JOIN ${onLeft} ${join} JOIN ${r} ON ${r}n = ${m}r`;
  const numbered = (name: string, sql: string): string =>
    `${name} AS MATERIALIZED (SELECT *, row_number() OVER () AS ${name}n FROM (${sql}))`;
  return `(WITH ${numbered(l, left)}, ${numbered(r, right)}, ${m} AS MATERIALIZED (${pairs}) SELECT * FROM ${joined})`;
}

function compileTable(relation: Extract<Relation, { kind: 'table' }>): string {
  const { table, columns, sources, rowId } = relation;
  if (table.physicalName === undefined) throw new Error(`Table ${table.ref.tableId} has no storage`);
  const pseudo = new Map(table.pseudoColumns?.map((column) => [column.name, column.sql]));
  const stored = (name: string): string => pseudo.get(name) ?? quoteIdentifier(name);
  const computed = new Map(columns.map((c, i) => [c.id, storedValue(stored(sources[i]!), c.type)]));
  if (rowId === undefined) return `SELECT ${selectList(columns, computed)} FROM ${table.physicalName}`;
  computed.set(rowId.id, 'rowid');
  return `SELECT ${selectList([rowId, ...columns], computed)} FROM ${table.physicalName}`;
}

function compileUnnest(context: CompileContext, relation: Extract<Relation, { kind: 'unnest' }>): string {
  const { columns, element, offset, condition, outer } = relation;
  const array = compileExpr(context, relation.array);
  const list = `a${element.id}`;
  const elements = outer && condition === undefined ? `CASE WHEN len(${list}) > 0 THEN ${list} ELSE [NULL] END` : list;
  const positions =
    outer && condition === undefined
      ? `CASE WHEN len(${list}) > 0 THEN range(len(${list})) ELSE [NULL] END`
      : `range(len(${list}))`;
  const unnested = `unnest(${elements}) AS ${columnName(element)}${offset === undefined ? '' : `, unnest(${positions}) AS ${columnName(offset)}`}`;
  const where = condition === undefined ? '' : ` WHERE ${compileExpr(context, condition)}`;
  if (relation.input === undefined)
    return `SELECT ${selectList(columns)} FROM (SELECT ${unnested} FROM (SELECT ${array} AS ${list}))${where}`;
  const input = compileRelation(context, relation.input);
  if (outer && condition !== undefined) {
    const lateral = `(SELECT * FROM (SELECT ${unnested} FROM (SELECT ${array} AS ${list}))${where})`;
    return `SELECT ${selectList(columns)} FROM (${input}) LEFT JOIN LATERAL ${lateral} ON true`;
  }
  return `SELECT ${selectList(columns)} FROM (SELECT *, ${unnested} FROM (SELECT *, ${array} AS ${list} FROM (${input})))${where}`;
}

function compileAggregation(context: CompileContext, relation: Extract<Relation, { kind: 'aggregate' }>): string {
  const { groupBy, aggregates, groupingSets, groupingCalls, columns } = relation;
  // Keys get their names in an inner SELECT: GROUP BY on a bare constant would mean a position.
  const keys = groupBy.map((g) => `${compileExpr(context, g.expr)} AS ${columnName(g.column)}`);
  const input = compileRelation(context, relation.input);
  const from = keys.length === 0 ? `(${input})` : `(SELECT *, ${keys.join(', ')} FROM (${input}))`;
  const computed = new Map(aggregates.map((a) => [a.column.id, compileAggregate(context, a.expr)]));
  for (const { of, output } of groupingCalls) computed.set(output.id, `CAST(grouping(${columnName(of)}) AS BIGINT)`);
  const grouping =
    groupingSets.length > 0
      ? ` GROUP BY GROUPING SETS (${groupingSets.map((set) => `(${unique(set).map(columnName).join(', ')})`).join(', ')})`
      : keys.length > 0
        ? ` GROUP BY ${groupBy.map((g) => columnName(g.column)).join(', ')}`
        : '';
  const list = columns.length === 0 && keys.length === 0 ? 'count(*) AS d' : selectList(columns, computed);
  return `SELECT ${list} FROM ${from}${grouping}`;
}

function compileLimit(context: CompileContext, relation: Extract<Relation, { kind: 'limit' }>): string {
  const { input, columns } = relation;
  // In one SELECT with its ORDER BY: which rows are kept must not hang on the order of a subquery.
  const source =
    input.kind === 'order_by'
      ? `(${compileRelation(context, input.input)}) ORDER BY ${sortSql(context, input.keys)}`
      : `(${compileRelation(context, input)})`;
  const offset = relation.offset === undefined ? '' : ` OFFSET ${compileExpr(context, relation.offset)}`;
  return `SELECT ${selectList(columns)} FROM ${source} LIMIT ${compileExpr(context, relation.limit)}${offset}`;
}

/** ARRAY(subquery): its order must be told to the aggregate, a subquery's own is not kept when it is correlated. */
function listOf(context: CompileContext, relation: Relation, column: Column): string {
  const keys = orderOf(relation);
  const exposed =
    keys.length === 0
      ? relation
      : expose(
          relation,
          keys.map((k) => k.expr).flatMap((e) => (e.kind === 'column' ? [e.column] : [])),
        );
  const order = keys.length === 0 ? '' : ` ORDER BY ${sortSql(context, keys)}`;
  return `coalesce((SELECT list(${columnName(column)}${order}) FROM (${compileRelation(context, exposed)})), [])`;
}

function orderOf(relation: Relation): Extract<Relation, { kind: 'order_by' }>['keys'] {
  switch (relation.kind) {
    case 'order_by':
      return relation.keys;
    case 'limit':
    case 'project':
      return orderOf(relation.input);
    default:
      return [];
  }
}

/** The relation with more of its input's columns let through, down to the ORDER BY that has them. */
function expose(relation: Relation, extra: readonly Column[]): Relation {
  const columns = [...relation.columns, ...extra];
  switch (relation.kind) {
    case 'limit':
    case 'project':
      return { ...relation, input: expose(relation.input, extra), columns };
    default:
      return { ...relation, columns };
  }
}

/** The outermost SELECT: the given columns in order, duplicates included, named `o0`, `o1`, …, fit to be written into columns of this schema. */
export function compileOutput(
  context: CompileContext,
  relation: Relation,
  outputs: readonly { readonly name: string; readonly expr: Expr }[],
  schema: readonly FieldSchema[] = [],
): string {
  const list = outputs.map(
    ({ name, expr }, i) => `${writtenValue(compileExpr(context, expr), expr.type, name, schema[i])} AS o${i}`,
  );
  return `SELECT ${list.join(', ')} FROM (${compileRelation(context, relation)})`;
}

export const subqueries: SubqueryCompiler = { relation: compileRelation, list: listOf };

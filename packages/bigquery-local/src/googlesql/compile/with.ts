// WITH and WITH RECURSIVE → DuckDB's own.
import type { Column, Relation } from '../ir.ts';
import type { CompileContext } from './context.ts';
import { columnName, compileSetInput, NO_COLUMNS, selectList } from './select-list.ts';

/** BigQuery's limit on the rounds of WITH RECURSIVE, and its error. */
const MAX_ROUNDS = 500;
const TOO_MANY_ROUNDS = 'A recursive CTE has reached the maximum number of iterations: 500';

/** A recursive WITH entry. With UNION ALL one more column counts the rounds, so that it ends as BigQuery ends it. */
function compileRecursion(context: CompileContext, query: Extract<Relation, { kind: 'recursive' }>): string {
  const { name, columns, base, step, all } = query;
  const names = columns.map((_, i) => `p${i}`);
  const first = compileSetInput(context, base, columns);
  if (!all)
    return `${name}${names.length === 0 ? '' : `(${names.join(', ')})`} AS ((${first}) UNION (${compileSetInput(context, step)}))`;
  const round: Column = { id: context.freshId(), name: 'round', type: { kind: 'INT64' } };
  const counted = withRound(step.relation, name, round);
  const stepColumns = [
    ...step.columns.map(columnName),
    `CASE WHEN ${columnName(round)} < ${MAX_ROUNDS} THEN ${columnName(round)} + 1 ELSE error('${TOO_MANY_ROUNDS}') END`,
  ];
  const next = `SELECT ${stepColumns.join(', ')} FROM (${context.subqueries.relation(context, counted)})`;
  const start = columns.length === 0 ? '' : '*, ';
  return `${name}(${[...names, `p${columns.length}`].join(', ')}) AS ((SELECT ${start}0 FROM (${first})) UNION ALL (${next}))`;
}

/** The step of a recursion with the round of the row that it comes from. GoogleSQL lets a step refer to itself once, outside of subqueries and aggregation. */
function withRound(relation: Relation, name: string, round: Column): Relation {
  const columns = [...relation.columns, round];
  switch (relation.kind) {
    case 'with_ref':
      return relation.name === name ? { ...relation, columns } : relation;
    case 'project':
    case 'filter':
    case 'window':
    case 'order_by':
    case 'limit': {
      const input = withRound(relation.input, name, round);
      return input === relation.input ? relation : { ...relation, input, columns };
    }
    case 'unnest': {
      if (relation.input === undefined) return relation;
      const input = withRound(relation.input, name, round);
      return input === relation.input ? relation : { ...relation, input, columns };
    }
    case 'join': {
      const left = withRound(relation.left, name, round);
      const right = withRound(relation.right, name, round);
      return left === relation.left && right === relation.right ? relation : { ...relation, left, right, columns };
    }
    case 'with': {
      const body = withRound(relation.body, name, round);
      return body === relation.body ? relation : { ...relation, body, columns };
    }
    default:
      return relation;
  }
}

export function compileWith(context: CompileContext, relation: Extract<Relation, { kind: 'with' }>): string {
  const entries = relation.entries.map(({ name, query }) => {
    if (query.kind === 'recursive') return compileRecursion(context, query);
    const before = context.volatileCalls;
    const sql = context.subqueries.relation(context, query);
    const names = query.columns.map((_, i) => `p${i}`);
    // Random values must be the same wherever the entry is referred to.
    const materialized = context.volatileCalls > before ? ' MATERIALIZED' : '';
    const columns = names.length === 0 ? '' : `(${names.join(', ')})`;
    const list = query.columns.length === 0 ? NO_COLUMNS : query.columns.map(columnName).join(', ');
    return `${name}${columns} AS${materialized} (SELECT ${list} FROM (${sql}))`;
  });
  const body = `SELECT ${selectList(relation.columns)} FROM (${context.subqueries.relation(context, relation.body)})`;
  return `WITH ${relation.recursive ? 'RECURSIVE ' : ''}${entries.join(', ')} ${body}`;
}

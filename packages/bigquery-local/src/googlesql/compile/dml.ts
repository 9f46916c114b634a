// DML plans → DuckDB statements. Every new value is worked out first, into a temporary table,
// so a statement sees the table as it was before it, and its rows can be checked and counted.
import type { FieldSchema } from '../../catalog/schema.ts';
import type { Assignment, DmlPlan, MergeClause, Target } from '../ir-statement.ts';
import type { TableInfo } from '../statement.ts';
import type { GType } from '../types.ts';
import { requirePartitionFilters } from '../resolve/partition-filter.ts';
import type { CompileContext } from './context.ts';
import { compileExpr } from './expression.ts';
import { compileRelation } from './relation.ts';
import { columnName, quoteIdentifier } from './select-list.ts';
import { isChecked, writtenValue } from './written-value.ts';

export type Step = { readonly sql: string; readonly counts?: true };

const TOO_MANY_ROWS = 'UPDATE/MERGE must match at most one source row for each target row';

/** `stage` is the name of a temporary table that no other statement on the connection uses. */
export function compileDml(context: CompileContext, plan: DmlPlan, stage: string): Step[] {
  requirePartitionFilters(plan);
  switch (plan.kind) {
    case 'INSERT':
      return compileInsert(context, plan, stage);
    case 'UPDATE':
      return compileUpdate(context, plan, stage);
    case 'DELETE': {
      const rows = `SELECT ${columnName(plan.target.rowId)} AS r FROM (${compileRelation(context, plan.target.relation)}) WHERE ${compileExpr(context, plan.condition)}`;
      return [
        { sql: `CREATE TEMP TABLE ${stage} AS ${rows}` },
        { sql: `DELETE FROM ${storage(plan.target)} WHERE rowid IN (SELECT r FROM ${stage})` },
        counts({ deleted: 'count(*)' }, stage),
        { sql: `DROP TABLE ${stage}` },
      ];
    }
    case 'MERGE':
      return compileMerge(context, plan, stage);
    case 'TRUNCATE_TABLE':
      return [counts({ deleted: 'count(*)' }, storage(plan)), { sql: `DELETE FROM ${storage(plan)}` }];
  }
}

function storage(target: Pick<Target, 'table'>): string {
  if (target.table.physicalName === undefined) throw new Error(`Table ${target.table.ref.tableId} has no storage`);
  return target.table.physicalName;
}

function counts(
  of: { readonly inserted?: string; readonly updated?: string; readonly deleted?: string },
  from: string,
): Step {
  const list = (['inserted', 'updated', 'deleted'] as const).map(
    (name) => `CAST(${of[name] ?? '0'} AS BIGINT) AS ${name}`,
  );
  return { sql: `SELECT ${list.join(', ')} FROM ${from}`, counts: true };
}

function compileInsert(context: CompileContext, plan: Extract<DmlPlan, { kind: 'INSERT' }>, stage: string): Step[] {
  const table = storage(plan);
  const columns = [...plan.columns, ...plan.defaults.map((d) => d.column)].map(quoteIdentifier).join(', ');
  const defaults = plan.defaults.map((d) => compileExpr(context, d.value));
  const rows = insertedRows(context, plan, defaults);
  // Counting the table before and after is cheap; staging all rows of an INSERT … SELECT is not.
  return [
    { sql: `CREATE TEMP TABLE ${stage} AS SELECT count(*) AS n FROM ${table}` },
    { sql: `INSERT INTO ${table} (${columns}) ${rows}` },
    counts({ inserted: `(SELECT count(*) FROM ${table}) - n` }, stage),
    { sql: `DROP TABLE ${stage}` },
  ];
}

function insertedRows(
  context: CompileContext,
  plan: Extract<DmlPlan, { kind: 'INSERT' }>,
  defaults: readonly string[],
): string {
  if (plan.rows.kind === 'query') {
    const { outputs, relation } = plan.rows.query;
    const values = outputs.map((o, i) => written(plan.table, plan.columns[i]!, columnName(o.column), o.column.type));
    return `SELECT ${[...values, ...defaults].join(', ')} FROM (${compileRelation(context, relation)})`;
  }
  const values = `VALUES ${plan.rows.rows.map((row) => `(${[...row.map((e) => compileExpr(context, e)), ...defaults].join(', ')})`).join(', ')}`;
  const types = plan.rows.rows[0]!.map((e) => e.type);
  if (!types.some((type, i) => isChecked(type, fieldNamed(plan.table, plan.columns[i]!)))) return values;
  const names = [...plan.columns, ...plan.defaults.map((d) => d.column)].map((_, i) => `v${i}`);
  const checked = names.map((name, i) =>
    types[i] === undefined ? name : written(plan.table, plan.columns[i]!, name, types[i]),
  );
  return `SELECT ${checked.join(', ')} FROM (${values}) AS s(${names.join(', ')})`;
}

function fieldNamed(table: TableInfo, column: string): FieldSchema | undefined {
  return table.fields.find((f) => f.name.toLowerCase() === column.toLowerCase());
}

function written(table: TableInfo, column: string, sql: string, type: GType): string {
  return writtenValue(sql, type, column, fieldNamed(table, column));
}

function compileUpdate(context: CompileContext, plan: Extract<DmlPlan, { kind: 'UPDATE' }>, stage: string): Step[] {
  const { target, from, condition, assignments } = plan;
  const source = from === undefined ? '' : `, (${compileRelation(context, from)})`;
  const values = assignments.map((a, i) => `${compileExpr(context, a.value)} AS v${i}`);
  const list = [`${columnName(target.rowId)} AS r`, ...values].join(', ');
  const rows = `SELECT ${list} FROM (${compileRelation(context, target.relation)})${source} WHERE ${compileExpr(context, condition)}`;
  return [
    { sql: `CREATE TEMP TABLE ${stage} AS ${rows}` },
    ...(from === undefined ? [] : [oneSourceRowEach(stage, 'true')]),
    { sql: update(target.table, assignments, (i) => `v${i}`, stage, 'true') },
    counts({ updated: 'count(*)' }, stage),
    { sql: `DROP TABLE ${stage}` },
  ];
}

function update(
  table: TableInfo,
  assignments: readonly Assignment[],
  value: (i: number) => string,
  stage: string,
  condition: string,
): string {
  const sets = assignments
    .map((a, i) => `${quoteIdentifier(a.column)} = ${written(table, a.column, `s.${value(i)}`, a.value.type)}`)
    .join(', ');
  return `UPDATE ${storage({ table })} AS t SET ${sets} FROM ${stage} AS s WHERE t.rowid = s.r AND ${condition}`;
}

function oneSourceRowEach(stage: string, condition: string): Step {
  return {
    sql: `SELECT CASE WHEN count(r) > count(DISTINCT r) THEN error('${TOO_MANY_ROWS}') END FROM ${stage} WHERE ${condition}`,
  };
}

/** Each row pair of target and source gets the number of the first clause that takes it (`k`) and that clause's values (`v…`). */
function compileMerge(context: CompileContext, plan: Extract<DmlPlan, { kind: 'MERGE' }>, stage: string): Step[] {
  const { target, clauses } = plan;
  const rowId = columnName(target.rowId);
  const columns = [
    ...new Set(clauses.flatMap((c) => (c.action === 'DELETE' ? [] : c.assignments.map((a) => a.column.toLowerCase())))),
  ];
  const value = (column: string): string => `v${columns.indexOf(column.toLowerCase())}`;

  const cases = clauses.map((clause, k) => {
    const own = clause.condition === undefined ? '' : ` AND ${compileExpr(context, clause.condition)}`;
    return `WHEN ${matchSql(clause.match, rowId)}${own} THEN ${k}`;
  });
  const pairs = `SELECT *, CASE ${cases.join(' ')} END AS k FROM (${joinSql(context, plan)})`;
  const values = columns.map((column) => {
    const branches = clauses.flatMap((clause, k) => {
      const found =
        clause.action === 'DELETE' ? undefined : clause.assignments.find((a) => a.column.toLowerCase() === column);
      return found === undefined ? [] : [`WHEN ${k} THEN ${compileExpr(context, found.value)}`];
    });
    return `CASE k ${branches.join(' ')} END AS ${value(column)}`;
  });
  const rows = `SELECT k, ${[`${rowId} AS r`, ...values].join(', ')} FROM (${pairs}) WHERE k IS NOT NULL`;

  const ofAction = (action: MergeClause['action']): string => {
    const numbers = clauses.flatMap((c, k) => (c.action === action ? [k] : []));
    return numbers.length === 0 ? 'false' : `k IN (${numbers.join(', ')})`;
  };
  const changes = clauses.map((clause, k): Step => {
    switch (clause.action) {
      case 'DELETE':
        return { sql: `DELETE FROM ${storage(target)} WHERE rowid IN (SELECT r FROM ${stage} WHERE k = ${k})` };
      case 'UPDATE':
        return {
          sql: update(
            target.table,
            clause.assignments,
            (i) => value(clause.assignments[i]!.column),
            stage,
            `s.k = ${k}`,
          ),
        };
      case 'INSERT': {
        const names = clause.assignments.map((a) => quoteIdentifier(a.column)).join(', ');
        const list = clause.assignments
          .map((a) => written(target.table, a.column, value(a.column), a.value.type))
          .join(', ');
        return { sql: `INSERT INTO ${storage(target)} (${names}) SELECT ${list} FROM ${stage} WHERE k = ${k}` };
      }
    }
  });
  const count = (action: MergeClause['action']): string => `count(*) FILTER (WHERE ${ofAction(action)})`;
  return [
    { sql: `CREATE TEMP TABLE ${stage} AS ${rows}` },
    oneSourceRowEach(stage, `${ofAction('UPDATE')} OR ${ofAction('DELETE')}`),
    // Deletes and updates go by row id, so they come before rows are added.
    ...changes.filter((_, k) => clauses[k]!.action !== 'INSERT'),
    ...changes.filter((_, k) => clauses[k]!.action === 'INSERT'),
    counts({ inserted: count('INSERT'), updated: count('UPDATE'), deleted: count('DELETE') }, stage),
    { sql: `DROP TABLE ${stage}` },
  ];
}

function matchSql(match: MergeClause['match'], rowId: string): string {
  switch (match) {
    case 'MATCHED':
      return `${rowId} IS NOT NULL AND sp IS NOT NULL`;
    case 'NOT_MATCHED_BY_SOURCE':
      return 'sp IS NULL';
    case 'NOT_MATCHED_BY_TARGET':
      return `${rowId} IS NULL`;
  }
}

function joinSql(context: CompileContext, plan: Extract<DmlPlan, { kind: 'MERGE' }>): string {
  const matches = new Set(plan.clauses.map((c) => c.match));
  const targetRows = matches.has('NOT_MATCHED_BY_SOURCE');
  const sourceRows = matches.has('NOT_MATCHED_BY_TARGET');
  const target = `(${compileRelation(context, plan.target.relation)})`;
  const source = `(SELECT *, true AS sp FROM (${compileRelation(context, plan.source)}))`;
  const { condition } = plan;
  const never = condition.kind === 'literal' && condition.value.value !== true;
  if (never) {
    // MERGE … ON FALSE: no pairs, so no join either.
    const sides = [
      ...(sourceRows ? [`SELECT * FROM ${source}`] : []),
      ...(targetRows ? [`SELECT * FROM ${target}`] : []),
    ];
    if (sides.length === 2) return sides.join(' UNION ALL BY NAME ');
    return targetRows
      ? `SELECT *, NULL::BOOLEAN AS sp FROM ${target}`
      : `SELECT * FROM ${source} LEFT JOIN ${target} ON false`;
  }
  const join = targetRows ? (sourceRows ? 'FULL' : 'LEFT') : sourceRows ? 'RIGHT' : 'INNER';
  return `SELECT * FROM ${target} ${join} JOIN ${source} ON ${compileExpr(context, condition)}`;
}

// Resolved INSERT, UPDATE, DELETE, MERGE and TRUNCATE statements → plans.
import { allRowsDenied } from '../../access/all-rows-denied.ts';
import { invalidQuery, unsupported } from '../analyzer/analyzer-error.ts';
import type { Expr } from '../ir.ts';
import type { Assignment, DmlPlan, MergeClause, Target } from '../ir-statement.ts';
import type { TableInfo } from '../statement.ts';
import type { GType } from '../types.ts';
import { resolveExpr } from './expression.ts';
import { isMessage, items, nodeOf, part, parts, text, type Message } from './message.ts';
import { resolveScan, tableScan } from './scan.ts';
import type { CatalogTable, Scope } from './scope.ts';

/** The values of columns' DEFAULT clauses, by column name in lower case. */
export type Defaults = ReadonlyMap<string, Expr>;

const ROW_ID: GType = { kind: 'INT64' };

/** The table that a DML statement changes, before anything else of it is looked at. */
export function dmlTarget(scope: Scope, fields: Message): CatalogTable {
  const table = scope.table(part(part(fields, 'tableScan'), 'table'));
  if (table.info.kind === 'VIEW') {
    const { projectId, datasetId, tableId } = table.info.ref;
    throw invalidQuery(`Modifying views is not supported: ${projectId}:${datasetId}.${tableId}`);
  }
  if (table.info.readOnly === true) {
    const { projectId, datasetId, tableId } = table.info.ref;
    throw invalidQuery(`Modifying table snapshots is not supported: ${projectId}:${datasetId}.${tableId}`);
  }
  if (table.info.matched !== undefined) throw invalidQuery('A wildcard table cannot be modified');
  if (table.info.systemView !== undefined)
    throw invalidQuery(`INFORMATION_SCHEMA.${table.info.ref.tableId} cannot be modified`);
  // A part of the rows cannot be changed: neither counts nor the conflicts of MERGE may tell of the others.
  if (table.info.rowFilter !== undefined) throw allRowsDenied(table.info.ref);
  return table;
}

export function resolveDml(scope: Scope, kind: string, fields: Message, defaults: Defaults): DmlPlan {
  if (isMessage(fields['assertRowsModified'])) throw unsupported('ASSERT_ROWS_MODIFIED');
  if (isMessage(fields['returning'])) throw unsupported('THEN RETURN');
  const { info } = dmlTarget(scope, fields);
  switch (kind) {
    case 'resolvedInsertStmtNode':
      return insert(scope, fields, info, defaults);
    case 'resolvedUpdateStmtNode': {
      const target = targetOf(scope, fields, info);
      return {
        kind: 'UPDATE',
        target,
        ...(isMessage(fields['fromScan']) ? { from: resolveScan(scope, fields['fromScan']) } : {}),
        condition: resolveExpr(scope, fields['whereExpr']),
        assignments: updateItems(scope, fields, defaults),
      };
    }
    case 'resolvedDeleteStmtNode':
      return {
        kind: 'DELETE',
        target: targetOf(scope, fields, info),
        condition: resolveExpr(scope, fields['whereExpr']),
      };
    case 'resolvedMergeStmtNode':
      return {
        kind: 'MERGE',
        target: targetOf(scope, fields, info),
        source: resolveScan(scope, fields['fromScan']),
        condition: resolveExpr(scope, fields['mergeExpr']),
        clauses: parts(fields, 'whenClauseList').map((clause) => mergeClause(scope, clause, info, defaults)),
      };
    case 'resolvedTruncateStmtNode':
      if (isMessage(fields['whereExpr'])) throw unsupported('TRUNCATE TABLE with WHERE');
      return { kind: 'TRUNCATE_TABLE', table: info };
    default:
      throw unsupported(kind);
  }
}

/** Columns of the target that the statement reads: what its `columnAccessList` says. */
export function targetReads(scope: Scope, fields: Message): string[] {
  const table = dmlTarget(scope, fields);
  const indexes = items(part(fields, 'tableScan'), 'columnIndexList').map(Number);
  const access = items(fields, 'columnAccessList').map(String);
  return indexes
    .filter((_, i) => access[i] === 'READ' || access[i] === 'READ_WRITE')
    .map((index) => table.columns[index]!.name);
}

function targetOf(scope: Scope, fields: Message, table: TableInfo): Target {
  // Such a column hides DuckDB's row id, by which rows are changed.
  if (table.fields.some((f) => f.name.toLowerCase() === 'rowid'))
    throw unsupported('DML on a table with a column named rowid');
  const relation = tableScan(scope, part(fields, 'tableScan'), false);
  if (relation.kind !== 'table') throw new Error('A DML target that is no table');
  const rowId = scope.newColumn('rowid', ROW_ID);
  return { table, rowId, relation: { ...relation, rowId } };
}

function insert(scope: Scope, fields: Message, table: TableInfo, defaults: Defaults): DmlPlan {
  if (text(fields, 'insertMode') !== 'OR_ERROR')
    throw unsupported(`INSERT ${text(fields, 'insertMode').replaceAll('_', ' ')}`);
  const columns = parts(fields, 'insertColumnList').map((c) => text(c, 'name'));
  const named = new Set(columns.map((c) => c.toLowerCase()));
  const omitted = [...defaults]
    .filter(([name]) => !named.has(name))
    .map(([column, value]): Assignment => ({ column, value }));
  if (!isMessage(fields['query'])) {
    const rows = parts(fields, 'rowList').map((row) => rowValues(scope, row, columns, defaults));
    return { kind: 'INSERT', table, columns, rows: { kind: 'values', rows }, defaults: omitted };
  }
  const relation = resolveScan(scope, fields['query']);
  const outputs = parts(fields, 'queryOutputColumnList').map((c) => ({
    name: text(c, 'name'),
    column: scope.column(c),
  }));
  return {
    kind: 'INSERT',
    table,
    columns,
    rows: { kind: 'query', query: { relation, outputs, valueTable: false } },
    defaults: omitted,
  };
}

function rowValues(scope: Scope, row: Message, columns: readonly string[], defaults: Defaults): Expr[] {
  return parts(row, 'valueList').map((v, i) => withDefault(resolveExpr(scope, v['value']), columns[i]!, defaults));
}

/** DEFAULT is the column's default, or NULL where it has none. */
function withDefault(expr: Expr, column: string, defaults: Defaults): Expr {
  if (expr.kind !== 'default') return expr;
  return (
    defaults.get(column.toLowerCase()) ?? { kind: 'literal', type: expr.type, value: { type: expr.type, value: null } }
  );
}

function updateItems(scope: Scope, fields: Message, defaults: Defaults): Assignment[] {
  const assignments = new Map<string, Expr>();
  for (const item of parts(fields, 'updateItemList')) {
    if (['arrayUpdateList', 'deleteList', 'updateList', 'insertList'].some((list) => items(item, list).length > 0)) {
      throw unsupported('UPDATE of elements of an array');
    }
    const { column, current, path } = updateTarget(scope, item['target']);
    const value = withDefault(
      resolveExpr(scope, part(item, 'setValue')['value']),
      column,
      path.length === 0 ? defaults : new Map(),
    );
    assignments.set(column, replaceField(assignments.get(column) ?? current, path, value));
  }
  return [...assignments].map(([column, value]) => ({ column, value }));
}

/** `s.a.b` as the column `s` and the path of field indexes. */
function updateTarget(
  scope: Scope,
  value: unknown,
): { readonly column: string; readonly current: Expr; readonly path: readonly number[] } {
  const { kind, fields } = nodeOf(value);
  if (kind === 'resolvedColumnRefNode') {
    return { column: text(part(fields, 'column'), 'name'), current: resolveExpr(scope, value), path: [] };
  }
  if (kind !== 'resolvedGetStructFieldNode') throw unsupported('UPDATE of this kind of target');
  const parent = updateTarget(scope, fields['expr']);
  return { ...parent, path: [...parent.path, Number(fields['fieldIdx'] ?? 0)] };
}

function replaceField(current: Expr, path: readonly number[], value: Expr): Expr {
  const [index, ...rest] = path;
  if (index === undefined) return value;
  if (current.type.kind !== 'STRUCT') throw new Error('A field of something that is no STRUCT');
  const fields = current.type.fields.map((field, i): Expr => {
    const old: Expr =
      current.kind === 'struct' ? current.fields[i]! : { kind: 'field', input: current, index: i, type: field.type };
    return i === index ? replaceField(old, rest, value) : old;
  });
  return { kind: 'struct', fields, type: current.type };
}

function mergeClause(scope: Scope, clause: Message, table: TableInfo, defaults: Defaults): MergeClause {
  const base = {
    match: text(clause, 'matchType') as MergeClause['match'],
    ...(isMessage(clause['matchExpr']) ? { condition: resolveExpr(scope, clause['matchExpr']) } : {}),
  };
  switch (text(clause, 'actionType')) {
    case 'DELETE':
      return { ...base, action: 'DELETE' };
    case 'UPDATE':
      return { ...base, action: 'UPDATE', assignments: updateItems(scope, clause, defaults) };
    case 'INSERT': {
      const columns = parts(clause, 'insertColumnList').map((c) => text(c, 'name'));
      const values = rowValues(scope, part(clause, 'insertRow'), columns, defaults);
      const named = new Set(columns.map((c) => c.toLowerCase()));
      const omitted = [...defaults]
        .filter(([name]) => !named.has(name))
        .map(([column, value]): Assignment => ({ column, value }));
      return {
        ...base,
        action: 'INSERT',
        assignments: [...columns.map((column, i) => ({ column, value: values[i]! })), ...omitted],
      };
    }
    default:
      throw unsupported(`MERGE action on ${table.ref.tableId}`);
  }
}

// Resolved scans → IR relations.
import { invalidQuery, unsupported } from '../analyzer/analyzer-error.ts';
import type { AggregateExpr, Column, Computed, Expr, Relation, SetInput, SetOperator, WindowGroup } from '../ir.ts';
import { columnRef, nodeName, resolveAggregate, resolveExpr, sortKeys } from './expression.ts';
import { collationKey, collationOf, type Collation } from './collation.ts';
import { flag, has, isMessage, items, nodeOf, part, parts, text, type Message } from './message.ts';
import type { TableInfo } from '../statement.ts';
import type { CatalogTable, Scope } from './scope.ts';
import { mayHold } from './suffix-pruning.ts';

const SET_OPERATORS: Readonly<Record<string, SetOperator>> = {
  UNION_ALL: 'UNION ALL',
  UNION_DISTINCT: 'UNION',
  EXCEPT_DISTINCT: 'EXCEPT',
  INTERSECT_DISTINCT: 'INTERSECT',
};

export function resolveScan(scope: Scope, value: unknown): Relation {
  const { kind, fields } = nodeOf(value);
  const columns = parts(fields, 'columnList').map((c) => scope.column(c));
  const input = (): Relation => resolveScan(scope, fields['inputScan']);
  switch (kind) {
    case 'resolvedSingleRowScanNode':
      return { kind: 'one_row', columns };
    case 'resolvedTableScanNode':
      return tableScan(scope, fields, true);
    case 'resolvedProjectScanNode':
      return { kind: 'project', input: input(), computed: computedList(scope, fields, 'exprList'), columns };
    case 'resolvedFilterScanNode': {
      const from = nodeOf(fields['inputScan']);
      if (from.kind !== 'resolvedTableScanNode')
        return { kind: 'filter', input: input(), condition: resolveExpr(scope, fields['filterExpr']), columns };
      const condition = resolveExpr(scope, fields['filterExpr']);
      return { kind: 'filter', input: tableScan(scope, from.fields, true, condition), condition, columns };
    }
    case 'resolvedArrayScanNode':
      return {
        kind: 'unnest',
        ...(isMessage(fields['inputScan']) ? { input: input() } : {}),
        array: resolveExpr(scope, fields['arrayExpr']),
        element: scope.column(part(fields, 'elementColumn')),
        ...(has(fields, 'arrayOffsetColumn')
          ? { offset: scope.column(part(part(fields, 'arrayOffsetColumn'), 'column')) }
          : {}),
        ...(isMessage(fields['joinExpr']) ? { condition: resolveExpr(scope, fields['joinExpr']) } : {}),
        outer: flag(fields, 'isOuter'),
        columns,
      };
    case 'resolvedJoinScanNode':
      return {
        kind: 'join',
        join: text(fields, 'joinType') as 'INNER' | 'LEFT' | 'RIGHT' | 'FULL',
        left: resolveScan(scope, fields['leftScan']),
        right: resolveScan(scope, fields['rightScan']),
        ...(isMessage(fields['joinExpr']) ? { condition: resolveExpr(scope, fields['joinExpr']) } : {}),
        columns,
      };
    case 'resolvedAggregateScanNode':
      return aggregateScan(scope, fields, columns);
    case 'resolvedOrderByScanNode':
      return { kind: 'order_by', input: input(), keys: sortKeys(scope, fields), columns };
    case 'resolvedLimitOffsetScanNode':
      return {
        kind: 'limit',
        input: input(),
        limit: resolveExpr(scope, fields['limit']),
        ...(isMessage(fields['offset']) ? { offset: resolveExpr(scope, fields['offset']) } : {}),
        columns,
      };
    case 'resolvedSetOperationScanNode': {
      const operator = SET_OPERATORS[text(fields, 'opType')];
      if (operator === undefined) throw unsupported(text(fields, 'opType').replaceAll('_', ' '));
      if (operator !== 'UNION ALL' && columns.some(({ collation }) => collation !== undefined))
        throw unsupported(`${operator} with collation`);
      return {
        kind: 'set_operation',
        operator,
        inputs: parts(fields, 'inputItemList').map((item) => setInput(scope, item)),
        columns,
      };
    }
    case 'resolvedWithScanNode':
      return {
        kind: 'with',
        recursive: flag(fields, 'recursive'),
        entries: parts(fields, 'withEntryList').map((entry) => withEntry(scope, entry)),
        body: resolveScan(scope, fields['query']),
        columns,
      };
    case 'resolvedWithRefScanNode':
      return { kind: 'with_ref', name: scope.withName(text(fields, 'withQueryName')), columns };
    case 'resolvedRecursiveScanNode':
      return {
        kind: 'recursive',
        name: innermostRecursion(scope),
        all: text(fields, 'opType') === 'UNION_ALL',
        base: setInput(scope, part(fields, 'nonRecursiveTerm')),
        step: setInput(scope, part(fields, 'recursiveTerm')),
        columns,
      };
    case 'resolvedRecursiveRefScanNode':
      return { kind: 'with_ref', name: innermostRecursion(scope), columns };
    case 'resolvedAnalyticScanNode':
      return {
        kind: 'window',
        input: input(),
        groups: parts(fields, 'functionGroupList').map((group) => windowGroup(scope, group)),
        columns,
      };
    case 'resolvedSampleScanNode':
      return sampleScan(scope, fields, columns);
    case 'resolvedTvfscanNode': {
      const rows = scope.routines?.table(fields, (argument) => resolveExpr(scope, argument), columns);
      if (rows === undefined) throw unsupported(`Table function ${text(part(fields, 'tvf'), 'name')}`);
      return rows;
    }
    default:
      throw unsupported(`Scan ${nodeName(kind)}`);
  }
}

/** A scan of a stored table, or a view's plan in its place. `condition` is that of the WHERE around it. */
export function tableScan(scope: Scope, fields: Message, isRead: boolean, condition?: Expr): Relation {
  if (isMessage(fields['forSystemTimeExpr'])) throw unsupported('FOR SYSTEM_TIME AS OF');
  const table = scope.table(part(fields, 'table'));
  if (table.unreadable !== undefined) throw table.unreadable;
  const columns = parts(fields, 'columnList').map((c) => scope.column(c));
  const indexes = items(fields, 'columnIndexList').map(Number);
  const sources = indexes.map((index) => table.columns[index]!.name);
  const suffix = columns[sources.indexOf('_TABLE_SUFFIX')];
  const info = suffix === undefined || condition === undefined ? table.info : pruned(table.info, suffix.id, condition);
  if (isRead) recordReads(scope, table, info, sources);
  requireFilter(table.info, condition);
  if (table.view === undefined) return { kind: 'table', table: info, sources, columns };
  const { relation, outputs } = table.view;
  const computed = columns.map((column, i): Computed => {
    const from = outputs[indexes[i]!]!.column;
    return { column, expr: { kind: 'column', column: from, type: from.type } };
  });
  return { kind: 'project', input: relation, computed, columns };
}

/**
 * Every table that a wildcard matches counts as read, but for the columns only those that are `left` to scan.
 * Pseudo columns are no columns of a table.
 */
function recordReads(scope: Scope, table: CatalogTable, left: TableInfo, sources: readonly string[]): void {
  const { info } = table;
  const pseudo = new Set(info.pseudoColumns?.map(({ name }) => name));
  const columns = sources.filter((name) => !pseudo.has(name));
  if (info.matched === undefined) scope.recordRead(table, columns);
  for (const { ref, suffix } of info.matched ?? []) {
    const scanned = left.matched?.some((other) => other.suffix === suffix) === true;
    scope.recordRead({ ...table, info: { ...info, ref } }, scanned ? columns : []);
  }
}

/** A wildcard table without the tables for which the condition cannot hold. */
function pruned(info: TableInfo, columnId: number, condition: Expr): TableInfo {
  const matched = info.matched?.filter(({ suffix }) => mayHold(condition, columnId, suffix));
  if (info.matched === undefined || matched === undefined || matched.length === info.matched.length) return info;
  const sql =
    matched.length === 0
      ? `SELECT * FROM (${info.matched[0]!.sql}) WHERE false`
      : matched.map((table) => table.sql).join(' UNION ALL ');
  return { ...info, matched, physicalName: `(${sql})` };
}

function requireFilter({ systemView, ref }: TableInfo, condition: Expr | undefined): void {
  if (systemView === undefined) return;
  const fixed = new Set(condition === undefined ? [] : fixedColumns(condition));
  const missing = systemView.requiredFilter.find((column) => !fixed.has(column));
  if (missing === undefined) return;
  throw invalidQuery(
    `A query of INFORMATION_SCHEMA.${ref.tableId} must have a WHERE clause that compares ${missing} with a constant, such as ${missing} = 'name'`,
  );
}

/** Columns, in lower case, that the condition holds equal to a constant. */
function fixedColumns(condition: Expr): string[] {
  if (condition.kind !== 'call') return [];
  if (condition.name === '$and') return condition.args.flatMap(fixedColumns);
  if (condition.name !== '$equal' || !condition.args.some(({ kind }) => kind === 'literal')) return [];
  return condition.args.flatMap((arg) => (arg.kind === 'column' ? [arg.column.name.toLowerCase()] : []));
}

function computedList(scope: Scope, fields: Message, key: string): Computed[] {
  return parts(fields, key).map((c) => ({
    column: scope.column(part(c, 'column')),
    expr: resolveExpr(scope, c['expr']),
  }));
}

function setInput(scope: Scope, item: Message): SetInput {
  return {
    relation: resolveScan(scope, item['scan']),
    columns: parts(item, 'outputColumnList').map((c) => scope.column(c)),
  };
}

function withEntry(scope: Scope, entry: Message): { readonly name: string; readonly query: Relation } {
  const name = scope.withName(text(entry, 'withQueryName'));
  if (nodeOf(entry['withSubquery']).kind !== 'resolvedRecursiveScanNode')
    return { name, query: resolveScan(scope, entry['withSubquery']) };
  scope.recursion.push(name);
  try {
    return { name, query: resolveScan(scope, entry['withSubquery']) };
  } finally {
    scope.recursion.pop();
  }
}

function innermostRecursion(scope: Scope): string {
  const name = scope.recursion.at(-1);
  if (name === undefined) throw unsupported('A recursive query outside of WITH RECURSIVE');
  return name;
}

/** "TABLESAMPLE operator": SYSTEM (n PERCENT) of a table. */
function sampleScan(scope: Scope, fields: Message, columns: readonly Column[]): Relation {
  if (text(fields, 'method').toUpperCase() !== 'SYSTEM' || text(fields, 'unit') !== 'PERCENT')
    throw invalidQuery('TABLESAMPLE must be of the form TABLESAMPLE SYSTEM (<percent> PERCENT)');
  if (isMessage(fields['repeatableArgument'])) throw unsupported('TABLESAMPLE … REPEATABLE');
  if (isMessage(fields['weightColumn'])) throw unsupported('TABLESAMPLE … WITH WEIGHT');
  const input = resolveScan(scope, fields['inputScan']);
  if (input.kind !== 'table') throw invalidQuery('TABLESAMPLE SYSTEM can only be applied directly to tables');
  const percent = resolveExpr(scope, fields['size']);
  const value = percent.kind === 'literal' ? Number(percent.value.value) : NaN;
  if (!(value >= 0 && value <= 100)) throw invalidQuery('TABLESAMPLE percentage must be a constant from 0 to 100');
  return { kind: 'sample', input, percent, columns };
}

function aggregateScan(scope: Scope, fields: Message, columns: readonly Column[]): Relation {
  const collations = items(fields, 'collationList').map(collationOf);
  if (items(fields, 'rollupColumnList').length > 0 && items(fields, 'groupingSetList').length === 0)
    throw unsupported('GROUP BY ROLLUP in this form');
  const relation = resolveScan(scope, fields['inputScan']);
  const given = computedList(scope, fields, 'groupByList');
  const isCollated = collations.some((collation) => collation !== undefined);
  if (isCollated && items(fields, 'groupingSetList').length > 0) throw unsupported('GROUPING SETS with collation');
  const { groupBy, aggregates } = collatedGroups(scope, given, collations);
  // What aggregate functions of SQL compute from the aggregates in their bodies.
  const afterwards: Computed[] = [];
  for (const item of parts(fields, 'aggregateList')) {
    const column = scope.column(part(item, 'column'));
    const routine = scope.routines?.aggregate(nodeOf(item['expr']).fields, (argument) => resolveExpr(scope, argument));
    aggregates.push(...(routine?.aggregates ?? [{ column, expr: resolveAggregate(scope, item['expr']) }]));
    if (routine !== undefined) afterwards.push({ column, expr: routine.expr });
  }
  const own = columns.filter((column) => !afterwards.some((later) => later.column === column));
  const inner = aggregates.map(({ column }) => column).filter((column) => !own.includes(column));
  const grouped: Relation = {
    kind: 'aggregate',
    input: relation,
    groupBy,
    aggregates,
    groupingSets: items(fields, 'groupingSetList').map((set) => {
      const node = nodeOf(set);
      if (node.kind !== 'resolvedGroupingSetNode') throw unsupported(`GROUP BY ${nodeName(node.kind).toUpperCase()}`);
      return parts(node.fields, 'groupByColumnList').map((ref) => scope.column(part(ref, 'column')));
    }),
    groupingCalls: parts(fields, 'groupingCallList').map((c) => ({
      of: scope.column(part(part(c, 'groupByColumn'), 'column')),
      output: scope.column(part(c, 'outputColumn')),
    })),
    columns: afterwards.length === 0 ? columns : [...own, ...inner],
  };
  return afterwards.length === 0 ? grouped : { kind: 'project', input: grouped, computed: afterwards, columns };
}

/** Collated keys group by their sort keys; of the texts in a group one stands for all. */
function collatedGroups(
  scope: Scope,
  given: readonly Computed[],
  collations: readonly (Collation | undefined)[],
): { readonly groupBy: Computed[]; readonly aggregates: Computed<AggregateExpr>[] } {
  const aggregates: Computed<AggregateExpr>[] = [];
  const groupBy = given.map((computed, i): Computed => {
    if (collations[i] === undefined) return computed;
    const { column, expr } = computed;
    const plain = { contextId: '', safe: false, distinct: false, orderBy: [], nulls: 'default' } as const;
    aggregates.push({ column, expr: { ...plain, name: 'any_value', args: [expr], type: expr.type } });
    return { column: scope.newColumn('collation_key', { kind: 'STRING' }), expr: collationKey(expr) };
  });
  return { groupBy, aggregates };
}

function windowGroup(scope: Scope, group: Message): WindowGroup {
  return {
    partitionBy: has(group, 'partitionBy')
      ? parts(part(group, 'partitionBy'), 'partitionByList').map((ref, i) => {
          const collation = collationOf(items(part(group, 'partitionBy'), 'collationList')[i]);
          return collation === undefined ? columnRef(scope, ref) : collationKey(columnRef(scope, ref));
        })
      : [],
    orderBy: has(group, 'orderBy') ? sortKeys(scope, part(group, 'orderBy')) : [],
    functions: parts(group, 'analyticFunctionList').map((c) => {
      const { frame, ...expr } = resolveAggregate(scope, c['expr']);
      return { column: scope.column(part(c, 'column')), expr, ...(frame === undefined ? {} : { frame }) };
    }),
  };
}

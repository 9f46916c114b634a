// `require_partition_filter`: a statement that reads such a table must compare its partitioning
// column with something, in a condition that every row has to meet.
// Source: "Require a partition filter in queries".
import { invalidQuery } from '../analyzer/analyzer-error.ts';
import type { Column, Expr, Relation } from '../ir.ts';

const COMPARISONS = new Set([
  '$equal',
  '$less',
  '$less_or_equal',
  '$greater',
  '$greater_or_equal',
  '$between',
  '$in',
  '$in_array',
  '$is_null',
]);

type Scan = Extract<Relation, { kind: 'table' }>;

/** `plan` is any part of a statement's intermediate representation. Throws with BigQuery's text. */
export function requirePartitionFilters(...plan: readonly unknown[]): void {
  const found = new Found();
  for (const part of plan) found.collect(part);
  for (const scan of found.scans) found.require(scan);
}

class Found {
  readonly scans: Scan[] = [];
  readonly #conditions: Expr[] = [];
  /** The columns of which a column is a copy, by id. */
  readonly #copies = new Map<number, number[]>();
  readonly #entries = new Map<string, readonly Column[]>();
  readonly #seen = new Set<object>();

  collect(part: unknown): void {
    if (typeof part !== 'object' || part === null || this.#seen.has(part)) return;
    this.#seen.add(part);
    if (Array.isArray(part)) {
      for (const item of part) this.collect(item);
      return;
    }
    const node = part as Readonly<Record<string, unknown>>;
    // What the catalog says of a table is no part of the plan.
    if (node['kind'] === 'table' && 'sources' in node) {
      const scan = part as Scan;
      if (scan.table.requiredPartitionFilter !== undefined) this.scans.push(scan);
      return;
    }
    this.#note(node);
    for (const value of Object.values(node)) this.collect(value);
  }

  #note(node: Readonly<Record<string, unknown>>): void {
    const { condition, column, expr, kind } = node;
    if (isExpr(condition)) this.#conditions.push(condition);
    if (isColumn(column) && isExpr(expr) && expr.kind === 'column') this.#copy(column, expr.column);
    if (typeof node['name'] === 'string' && isRelation(node['query']))
      this.#entries.set(node['name'], node['query'].columns);
    if (kind === 'with_ref') {
      const from = this.#entries.get(String(node['name'])) ?? [];
      (node['columns'] as readonly Column[]).forEach((own, i) => this.#copy(own, from[i]));
    }
    if (kind === 'set_operation') {
      const { columns, inputs } = node as unknown as Extract<Relation, { kind: 'set_operation' }>;
      for (const input of inputs) columns.forEach((own, i) => this.#copy(own, input.columns[i]));
    }
  }

  #copy(own: Column, from: Column | undefined): void {
    if (from === undefined || from.id === own.id) return;
    this.#copies.set(own.id, [...(this.#copies.get(own.id) ?? []), from.id]);
  }

  require(scan: Scan): void {
    const { requiredPartitionFilter: names = [], ref } = scan.table;
    const wanted = new Set(names.map((name) => name.toLowerCase()));
    const ids = new Set(
      scan.columns.filter((_, i) => wanted.has(scan.sources[i]!.toLowerCase())).map((column) => column.id),
    );
    if (this.#conditions.some((condition) => this.#constrains(condition, ids))) return;
    const shown = names.length > 1 ? ['_PARTITION_LOAD_TIME', ...names] : names;
    throw invalidQuery(
      `Cannot query over table '${ref.projectId}.${ref.datasetId}.${ref.tableId}' without a filter over column(s) ${shown
        .map((name) => `'${name}'`)
        .join(', ')} that can be used for partition elimination`,
    );
  }

  #constrains(condition: Expr, ids: ReadonlySet<number>): boolean {
    if (condition.kind === 'in_subquery') return this.#mentions(condition.needle, ids);
    if (condition.kind !== 'call') return false;
    if (condition.name === '$and') return condition.args.some((arg) => this.#constrains(arg, ids));
    if (condition.name === '$or') return condition.args.every((arg) => this.#constrains(arg, ids));
    if (condition.name === '$not')
      return condition.args.some(
        (arg) => arg.kind === 'call' && arg.name === '$is_null' && this.#mentions(arg.args[0]!, ids),
      );
    return COMPARISONS.has(condition.name) && condition.args.some((arg) => this.#mentions(arg, ids));
  }

  #mentions(expr: Expr, ids: ReadonlySet<number>): boolean {
    switch (expr.kind) {
      case 'column':
        return this.#is(expr.column.id, ids, 0);
      case 'call':
        return expr.args.some((arg) => this.#mentions(arg, ids));
      case 'cast':
        return this.#mentions(expr.input, ids);
      default:
        return false;
    }
  }

  #is(id: number, ids: ReadonlySet<number>, depth: number): boolean {
    if (ids.has(id)) return true;
    return depth < 50 && (this.#copies.get(id) ?? []).some((from) => this.#is(from, ids, depth + 1));
  }
}

function isExpr(value: unknown): value is Expr {
  return typeof value === 'object' && value !== null && 'kind' in value && 'type' in value;
}

function isColumn(value: unknown): value is Column {
  return typeof value === 'object' && value !== null && 'id' in value && 'name' in value;
}

function isRelation(value: unknown): value is Relation {
  return typeof value === 'object' && value !== null && 'kind' in value && 'columns' in value;
}

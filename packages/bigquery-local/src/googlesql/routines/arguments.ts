// The arguments of a call in the place of the names in a body. One that is dear, or random, and used more than
// once is computed first and used by its name.
import { unsupported } from '../analyzer/analyzer-error.ts';
import type { Column, Computed, Expr, Relation } from '../ir.ts';
import { isMessage, text } from '../resolve/message.ts';
import type { GType } from '../types.ts';
import { JAVASCRIPT_CALL } from './javascript/name.ts';

const RANDOM = new Set(['rand', 'generate_uuid']);
/** Parts of an argument times its uses, up to which it is written out each time: DuckDB computes equal expressions once. */
const MAX_REPEATED = 64;

/** How often a body uses each argument, by name in lower case. */
export type ArgumentUse = ReadonlyMap<string, { readonly count: number; readonly inSubquery: boolean }>;

type Named = {
  readonly name: string;
  readonly properties: { readonly arguments: readonly { readonly name: string }[] };
};

export function argumentUse(body: unknown): ArgumentUse {
  const uses = new Map<string, { count: number; inSubquery: boolean }>();
  const walk = (value: unknown, inSubquery: boolean): void => {
    if (Array.isArray(value)) {
      for (const item of value) walk(item, inSubquery);
      return;
    }
    if (!isMessage(value)) return;
    if (value['node'] === 'resolvedArgumentRefNode' && isMessage(value['resolvedArgumentRefNode'])) {
      const name = text(value['resolvedArgumentRefNode'], 'name').toLowerCase();
      const use = uses.get(name) ?? { count: 0, inSubquery: false };
      uses.set(name, { count: use.count + 1, inSubquery: use.inSubquery || inSubquery });
      return;
    }
    const inner = inSubquery || value['node'] === 'resolvedSubqueryExprNode';
    for (const item of Object.values(value)) if (typeof item === 'object') walk(item, inner);
  };
  walk(body, false);
  return uses;
}

/** `lets` are to be computed before, with `withLets`; there are none for a relation, whose rows cannot be bound. */
export function bindArguments(
  callee: Named,
  uses: ArgumentUse,
  args: readonly Expr[],
  newColumn: ((name: string, type: GType) => Column) | undefined,
): { readonly values: ReadonlyMap<string, Expr>; readonly lets: readonly Computed[] } {
  const values = new Map<string, Expr>();
  const lets: Computed[] = [];
  callee.properties.arguments.forEach(({ name }, i) => {
    const expr = args[i];
    if (expr === undefined) throw new Error(`Argument ${name} of ${callee.name} is missing.`);
    const key = name.toLowerCase();
    const use = uses.get(key) ?? { count: 0, inSubquery: false };
    const once = use.count === 0 || (use.count === 1 && !use.inSubquery);
    if (holds(expr, isRandom) && !(once && newColumn !== undefined))
      throw unsupported(
        `A random value as argument ${name} of ${callee.name}, which uses it in several places or in a subquery,`,
      );
    const cheap = !holds(expr, isDear) && sizeOf(expr) * use.count <= MAX_REPEATED;
    if (once || cheap || newColumn === undefined) {
      values.set(key, expr);
      return;
    }
    const column = newColumn(name, expr.type);
    lets.push({ column, expr });
    values.set(key, { kind: 'column', column, type: expr.type });
  });
  return { values, lets };
}

/** The expression, where the columns of `lets` stand for their values. */
export function withLets(
  lets: readonly Computed[],
  body: Expr,
  newColumn: (name: string, type: GType) => Column,
): Expr {
  if (lets.length === 0) return body;
  const columns = lets.map(({ column }) => column);
  const values: Relation = { kind: 'project', input: { kind: 'one_row', columns: [] }, computed: lets, columns };
  const result = newColumn('result', body.type);
  return {
    kind: 'scalar_subquery',
    relation: { kind: 'project', input: values, computed: [{ column: result, expr: body }], columns: [result] },
    type: body.type,
  };
}

function isRandom(expr: Expr): boolean {
  return expr.kind === 'call' && RANDOM.has(expr.name);
}

function isDear(expr: Expr): boolean {
  return (expr.kind === 'call' && expr.name === JAVASCRIPT_CALL) || 'relation' in expr;
}

function sizeOf(expr: Expr): number {
  return 1 + inner(expr).reduce((sum, part) => sum + sizeOf(part), 0);
}

/** Whether a part of the expression has the property; the relations of subqueries are not looked into. */
function holds(expr: Expr, property: (part: Expr) => boolean): boolean {
  return property(expr) || inner(expr).some((part) => holds(part, property));
}

function inner(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'call':
      return expr.args;
    case 'struct':
      return expr.fields;
    case 'cast':
    case 'field':
    case 'json_field':
      return [expr.input];
    case 'in_subquery':
      return [expr.needle];
    default:
      return [];
  }
}

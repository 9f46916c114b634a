// Comparison of structs, rewritten field by field: GoogleSQL answers NULL where the fields
// that decide are NULL, DuckDB takes NULL fields for equal.
import type { Expr } from '../ir.ts';
import type { GType } from '../types.ts';

type CallExpr = Extract<Expr, { kind: 'call' }>;

const BOOL: GType = { kind: 'BOOL' };

/** The call in terms of field comparisons; undefined when it compares no structs. */
export function compareStructs(expr: CallExpr): Expr | undefined {
  const [first] = expr.args;
  if (first?.type.kind !== 'STRUCT') return undefined;
  switch (expr.name) {
    case '$equal':
      return equalStructs(first, expr.args[1]!);
    case '$not_equal':
      return call('$not', [equalStructs(first, expr.args[1]!)]);
    case '$in':
      return fold(
        '$or',
        expr.args.slice(1).map((other) => equalStructs(first, other)),
      );
    case '$case_with_value': {
      const args: Expr[] = [];
      let i = 1;
      for (; i + 1 < expr.args.length; i += 2) args.push(equalStructs(first, expr.args[i]!), expr.args[i + 1]!);
      if (i < expr.args.length) args.push(expr.args[i]!);
      return call('$case_no_value', args, expr.type);
    }
    case 'nullif':
      return call(
        'if',
        [
          equalStructs(first, expr.args[1]!),
          { kind: 'literal', type: expr.type, value: { type: expr.type, value: null } },
          first,
        ],
        expr.type,
      );
    default:
      return undefined;
  }
}

function equalStructs(left: Expr, right: Expr): Expr {
  if (left.type.kind !== 'STRUCT') return call('$equal', [left, right]);
  const { fields } = left.type;
  return fold(
    '$and',
    fields.map((_, i) => equalStructs(fieldOf(left, i), fieldOf(right, i))),
  );
}

function fieldOf(struct: Expr, index: number): Expr {
  if (struct.kind === 'struct') return struct.fields[index]!;
  if (struct.type.kind !== 'STRUCT') throw new Error('Not a struct');
  return { kind: 'field', input: struct, index, type: struct.type.fields[index]!.type };
}

function fold(name: string, terms: readonly Expr[]): Expr {
  if (terms.length === 1) return terms[0]!;
  return call(name, terms);
}

function call(name: string, args: readonly Expr[], type: GType = BOOL): Expr {
  return { kind: 'call', name, args, contextId: '', safe: false, type };
}

// A relation whose rows no condition of the query around it is evaluated on before those within.
import type { Expr, Relation } from './ir.ts';

const ALL_ROWS: Expr = {
  kind: 'literal',
  value: { type: { kind: 'INT64' }, value: 2n ** 62n },
  type: { kind: 'INT64' },
};

/**
 * The same rows. No condition of the query may be evaluated before those within: its errors
 * would tell of rows that they hide. DuckDB moves none below a LIMIT.
 */
export function barrier(input: Relation): Relation {
  return { kind: 'limit', input, limit: ALL_ROWS, columns: input.columns };
}

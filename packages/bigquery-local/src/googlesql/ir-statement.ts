// The intermediate representation of statements that change data.
import type { Column, Expr, QueryPlan, Relation } from './ir.ts';
import type { TableInfo } from './statement.ts';

/** A new value of one stored column of the target. */
export type Assignment = { readonly column: string; readonly value: Expr };

/** The target as a relation, with DuckDB's row id as one more column. */
export type Target = { readonly table: TableInfo; readonly relation: Relation; readonly rowId: Column };

export type MergeClause = {
  readonly match: 'MATCHED' | 'NOT_MATCHED_BY_SOURCE' | 'NOT_MATCHED_BY_TARGET';
  readonly condition?: Expr;
} & (
  | { readonly action: 'INSERT'; readonly assignments: readonly Assignment[] }
  | { readonly action: 'UPDATE'; readonly assignments: readonly Assignment[] }
  | { readonly action: 'DELETE' }
);

export type DmlPlan =
  | {
      readonly kind: 'INSERT';
      readonly table: TableInfo;
      readonly columns: readonly string[];
      readonly rows:
        | { readonly kind: 'values'; readonly rows: readonly (readonly Expr[])[] }
        | { readonly kind: 'query'; readonly query: QueryPlan };
      /** Columns that the statement leaves out and that have a default. */
      readonly defaults: readonly Assignment[];
    }
  | {
      readonly kind: 'UPDATE';
      readonly target: Target;
      readonly from?: Relation;
      readonly condition: Expr;
      readonly assignments: readonly Assignment[];
    }
  | { readonly kind: 'DELETE'; readonly target: Target; readonly condition: Expr }
  | {
      readonly kind: 'MERGE';
      readonly target: Target;
      readonly source: Relation;
      readonly condition: Expr;
      readonly clauses: readonly MergeClause[];
    }
  | { readonly kind: 'TRUNCATE_TABLE'; readonly table: TableInfo };

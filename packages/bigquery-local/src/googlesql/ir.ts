// The intermediate representation between the analyser and DuckDB: typed expressions and
// relations whose columns have ids that are unique in the statement. It knows neither the
// analyser's protocol buffers (resolve/ does) nor DuckDB's SQL (compile/ does).
import type { TableInfo } from './statement.ts';
import type { GType, TypedValue } from './types.ts';
import type { TypeParameters } from './values/type-parameters.ts';

/** A column of a relation. `name` is for people only. */
export type Column = {
  readonly id: number;
  readonly name: string;
  readonly type: GType;
  /** How texts of it compare, where case does not matter. */
  readonly collation?: 'und:ci';
};

export type Expr =
  | { readonly kind: 'literal'; readonly value: TypedValue; readonly type: GType }
  | { readonly kind: 'column'; readonly column: Column; readonly type: GType }
  | {
      readonly kind: 'call';
      /** Lower case, without its group: `upper`, `$add`. */
      readonly name: string;
      readonly args: readonly Expr[];
      readonly contextId: string;
      readonly safe: boolean;
      readonly type: GType;
    }
  | {
      readonly kind: 'cast';
      readonly input: Expr;
      readonly safe: boolean;
      readonly format?: Expr;
      /** AT TIME ZONE of a FORMAT. */
      readonly timeZone?: Expr;
      /** `CAST(x AS STRING(10))`. */
      readonly parameters?: TypeParameters;
      readonly type: GType;
    }
  | { readonly kind: 'struct'; readonly fields: readonly Expr[]; readonly type: GType }
  | { readonly kind: 'field'; readonly input: Expr; readonly index: number; readonly type: GType }
  | { readonly kind: 'json_field'; readonly input: Expr; readonly name: string; readonly type: GType }
  | {
      readonly kind: 'scalar_subquery' | 'array_subquery' | 'exists';
      readonly relation: Relation;
      readonly type: GType;
    }
  | { readonly kind: 'in_subquery'; readonly needle: Expr; readonly relation: Relation; readonly type: GType }
  /** The DEFAULT of an INSERT or UPDATE. */
  | { readonly kind: 'default'; readonly type: GType };

export type SortKey = { readonly expr: Expr; readonly descending: boolean; readonly nullsFirst: boolean };

export type Computed<E = Expr> = { readonly column: Column; readonly expr: E };

/** A call of an aggregate or window function. */
export type AggregateExpr = {
  readonly name: string;
  readonly args: readonly Expr[];
  readonly contextId: string;
  readonly safe: boolean;
  readonly type: GType;
  readonly distinct: boolean;
  readonly orderBy: readonly SortKey[];
  readonly limit?: Expr;
  readonly nulls: 'respect' | 'ignore' | 'default';
  readonly having?: { readonly kind: 'max' | 'min'; readonly expr: Expr };
};

export type FrameBound =
  | { readonly kind: 'unbounded_preceding' | 'current_row' | 'unbounded_following' }
  | { readonly kind: 'preceding' | 'following'; readonly offset: Expr };

export type Frame = { readonly unit: 'ROWS' | 'RANGE'; readonly start: FrameBound; readonly end: FrameBound };

export type WindowGroup = {
  readonly partitionBy: readonly Expr[];
  readonly orderBy: readonly SortKey[];
  readonly functions: readonly (Computed<AggregateExpr> & { readonly frame?: Frame })[];
};

export type SetOperator = 'UNION ALL' | 'UNION' | 'EXCEPT' | 'INTERSECT';

/** One input of a set operation; `columns` are in the order of the operation's own columns. */
export type SetInput = { readonly relation: Relation; readonly columns: readonly Column[] };

type RelationShape =
  | { readonly kind: 'one_row' }
  /** `sources[i]` is the stored column of `columns[i]`. `rowId` gives DuckDB's row id as one more column (DML). */
  | { readonly kind: 'table'; readonly table: TableInfo; readonly sources: readonly string[]; readonly rowId?: Column }
  | { readonly kind: 'project'; readonly input: Relation; readonly computed: readonly Computed[] }
  | { readonly kind: 'filter'; readonly input: Relation; readonly condition: Expr }
  | {
      readonly kind: 'unnest';
      readonly input?: Relation;
      readonly array: Expr;
      readonly element: Column;
      readonly offset?: Column;
      readonly condition?: Expr;
      readonly outer: boolean;
    }
  | {
      readonly kind: 'join';
      readonly join: 'INNER' | 'LEFT' | 'RIGHT' | 'FULL';
      readonly left: Relation;
      readonly right: Relation;
      readonly condition?: Expr;
    }
  | {
      readonly kind: 'aggregate';
      readonly input: Relation;
      readonly groupBy: readonly Computed[];
      readonly aggregates: readonly Computed<AggregateExpr>[];
      /** Each set is a list of columns of `groupBy`. Empty: plain grouping. */
      readonly groupingSets: readonly (readonly Column[])[];
      readonly groupingCalls: readonly { readonly of: Column; readonly output: Column }[];
    }
  | { readonly kind: 'order_by'; readonly input: Relation; readonly keys: readonly SortKey[] }
  /** About this share of the rows, in percent: which ones is left to chance. */
  | { readonly kind: 'sample'; readonly input: Relation; readonly percent: Expr }
  | { readonly kind: 'limit'; readonly input: Relation; readonly limit: Expr; readonly offset?: Expr }
  | { readonly kind: 'set_operation'; readonly operator: SetOperator; readonly inputs: readonly SetInput[] }
  | {
      readonly kind: 'with';
      readonly entries: readonly { readonly name: string; readonly query: Relation }[];
      readonly recursive: boolean;
      readonly body: Relation;
    }
  /** A reference to a WITH entry: its columns are those of the entry's query, by position. */
  | { readonly kind: 'with_ref'; readonly name: string }
  /** Stands only as the query of a WITH entry; the recursive term refers to it by `with_ref` of its name. */
  | {
      readonly kind: 'recursive';
      readonly name: string;
      readonly all: boolean;
      readonly base: SetInput;
      readonly step: SetInput;
    }
  | { readonly kind: 'window'; readonly input: Relation; readonly groups: readonly WindowGroup[] };

/** `columns` may hold a column twice where the query selects it twice. */
export type Relation = RelationShape & { readonly columns: readonly Column[] };

type Output = { readonly name: string; readonly column: Column };

export type QueryPlan = {
  readonly relation: Relation;
  readonly outputs: readonly Output[];
  /** SELECT AS STRUCT or AS VALUE: one output column is the whole row. */
  readonly valueTable: boolean;
};

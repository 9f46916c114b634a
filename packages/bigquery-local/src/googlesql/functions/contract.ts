// What the compiler asks of the function library: DuckDB SQL for one call whose
// arguments are already DuckDB SQL with known GoogleSQL types.
import type { GType, TypedValue } from '../types.ts';

/** One argument: SQL that may be repeated only if `simple`; otherwise bind it once (a lambda or a lateral). */
export type Arg = {
  readonly sql: string;
  readonly type: GType;
  /** Set when the argument is a literal or a bound constant. */
  readonly constant?: TypedValue;
};

export type Call = {
  /** Lower case, as the analyser names it without its group: `upper`, `$add`, `date_diff`. */
  readonly name: string;
  readonly args: readonly Arg[];
  readonly type: GType;
  /** The overload, as ZetaSQL's `signature.contextId`. */
  readonly contextId?: string;
};

/** Returns DuckDB SQL, in parentheses where precedence could matter. Throws `unsupportedFunction` for an overload that it does not have. */
export type ScalarFunction = (call: Call) => string;

export type AggregateCall = Call & {
  readonly distinct: boolean;
  /** Already DuckDB SQL: `x DESC NULLS LAST, …`; empty when there is none. */
  readonly orderBy: string;
  readonly limit?: number;
  readonly nulls: 'respect' | 'ignore' | 'default';
  /** ANY_VALUE(x HAVING MAX y). */
  readonly having?: { readonly kind: 'max' | 'min'; readonly arg: Arg };
  /** DuckDB SQL of the window: `PARTITION BY … ORDER BY … ROWS …`; undefined when this is a plain aggregate. */
  readonly over?: string;
};

/** Aggregates and window functions. Must append `OVER (${over})` itself when `over` is set. */
export type AggregateFunction = (call: AggregateCall) => string;

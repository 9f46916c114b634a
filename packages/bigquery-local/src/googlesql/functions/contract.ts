// What the compiler asks of the function library: DuckDB SQL for one call whose
// arguments are already DuckDB SQL with known GoogleSQL types.
//
// Conventions between the compiler and the library:
// - Date parts (ENUM literals of the analyser) come as arguments of type STRING with
//   a STRING constant, the part's name in upper case: DAY, WEEK, WEEK_MONDAY, ISOYEAR;
//   see `datePartName`. Other enums (normalisation modes) likewise: NFC, NFKC, ….
// - CURRENT_TIMESTAMP, CURRENT_DATE, CURRENT_DATETIME and CURRENT_TIME get the
//   statement's time as one more argument at the end, of type TIMESTAMP.
// - SESSION_USER gets the caller's e-mail as its one argument, of type STRING.
// - A `SAFE.` call is the compiler's: it evaluates the arguments first and wraps the rest in TRY(…). Library SQL holds
//   nothing that TRY refuses, save RAND and GENERATE_UUID, which are volatile.
// - The fields of a STRUCT are named f0, f1, … in DuckDB.
// - `$make_array`, `$get_struct_field` and struct construction are the compiler's;
//   `$case_no_value`, `$case_with_value`, `if`, `$in`, `$in_array` the library's.
import type { GType, TypedValue } from '../types.ts';

/** One argument. A function may use `sql` more than once only through `bind`, which names it first when that would be dear. */
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

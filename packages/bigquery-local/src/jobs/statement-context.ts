// What surrounds a statement that a script or a session runs: its variables, its temporary
// tables, the transaction that is open.
import type { TypedValue } from '../googlesql/types.ts';
import type { TemporaryTables } from './script/temporary-tables.ts';
import type { StorageTransaction } from './script/storage-transaction.ts';

export type StatementContext = {
  /** By name in lower case. */
  readonly variables: ReadonlyMap<string, TypedValue>;
  /** By path in lower case, without `@@`. */
  readonly systemVariables: ReadonlyMap<string, TypedValue>;
  readonly temporary?: TemporaryTables;
  readonly transaction?: StorageTransaction;
  readonly outputTypes?: readonly TypedValue['type'][];
};

// BigQuery's arrays may hold NULL while a query runs, but not in its result nor in a table.
import type { GType } from '../types.ts';
import { quoteText } from '../values/literal.ts';

/** The value of a result or stored column; an array with a NULL in it is an error when the statement runs. `sql` is a plain name. */
export function writtenValue(sql: string, type: GType, field: string): string {
  if (type.kind !== 'ARRAY') return sql;
  const message = quoteText(`Array cannot have a null element; error in writing field ${field}`);
  return `CASE WHEN list_count(${sql}) <> len(${sql}) THEN error(${message}) ELSE ${sql} END`;
}

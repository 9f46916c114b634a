// Names and lists of columns in the generated SQL.
import type { Column, SetInput } from '../ir.ts';
import type { CompileContext } from './context.ts';

/** A relation without columns still has rows: they hold this. */
export const NO_COLUMNS = '1 AS d';

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function unique(columns: readonly Column[]): Column[] {
  const seen = new Set<number>();
  return columns.filter((c) => !seen.has(c.id) && seen.add(c.id));
}

export function selectList(columns: readonly Column[], computed: ReadonlyMap<number, string> = new Map()): string {
  if (columns.length === 0) return NO_COLUMNS;
  return unique(columns)
    .map((c) => {
      const sql = computed.get(c.id);
      return sql === undefined ? columnName(c) : `${sql} AS ${columnName(c)}`;
    })
    .join(', ');
}

/** Every column is named after its id, which no other column of the statement has. */
export function columnName(column: { readonly id: number }): string {
  return `c${column.id}`;
}

/** The columns of one input, by position, under the names of `outputs` if given. */
export function compileSetInput(context: CompileContext, input: SetInput, outputs?: readonly Column[]): string {
  const list = input.columns.map((c, i) =>
    outputs === undefined ? columnName(c) : `${columnName(c)} AS ${columnName(outputs[i]!)}`,
  );
  return `SELECT ${list.length === 0 ? NO_COLUMNS : list.join(', ')} FROM (${context.subqueries.relation(context, input.relation)})`;
}

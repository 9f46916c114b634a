// DEFAULT values of columns that a load, a query's append or a streaming insert leaves out.
// Source: "Specify default column values".
import type { Table } from '../catalog/tables.ts';
import type { Services } from '../services.ts';

/** Columns that are filled with their default, and the DuckDB expressions of it, in one order. */
export type LeftOut = { readonly names: readonly string[]; readonly values: readonly string[] };

/** `given`: names, in any case, of the columns that have values. `email` is the caller, for SESSION_USER(). */
export async function leftOutDefaults(
  services: Services,
  email: string,
  table: Table,
  given: readonly string[],
): Promise<LeftOut> {
  const names = new Set(given.map((name) => name.toLowerCase()));
  const fields = table.properties.schema.fields.filter(
    (field) => field.defaultValueExpression !== undefined && !names.has(field.name.toLowerCase()),
  );
  if (fields.length === 0) return { names: [], values: [] };
  const values = await services.sql.defaults({ ref: table.ref, kind: 'TABLE', fields }, email);
  return {
    names: fields.map((field) => field.name),
    values: fields.map((field) => values.get(field.name.toLowerCase()) ?? 'NULL'),
  };
}

/** The query with the left-out columns behind its own, each value worked out for each row. */
export function withDefaults(sql: string, { values }: LeftOut): string {
  return values.length === 0 ? sql : `SELECT given.*, ${values.join(', ')} FROM (${sql}) AS given`;
}

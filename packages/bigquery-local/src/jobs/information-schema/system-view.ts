// What a view of INFORMATION_SCHEMA is: its columns, where it may be asked for, and a function
// that gives the rows that one caller may see. A query reads the rows as one constant.
import type { Principal } from '../../access/decision.ts';
import type { Dataset } from '../../catalog/datasets.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import type { GType } from '../../googlesql/types.ts';
import { duckdbType } from '../../googlesql/values/physical.ts';
import { fieldOf } from '../../googlesql/values/schema.ts';
import type { Services } from '../../services.ts';
import { identifier, literal } from '../../storage/duckdb.ts';

/** TIMESTAMP as milliseconds since 1970; INT64 as number or bigint; JSON as text; ARRAY and STRUCT as arrays. */
export type Cell = string | number | bigint | boolean | null | undefined | readonly Cell[];

export type Column = { readonly name: string; readonly type: GType };

export type ViewScope = {
  readonly services: Services;
  readonly principal: Principal;
  readonly projectId: string;
  readonly location: string;
  /** Of a view that is qualified with a dataset. */
  readonly dataset: Dataset | undefined;
};

export type SystemView = {
  readonly columns: readonly Column[];
  /** `region` also without one, when `defaultsToUs`. */
  readonly qualifiers: readonly ('dataset' | 'region')[];
  readonly defaultsToUs?: boolean;
  /** Columns, in lower case, that a WHERE clause must compare with constants for equality. */
  readonly requiredFilter?: readonly string[];
  /** What the caller needs on the dataset. Of a region, a view shows the rows of what the caller may see. */
  readonly permission?: string;
  /** What the caller needs on the project. */
  readonly projectPermission?: string;
  rows(scope: ViewScope): readonly (readonly Cell[])[] | Promise<readonly (readonly Cell[])[]>;
};

/** Rows that a query can hold as a constant. */
export const MAX_ROWS = 200_000;

/** `a STRING, n INT64` as columns; types without parameters only. */
export function columnsOf(text: string): Column[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [name = '', kind = ''] = part.split(/\s+/);
      return { name, type: { kind } as GType };
    });
}

export const STRING: GType = { kind: 'STRING' };

export function structOf(text: string): GType {
  return { kind: 'STRUCT', fields: columnsOf(text) };
}

export function fieldsOf(view: SystemView): FieldSchema[] {
  return view.columns.map(fieldOf);
}

/** A DuckDB subquery with the rows, its columns named as those of the view. */
export function rowsSql(name: string, columns: readonly Column[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length > MAX_ROWS)
    throw new BigQueryError(
      'resourcesExceeded',
      `INFORMATION_SCHEMA.${name} has more than ${MAX_ROWS} rows: the local BigQuery supports no more.`,
    );
  const list = columns.map(
    ({ name: column, type }, i) => `CAST(r.c${i} AS ${duckdbType(type)}) AS ${identifier(column)}`,
  );
  const shape = Object.fromEntries(columns.map(({ type }, i) => [`c${i}`, shapeOf(type)]));
  const data = rows.map((row) =>
    Object.fromEntries(columns.map(({ type }, i) => [`c${i}`, jsonOf(row[i] ?? null, type)])),
  );
  const json = literal(JSON.stringify(data));
  return `(SELECT ${list.join(', ')} FROM (SELECT unnest(from_json(${json}, ${literal(JSON.stringify([shape]))})) AS r))`;
}

function shapeOf(type: GType): unknown {
  if (type.kind === 'ARRAY') return [shapeOf(type.element)];
  if (type.kind === 'STRUCT') return Object.fromEntries(type.fields.map((field, i) => [`f${i}`, shapeOf(field.type)]));
  return 'VARCHAR';
}

function jsonOf(cell: Cell, type: GType): unknown {
  if (cell === null || cell === undefined) return null;
  if (type.kind === 'ARRAY') return (cell as readonly Cell[]).map((item) => jsonOf(item, type.element));
  if (type.kind === 'STRUCT') {
    const items = cell as readonly Cell[];
    return Object.fromEntries(type.fields.map((field, i) => [`f${i}`, jsonOf(items[i] ?? null, field.type)]));
  }
  if (type.kind === 'TIMESTAMP') return new Date(Number(cell)).toISOString().replace('Z', '+00');
  return typeof cell === 'string' ? cell : String(cell);
}

// The columns that a read session returns: the table's schema cut down to the selected
// fields, and the SQL that takes them from DuckDB.
// Source: ReadSession.TableReadOptions.selected_fields of the Storage API.
import { BigQueryError } from '../bigquery-error.ts';
import type { FieldSchema } from '../catalog/schema.ts';
import type { ScalarKind } from '../googlesql/types.ts';
import { typeOfField } from '../googlesql/values/schema.ts';

export type ReadColumn = {
  readonly name: string;
  readonly type: ScalarKind | 'STRUCT' | 'RANGE';
  readonly required: boolean;
  readonly repeated: boolean;
  /** Of a STRUCT; of a RANGE its start and end. */
  readonly fields: readonly ReadColumn[];
};

export type Selection = {
  readonly columns: readonly ReadColumn[];
  /** For each column its value, given the SQL of the whole column by its place in the table. */
  readonly sql: (columnSql: (index: number) => string) => readonly string[];
  /** Names of the table's columns that are read. */
  readonly names: readonly string[];
};

/** A field and, for a STRUCT of which not everything is selected, the parts that are. */
type Picked = { readonly index: number; readonly column: ReadColumn; readonly parts: readonly Picked[] | undefined };

/** All fields when no names are given. Throws `invalid` for a name that the table does not have. */
export function select(fields: readonly FieldSchema[], names: readonly string[]): Selection {
  const wanted = names.map((name) => ({ path: name.toLowerCase().split('.'), name }));
  const unknown = wanted.filter(({ path }) => !exists(fields, path));
  if (unknown.length > 0) {
    throw new BigQueryError(
      'invalid',
      `request failed: The following selected fields do not exist in the table schema: ${unknown.map(({ name }) => name).join(', ')}`,
    );
  }
  const picked = pick(fields, names.length === 0 ? undefined : wanted.map(({ path }) => path));
  return {
    columns: picked.map(({ column }) => column),
    names: picked.map(({ index }) => fields[index]!.name),
    sql: (columnSql) => picked.map((one) => valueSql(columnSql(one.index), one, 0)),
  };
}

function exists(fields: readonly FieldSchema[], path: readonly string[]): boolean {
  const field = fields.find(({ name }) => name.toLowerCase() === path[0]);
  if (field === undefined) return false;
  return path.length === 1 || exists(field.fields ?? [], path.slice(1));
}

function pick(fields: readonly FieldSchema[], paths: readonly (readonly string[])[] | undefined): Picked[] {
  return fields.flatMap((field, index): Picked[] => {
    const mine = paths?.filter(([first]) => first === field.name.toLowerCase());
    if (mine?.length === 0) return [];
    if (mine === undefined || mine.some((path) => path.length === 1))
      return [{ index, column: columnOf(field), parts: undefined }];
    const parts = pick(
      field.fields ?? [],
      mine.map((path) => path.slice(1)),
    );
    return [{ index, column: { ...columnOf(field), fields: parts.map(({ column }) => column) }, parts }];
  });
}

function valueSql(sql: string, { column, parts }: Picked, depth: number): string {
  if (parts === undefined) return sql;
  const packed = (value: string): string => {
    const fields = parts.map(
      (part, i) => `f${i} := ${valueSql(`struct_extract(${value}, 'f${part.index}')`, part, depth + 1)}`,
    );
    return `CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`;
  };
  const item = `x${depth}`;
  return column.repeated ? `list_transform(${sql}, lambda ${item}: ${packed(item)})` : packed(sql);
}

function columnOf(field: FieldSchema): ReadColumn {
  const type = typeOfField({ ...field, mode: 'NULLABLE' });
  const base = { name: field.name, required: field.mode === 'REQUIRED', repeated: field.mode === 'REPEATED' };
  if (type.kind === 'ARRAY') throw new BigQueryError('internalError', `Field ${field.name} is an array of arrays.`);
  if (type.kind === 'STRUCT') return { ...base, type: 'STRUCT', fields: (field.fields ?? []).map(columnOf) };
  if (type.kind === 'RANGE') {
    const { kind } = type.element;
    if (kind !== 'DATE' && kind !== 'DATETIME' && kind !== 'TIMESTAMP')
      throw new BigQueryError('internalError', `Field ${field.name} is a range of ${kind}.`);
    const end = { type: kind, required: false, repeated: false, fields: [] } as const;
    return {
      ...base,
      type: 'RANGE',
      fields: [
        { name: 'start', ...end },
        { name: 'end', ...end },
      ],
    };
  }
  return { ...base, type: type.kind, fields: [] };
}

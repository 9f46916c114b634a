// Values on the way into a result or a table, and stored values on the way out. BigQuery's arrays may hold
// NULL while a query runs, but not in its result nor in a table; a stored NULL array is an empty one.
import type { FieldSchema } from '../../catalog/schema.ts';
import type { GType } from '../types.ts';
import { quoteText } from '../values/literal.ts';
import { fieldSql, raise } from '../values/sql-text.ts';
import { fittedValue, parametersOfField } from '../values/type-parameters.ts';

type Check = { readonly condition: string; readonly message: string };

/**
 * The value of a result or stored column, fit for a parameterized type. An array with a NULL in it, at any depth, is an error when the statement
 * runs, and so is NULL in a REQUIRED field of a STRUCT, where `schema` tells of one. `sql` must be simple.
 */
export function writtenValue(sql: string, type: GType, field: string, schema?: FieldSchema): string {
  const checks = checksOf(sql, type, field, schema, 0);
  const fitted = fittedField(sql, type, field, schema);
  if (checks.length === 0) return fitted;
  const branches = checks.map(({ condition, message }) => `WHEN ${condition} THEN error(${quoteText(message)})`);
  return `CASE ${branches.join(' ')} ELSE ${fitted} END`;
}

/** The value as a parameterized type holds it: a decimal rounded, or an error for what is too long or too large. */
function fittedField(sql: string, type: GType, field: string, schema: FieldSchema | undefined): string {
  if (schema === undefined) return sql;
  const prefix = quoteText(`Field ${field}: `);
  return fittedValue(sql, type, parametersOfField(schema), (message) => raise(`${prefix} || ${message}`));
}

/** Whether `writtenValue` has anything to say to values of this column. */
export function isChecked(type: GType, schema?: FieldSchema): boolean {
  return (
    checksOf('x', type, '', schema, 0).length > 0 || (schema !== undefined && parametersOfField(schema) !== undefined)
  );
}

function checksOf(sql: string, type: GType, field: string, schema: FieldSchema | undefined, depth: number): Check[] {
  if (type.kind === 'ARRAY') {
    const item = `bq_w${depth}`;
    const inElements = checksOf(item, type.element, field, schema, depth + 1).map(({ condition, message }) => ({
      condition: `list_contains(list_transform(${sql}, lambda ${item}: ${condition}), true)`,
      message,
    }));
    return [
      {
        condition: `list_count(${sql}) <> len(${sql})`,
        message: `Array cannot have a null element; error in writing field ${field}`,
      },
      ...inElements,
    ];
  }
  if (type.kind !== 'STRUCT') return [];
  return type.fields.flatMap((child, i): Check[] => {
    const own = schema?.fields?.[i];
    const name = `${field}.${child.name}`;
    const value = fieldSql(sql, i);
    const required: Check[] =
      own?.mode === 'REQUIRED'
        ? [{ condition: `${sql} IS NOT NULL AND ${value} IS NULL`, message: `Required field ${name} cannot be null` }]
        : [];
    return [...required, ...checksOf(value, child.type, child.name === '' ? field : name, own, depth)];
  });
}

/** A stored column as queries see it, with empty arrays in place of NULL ones, in structs too. `sql` must be simple. */
export function storedValue(sql: string, type: GType, depth = 0): string {
  if (type.kind === 'ARRAY') {
    const item = `bq_s${depth}`;
    const element = storedValue(item, type.element, depth + 1);
    return `coalesce(${element === item ? sql : `list_transform(${sql}, lambda ${item}: ${element})`}, [])`;
  }
  if (type.kind !== 'STRUCT') return sql;
  const fields = type.fields.map((field, i) => storedValue(fieldSql(sql, i), field.type, depth));
  if (fields.every((value, i) => value === fieldSql(sql, i))) return sql;
  return `CASE WHEN ${sql} IS NULL THEN NULL ELSE struct_pack(${fields.map((value, i) => `f${i} := ${value}`).join(', ')}) END`;
}

// A stored value in the form in which it goes into a Parquet file.
import type { GType } from '../../googlesql/types.ts';
import { fieldSql } from '../../googlesql/values/sql-text.ts';
import { identifier } from '../../storage/duckdb.ts';

/** Records get back the names of their fields (stored as f0, f1, …), JSON becomes text. */
export function parquetValue(sql: string, type: GType, depth: number): string {
  switch (type.kind) {
    case 'JSON':
      return `CAST(${sql} AS VARCHAR)`;
    case 'ARRAY': {
      const item = `x${depth}`;
      const value = parquetValue(item, type.element, depth + 1);
      return value === item ? sql : `list_transform(${sql}, lambda ${item}: ${value})`;
    }
    case 'STRUCT': {
      const fields = type.fields.map(
        (field, i) => `${identifier(field.name)} := ${parquetValue(fieldSql(sql, i), field.type, depth)}`,
      );
      return `CASE WHEN ${sql} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`;
    }
    default:
      return sql;
  }
}

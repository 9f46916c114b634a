// A stored value in the form in which it goes into a Parquet file.
import type { GType } from '../../googlesql/types.ts';
import { fieldSql, intervalTextSql } from '../../googlesql/values/sql-text.ts';
import { identifier } from '../../storage/duckdb.ts';

/** Records get back the names of their fields (stored as f0, f1, …), JSON, BIGNUMERIC and INTERVAL become text, a range its bounds. */
export function parquetValue(sql: string, type: GType, depth: number): string {
  switch (type.kind) {
    case 'JSON':
      return `CAST(${sql} AS VARCHAR)`;
    case 'BIGNUMERIC':
      return `bq_big_text(${sql})`;
    case 'INTERVAL':
      return intervalTextSql(sql);
    case 'RANGE': {
      const bound = (i: number): string => `CASE WHEN isfinite(${fieldSql(sql, i)}) THEN ${fieldSql(sql, i)} END`;
      return `CASE WHEN ${sql} IS NULL THEN NULL ELSE struct_pack(start := ${bound(0)}, "end" := ${bound(1)}) END`;
    }
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

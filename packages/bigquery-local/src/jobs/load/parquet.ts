// Parquet files: the file says its own schema; a schema that the caller gives picks and
// converts columns by name.
import { DuckDBListType, DuckDBStructType, type DuckDBType } from '@duckdb/node-api';
import { BigQueryError } from '../../bigquery-error.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import { sameType } from '../../googlesql/types.ts';
import { castSql } from '../../googlesql/values/cast.ts';
import { fieldOf, typeOfField } from '../../googlesql/values/schema.ts';
import { fittedValue, parametersOfField } from '../../googlesql/values/type-parameters.ts';
import { identifier, type Session } from '../../storage/duckdb.ts';
import { columnNames } from './column-names.ts';
import { detectedType, storedForm } from './detected-type.ts';
import type { LoadConfiguration } from './load-configuration.ts';
import { pathsSql, type LoadFile, type LoadSource } from './source.ts';

export async function parquetSource(
  session: Session,
  configuration: LoadConfiguration,
  files: readonly LoadFile[],
  schema: readonly FieldSchema[] | undefined,
): Promise<LoadSource> {
  const from = `read_parquet(${pathsSql(files)}${files.length > 1 ? ', union_by_name = true' : ''})`;
  const columns = await describe(session, from);
  for (const column of columns) {
    if (!configuration.listInference && hasList(column.type)) {
      throw new BigQueryError(
        'invalid',
        `Column ${column.name} is a Parquet LIST: set parquetOptions.enableListInference to load it as a repeated field (without it, the nested form is not supported by the local BigQuery).`,
      );
    }
  }
  const names = columnNames(
    columns.map(({ name }) => name),
    configuration.nameMap,
  );
  const detected = columns.map((column, i) => {
    const type = detectedType(column.name, column.type, configuration.decimalTypes);
    return { name: names[i]!, type, sql: storedForm(identifier(column.name), column.type, type) };
  });
  if (schema === undefined)
    return source(
      detected.map(fieldOf),
      detected.map(({ sql }) => sql),
      from,
    );
  const byName = new Map(detected.map((column) => [column.name.toLowerCase(), column]));
  const expressions = schema.map((field) => {
    const column = byName.get(field.name.toLowerCase());
    const to = typeOfField(field);
    if (column === undefined) {
      if (field.mode === 'REQUIRED')
        throw new BigQueryError(
          'invalid',
          `Error while reading data, error message: the file has no column ${field.name}, which is REQUIRED.`,
        );
      return 'NULL';
    }
    const value = sameType(column.type, to)
      ? column.sql
      : castSql({ sql: column.sql, from: column.type, to, safe: false });
    return fittedValue(value, to, parametersOfField(field));
  });
  return source(schema, expressions, from);
}

async function describe(
  session: Session,
  from: string,
): Promise<readonly { readonly name: string; readonly type: DuckDBType }[]> {
  try {
    return await session.columns(`SELECT * FROM ${from}`);
  } catch (cause) {
    throw new BigQueryError(
      'invalid',
      'Error while reading data, error message: Failed to read the data as Parquet: the file is damaged or of another format.',
      { cause },
    );
  }
}

function source(fields: readonly FieldSchema[], expressions: readonly string[], from: string): LoadSource {
  return { fields, select: () => `SELECT ${expressions.map((sql, i) => `${sql} AS c${i}`).join(', ')} FROM ${from}` };
}

function hasList(type: DuckDBType): boolean {
  return type instanceof DuckDBListType || (type instanceof DuckDBStructType && type.entryTypes.some(hasList));
}

// The types that a mapping gives to the columns of Parquet files.
import type { Diagnostic, InputField } from '@sluice/destination-kit';
import { error } from '@sluice/destination-kit';
import type { ParquetType } from './parquet.ts';
import { PARQUET_TYPES } from './parquet.ts';

export const columnTypesField: InputField = {
  label: 'Column types',
  description: `Of Parquet: the type of each column that is not text, one of ${PARQUET_TYPES.join(', ')}. Columns that are not named here are STRING; lists and objects are JSON text.`,
  type: 'object',
  additionalProperties: true,
};

export function columnTypeProblems(types: unknown): Diagnostic[] {
  if (types === undefined || types === null) return [];
  if (typeof types !== 'object' || Array.isArray(types))
    return [error('fields.column_types', 'column_types must be an object: column to type')];
  return Object.entries(types).flatMap(([name, type]) =>
    PARQUET_TYPES.includes(type as ParquetType)
      ? []
      : [
          error(
            `fields.column_types.${name}`,
            `the column "${name}" has no known type`,
            `one of ${PARQUET_TYPES.join(', ')}`,
          ),
        ],
  );
}

export function columnTypesOf(types: unknown): ReadonlyMap<string, ParquetType> {
  return new Map(Object.entries((types ?? {}) as Readonly<Record<string, ParquetType>>));
}

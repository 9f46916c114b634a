// How GoogleSQL's types are stored in DuckDB. Struct fields are renamed by position
// (f0, f1, …) because GoogleSQL allows empty and repeated field names; the real
// names live only in the GoogleSQL type. BIGNUMERIC is text with the numbers' order (bignumeric.ts),
// RANGE a struct of start and end with DuckDB's infinities for UNBOUNDED, so that it compares as ranges do,
// GEOGRAPHY the text `POINT(longitude latitude)` (geography.ts).
import { BigQueryError } from '../../bigquery-error.ts';
import { type GType } from '../types.ts';

/** The DuckDB type of a GoogleSQL type. Throws `invalidQuery` for a STRUCT without fields, which has none. */
export function duckdbType(type: GType): string {
  switch (type.kind) {
    case 'INT64':
      return 'BIGINT';
    case 'FLOAT64':
      return 'DOUBLE';
    case 'BOOL':
      return 'BOOLEAN';
    case 'STRING':
      return 'VARCHAR';
    case 'BYTES':
      return 'BLOB';
    case 'DATE':
      return 'DATE';
    case 'DATETIME':
      return 'TIMESTAMP';
    case 'TIMESTAMP':
      return 'TIMESTAMP WITH TIME ZONE';
    case 'TIME':
      return 'TIME';
    case 'NUMERIC':
      return 'DECIMAL(38,9)';
    case 'JSON':
      return 'JSON';
    case 'INTERVAL':
      return 'INTERVAL';
    case 'ARRAY':
      return `${duckdbType(type.element)}[]`;
    case 'STRUCT':
      if (type.fields.length === 0) {
        throw new BigQueryError('invalidQuery', 'A STRUCT without fields is not supported by the local BigQuery');
      }
      return `STRUCT(${type.fields.map((field, i) => `f${i} ${duckdbType(field.type)}`).join(', ')})`;
    case 'BIGNUMERIC':
    case 'GEOGRAPHY':
      return 'VARCHAR';
    case 'RANGE':
      return `STRUCT(f0 ${duckdbType(type.element)}, f1 ${duckdbType(type.element)})`;
  }
}

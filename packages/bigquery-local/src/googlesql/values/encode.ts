// DuckDB result chunks → the rows of BigQuery's REST answers.
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { BigQueryError } from '../../bigquery-error.ts';
import { typeName, type GType } from '../types.ts';

export type EncodedRow = { f: { v: unknown }[] };

/** Rows in REST form (`{f:[{v}]}`). Column i of the chunk must be of type `types[i]`. */
export function encodeChunk(
  chunk: DuckDBDataChunk,
  types: readonly GType[],
  options: { useInt64Timestamp: boolean },
): EncodedRow[] {
  throw new BigQueryError(
    'notImplemented',
    `Encoding of ${chunk.rowCount} rows of ${types.map(typeName).join(', ')} ${options.useInt64Timestamp}`,
  );
}

// CAST and SAFE_CAST between GoogleSQL types, as DuckDB SQL.
import { BigQueryError } from '../../bigquery-error.ts';
import { sameType, typeName, type GType } from '../types.ts';
import { duckdbType } from './physical.ts';

export type Cast = {
  readonly sql: string;
  readonly from: GType;
  readonly to: GType;
  /** SAFE_CAST: NULL in place of an error. */
  readonly safe: boolean;
  /** The FORMAT clause. */
  readonly format?: string;
};

/** DuckDB SQL of a cast. Throws `invalidQuery` for the FORMAT clause and for pairs of types without a cast. */
export function castSql(cast: Cast): string {
  if (cast.format !== undefined)
    throw new BigQueryError('invalidQuery', 'CAST with a FORMAT clause is not supported by the local BigQuery');
  if (sameType(cast.from, cast.to)) return cast.sql;
  throw new BigQueryError(
    'invalidQuery',
    `CAST from ${typeName(cast.from)} to ${typeName(cast.to)} (${duckdbType(cast.to)}) is not supported by the local BigQuery`,
  );
}

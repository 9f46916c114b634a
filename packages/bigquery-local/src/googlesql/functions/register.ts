// Registers what the library's SQL calls by name: SQL macros and JavaScript scalar functions, all named bq_….
import type { DuckDBConnection } from '@duckdb/node-api';

/** Once for each DuckDB instance; the functions are then visible to all its connections. */
export async function registerFunctions(connection: DuckDBConnection): Promise<void> {
  await connection.run("SET TimeZone = 'UTC'");
}

// The data of the suite `engine`: N contacts with ten columns as they were at the last sync
// and as they are now, as Parquet files and as tables of a DuckDB file. Of N records 1 % are
// changed, 0.1 % are gone and 0.1 % are new: 12,000 changes of a million.
import { DuckDBInstance } from '@duckdb/node-api';

export const COLUMNS = [
  'id',
  'email',
  'first_name',
  'last_name',
  'country',
  'plan',
  'ltv',
  'visits',
  'active',
  'updated_at',
] as const;

export type ContactFiles = { readonly before: string; readonly now: string; readonly database: string };

export function changesOf(rows: number): number {
  return count(rows, 100, 3) + count(rows, 1000, 7) + Math.floor(rows / 1000);
}

/** How many of 1 to `rows` leave this remainder. */
function count(rows: number, divisor: number, remainder: number): number {
  return Math.floor((rows - remainder) / divisor) + 1;
}

/** Writes the files; `database` gets the tables `model_v1` and `model_v2`. */
export async function writeContacts(rows: number, { before, now, database }: ContactFiles): Promise<void> {
  const instance = await DuckDBInstance.create(database, { threads: '2', memory_limit: '4GB' });
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run(`CREATE TABLE model_v1 AS
      SELECT i AS id, 'user' || i || '@example.com' AS email, 'First' || (i % 1000) AS first_name,
        'Last' || (i % 5000) AS last_name, ['DE', 'FR', 'US', 'GB'][i % 4 + 1] AS country, 'plan' || (i % 5) AS plan,
        (i % 10000) / 7.0::DOUBLE AS ltv, i % 777 AS visits, i % 2 = 0 AS active, to_timestamp(1767225600 + i) AS updated_at
      FROM range(1, ${rows + 1}) AS numbers(i)`);
    await connection.run(`CREATE TABLE model_v2 AS
      SELECT * REPLACE (CASE WHEN id % 100 = 3 THEN ltv + 1 ELSE ltv END AS ltv) FROM model_v1 WHERE id % 1000 <> 7
      UNION ALL
      SELECT i, 'new' || i || '@example.com', 'F', 'L', 'DE', 'plan1', 1.5, 3, true, TIMESTAMPTZ '2026-06-01 00:00:00+00'
      FROM range(${rows + 1}, ${rows + Math.floor(rows / 1000) + 1}) AS numbers(i)`);
    await connection.run(`COPY model_v1 TO '${before}' (FORMAT PARQUET)`);
    await connection.run(`COPY model_v2 TO '${now}' (FORMAT PARQUET)`);
    await connection.run('CHECKPOINT');
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

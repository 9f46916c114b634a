// The reference of reading: one process fetches a table of a DuckDB file as chunks and reads
// the values of all its columns. FILE COLUMNS (of the largest table that has exactly these).
import { DuckDBInstance } from '@duckdb/node-api';

const [file = '', columns = ''] = process.argv.slice(2);
const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
const connection = await instance.connect();
const found = await connection.runAndReadAll(
  `SELECT table_name FROM (SELECT table_name, string_agg(column_name, ',' ORDER BY column_index) AS names
     FROM duckdb_columns() WHERE NOT internal GROUP BY table_name) WHERE names = '${columns.replaceAll("'", "''")}'`,
);
const name = String(found.getRows()[0]?.[0]);
const startCpu = process.cpuUsage();
const start = performance.now();
const result = await connection.stream(`SELECT * FROM "${name}"`);
let rows = 0;
for (;;) {
  const chunk = await result.fetchChunk();
  if (chunk === null || chunk.rowCount === 0) break;
  for (let i = 0; i < chunk.columnCount; i++)
    if (chunk.getColumnValues(i).length !== chunk.rowCount) throw new Error('rows are missing');
  rows += chunk.rowCount;
}
const { user, system } = process.cpuUsage(startCpu);
const wallSeconds = (performance.now() - start) / 1000;
console.log(JSON.stringify({ rows, cpuSeconds: (user + system) / 1e6, wallSeconds }));
connection.closeSync();
instance.closeSync();

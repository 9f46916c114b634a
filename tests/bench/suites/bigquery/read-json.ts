// The reference of loading: DuckDB reads a file of newline-delimited JSON into a table of a new
// file database. FILE DATABASE COLUMNS (a JSON object of DuckDB types by name) ROWS.
import { DuckDBInstance } from '@duckdb/node-api';

const [file = '', database = '', columns = '{}', expected = ''] = process.argv.slice(2);
const instance = await DuckDBInstance.create(database);
const connection = await instance.connect();
await connection.run("SET TimeZone = 'UTC'");
const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
const types = Object.entries(JSON.parse(columns) as Record<string, string>)
  .map(([name, type]) => `${text(name)}: ${text(type)}`)
  .join(', ');
const startCpu = process.cpuUsage();
const start = performance.now();
const done = await connection.runAndReadAll(
  `CREATE TABLE loaded AS SELECT * FROM read_json(${text(file)}, format = 'newline_delimited', columns = {${types}})`,
);
const { user, system } = process.cpuUsage(startCpu);
const wallSeconds = (performance.now() - start) / 1000;
if (String(done.getRows()[0]?.[0]) !== expected) throw new Error('rows are missing');
console.log(JSON.stringify({ cpuSeconds: (user + system) / 1e6, wallSeconds }));
connection.closeSync();
instance.closeSync();

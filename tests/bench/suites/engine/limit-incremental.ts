// The least that an incremental sync could cost, by SQL alone: the difference to a state of
// MD5 checksums of each row's JSON, arrays of 1,000 changes written as JSON by DuckDB, sent
// as they are, and the new state. `node limit-incremental.ts DATABASE SINK-URL`.
import { DuckDBInstance } from '@duckdb/node-api';
import { BATCH, measured, sender } from './meter.ts';

const [, , database = '', url = ''] = process.argv;
const instance = await DuckDBInstance.create(database, { threads: '2', memory_limit: '4GB' });
const connection = await instance.connect();
await connection.run('SET preserve_insertion_order = false');
await connection.run(`CREATE OR REPLACE TABLE state AS
  SELECT CAST(id AS VARCHAR) AS record_id, md5(to_json(m)) AS checksum FROM model_v1 AS m`);
await connection.run('CHECKPOINT');

await measured(async () => {
  await connection.run(`CREATE TEMP TABLE changes AS
    SELECT coalesce(n.record_id, s.record_id) AS record_id, n.checksum AS checksum, n.payload AS payload,
      CASE WHEN n.record_id IS NULL THEN 'deleted' WHEN s.record_id IS NULL THEN 'added' ELSE 'updated' END AS operation
    FROM (SELECT *, md5(payload) AS checksum FROM (SELECT CAST(id AS VARCHAR) AS record_id, to_json(m) AS payload FROM model_v2 AS m)) AS n
    FULL JOIN state AS s ON n.record_id = s.record_id
    WHERE n.record_id IS NULL OR s.record_id IS NULL OR n.checksum <> s.checksum`);
  const bodies = await connection.stream(`SELECT to_json(list(coalesce(payload, json_object('deleted', record_id))))
    FROM (SELECT *, row_number() OVER () // ${BATCH} AS batch FROM changes) GROUP BY batch`);
  const { send, end } = sender(url);
  for (let chunk = await bodies.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await bodies.fetchChunk())
    for (const body of chunk.getColumnValues(0)) await send(String(body));
  await end();
  await connection.run(`CREATE TABLE new_state AS
    SELECT s.* FROM state AS s ANTI JOIN changes AS c ON s.record_id = c.record_id
    UNION ALL
    SELECT record_id, checksum FROM changes WHERE operation <> 'deleted'`);
  await connection.run('BEGIN; DROP TABLE state; ALTER TABLE new_state RENAME TO state; COMMIT');
  const counted = await connection.runAndReadAll('SELECT count(*) FROM changes');
  return { changes: Number(counted.getRows()[0]?.[0]) };
});
connection.closeSync();
instance.closeSync();

// What a developer writes in an hour for a full send: stream the rows as objects,
// JSON.stringify batches of 1,000, POST. `node handwritten-send.ts DATABASE SINK-URL`.
import { DuckDBInstance } from '@duckdb/node-api';
import { BATCH, measured, sender } from './meter.ts';

const [, , database = '', url = ''] = process.argv;
const instance = await DuckDBInstance.create(database, { threads: '2', access_mode: 'READ_ONLY' });
const connection = await instance.connect();

await measured(async () => {
  const { send, end } = sender(url);
  let batch: unknown[] = [];
  let sent = 0;
  const rows = await connection.stream('SELECT * FROM model_v1');
  for await (const chunk of rows.yieldRowObjectJs()) {
    for (const row of chunk) {
      batch.push({ ...row, id: Number(row['id']), visits: Number(row['visits']) });
      if (batch.length < BATCH) continue;
      sent += batch.length;
      await send(JSON.stringify(batch));
      batch = [];
    }
  }
  if (batch.length > 0) await send(JSON.stringify(batch));
  await end();
  return { rows: sent + batch.length };
});
connection.closeSync();
instance.closeSync();

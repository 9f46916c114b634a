// What a developer writes in a day: stream the rows, SHA-1 of each row's JSON, compare with
// a map of the last run's, send what differs, write the new state and rename it.
// `node handwritten-diff.ts DATABASE STATE-FILE SINK-URL prepare|sync`: `prepare` writes the
// state of `model_v1` without sending anything.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, renameSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';
import { BATCH, measured, sender } from './meter.ts';

const [, , database = '', stateFile = '', url = '', mode = ''] = process.argv;
const instance = await DuckDBInstance.create(database, { threads: '2', access_mode: 'READ_ONLY' });
const connection = await instance.connect();

await measured(async () => {
  const state = new Map<string, string>();
  if (existsSync(stateFile)) {
    for await (const line of createInterface({ input: createReadStream(stateFile) })) {
      const tab = line.indexOf('\t');
      state.set(line.slice(0, tab), line.slice(tab + 1));
    }
  }
  const { send, end } = sender(url);
  const next = createWriteStream(`${stateFile}.new`);
  let batch: unknown[] = [];
  let changes = 0;
  const add = async (row: unknown): Promise<void> => {
    changes += 1;
    if (mode === 'prepare') return;
    batch.push(row);
    if (batch.length < BATCH) return;
    await send(JSON.stringify(batch));
    batch = [];
  };
  const rows = await connection.stream(`SELECT * FROM ${mode === 'prepare' ? 'model_v1' : 'model_v2'}`);
  for await (const chunk of rows.yieldRowObjectJs()) {
    for (const row of chunk) {
      const id = `${row['id'] as bigint}`;
      const text = JSON.stringify({ ...row, id, visits: Number(row['visits']) });
      const checksum = createHash('sha1').update(text).digest('hex');
      if (state.get(id) !== checksum) await add({ ...row, id, visits: Number(row['visits']) });
      state.delete(id);
      if (!next.write(`${id}\t${checksum}\n`)) await once(next, 'drain');
    }
  }
  for (const id of state.keys()) await add({ deleted: id });
  if (batch.length > 0) await send(JSON.stringify(batch));
  await end();
  next.end();
  await once(next, 'finish');
  renameSync(`${stateFile}.new`, stateFile);
  return { changes };
});
connection.closeSync();
instance.closeSync();

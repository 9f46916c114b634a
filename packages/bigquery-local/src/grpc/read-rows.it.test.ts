import { DuckDBInstance, type DuckDBConnection, type DuckDBDataChunk } from '@duckdb/node-api';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serializedSchema } from './arrow/schema.ts';
import type { ReadColumn } from './read-column.ts';
import { readRows, type BatchLimits } from './read-rows.ts';
import { recordBatches } from './storage-client.ts';

let instance: DuckDBInstance;
let connection: DuckDBConnection;

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  // A few long rows among many short ones.
  await connection.run(
    "CREATE TABLE t AS SELECT i AS id, repeat('x', CASE WHEN i BETWEEN 3000 AND 3009 THEN 10000 ELSE 3 END) AS s FROM range(10000) AS r(i)",
  );
});

afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

const plain = { required: false, repeated: false, fields: [] } as const;
const columns: readonly ReadColumn[] = [
  { name: 'id', type: 'INT64', ...plain },
  { name: 's', type: 'STRING', ...plain },
];

async function idsAndSizes(
  limits: BatchLimits,
  offset = 0,
): Promise<{ ids: number[]; rows: number[]; bytes: number[] }> {
  const snapshot = {
    async read(from: number, to: number): Promise<readonly DuckDBDataChunk[]> {
      const result = await connection.run(`SELECT id, s FROM t WHERE rowid >= ${from} AND rowid < ${to}`);
      return result.fetchAllChunks();
    },
  };
  const schema = serializedSchema(columns);
  const session = {
    snapshot: snapshot as never,
    columns,
    format: 'ARROW',
    compression: undefined,
    schema,
    rowsPerRead: 4096,
  } as const;
  const found = { ids: [] as number[], rows: [] as number[], bytes: [] as number[] };
  const signal = new AbortController().signal;
  for await (const response of readRows(session, 's', { from: 0, to: 10_000 }, offset, signal, limits)) {
    for (const batch of recordBatches(schema, response.rows)) found.ids.push(...[...batch.getChild('id')!].map(Number));
    found.rows.push(response.rowCount);
    found.bytes.push(response.rows.byteLength);
  }
  return found;
}

it('rows that are much longer than the others are read again in smaller parts', async () => {
  const limits = { batchBytes: 30_000, chunkBytes: 60_000, rowBytes: 65_000 };
  const { ids, rows, bytes } = await idsAndSizes(limits);
  expect(ids).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
  expect(Math.max(...bytes)).toBeLessThan(limits.rowBytes);
  expect(Math.min(...rows)).toBeLessThan(100);
  expect((await idsAndSizes(limits, 3005)).ids).toEqual(ids.slice(3005));
});

it('a row that alone is too long for an answer is an error that says so', async () => {
  await expect(idsAndSizes({ batchBytes: 1_000, chunkBytes: 2_000, rowBytes: 9_000 })).rejects.toThrow(
    /a row is larger than 128 MB/,
  );
});

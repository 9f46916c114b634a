// ReadRows: the rows of a stream from an offset on, in batches of about a megabyte. The
// next rows are read from DuckDB while these are sent; never more than two reads are in memory.
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { BigQueryError } from '../bigquery-error.ts';
import { RecordBatchWriter } from './arrow/record-batch.ts';
import { AvroRowsWriter } from './avro/rows.ts';
import { operatingOn, type ReadSession, type RowRange } from './read-sessions.ts';
import type { RowsResponse } from './read-wire.ts';

export type BatchLimits = {
  /** A batch is sent when it has so many bytes. */
  readonly batchBytes: number;
  /** A chunk of DuckDB with more is read again in halves, down to a single row. */
  readonly chunkBytes: number;
  /** Google's: "read requests which attempt to read individual rows larger than 128 MB will fail". */
  readonly rowBytes: number;
};

const LIMITS: BatchLimits = { batchBytes: 1024 ** 2, chunkBytes: 32 * 1024 ** 2, rowBytes: 120 * 1024 ** 2 };

type Source = Pick<ReadSession, 'snapshot' | 'columns' | 'format' | 'compression' | 'schema' | 'rowsPerRead'>;

export async function* readRows(
  session: Source,
  stream: string,
  range: RowRange,
  offset: number,
  signal: AbortSignal,
  limits: BatchLimits = LIMITS,
): AsyncGenerator<RowsResponse> {
  const length = range.to - range.from;
  if (offset < 0) throw new BigQueryError('invalid', operatingOn(stream, `offset ${offset} is negative`));
  if (offset > length)
    throw new BigQueryError('conditionNotMet', operatingOn(stream, `offset ${offset} has not been allocated yet`));
  let first = true;
  let sent = offset;
  const read = (from: number, to: number): Promise<readonly DuckDBDataChunk[]> => {
    const chunks = session.snapshot.read(from, to, signal);
    // What is read ahead may fail before anybody waits for it.
    chunks.catch(() => undefined);
    return chunks;
  };
  const ends = (from: number): number => Math.min(range.to, from + session.rowsPerRead);
  let from = range.from + offset;
  let ahead = from < range.to ? read(from, ends(from)) : undefined;
  while (ahead !== undefined) {
    const chunks: readonly DuckDBDataChunk[] = await ahead;
    const at = from;
    from = ends(from);
    ahead = from < range.to ? read(from, ends(from)) : undefined;
    for await (const batch of batchesOf(session, chunks, at, read, limits)) {
      if (batch.bytes.byteLength > limits.rowBytes)
        throw new BigQueryError('resourcesExceeded', operatingOn(stream, 'a row is larger than 128 MB'));
      const start = sent / length;
      sent += batch.rows;
      yield {
        format: session.format,
        rows: batch.bytes,
        rowCount: batch.rows,
        progress: [start, sent / length],
        ...(first ? { schema: session.schema } : {}),
      };
      first = false;
    }
  }
}

type Batch = { readonly bytes: Uint8Array; readonly rows: number };

/** `at`: the row that the chunks begin with. */
async function* batchesOf(
  session: Source,
  chunks: readonly DuckDBDataChunk[],
  at: number,
  read: (from: number, to: number) => Promise<readonly DuckDBDataChunk[]>,
  limits: BatchLimits,
): AsyncGenerator<Batch> {
  let writer = newWriter(session);
  let inWriter: DuckDBDataChunk[] = [];
  for (const chunk of chunks) {
    const { rowCount } = chunk;
    const before = writer.bytes;
    writer.append(chunk);
    if (rowCount > 1 && writer.bytes - before > limits.chunkBytes) {
      // Rare: what came before is written anew without it.
      if (inWriter.length > 0) yield batchOf(session, inWriter);
      const middle = at + (rowCount >> 1);
      yield* batchesOf(session, await read(at, middle), at, read, limits);
      yield* batchesOf(session, await read(middle, at + rowCount), middle, read, limits);
    } else {
      inWriter.push(chunk);
    }
    at += rowCount;
    if (inWriter.at(-1) === chunk && writer.bytes < limits.batchBytes) continue;
    if (inWriter.at(-1) === chunk) yield { bytes: writer.finish(), rows: writer.rows };
    writer = newWriter(session);
    inWriter = [];
  }
  if (inWriter.length > 0) yield { bytes: writer.finish(), rows: writer.rows };
}

function batchOf(session: Source, chunks: readonly DuckDBDataChunk[]): Batch {
  const writer = newWriter(session);
  for (const chunk of chunks) writer.append(chunk);
  return { bytes: writer.finish(), rows: writer.rows };
}

function newWriter({ format, columns, compression }: Source): RecordBatchWriter | AvroRowsWriter {
  return format === 'ARROW' ? new RecordBatchWriter(columns, compression) : new AvroRowsWriter(columns);
}

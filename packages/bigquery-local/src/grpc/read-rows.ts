// ReadRows: the rows of a stream from an offset on, in batches of about a megabyte. The
// next rows are read from DuckDB while these are sent; never more than two reads are in memory.
import { BigQueryError } from '../bigquery-error.ts';
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { RecordBatchWriter } from './arrow/record-batch.ts';
import { AvroRowsWriter } from './avro/rows.ts';
import { operatingOn, type ReadSession, type RowRange } from './read-sessions.ts';
import type { RowsResponse } from './read-wire.ts';

const BATCH_BYTES = 1024 ** 2;
/** Google's: "up to a maximum of 128 MB per response". */
const MAX_RESPONSE_BYTES = 120 * 1024 ** 2;

export async function* readRows(
  session: ReadSession,
  stream: string,
  range: RowRange,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<RowsResponse> {
  const length = range.to - range.from;
  if (offset < 0) throw new BigQueryError('invalid', operatingOn(stream, `offset ${offset} is negative`));
  if (offset > length)
    throw new BigQueryError('conditionNotMet', operatingOn(stream, `offset ${offset} has not been allocated yet`));
  let first = true;
  let sent = offset;
  let ahead: Promise<readonly DuckDBDataChunk[]> | undefined;
  const fetch = (from: number): Promise<readonly DuckDBDataChunk[]> | undefined => {
    if (from >= range.to) return undefined;
    const read = session.snapshot.read(from, Math.min(range.to, from + session.rowsPerRead), signal);
    read.catch(() => undefined);
    return read;
  };
  ahead = fetch(range.from + offset);
  while (ahead !== undefined) {
    const chunks: readonly DuckDBDataChunk[] = await ahead;
    const rows = chunks.reduce((sum, { rowCount }) => sum + rowCount, 0);
    ahead = fetch(range.from + sent + rows);
    for (const batch of batchesOf(session, chunks)) {
      if (batch.bytes.byteLength > MAX_RESPONSE_BYTES)
        throw new BigQueryError('resourcesExceeded', operatingOn(stream, 'its rows are larger than 128 MB'));
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

function* batchesOf(
  session: ReadSession,
  chunks: readonly DuckDBDataChunk[],
): Generator<{ readonly bytes: Uint8Array; readonly rows: number }> {
  const newWriter = (): RecordBatchWriter | AvroRowsWriter =>
    session.format === 'ARROW'
      ? new RecordBatchWriter(session.columns, session.compression)
      : new AvroRowsWriter(session.columns);
  let writer = newWriter();
  for (const chunk of chunks) {
    writer.append(chunk);
    if (writer.bytes < BATCH_BYTES) continue;
    yield { bytes: writer.finish(), rows: writer.rows };
    writer = newWriter();
  }
  if (writer.rows > 0) yield { bytes: writer.finish(), rows: writer.rows };
}

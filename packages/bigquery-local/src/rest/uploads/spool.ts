// Uploaded data on its way into a table: a file in the data directory, bounded in size.
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BigQueryError } from '../../bigquery-error.ts';

export type Spool = { readonly directory: string; readonly maxBytes: number };

export function newSpoolFile(spool: Spool): string {
  return join(spool.directory, `upload-${randomUUID()}`);
}

/** Writes (or appends at `offset`) the stream to the file; returns the bytes written. Throws `invalid` past the limit, and then removes a new file. */
export async function spoolTo(
  spool: Spool,
  file: string,
  data: Readable,
  offset: number,
  signal: AbortSignal,
): Promise<number> {
  let bytes = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (offset + bytes > spool.maxBytes)
        done(
          new BigQueryError('invalid', `The upload is larger than ${spool.maxBytes} bytes, the limit of this server.`, {
            httpStatus: 413,
          }),
        );
      else done(null, chunk);
    },
  });
  try {
    await pipeline(
      data,
      limit,
      createWriteStream(file, { flags: offset === 0 ? 'w' : 'r+', start: offset, mode: 0o600 }),
      { signal },
    );
  } catch (error) {
    if (offset === 0) await rm(file, { force: true });
    throw error;
  }
  return bytes;
}

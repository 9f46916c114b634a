// Text files on their way to DuckDB's readers: unpacked, in UTF-8, and looked through once
// for the longest row, because the readers take buffers of a multiple of the longest row that
// they are told of. Throws `invalid` for what BigQuery's loader refuses: quoted newlines where
// they are not allowed, ASCII 0, rows above the limit, a mix of packed and plain files.
import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform, type Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { BigQueryError } from '../../bigquery-error.ts';
import { areGzip } from './compression.ts';
import { CsvRows, LineRows, type RowScan } from './row-scan.ts';
import type { LoadFile } from './source.ts';

export type Encoding = 'utf-8' | 'latin-1' | 'utf-16le' | 'utf-16be' | 'utf-32le' | 'utf-32be';

export type PreparedFiles = AsyncDisposable & {
  /** Plain files with the names of the given ones. */
  readonly files: readonly LoadFile[];
  readonly longestRowBytes: number;
};

export type TextFormat = {
  readonly encoding: Encoding;
  /** Undefined: newline-delimited JSON. */
  readonly csv?: {
    readonly delimiter: string;
    readonly quote: string;
    readonly allowQuotedNewlines: boolean;
    readonly preserveAsciiControlCharacters: boolean;
  };
};

/** Of one file, unpacked: what a small packed file may grow to. */
const MAX_UNPACKED_BYTES = 20 * 1024 ** 3;

/** `directory`: where unpacked files go until the result is disposed of. */
export async function prepareFiles(
  given: readonly LoadFile[],
  format: TextFormat,
  directory: string,
  signal: AbortSignal,
): Promise<PreparedFiles> {
  const gzip = await areGzip(given);
  await using made = new AsyncDisposableStack();
  const files: LoadFile[] = [];
  let longestRowBytes = 0;
  for (const file of given) {
    const rows = scanFor(format, file.name);
    const transforms: Duplex[] = [];
    if (gzip) transforms.push(createGunzip());
    const decoded = format.encoding.startsWith('utf-16') || format.encoding.startsWith('utf-32');
    if (decoded) transforms.push(decoder(format.encoding));
    const rewritten = transforms.length > 0;
    let path = file.path;
    if (rewritten) {
      path = join(directory, `unpacked-${randomUUID()}`);
      made.defer(() => rm(path, { force: true }));
    }
    const scanned = scanning(rows, file.name, rewritten);
    const read = createReadStream(file.path, { highWaterMark: 1024 * 1024 });
    try {
      const last = rewritten ? [createWriteStream(path, { flags: 'wx', mode: 0o600 })] : [];
      await pipeline([read, ...transforms, scanned.stream, ...last], { signal });
    } catch (error) {
      throw readable(error, file.name, signal);
    }
    rows.end();
    longestRowBytes = Math.max(longestRowBytes, rows.longest);
    files.push({ path, name: file.name, size: scanned.bytes() });
  }
  const owned = made.move();
  return { files, longestRowBytes, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function scanFor({ csv }: TextFormat, name: string): RowScan {
  return csv === undefined ? new LineRows(name) : new CsvRows(name, csv);
}

/** Shows all bytes to `rows`; passes them on, or swallows them at the end of the pipeline. */
function scanning(rows: RowScan, name: string, passes: boolean): { stream: Transform; bytes(): number } {
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      try {
        if (bytes > MAX_UNPACKED_BYTES)
          throw new BigQueryError(
            'invalid',
            `Error while reading data, error message: ${name} has more than ${MAX_UNPACKED_BYTES} bytes when it is unpacked, the limit of this server.`,
          );
        rows.add(chunk);
        done(null, passes ? chunk : undefined);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  if (!passes) stream.resume();
  return { stream, bytes: () => bytes };
}

function decoder(encoding: Encoding): Transform {
  if (encoding === 'utf-32le' || encoding === 'utf-32be') return utf32Decoder(encoding === 'utf-32be');
  const text = new TextDecoder(encoding, { fatal: true });
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => attempt(done, () => text.decode(chunk, { stream: true })),
    flush: (done) => attempt(done, () => text.decode()),
  });
}

function utf32Decoder(bigEndian: boolean): Transform {
  let rest = Buffer.alloc(0);
  const decode = (chunk: Buffer): string => {
    const all = Buffer.concat([rest, chunk]);
    const whole = all.length - (all.length % 4);
    rest = all.subarray(whole);
    let text = '';
    for (let i = 0; i < whole; i += 4) {
      const code = bigEndian ? all.readUInt32BE(i) : all.readUInt32LE(i);
      if (code !== 0xfeff) text += String.fromCodePoint(code);
    }
    return text;
  };
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => attempt(done, () => decode(chunk)),
    flush: (done) =>
      attempt(done, () => {
        if (rest.length > 0) throw new RangeError('the data ends within a character');
        return '';
      }),
  });
}

function attempt(done: (error: Error | null, text?: string) => void, body: () => string): void {
  let text: string;
  try {
    text = body();
  } catch (error) {
    done(error as Error);
    return;
  }
  done(null, text);
}

function readable(error: unknown, name: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof BigQueryError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code.startsWith('Z_'))
    return new BigQueryError(
      'invalid',
      `Error while reading data, error message: Failed to decompress gzip stream of ${name}: the file is damaged.`,
      { cause: error },
    );
  if (error instanceof TypeError || error instanceof RangeError)
    return new BigQueryError(
      'invalid',
      `Error while reading data, error message: ${name} is not text in the encoding that the job names.`,
      { cause: error },
    );
  return error;
}

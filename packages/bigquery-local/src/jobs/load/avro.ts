// Avro object container files ("Loading Avro data"): the file says its own schema. Its rows go
// through a file of newline-delimited JSON beside the uploads, in bounded memory, so that each
// value is converted and checked by the same rules as in a JSON load.
import avro from 'avsc';
import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { inflateRaw } from 'node:zlib';
import { BigQueryError } from '../../bigquery-error.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import type { Session } from '../../storage/duckdb.ts';
import { avroField, rowText, type AvroField, type AvroOptions } from './avro-schema.ts';
import { jsonSource } from './json.ts';
import { snappyUncompress } from './snappy.ts';
import type { LoadFile, LoadSource, TextFiles } from './source.ts';

export type AvroRows = TextFiles & AsyncDisposable & { readonly fields: readonly FieldSchema[] };

/** Of one block when it is unpacked: a block is held in memory. */
const MAX_BLOCK_BYTES = 256 * 1024 * 1024;

/** `directory`: where the rows go until they are disposed of. Throws `invalid` for damaged files and types that BigQuery does not load. */
export async function avroRows(
  files: readonly LoadFile[],
  options: AvroOptions,
  directory: string,
  signal: AbortSignal,
): Promise<AvroRows> {
  await using made = new AsyncDisposableStack();
  const text: LoadFile[] = [];
  let longestRowBytes = 0;
  let fields: readonly AvroField[] | undefined;
  for (const file of files) {
    const path = join(directory, `avro-${randomUUID()}`);
    made.defer(() => rm(path, { force: true }));
    const own = await convert(file, path, options, signal, (bytes) => {
      longestRowBytes = Math.max(longestRowBytes, bytes);
    });
    if (fields !== undefined && JSON.stringify(schemaOf(fields)) !== JSON.stringify(schemaOf(own)))
      throw new BigQueryError(
        'notImplemented',
        `Avro files of different schemas in one load job are not supported by the local BigQuery: ${file.name} differs from ${files[0]!.name}.`,
      );
    fields ??= own;
    text.push({ path, name: file.name, size: (await stat(path)).size });
  }
  const owned = made.move();
  return {
    files: text,
    longestRowBytes,
    fields: schemaOf(fields ?? []),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** With a schema of the caller's own, its fields are taken from the file by name. */
export function avroSource(
  session: Session,
  rows: AvroRows,
  schema: readonly FieldSchema[] | undefined,
): Promise<LoadSource> {
  if (schema !== undefined) requireLoadable(rows.fields, schema);
  const reading = { autodetect: false, ignoreUnknownValues: schema !== undefined, maxBadRecords: 0 };
  return jsonSource(session, reading, rows, schema ?? rows.fields);
}

/** What a type of the file may become; others would be read as something that they are not. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  INTEGER: ['FLOAT', 'NUMERIC', 'BIGNUMERIC'],
  NUMERIC: ['BIGNUMERIC'],
  STRING: ['DATE', 'TIME', 'DATETIME', 'JSON', 'GEOGRAPHY', 'INTERVAL'],
};

function requireLoadable(own: readonly FieldSchema[], schema: readonly FieldSchema[]): void {
  const byName = new Map(own.map((field) => [field.name, field]));
  for (const field of schema) {
    const from = byName.get(field.name);
    if (from === undefined) continue;
    const fits = from.type === field.type || WIDER[from.type]?.includes(field.type) === true;
    if (!fits || (from.mode === 'REPEATED') !== (field.mode === 'REPEATED'))
      throw new BigQueryError(
        'invalid',
        `Field ${field.name} of the Avro file is ${from.mode} ${from.type}, not ${field.mode ?? 'NULLABLE'} ${field.type}: change the schema, or set useAvroLogicalTypes if it is a logical type.`,
      );
    if (field.fields !== undefined && from.fields !== undefined) requireLoadable(from.fields, field.fields);
  }
}

function schemaOf(fields: readonly AvroField[]): readonly FieldSchema[] {
  return fields.map(({ field }) => field);
}

async function convert(
  file: LoadFile,
  path: string,
  options: AvroOptions,
  signal: AbortSignal,
  measured: (bytes: number) => void,
): Promise<readonly AvroField[]> {
  let fields: readonly AvroField[] | undefined;
  const decoder = new avro.streams.BlockDecoder({
    codecs: {
      null: (data: Buffer, done: CodecDone) => done(null, data),
      deflate: (data: Buffer, done: CodecDone) => inflateRaw(data, { maxOutputLength: MAX_BLOCK_BYTES }, done),
      snappy: (data: Buffer, done: CodecDone) => unpackSnappy(data, done),
    },
    parseHook: (schema: avro.Schema) => avro.Type.forSchema(schema, { registry: { long: LONG }, wrapUnions: true }),
  });
  let refused: unknown;
  decoder.on('metadata', (_type: avro.Type, _codec: string, header: Header) => {
    try {
      fields = recordFields(header, options);
    } catch (error) {
      refused = error;
      decoder.destroy(error as Error);
    }
  });
  const lines = new Transform({
    writableObjectMode: true,
    transform(row: Record<string, unknown>, _encoding, done) {
      try {
        const line = `${rowText(fields ?? [], row)}\n`;
        measured(Buffer.byteLength(line));
        done(null, line);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  try {
    await pipeline(
      [createReadStream(file.path), decoder, lines, createWriteStream(path, { flags: 'wx', mode: 0o600 })],
      {
        signal,
      },
    );
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (refused !== undefined) throw refused;
    if (error instanceof BigQueryError) throw error;
    throw damaged(file, error);
  }
  if (fields === undefined) throw damaged(file, undefined);
  return fields;
}

type CodecDone = (error: Error | null, data?: Buffer) => void;

function unpackSnappy(data: Buffer, done: CodecDone): void {
  let unpacked: Buffer;
  try {
    // A block ends with the CRC-32 of what it unpacks to.
    unpacked = snappyUncompress(data.subarray(0, -4), MAX_BLOCK_BYTES);
  } catch (error) {
    done(error as Error);
    return;
  }
  done(null, unpacked);
}

type Header = { readonly meta: { readonly 'avro.schema'?: Uint8Array } };

/** From the schema as it stands in the file: `avsc` forgets what it does not know of types. */
function recordFields({ meta }: Header, options: AvroOptions): readonly AvroField[] {
  const schema = JSON.parse(Buffer.from(meta['avro.schema'] ?? []).toString()) as {
    readonly type?: unknown;
    readonly fields?: unknown;
  };
  if (schema.type !== 'record' || !Array.isArray(schema.fields))
    throw new BigQueryError(
      'invalid',
      'Error while reading data, error message: The Apache Avro library failed to parse the header: the root of the schema is not a record.',
    );
  const named = new Map<string, unknown>();
  return (schema.fields as { name: string; type: unknown }[]).map(({ name, type: own }) =>
    avroField(name, own, options, named),
  );
}

/** 64-bit integers without loss. */
const LONG = avro.types.LongType.__with({
  fromBuffer: (data: Buffer) => data.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const data = Buffer.alloc(8);
    data.writeBigInt64LE(value);
    return data;
  },
  fromJSON: (value: number | string) => BigInt(value),
  toJSON: (value: bigint) => String(value),
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

function damaged({ name }: LoadFile, cause: unknown): BigQueryError {
  return new BigQueryError(
    'invalid',
    `Error while reading data, error message: The Apache Avro library failed to read data of ${name}: the file is damaged, or of another format or codec.`,
    { cause },
  );
}

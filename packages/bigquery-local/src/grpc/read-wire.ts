// The service as gRPC sees it: method names, and how messages become bytes. Requests go
// through the .proto; the answers with rows are written by hand, so that a batch is copied once.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { MethodDefinition } from '@grpc/grpc-js';
import type * as ProtoLoader from '@grpc/proto-loader';

export type DataFormat = 'DATA_FORMAT_UNSPECIFIED' | 'AVRO' | 'ARROW';

export type WireTimestamp = { readonly seconds: string | number; readonly nanos: number };

/** As proto-loader reads it: fields that were not sent have their default, messages null. */
export type WireReadSession = {
  readonly table: string;
  readonly dataFormat: DataFormat;
  readonly tableModifiers: { readonly snapshotTime: WireTimestamp | null } | null;
  readonly readOptions: {
    readonly selectedFields: readonly string[];
    readonly rowRestriction: string;
    readonly arrowSerializationOptions?: {
      readonly bufferCompression: 'COMPRESSION_UNSPECIFIED' | 'LZ4_FRAME' | 'ZSTD';
      readonly picosTimestampPrecision: number;
    } | null;
    readonly avroSerializationOptions?: {
      readonly enableDisplayNameAttribute: boolean;
      readonly picosTimestampPrecision: number;
    } | null;
    readonly samplePercentage?: number;
    readonly responseCompressionCodec?: string;
  } | null;
};

export type WireCreateReadSession = {
  readonly parent: string;
  readonly readSession: WireReadSession | null;
  readonly maxStreamCount: number;
  readonly preferredMinStreamCount: number;
};

export type WireReadRows = { readonly readStream: string; readonly offset: string };

export type WireSplit = { readonly name: string; readonly fraction: number };

export type RowsResponse = {
  readonly format: 'AVRO' | 'ARROW';
  readonly rows: Uint8Array;
  readonly rowCount: number;
  /** Fractions of the stream before and after these rows. */
  readonly progress: readonly [number, number];
  /** In the first answer of a call. */
  readonly schema?: Uint8Array;
};

const PACKAGE = 'google.cloud.bigquery.storage.v1';

type Definition = MethodDefinition<object, object>;

const ANY = {
  requestSerialize: (value: Buffer) => value,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (value: Buffer) => value,
  responseDeserialize: (bytes: Buffer) => bytes,
};

/** Services that are there only to refuse by name. */
export const WRITE_METHODS = [
  'CreateWriteStream',
  'AppendRows',
  'GetWriteStream',
  'FinalizeWriteStream',
  'BatchCommitWriteStreams',
  'FlushRows',
] as const;

const READ_METHODS = ['CreateReadSession', 'ReadRows', 'SplitReadStream'] as const;

export type ReadMethod = (typeof READ_METHODS)[number];

export function readService(): Record<ReadMethod, Definition> {
  const definition = (name: ReadMethod): Definition => ({
    path: `/${PACKAGE}.BigQueryRead/${name}`,
    requestStream: false,
    responseStream: name === 'ReadRows',
    requestSerialize: (value) => messages()[name].requestSerialize(value),
    requestDeserialize: (bytes) => messages()[name].requestDeserialize(bytes),
    responseSerialize: (value) =>
      name === 'ReadRows' ? writeRowsResponse(value as RowsResponse) : messages()[name].responseSerialize(value),
    responseDeserialize: (bytes) => messages()[name].responseDeserialize(bytes),
  });
  return {
    CreateReadSession: definition('CreateReadSession'),
    ReadRows: definition('ReadRows'),
    SplitReadStream: definition('SplitReadStream'),
  };
}

let loadedMessages: Record<ReadMethod, Definition> | undefined;

/** Read at the first call: a server that nobody asks for rows needs no memory for it. */
function messages(): Record<ReadMethod, Definition> {
  if (loadedMessages === undefined) {
    const { loadSync } = createRequire(import.meta.url)('@grpc/proto-loader') as typeof ProtoLoader;
    const file = fileURLToPath(new URL('./storage-read.proto', import.meta.url));
    const loaded = loadSync(file, { longs: String, enums: String, defaults: true, oneofs: true });
    loadedMessages = loaded[`${PACKAGE}.BigQueryRead`] as unknown as Record<ReadMethod, Definition>;
  }
  return loadedMessages;
}

export function writeService(): Record<string, MethodDefinition<Buffer, Buffer>> {
  return Object.fromEntries(
    WRITE_METHODS.map((name) => [
      name,
      {
        path: `/${PACKAGE}.BigQueryWrite/${name}`,
        requestStream: name === 'AppendRows',
        responseStream: name === 'AppendRows',
        ...ANY,
      },
    ]),
  );
}

/** Tags of ReadRowsResponse and the messages in it: field number times 8, plus wire type. */
const STATS = (2 << 3) | 2;
const AVRO_ROWS = (3 << 3) | 2;
const ARROW_RECORD_BATCH = (4 << 3) | 2;
const THROTTLE_STATE = (5 << 3) | 2;
const ROW_COUNT = 6 << 3;
const AVRO_SCHEMA = (7 << 3) | 2;
const ARROW_SCHEMA = (8 << 3) | 2;
const BYTES_1 = (1 << 3) | 2;
const VARINT_2 = 2 << 3;
const PROGRESS = (2 << 3) | 2;
const START = (1 << 3) | 1;
const END = (2 << 3) | 1;

function writeRowsResponse(response: RowsResponse): Buffer {
  const { rows, rowCount, schema } = response;
  const avro = response.format === 'AVRO';
  const rowsLength = 1 + varintLength(rows.byteLength) + rows.byteLength + 1 + varintLength(rowCount);
  const schemaLength = schema === undefined ? 0 : 1 + varintLength(schema.byteLength) + schema.byteLength;
  const total =
    // stats, throttle_state
    1 +
    1 +
    2 +
    18 +
    2 +
    (1 + varintLength(rowsLength) + rowsLength) +
    (1 + varintLength(rowCount)) +
    (schema === undefined ? 0 : 1 + varintLength(schemaLength) + schemaLength);
  const out = Buffer.allocUnsafe(total);
  let at = 0;
  const varint = (value: number): void => {
    let rest = value;
    while (rest > 127) {
      out[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    out[at++] = rest;
  };
  const bytes = (value: Uint8Array): void => {
    varint(value.byteLength);
    out.set(value, at);
    at += value.byteLength;
  };
  out[at++] = STATS;
  out[at++] = 20;
  out[at++] = PROGRESS;
  out[at++] = 18;
  out[at++] = START;
  at = out.writeDoubleLE(response.progress[0], at);
  out[at++] = END;
  at = out.writeDoubleLE(response.progress[1], at);
  out[at++] = avro ? AVRO_ROWS : ARROW_RECORD_BATCH;
  varint(rowsLength);
  out[at++] = BYTES_1;
  bytes(rows);
  out[at++] = VARINT_2;
  varint(rowCount);
  // Not throttled.
  out[at++] = THROTTLE_STATE;
  out[at++] = 0;
  out[at++] = ROW_COUNT;
  varint(rowCount);
  if (schema !== undefined) {
    out[at++] = avro ? AVRO_SCHEMA : ARROW_SCHEMA;
    varint(schemaLength);
    out[at++] = BYTES_1;
    bytes(schema);
  }
  return out;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 127; rest >>>= 7) length++;
  return length;
}

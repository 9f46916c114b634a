// Avro object container files ("Object Container Files" of the Avro specification) of extracted
// tables. Types as in "Exporting table data: Avro export details": DATE, TIME and DATETIME are
// strings with `sqlType` unless the job says useAvroLogicalTypes.
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { crc32 } from '@node-rs/crc32';
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import type { FieldSchema } from '../../catalog/schema.ts';
import { AvroRowsWriter } from '../../grpc/avro/rows.ts';
import { select, type ReadColumn } from '../../grpc/read-column.ts';
import { identifier } from '../../storage/duckdb.ts';
import { snappyCompress } from '../load/snappy.ts';

export type AvroCodec = 'null' | 'deflate' | 'snappy';

type AvroType = string | { readonly [key: string]: unknown } | readonly AvroType[];

/** What all files of one extract have in common. */
export class AvroFormat {
  readonly #columns: readonly ReadColumn[];
  readonly #codec: AvroCodec;
  /** SELECT list of the columns in the form that the rows are written from. */
  readonly selectList: string;
  readonly #schema: string;

  constructor(fields: readonly FieldSchema[], codec: AvroCodec, logicalTypes: boolean) {
    const { columns, sql } = select(fields, []);
    const values = sql((index) => identifier(fields[index]!.name));
    const written = columns.map((column, i) => writtenAs(column, values[i]!, logicalTypes, 0));
    this.#columns = written.map(({ column }) => column);
    this.selectList = written.map((one) => one.sql).join(', ');
    this.#codec = codec;
    this.#schema = JSON.stringify(schemaOf(columns, logicalTypes));
  }

  /** A file's header, and what makes blocks of it. */
  begin(): { readonly header: Buffer; readonly block: (chunk: DuckDBDataChunk) => Buffer } {
    const sync = randomBytes(16);
    return {
      header: containerHeader(this.#schema, this.#codec, sync),
      block: (chunk) => {
        const rows = new AvroRowsWriter(this.#columns);
        rows.append(chunk);
        return containerBlock(chunk.rowCount, rows.finish(), this.#codec, sync);
      },
    };
  }
}

export function containerHeader(schema: string, codec: AvroCodec, sync: Uint8Array): Buffer {
  const meta = [text('avro.schema'), text(schema), text('avro.codec'), text(codec)];
  return Buffer.concat([Buffer.from('Obj\u0001', 'latin1'), long(2), ...meta, long(0), sync]);
}

export function containerBlock(rows: number, data: Uint8Array, codec: AvroCodec, sync: Uint8Array): Buffer {
  const packed = pack(data, codec);
  return Buffer.concat([long(rows), long(packed.length), packed, sync]);
}

function pack(data: Uint8Array, codec: AvroCodec): Uint8Array {
  if (codec === 'null') return data;
  if (codec === 'deflate') return deflateRawSync(data);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(data));
  return Buffer.concat([snappyCompress(data), checksum]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([long(bytes.length), bytes]);
}

/** Zigzag, seven bits a byte; of a length. */
function long(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** DATE and TIME as text where they are no logical types, at any depth. */
function writtenAs(
  column: ReadColumn,
  sql: string,
  logicalTypes: boolean,
  depth: number,
): { readonly column: ReadColumn; readonly sql: string } {
  if (logicalTypes) return { column, sql };
  if (column.repeated) {
    const item = `a${depth}`;
    const one = writtenAs({ ...column, repeated: false }, item, logicalTypes, depth + 1);
    const changed = { ...one.column, repeated: true };
    return { column: changed, sql: one.sql === item ? sql : `list_transform(${sql}, lambda ${item}: ${one.sql})` };
  }
  if (column.type === 'DATE' || column.type === 'TIME')
    return { column: { ...column, type: 'STRING' }, sql: `CAST(${sql} AS VARCHAR)` };
  if (column.type !== 'STRUCT') return { column, sql };
  const fields = column.fields.map((field, i) =>
    writtenAs(field, `struct_extract(${sql}, 'f${i}')`, logicalTypes, depth + 1),
  );
  const packed = fields.map((field, i) => `f${i} := ${field.sql}`).join(', ');
  return {
    column: { ...column, fields: fields.map((field) => field.column) },
    sql: `CASE WHEN ${sql} IS NULL THEN NULL ELSE struct_pack(${packed}) END`,
  };
}

function schemaOf(columns: readonly ReadColumn[], logicalTypes: boolean): AvroType {
  let records = 0;
  const recordName = (): string => `record_${records++}`;
  const fieldsOf = (fields: readonly ReadColumn[], logical: boolean): readonly object[] =>
    fields.map((field) => ({ name: field.name, type: typeOf(field, logical) }));
  const typeOf = (column: ReadColumn, logical: boolean): AvroType => {
    const type = scalarOf(column, logical);
    if (column.repeated) return { type: 'array', items: type };
    return column.required ? type : ['null', type];
  };
  const scalarOf = (column: ReadColumn, logical: boolean): AvroType => {
    switch (column.type) {
      case 'STRUCT':
        return { type: 'record', name: recordName(), fields: fieldsOf(column.fields, logical) };
      case 'RANGE':
        // Its bounds are written as they are stored.
        return { type: 'record', name: recordName(), sqlType: 'RANGE', fields: fieldsOf(column.fields, true) };
      default:
        return (logical ? LOGICAL[column.type] : undefined) ?? TYPES[column.type];
    }
  };
  return { type: 'record', name: 'Root', fields: fieldsOf(columns, logicalTypes) };
}

const TYPES: Readonly<Record<Exclude<ReadColumn['type'], 'STRUCT' | 'RANGE'>, AvroType>> = {
  INT64: 'long',
  FLOAT64: 'double',
  BOOL: 'boolean',
  STRING: 'string',
  BYTES: 'bytes',
  DATE: { type: 'string', sqlType: 'DATE' },
  TIME: { type: 'string', sqlType: 'TIME' },
  DATETIME: { type: 'string', sqlType: 'DATETIME' },
  JSON: { type: 'string', sqlType: 'JSON' },
  GEOGRAPHY: { type: 'string', sqlType: 'GEOGRAPHY' },
  INTERVAL: { type: 'string', sqlType: 'INTERVAL' },
  TIMESTAMP: { type: 'long', logicalType: 'timestamp-micros' },
  NUMERIC: { type: 'bytes', logicalType: 'decimal', precision: 38, scale: 9 },
  BIGNUMERIC: { type: 'bytes', logicalType: 'decimal', precision: 77, scale: 38 },
};

const LOGICAL: Partial<Record<ReadColumn['type'], AvroType>> = {
  DATE: { type: 'int', logicalType: 'date' },
  TIME: { type: 'long', logicalType: 'time-micros' },
  DATETIME: { type: 'string', logicalType: 'datetime' },
};

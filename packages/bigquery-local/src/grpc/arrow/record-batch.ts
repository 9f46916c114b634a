// Record batches as encapsulated messages of Arrow's IPC format ("Encapsulated message
// format", "Recordbatch message" of the Arrow columnar format), written into one piece of memory.
import { zstdCompressSync } from 'node:zlib';
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { BodyCompression, BufferRegion, FieldNode, Message, RecordBatch } from 'apache-arrow/ipc/metadata/message';
import type { ReadColumn } from '../read-column.ts';
import { gathererOf, type Gatherer } from './gatherer.ts';
import { Layout, type Part } from './part.ts';

export type ArrowCompression = 'LZ4_FRAME' | 'ZSTD';

/** `CompressionType` of Arrow's Message.fbs. */
const CODECS: Readonly<Record<ArrowCompression, number>> = { LZ4_FRAME: 0, ZSTD: 1 };

/** Arrow's mark of a buffer that is not smaller when it is compressed, and so is not. */
const NOT_COMPRESSED = -1n;

/** Buffers shorter than this gain nothing. */
const MIN_COMPRESSED_BYTES = 256;

export class RecordBatchWriter {
  readonly #gatherers: readonly Gatherer[];
  readonly #compression: ArrowCompression | undefined;
  /** The chunks own the memory that the gatherers look at. */
  readonly #chunks: DuckDBDataChunk[] = [];
  rows = 0;

  constructor(columns: readonly ReadColumn[], compression: ArrowCompression | undefined) {
    this.#gatherers = columns.map(gathererOf);
    this.#compression = compression;
  }

  get bytes(): number {
    return this.#gatherers.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  append(chunk: DuckDBDataChunk): void {
    const { rowCount } = chunk;
    this.#chunks.push(chunk);
    this.#gatherers.forEach((gatherer, i) => gatherer.append(chunk.getColumnVector(i), 0, rowCount));
    this.rows += rowCount;
  }

  finish(): Uint8Array {
    const layout = new Layout();
    for (const gatherer of this.#gatherers) gatherer.finish(layout);
    const parts =
      this.#compression === undefined
        ? layout.buffers
        : layout.buffers.map((part) => compressed(part, this.#compression!));
    let bodyBytes = 0;
    const regions = parts.map(({ byteLength }) => {
      const region = new BufferRegion(bodyBytes, byteLength);
      bodyBytes += padded(byteLength);
      return region;
    });
    const header = new RecordBatch(
      this.rows,
      layout.nodes.map(({ length, nullCount }) => new FieldNode(length, nullCount)),
      regions,
      this.#compression === undefined ? null : new BodyCompression(CODECS[this.#compression]),
    );
    return encapsulated(Message.encode(Message.from(header, bodyBytes)), bodyBytes, (target, at) => {
      parts.forEach((part, i) => part.writeTo(target, at + regions[i]!.offset));
    });
  }
}

/**
 * Each buffer begins with its length before compression. LZ4 is answered with buffers that
 * are marked as not compressed, which the format allows buffer by buffer.
 */
function compressed(part: Part, codec: ArrowCompression): Part {
  if (part.byteLength === 0) return part;
  const plain = new Uint8Array(part.byteLength);
  part.writeTo(plain, 0);
  const packed = codec === 'ZSTD' && plain.byteLength >= MIN_COMPRESSED_BYTES ? zstdCompressSync(plain) : plain;
  const smaller = packed.byteLength < plain.byteLength;
  const bytes = smaller ? packed : plain;
  return {
    byteLength: 8 + bytes.byteLength,
    writeTo: (target, at) => {
      new DataView(target.buffer, target.byteOffset + at, 8).setBigInt64(
        0,
        smaller ? BigInt(plain.byteLength) : NOT_COMPRESSED,
        true,
      );
      target.set(bytes, at + 8);
    },
  };
}

/** Continuation mark, length of the metadata, metadata, body. */
export function encapsulated(
  metadata: Uint8Array,
  bodyBytes: number,
  writeBody: (target: Uint8Array, at: number) => void,
): Uint8Array {
  const metadataBytes = padded(metadata.byteLength);
  const message = new Uint8Array(8 + metadataBytes + bodyBytes);
  const view = new DataView(message.buffer);
  view.setUint32(0, 0xffff_ffff, true);
  view.setInt32(4, metadataBytes, true);
  message.set(metadata, 8);
  writeBody(message, 8 + metadataBytes);
  return message;
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}

// Reads an answer's body to its end, unpacked, and never more of it than the bound.
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';

export type ReadBody = { readonly text: string; readonly truncated: boolean };

/** Stops reading at `maxBytes` of unpacked text and destroys the stream. Throws when it breaks off. */
export async function readBody(body: Readable, encoding: string | null, maxBytes: number): Promise<ReadBody> {
  const unpacked = unpack(body, encoding);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      const room = maxBytes - size;
      if (chunk.length > room) {
        chunks.push(chunk.subarray(0, room));
        return { text: Buffer.concat(chunks).toString('utf8'), truncated: true };
      }
      chunks.push(chunk);
      size += chunk.length;
    }
    return { text: Buffer.concat(chunks).toString('utf8'), truncated: false };
  } finally {
    body.destroy();
  }
}

function unpack(body: Readable, encoding: string | null): Readable {
  const unpacker = unpackerOf(encoding?.trim().toLowerCase());
  if (unpacker === undefined) return body;
  // Errors of either side surface in the reader of the result.
  return pipeline(body, unpacker, () => undefined);
}

function unpackerOf(encoding: string | undefined) {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    case 'zstd':
      return createZstdDecompress();
    default:
      return undefined;
  }
}

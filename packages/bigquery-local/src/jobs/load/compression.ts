// Whether the files of a load are gzipped.
import { open } from 'node:fs/promises';
import { BigQueryError } from '../../bigquery-error.ts';
import type { LoadFile } from './source.ts';

/** Throws `invalid` for a mix: "You can't include both compressed and uncompressed files in the same load job". */
export async function areGzip(files: readonly LoadFile[]): Promise<boolean> {
  let gzip: boolean | undefined;
  for (const { path } of files) {
    const one = await isGzip(path);
    if (gzip !== undefined && one !== gzip)
      throw new BigQueryError(
        'invalid',
        "You can't include both compressed and uncompressed files in the same load job.",
      );
    gzip = one;
  }
  return gzip === true;
}

async function isGzip(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
  return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
}

// The JSON body of a request whose body arrives as a stream.
import type { Readable } from 'node:stream';
import { StorageError } from '../../cloud-storage/storage-error.ts';
import { parseJob } from '../uploads/multipart.ts';

const MAX_BYTES = 1024 * 1024;

/** {} for an empty body. Throws 400 for anything but an object, 413 for one of over 1 MiB. */
export async function readJson(body: Readable): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new StorageError(413, 'uploadTooLarge', 'The metadata of the request is too large.');
    chunks.push(chunk);
  }
  return parseJob(Buffer.concat(chunks).toString());
}

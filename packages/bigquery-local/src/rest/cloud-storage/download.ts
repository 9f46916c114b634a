// The bytes of an object (objects.get with alt=media): whole or one range, and gunzipped
// for a client that does not take gzip ("Transcoding of gzip-compressed files").
import type { FastifyReply } from 'fastify';
import { createGunzip } from 'node:zlib';
import { pipeline } from 'node:stream';
import type { StoredObject } from '../../catalog/buckets.ts';
import type { CloudStorage } from '../../cloud-storage/cloud-storage.ts';
import { getObject, withFile, type ObjectName } from '../../cloud-storage/object-operations.ts';
import { optionalNumber, preconditionsOf } from '../../cloud-storage/preconditions.ts';
import { objectEtag } from './resources.ts';
import type { StorageRequest } from './storage-route.ts';

export async function sendObject(
  storage: CloudStorage,
  { context, reply }: StorageRequest,
  name: ObjectName,
): Promise<FastifyReply> {
  const { object, file } = await withFile(
    () =>
      getObject(storage, context, name, {
        generation: optionalNumber(context.query, 'generation'),
        conditions: preconditionsOf(context.query),
      }),
    async (found) => ({ object: found, file: await storage.files.open(found.file) }),
  );
  const { properties, size } = object;
  setHeaders(reply, object);
  const zipped = properties.contentEncoding === 'gzip';
  const wantsPlain =
    !/\bgzip\b/i.test(context.headers['accept-encoding'] ?? '') && !/no-transform/i.test(properties.cacheControl ?? '');
  if (zipped && wantsPlain) {
    void reply.header('Warning', '214 UploadServer gunzipped');
    const gunzip = createGunzip();
    pipeline(file.createReadStream(), gunzip, () => undefined);
    return reply.send(gunzip);
  }
  if (zipped) void reply.header('Content-Encoding', 'gzip');
  const range = rangeOf(context.headers['range'], size);
  if (range === 'unsatisfiable') {
    await file.close();
    return reply
      .code(416)
      .header('Content-Range', `bytes */${size}`)
      .type('text/html; charset=UTF-8')
      .send('The requested range cannot be satisfied.');
  }
  void reply.header('Accept-Ranges', 'bytes');
  const { start, end } = range ?? { start: 0, end: size - 1 };
  void reply.header('Content-Length', end - start + 1);
  if (range !== undefined) void reply.code(206).header('Content-Range', `bytes ${start}-${end}/${size}`);
  if (size === 0) {
    await file.close();
    return reply.send('');
  }
  return reply.send(file.createReadStream({ start, end }));
}

function setHeaders(reply: FastifyReply, object: StoredObject): void {
  const { properties } = object;
  const optional = {
    'Content-Disposition': properties.contentDisposition,
    'Content-Language': properties.contentLanguage,
  };
  void reply.headers({
    'Content-Type': properties.contentType ?? 'application/octet-stream',
    'Cache-Control': properties.cacheControl ?? 'no-cache, no-store, max-age=0, must-revalidate',
    ETag: objectEtag(object),
    'Last-Modified': new Date(object.updatedMs).toUTCString(),
    'X-Content-Type-Options': 'nosniff',
    'X-Goog-Generation': String(object.generation),
    'X-Goog-Metageneration': String(object.metageneration),
    'X-Goog-Hash': `crc32c=${object.crc32c},md5=${object.md5}`,
    'X-Goog-Storage-Class': properties.storageClass ?? 'STANDARD',
    'X-Goog-Stored-Content-Encoding': properties.contentEncoding ?? 'identity',
    'X-Goog-Stored-Content-Length': String(object.size),
  });
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) void reply.header(name, value);
}

type Range = { readonly start: number; readonly end: number };

/** One range (RFC 9110, 14.2), both ends inclusive; undefined = the whole, as for a header of another form. */
export function rangeOf(header: string | undefined, size: number): Range | 'unsatisfiable' | undefined {
  const match = /^bytes=(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))$/.exec(header?.trim() ?? '');
  if (match === null) return undefined;
  const [, first, last, suffix] = match;
  const start = first === undefined ? Math.max(size - Number(suffix), 0) : Number(first);
  const end = Math.min(last === undefined ? size - 1 : Number(last), size - 1);
  if (first !== undefined && last !== undefined && Number(last) < start) return undefined;
  return start >= size ? 'unsatisfiable' : { start, end };
}

// storage.objects.insert: bytes to an object by uploadType media, multipart or resumable.
// Who may not write is refused before a byte is kept; the object appears whole or not at all.
import type { FastifyReply } from 'fastify';
import type { Readable } from 'node:stream';
import type { StoredObject } from '../../catalog/buckets.ts';
import { authorizedBucket, type CloudStorage } from '../../cloud-storage/cloud-storage.ts';
import { checkChecksums, objectProperties } from '../../cloud-storage/metadata.ts';
import type { ObjectWriter } from '../../cloud-storage/object-files.ts';
import { commitObject, requireWritable, type ObjectName } from '../../cloud-storage/object-operations.ts';
import { preconditionsOf, type Preconditions } from '../../cloud-storage/preconditions.ts';
import { parseContentRange, type ResumableUploads, type UploadSession } from '../../cloud-storage/resumable-uploads.ts';
import { notSupported, StorageError } from '../../cloud-storage/storage-error.ts';
import type { RequestContext } from '../route.ts';
import { readRelated } from '../uploads/multipart.ts';
import { readJson } from './json-body.ts';
import { objectResource } from './resources.ts';
import type { StorageRequest, StorageRoute } from './storage-route.ts';

type Body = Readonly<Record<string, unknown>>;

export function uploadRoutes(storage: CloudStorage, uploads: ResumableUploads): StorageRoute[] {
  const handle = (request: StorageRequest): Promise<unknown> => insert(storage, uploads, request);
  const operation = 'storage.objects.insert';
  return ['', '/resumable'].flatMap((prefix): StorageRoute[] => {
    const path = `${prefix}/upload/storage/v1/b/:bucket/o`;
    return [
      { method: 'POST', path, operation, kind: 'upload', handle },
      { method: 'PUT', path, operation, kind: 'upload', handle },
      {
        method: 'DELETE',
        path,
        operation,
        kind: 'upload',
        handle: ({ context, reply }) => cancel(storage, uploads, context, reply),
      },
    ];
  });
}

async function insert(storage: CloudStorage, uploads: ResumableUploads, request: StorageRequest): Promise<unknown> {
  const { context } = request;
  refuseUnsupported(context);
  const id = context.query['upload_id'];
  if (id !== undefined) return continueResumable(storage, uploads, id, request);
  switch (context.query['uploadType']) {
    case 'media':
      return insertMedia(storage, request);
    case 'multipart':
      return insertMultipart(storage, request);
    case 'resumable':
      return beginResumable(storage, uploads, request);
    default:
      throw new StorageError(400, 'badRequest', 'uploadType must be media, multipart or resumable.');
  }
}

async function insertMedia(storage: CloudStorage, { context, raw }: StorageRequest): Promise<unknown> {
  const object = { bucket: bucketOf(context), name: context.query['name'] ?? '' };
  const conditions = preconditionsOf(context.query);
  requireWritable(storage, context, object, conditions);
  const writer = storage.files.begin();
  await orDiscard(writer, () => writer.append(raw as AsyncIterable<Buffer>, context.signal));
  const metadata = withType({ contentEncoding: context.query['contentEncoding'] }, context.headers['content-type']);
  return commit(storage, context, object, metadata, conditions, writer);
}

async function insertMultipart(storage: CloudStorage, { context, raw }: StorageRequest): Promise<unknown> {
  const bucket = bucketOf(context);
  const conditions = preconditionsOf(context.query);
  const named = context.query['name'];
  if (named === undefined) authorizedBucket(storage, context, 'storage.objects.create', bucket);
  else requireWritable(storage, context, { bucket, name: named }, conditions);
  const writer = storage.files.begin();
  const { json, contentType } = await orDiscard(writer, () =>
    readRelated('the metadata', context.headers['content-type'] ?? '', raw, context.signal, (part, stop) =>
      writer.append(part as AsyncIterable<Buffer>, stop),
    ),
  );
  const object = { bucket, name: named ?? nameIn(json) };
  return commit(storage, context, object, withType(json, contentType), conditions, writer);
}

async function beginResumable(
  storage: CloudStorage,
  uploads: ResumableUploads,
  { context, raw, reply }: StorageRequest,
): Promise<unknown> {
  const json = await readJson(raw);
  const object = { bucket: bucketOf(context), name: context.query['name'] ?? nameIn(json) };
  const conditions = preconditionsOf(context.query);
  requireWritable(storage, context, object, conditions);
  const size = Number(context.headers['x-upload-content-length'] ?? 0);
  if (size > storage.files.maxBytes)
    throw new StorageError(
      413,
      'uploadTooLarge',
      `The object is larger than ${storage.files.maxBytes} bytes, the limit of this server.`,
    );
  const metadata = withType(json, context.headers['x-upload-content-type']);
  objectProperties(metadata);
  const id = await uploads.begin({
    object,
    metadata,
    conditions,
    owner: context.principal.email,
    writer: storage.files.begin(),
  });
  const query = `uploadType=resumable&name=${encodeURIComponent(object.name)}&upload_id=${id}`;
  return reply
    .header('Location', `${context.baseUrl}/upload/storage/v1/b/${object.bucket}/o?${query}`)
    .header('X-GUploader-UploadID', id)
    .code(200)
    .send('');
}

async function continueResumable(
  storage: CloudStorage,
  uploads: ResumableUploads,
  id: string,
  { context, raw, reply }: StorageRequest,
): Promise<unknown> {
  const bucket = bucketOf(context);
  authorizedBucket(storage, context, 'storage.objects.create', bucket);
  const session = uploads.find(id, bucket, context.principal.email);
  if (session.done !== undefined) {
    raw.resume();
    return objectResource(session.done, context.baseUrl);
  }
  session.busy = true;
  try {
    const complete = await receive(session, context, raw);
    if (!complete) {
      const { received } = session.writer;
      if (received > 0) void reply.header('Range', `bytes=0-${received - 1}`);
      return await reply.code(308).send();
    }
    try {
      session.done = await store(
        storage,
        context,
        session.object,
        session.metadata,
        session.conditions,
        session.writer,
      );
    } catch (error) {
      await uploads.end(session);
      throw error;
    }
    return objectResource(session.done, context.baseUrl);
  } finally {
    session.busy = false;
  }
}

/** Takes what the request brings; true when that was all. */
async function receive(session: UploadSession, context: RequestContext, raw: Readable): Promise<boolean> {
  const { writer } = session;
  const header = context.headers['content-range'];
  const { start, end, total } =
    header === undefined ? { start: 0, end: undefined, total: undefined } : parseContentRange(header);
  if (start === undefined) {
    raw.resume();
    return total !== undefined && writer.received === total;
  }
  const before = writer.received;
  if (start > before)
    throw new StorageError(
      400,
      'badRequest',
      `Invalid request. According to the Content-Range header, the upload offset is ${start} byte(s), which exceeds already uploaded size of ${before} byte(s).`,
    );
  const limit = end ?? total;
  // Bytes that are already here are sent again by a client that did not hear so.
  await writer.append(bounded(raw as AsyncIterable<Buffer>, start, limit), context.signal, before - start);
  if (total !== undefined) return writer.received === total;
  return end === undefined;
}

/** Throws when a request brings more than its Content-Range says, before that is kept. */
async function* bounded(data: AsyncIterable<Buffer>, start: number, end: number | undefined): AsyncGenerator<Buffer> {
  let at = start;
  for await (const chunk of data) {
    at += chunk.length;
    if (end !== undefined && at > end)
      throw new StorageError(400, 'badRequest', 'The request has more bytes than its Content-Range says.');
    yield chunk;
  }
}

async function cancel(
  storage: CloudStorage,
  uploads: ResumableUploads,
  context: RequestContext,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const bucket = bucketOf(context);
  authorizedBucket(storage, context, 'storage.objects.create', bucket);
  await uploads.end(uploads.find(context.query['upload_id'] ?? '', bucket, context.principal.email));
  // "Cancel an upload": the answer is a 499.
  return reply.code(499).send('');
}

async function commit(
  storage: CloudStorage,
  context: RequestContext,
  object: ObjectName,
  metadata: Body,
  conditions: Preconditions,
  writer: ObjectWriter,
): Promise<unknown> {
  return objectResource(await store(storage, context, object, metadata, conditions, writer), context.baseUrl);
}

async function store(
  storage: CloudStorage,
  context: RequestContext,
  object: ObjectName,
  metadata: Body,
  conditions: Preconditions,
  writer: ObjectWriter,
): Promise<StoredObject> {
  const { properties, written } = await orDiscard(writer, async () => {
    const finished = await writer.finish();
    checkChecksums(metadata, context.headers['x-goog-hash'], finished);
    return { properties: objectProperties(metadata), written: finished };
  });
  return commitObject(storage, context, { ...object, properties, written }, conditions);
}

async function orDiscard<T>(writer: ObjectWriter, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

function bucketOf(context: RequestContext): string {
  return context.params['bucket'] ?? '';
}

function nameIn(json: Body): string {
  return typeof json['name'] === 'string' ? json['name'] : '';
}

/** The metadata's own type wins over the header's. */
function withType(metadata: Body, contentType: string | undefined): Body {
  const own = metadata['contentType'];
  return contentType === undefined || (own !== undefined && own !== null && own !== '')
    ? metadata
    : { ...metadata, contentType };
}

function refuseUnsupported(context: RequestContext): void {
  for (const name of ['predefinedAcl', 'kmsKeyName'])
    if (context.query[name] !== undefined) throw notSupported(`The parameter ${name}`);
  if (context.headers['x-goog-encryption-key'] !== undefined) throw notSupported('A customer-supplied encryption key');
}

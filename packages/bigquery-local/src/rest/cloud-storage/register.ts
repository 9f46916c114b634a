// Serves the Cloud Storage JSON API: its routes under /storage/v1 (and at the root, for
// clients that leave it out), uploads and downloads under their own paths, errors in its
// own form. As everywhere, no answer is sent without an access decision.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { CloudStorage } from '../../cloud-storage/cloud-storage.ts';
import { ResumableUploads } from '../../cloud-storage/resumable-uploads.ts';
import { StorageError } from '../../cloud-storage/storage-error.ts';
import { sendAnswer, type OpenContext } from '../answer.ts';
import type { ServerLog } from '../server-log.ts';
import { bucketRoutes } from './buckets.ts';
import { sendStorageError } from './error-envelope.ts';
import { readJson } from './json-body.ts';
import { objectRoutes } from './objects.ts';
import type { StorageRoute } from './storage-route.ts';
import { uploadRoutes } from './uploads.ts';

export type CloudStorageOptions = {
  readonly cloudStorage: CloudStorage;
  readonly audit: Pick<AuditLog, 'during'>;
  readonly log: ServerLog;
};

export function registerCloudStorage(app: FastifyInstance, options: CloudStorageOptions, open: OpenContext): void {
  const { cloudStorage: storage, log } = options;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.setErrorHandler((error, request, reply) => sendStorageError(log, error, request, reply));
  for (const route of storageRoutes(storage)) {
    const prefixes = route.kind === undefined ? ['/storage/v1', ''] : [''];
    for (const prefix of prefixes) {
      app.route({
        method: route.method,
        url: `${prefix}${route.path}`,
        // Uploads have their own limit; JSON bodies are bounded where they are read.
        bodyLimit: Number.MAX_SAFE_INTEGER,
        handler: (request, reply) => handle(route, options, open, request, reply),
      });
    }
  }
}

export function storageRoutes(storage: CloudStorage): StorageRoute[] {
  return [
    ...bucketRoutes(storage),
    ...objectRoutes(storage),
    ...uploadRoutes(storage, new ResumableUploads(storage.clock)),
  ];
}

async function handle(
  route: StorageRoute,
  { audit, log }: CloudStorageOptions,
  open: OpenContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const opened = await open(request, reply, route);
  const { context } = opened;
  const raw = request.body instanceof Readable ? request.body : Readable.from([]);
  const json = route.kind === undefined && route.method !== 'GET' ? await readJson(raw) : {};
  const answer = await audit.during({ operation: route.operation, requestId: request.id }, () =>
    route.handle({ context, json, raw, reply }),
  );
  if (answer === reply) return reply;
  if (!opened.decided() && route.signedIn !== true) {
    log.error({ operation: route.operation }, 'a handler answered without an access decision');
    throw new StorageError(500, 'internalError', `No access decision was made for ${route.operation}.`);
  }
  return sendAnswer(reply, request, answer);
}

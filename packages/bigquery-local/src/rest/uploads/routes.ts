// Load jobs with their data: /upload/bigquery/v2/projects/P/jobs with uploadType
// multipart, media or resumable. The body is a raw stream here, so these are not
// routes-as-data; the same decision is made before a byte is kept.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { BigQueryError } from '../../bigquery-error.ts';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { JobService } from '../../jobs/job-service.ts';
import { insertJob } from '../bigquery/jobs.ts';
import type { RequestContext } from '../route.ts';
import { sendAnswer, type OpenContext } from '../answer.ts';
import { readMultipart, parseJob } from './multipart.ts';
import { parseContentRange, UploadSessions } from './resumable.ts';
import { newSpoolFile, spoolTo, type Spool } from './spool.ts';

export type UploadServices = {
  readonly jobs: JobService;
  readonly spool: Spool;
  readonly audit: Pick<AuditLog, 'during'>;
};

export function registerUploads(app: FastifyInstance, services: UploadServices, open: OpenContext): void {
  const sessions = new UploadSessions(services.spool);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const operation = 'bigquery.jobs.insert';
    const { context } = await open(request, reply, { operation });
    return services.audit.during({ operation, requestId: request.id }, () =>
      handle(services, sessions, context, request, reply),
    );
  };
  const path = '/upload/bigquery/v2/projects/:projectId/jobs';
  for (const prefix of ['', '/resumable', '/bigquery/v2']) {
    // Uploads have their own limit, in the spool.
    app.route({ method: ['POST', 'PUT'], url: `${prefix}${path}`, bodyLimit: Number.MAX_SAFE_INTEGER, handler });
  }
}

async function handle(
  services: UploadServices,
  sessions: UploadSessions,
  context: RequestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { projectId = '' } = context.params;
  context.authorize('bigquery.jobs.create', { kind: 'project', projectId });
  const body = (request.body ?? request.raw) as Readable;
  const type = context.query['uploadType'];
  if (type === 'multipart') {
    const { job, file } = await readMultipart(
      services.spool,
      context.headers['content-type'] ?? '',
      body,
      context.signal,
    );
    return sendAnswer(reply, request, await insertJob(services.jobs, context, file, job));
  }
  if (type === 'media') {
    // Such a request has room for the job only in its query string: `job`, as JSON.
    const job = parseJob(context.query['job'] ?? '');
    const file = newSpoolFile(services.spool);
    await spoolTo(services.spool, file, body, 0, context.signal);
    return sendAnswer(reply, request, await insertJob(services.jobs, context, file, job));
  }
  if (type !== 'resumable') throw new BigQueryError('badRequest', 'uploadType must be multipart, media or resumable.');
  const id = context.query['upload_id'];
  if (id === undefined) return beginResumable(sessions, context, body, reply);
  return continueResumable(services, sessions, context, id, body, request, reply);
}

async function beginResumable(
  sessions: UploadSessions,
  context: RequestContext,
  body: Readable,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { projectId = '' } = context.params;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > 10 * 1024 * 1024) throw new BigQueryError('invalid', 'The job of the upload is too large.');
    chunks.push(chunk);
  }
  const session = sessions.begin(projectId, context.principal.email, parseJob(Buffer.concat(chunks).toString()));
  return reply
    .header(
      'Location',
      `${context.baseUrl}/upload/bigquery/v2/projects/${projectId}/jobs?uploadType=resumable&upload_id=${session.id}`,
    )
    .header('X-GUploader-UploadID', session.id)
    .code(200)
    .send('');
}

async function continueResumable(
  services: UploadServices,
  sessions: UploadSessions,
  context: RequestContext,
  id: string,
  body: Readable,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { projectId = '' } = context.params;
  const session = sessions.find(id, projectId, context.principal.email);
  if (session.busy)
    throw new BigQueryError('badRequest', 'Another request of this upload is still under way.', { httpStatus: 409 });
  const range = parseContentRange(context.headers['content-range']);
  session.busy = true;
  try {
    const probe = range !== undefined && range.start === undefined;
    if (probe) {
      body.resume();
    } else {
      const start = range?.start ?? 0;
      if (start !== session.received)
        throw new BigQueryError('badRequest', `The upload goes on at byte ${session.received}, not ${start}.`, {
          httpStatus: 400,
        });
      session.received += await spoolTo(services.spool, session.file, body, start, context.signal);
    }
    const complete = range === undefined ? true : range.total !== undefined && session.received >= range.total;
    if (!complete) {
      if (session.received > 0) void reply.header('Range', `bytes=0-${session.received - 1}`);
      return await reply.code(308).send();
    }
    if (session.received === 0) await spoolTo(services.spool, session.file, Readable.from([]), 0, context.signal);
    await sessions.end(session, false);
    return sendAnswer(reply, request, await insertJob(services.jobs, context, session.file, session.job));
  } finally {
    session.busy = false;
  }
}

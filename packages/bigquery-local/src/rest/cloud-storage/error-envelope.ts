// Errors in the form of the Cloud Storage JSON API: BigQuery's envelope without `status`,
// and bare text where the answer would have been an object's bytes.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BigQueryError } from '../../bigquery-error.ts';
import { StorageError } from '../../cloud-storage/storage-error.ts';
import { presentable } from '../error-envelope.ts';
import type { ServerLog } from '../server-log.ts';

export function sendStorageError(
  log: ServerLog,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const error = thrown instanceof StorageError ? thrown : presentable(thrown);
  const status = error.httpStatus;
  if (status === 500)
    log.error({ err: thrown, method: request.method, path: request.url.split('?')[0] }, 'request failed');
  if (status === 304) return reply.code(304).send();
  if (status === 401) void reply.header('WWW-Authenticate', 'Bearer realm="https://accounts.google.com/"');
  void reply.code(status);
  if ((request.query as Record<string, unknown>)['alt'] === 'media')
    return reply
      .type('text/html; charset=UTF-8')
      .header('X-Content-Type-Options', 'nosniff')
      .send(escaped(error.message));
  return reply.type('application/json; charset=UTF-8').send(JSON.stringify(envelope(error)));
}

function envelope(error: StorageError | BigQueryError): unknown {
  const item = { message: error.message, domain: 'global', reason: error.reason, ...locationOf(error) };
  return { error: { code: error.httpStatus, message: error.message, errors: [item] } };
}

function locationOf(error: StorageError | BigQueryError): { location?: string; locationType?: string } {
  if (error instanceof BigQueryError) {
    const { location, locationType } = error.options;
    return {
      ...(location === undefined ? {} : { location }),
      ...(locationType === undefined ? {} : { locationType }),
    };
  }
  return error.reason === 'conditionNotMet' ? { location: 'If-Match', locationType: 'header' } : {};
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

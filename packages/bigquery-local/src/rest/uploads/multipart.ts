// multipart/related bodies (RFC 2387): a JSON part with the job, then a part with the data.
import { Dicer } from '@fastify/busboy';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { BigQueryError } from '../../bigquery-error.ts';
import { newSpoolFile, spoolTo, type Spool } from './spool.ts';

const MAX_METADATA_BYTES = 10 * 1024 * 1024;

export type Multipart = { readonly job: Record<string, unknown>; readonly file: string };

/** Streams the second part to a spool file. Throws `badRequest` for a body of another form. */
export async function readMultipart(
  spool: Spool,
  contentType: string,
  body: Readable,
  signal: AbortSignal,
): Promise<Multipart> {
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (boundary === undefined)
    throw new BigQueryError('badRequest', 'The Content-Type of a multipart upload needs a boundary.');
  const dicer = new Dicer({ boundary });
  const file = newSpoolFile(spool);
  // What goes wrong in one part must end the other, and remove its file.
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  let metadata: Promise<Record<string, unknown>> | undefined;
  let data: Promise<unknown> | undefined;
  const finished = new Promise<void>((resolve, reject) => {
    dicer.on('part', (part: Readable) => {
      part.on('error', reject);
      if (metadata === undefined) {
        metadata = readJson(part);
        metadata.catch(reject);
      } else if (data === undefined) {
        data = spoolTo(spool, file, part, 0, stop);
        data.catch(reject);
      } else {
        part.resume();
      }
    });
    dicer.on('finish', resolve);
    dicer.on('error', (error: Error) =>
      reject(new BigQueryError('badRequest', 'The multipart body is damaged.', { cause: error })),
    );
    body.on('error', reject);
    body.on('aborted', () => reject(new BigQueryError('badRequest', 'The upload was broken off.')));
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  body.pipe(dicer);
  try {
    await finished;
    if (metadata === undefined || data === undefined) {
      throw new BigQueryError('badRequest', 'A multipart upload has two parts: the job as JSON, then the data.');
    }
    const job = await metadata;
    await data;
    return { job, file };
  } catch (error) {
    body.unpipe(dicer);
    failed.abort(error);
    await data?.catch(() => undefined);
    await rm(file, { force: true });
    throw error;
  }
}

async function readJson(part: Readable): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of part as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_METADATA_BYTES) throw new BigQueryError('invalid', 'The JSON part of the upload is too large.');
    chunks.push(chunk);
  }
  return parseJob(Buffer.concat(chunks).toString());
}

export function parseJob(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = text.trim() === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new BigQueryError('badRequest', 'Invalid JSON payload received.', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new BigQueryError('badRequest', 'The job must be a JSON object.');
  return value as Record<string, unknown>;
}

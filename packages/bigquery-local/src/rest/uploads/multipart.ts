// multipart/related bodies (RFC 2387): a JSON part with the job (or an object's metadata),
// then a part with the data.
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
  const file = newSpoolFile(spool);
  try {
    const { json } = await readRelated('the job', contentType, body, signal, (part, stop) =>
      spoolTo(spool, file, part, 0, stop),
    );
    return { job: json, file };
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

export type Related<T> = {
  readonly json: Record<string, unknown>;
  /** Content-Type of the second part. */
  readonly contentType: string | undefined;
  readonly data: T;
};

/**
 * Parses the first part as JSON and hands the second to `sink`, which has settled when
 * this does. Throws `badRequest` for a body of another form.
 */
export async function readRelated<T>(
  nameOfFirst: string,
  contentType: string,
  body: Readable,
  signal: AbortSignal,
  sink: (part: Readable, stop: AbortSignal) => Promise<T>,
): Promise<Related<T>> {
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (boundary === undefined)
    throw new BigQueryError('badRequest', 'The Content-Type of a multipart upload needs a boundary.');
  const dicer = new Dicer({ boundary });
  // What goes wrong in one part must end the other.
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  let metadata: Promise<Record<string, unknown>> | undefined;
  let data: Promise<T> | undefined;
  let typeOfData: string | undefined;
  const finished = new Promise<void>((resolve, reject) => {
    dicer.on('part', (part: Readable) => {
      part.on('error', reject);
      if (metadata === undefined) {
        metadata = readJson(part);
        metadata.catch(reject);
      } else if (data === undefined) {
        part.on('header', (headers: Readonly<Record<string, readonly string[]>>) => {
          typeOfData = headers['content-type']?.[0];
        });
        data = sink(part, stop);
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
      throw new BigQueryError('badRequest', `A multipart upload has two parts: ${nameOfFirst} as JSON, then the data.`);
    }
    return { json: await metadata, data: await data, contentType: typeOfData };
  } catch (error) {
    body.unpipe(dicer);
    failed.abort(error);
    await data?.catch(() => undefined);
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
    throw new BigQueryError('badRequest', 'The metadata of an upload must be a JSON object.');
  return value as Record<string, unknown>;
}

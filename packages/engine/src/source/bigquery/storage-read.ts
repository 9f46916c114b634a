// Reads a whole table through the Storage Read API, each of its streams resumed
// at its offset when it breaks. At most one batch per stream waits in memory. There is no
// way from here to tabledata.list: what the API refuses is the caller's to know.
// Source: BigQuery Storage API, google.cloud.bigquery.storage.v1.BigQueryRead.
import { getDefaultHighWaterMark, setDefaultHighWaterMark } from 'node:stream';
import type { Readable } from 'node:stream';
import type { BigQueryReadClient } from '@google-cloud/bigquery-storage';
import type { Metadata } from '@grpc/grpc-js';
import { RecordBatchReader, type RecordBatch } from 'apache-arrow';
import { AppError, messageOf } from '@sluice/core';
import type { SourceConfig } from '../../run/api.ts';
import type { TableRef } from '../source.ts';
import { delay } from './client.ts';
import { ServiceAccountClient } from './credentials.ts';
import type { Failure } from './errors.ts';
import { sourceError } from './errors.ts';

/** One carries more rows than a destination takes, and each holds messages ready. */
const MAX_STREAMS = 1;
const MESSAGES_AHEAD = 2;
const CREATE_TIMEOUT_MS = 10 * 60_000;
/** The longest silence on a stream before it counts as broken. */
const SILENCE_MS = 120_000;
/** Tries without a single row in between. */
const ATTEMPTS = 6;

/** google.rpc.Code → the HTTP status that REST answers in the same case. */
const HTTP_STATUS: Readonly<Record<number, number>> = {
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  9: 412,
  10: 409,
  12: 501,
  13: 500,
  14: 503,
  16: 401,
};
/** DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE: as Google's own clients do. */
const RETRYABLE: ReadonlySet<number> = new Set([4, 8, 10, 13, 14]);

const GRANT_ROLE = 'roles/bigquery.readSessionUser';

/** Of grpc-js. */
type ReadRowsCall = Readable & { cancel(): void };
type ReadStub = {
  readRows(request: { readonly readStream: string; readonly offset: number }, metadata: Metadata): ReadRowsCall;
};

type ReadStream = { readonly name?: string | null };
type Response = {
  readonly rowCount?: unknown;
  readonly arrowRecordBatch?: { readonly serializedRecordBatch?: Uint8Array | null } | null;
};

export class StorageReader {
  readonly #source: SourceConfig;
  readonly #auth: ServiceAccountClient;
  #client: Promise<BigQueryReadClient> | undefined;
  #users = 0;

  /** AppError `invalid` when it is not clear which service is meant. */
  constructor(source: SourceConfig) {
    if (source.endpoint !== undefined && source.storageEndpoint === undefined)
      throw new AppError(
        'A source with an endpoint of its own that reads through the Storage Read API needs its endpoint too.',
        {
          code: 'STORAGE_ENDPOINT_MISSING',
          kind: 'invalid',
          where: `source ${source.name}`,
          fix: 'Set storage_endpoint, for a local BigQuery the address that `sluice bigquery start` prints (http://127.0.0.1:9060), or read over REST (read: rest).',
        },
      );
    this.#source = source;
    this.#auth = new ServiceAccountClient(source.credentials, `credentials of source ${source.name}`);
  }

  /** All rows of the table as it is now, batch by batch, in no particular order. */
  async *batches(ref: TableRef, signal?: AbortSignal): AsyncGenerator<RecordBatch> {
    const where = `table ${ref.projectId}.${ref.datasetId}.${ref.tableId}`;
    const stopped = new AbortController();
    const stop = signal === undefined ? stopped.signal : AbortSignal.any([signal, stopped.signal]);
    let readers: readonly AsyncGenerator<RecordBatch>[] = [];
    this.#users += 1;
    try {
      const { streams, schema } = await this.#createSession(ref, where, signal);
      readers = streams.map((name) => this.#stream(name, schema, where, stop));
      yield* merged(readers);
    } finally {
      stopped.abort(new Error('the reader is done'));
      await Promise.allSettled(readers.map((reader) => reader.return(undefined)));
      this.#users -= 1;
      if (this.#users === 0) await this.#close();
    }
  }

  /** Opens a session and reads its first batch, if there is one. Throws `forbidden` without the right to. */
  async probe(ref: TableRef, signal?: AbortSignal): Promise<void> {
    for await (const _batch of this.batches(ref, signal)) return;
  }

  /** Connections do not outlive what they were opened for. */
  async #close(): Promise<void> {
    const opened = this.#client;
    this.#client = undefined;
    await (await opened)?.close();
  }

  async #createSession(
    ref: TableRef,
    where: string,
    signal: AbortSignal | undefined,
  ): Promise<{ streams: readonly string[]; schema: Uint8Array }> {
    const { projectId } = this.#source;
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      try {
        const client = await this.#open();
        const [session] = await client.createReadSession(
          {
            parent: `projects/${projectId}`,
            readSession: {
              table: `projects/${ref.projectId}/datasets/${ref.datasetId}/tables/${ref.tableId}`,
              dataFormat: 'ARROW',
            },
            maxStreamCount: MAX_STREAMS,
          },
          await this.#callOptions(CREATE_TIMEOUT_MS),
        );
        const schema = session.arrowSchema?.serializedSchema;
        if (schema === undefined || schema === null) throw notTheApi('the session has no Arrow schema');
        return {
          streams: (session.streams ?? []).map(({ name }: ReadStream) => String(name)),
          schema: typeof schema === 'string' ? Buffer.from(schema, 'base64') : schema,
        };
      } catch (thrown) {
        await this.#backOff(thrown, attempt, 'Cannot open a session of the Storage Read API', where, signal);
      }
    }
  }

  async *#stream(name: string, schema: Uint8Array, where: string, signal: AbortSignal): AsyncGenerator<RecordBatch> {
    let offset = 0;
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        for await (const { batch, rows } of this.#once(name, offset, schema, signal)) {
          attempt = 1;
          offset += rows;
          yield batch;
        }
        return;
      } catch (thrown) {
        await this.#backOff(thrown, attempt, 'Cannot read rows through the Storage Read API', where, signal);
      }
    }
  }

  async *#once(
    readStream: string,
    offset: number,
    schema: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<{ batch: RecordBatch; rows: number }> {
    const call = await this.#readRows(readStream, offset);
    let timer: NodeJS.Timeout | undefined;
    const watch = (): void => {
      clearTimeout(timer);
      timer = setTimeout(
        () => call.destroy(Object.assign(new Error(`no rows within ${SILENCE_MS / 1000} s`), { code: 4 })),
        SILENCE_MS,
      );
    };
    const onAbort = (): void => void call.destroy(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      watch();
      for await (const response of call as AsyncIterable<Response>) {
        clearTimeout(timer);
        const bytes = response.arrowRecordBatch?.serializedRecordBatch;
        if (bytes !== undefined && bytes !== null) {
          for (const batch of RecordBatchReader.from(Buffer.concat([schema, bytes])))
            yield { batch, rows: batch.numRows };
        }
        watch();
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      call.cancel();
    }
  }

  /**
   * Past the client's own method, which puts three streams behind one another that hold 16
   * messages of a megabyte each: here few wait, whatever the table's size.
   */
  async #readRows(readStream: string, offset: number): Promise<ReadRowsCall> {
    const client = await this.#open();
    const [stub, { Metadata }, { token }] = await Promise.all([
      client.initialize(),
      import('@grpc/grpc-js'),
      this.#auth.getAccessToken(),
    ]);
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token ?? ''}`);
    // How Google's front ends find the stream's server.
    metadata.set('x-goog-request-params', `read_stream=${encodeURIComponent(readStream)}`);
    const usual = getDefaultHighWaterMark(true);
    setDefaultHighWaterMark(true, MESSAGES_AHEAD);
    try {
      return (stub as unknown as ReadStub).readRows({ readStream, offset }, metadata);
    } finally {
      setDefaultHighWaterMark(true, usual);
    }
  }

  /** Waits before the next try, or throws what it means. */
  async #backOff(
    thrown: unknown,
    attempt: number,
    what: string,
    where: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    signal?.throwIfAborted();
    if (thrown instanceof AppError) throw thrown;
    const code = (thrown as { code?: unknown }).code;
    const retryable = typeof code === 'number' && RETRYABLE.has(code);
    if (!retryable || attempt >= ATTEMPTS) throw this.#error(thrown, what, where);
    const backOffMs = Math.min(200 * 2 ** attempt, 10_000);
    await delay(backOffMs / 2 + (Math.random() * backOffMs) / 2, signal);
  }

  #error(thrown: unknown, what: string, where: string): AppError {
    const error = thrown as { code?: unknown; details?: unknown };
    const message = typeof error.details === 'string' && error.details !== '' ? error.details : messageOf(thrown);
    const code = typeof error.code === 'number' ? error.code : 2;
    const failure: Failure = {
      status: HTTP_STATUS[code] ?? 500,
      reason: code === 7 ? 'accessDenied' : '',
      message,
      network: code === 14 && /No connection established|ECONNREFUSED|ENOTFOUND|ECONNRESET/.test(message),
    };
    const permission = /bigquery\.readsessions\.\w+/.exec(message)?.[0];
    return sourceError(
      failure,
      what,
      where,
      permission === undefined
        ? undefined
        : `Grant the service account ${permission} on the project (${GRANT_ROLE}), or read over REST (read: rest).`,
    );
  }

  async #callOptions(timeout: number): Promise<object> {
    const { token } = await this.#auth.getAccessToken();
    return {
      otherArgs: { headers: { authorization: `Bearer ${token ?? ''}` } },
      // What is worth trying again is decided here.
      retry: null,
      retryRequestOptions: { retries: 0, noResponseRetries: 0 },
      timeout,
    };
  }

  #open(): Promise<BigQueryReadClient> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  async #connect(): Promise<BigQueryReadClient> {
    // Only for sources that ask for it: the client is large.
    const [{ BigQueryReadClient: Client }, { credentials }] = await Promise.all([
      import('@google-cloud/bigquery-storage'),
      import('@grpc/grpc-js'),
    ]);
    const { projectId, storageEndpoint } = this.#source;
    // Without a client of ours it would look for credentials of this machine.
    const common = { projectId, authClient: this.#auth as never };
    if (storageEndpoint === undefined) return new Client({ ...common, sslCreds: credentials.createSsl() });
    const url = new URL(storageEndpoint);
    const secure = url.protocol === 'https:';
    return new Client({
      ...common,
      servicePath: url.hostname,
      port: Number(url.port === '' ? (secure ? 443 : 80) : url.port),
      // The token goes as a header of each call: without TLS gRPC sends no credentials of its own.
      sslCreds: secure ? credentials.createSsl() : credentials.createInsecure(),
    });
  }
}

/** Whatever comes first; no reader is asked for more than one item ahead. */
async function* merged<T>(readers: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  type Next = { readonly reader: AsyncGenerator<T>; readonly result: IteratorResult<T> };
  const ask = async (reader: AsyncGenerator<T>): Promise<Next> => ({ reader, result: await reader.next() });
  const pending = new Map(readers.map((reader) => [reader, ask(reader)]));
  // One that fails while another is looked at is seen when its turn comes.
  for (const next of pending.values()) next.catch(() => undefined);
  while (pending.size > 0) {
    const { reader, result } = await Promise.race(pending.values());
    if (result.done === true) {
      pending.delete(reader);
      continue;
    }
    const next = ask(reader);
    next.catch(() => undefined);
    pending.set(reader, next);
    yield result.value;
  }
}

function notTheApi(what: string): AppError {
  return new AppError(`The Storage Read API answered strangely: ${what}`, {
    code: 'SOURCE_PROTOCOL',
    kind: 'internal',
    origin: 'source',
  });
}

// One authenticated REST call to BigQuery through Google's client, with a time-out
// that always fires and bounded retries with back-off and jitter. Retrying is safe for
// everything sent here: reads, and inserts of jobs and tables under ids of our own.
import type { Readable } from 'node:stream';
import { BigQuery } from '@google-cloud/bigquery';
import { AppError } from '@sluice/core';
import type { SourceConfig } from '../../run/api.ts';
import { ServiceAccountClient } from './credentials.ts';
import { failureOf, isRetryable, sourceError } from './errors.ts';
import type { Failure } from './errors.ts';
import { readGrant } from './read-grant.ts';

const ATTEMPTS = 5;
const CALL_TIMEOUT_MS = 60_000;

export type Call = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the root of the API, for BigQuery `/bigquery/v2/`: for example `projects/p/jobs`. Segments must be encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly body?: unknown;
  /** For messages: `Cannot start the job`. */
  readonly what: string;
  /** For messages: the thing that the call is about. */
  readonly where: string;
  readonly timeoutMs?: number;
  readonly attempts?: number;
  /**
   * For large answers: reads the body as a stream and parses it once. Google's client
   * copies every parsed answer in depth, which costs more than all else of a page of rows.
   */
  readonly streamed?: true;
  readonly signal?: AbortSignal;
};

type Transport = {
  baseUrl: string;
  request(options: object, callback: (error: unknown, body: unknown) => void): void;
  requestStream(options: object): Readable;
};

/** Another Google API that is called with the source's key. */
export type OtherApi = {
  /** OAuth scope that its methods ask for. */
  readonly scope: string;
  readonly host: string;
  /** Path before each call's, for example `/v1`. */
  readonly root: string;
};

export class BigQueryClient {
  readonly #transport: Transport;
  readonly #auth: ServiceAccountClient;
  readonly #grantFor: (failure: Failure) => string | undefined;

  /** `api`: the API to call; default: BigQuery. A source with an `endpoint` has all of them there. */
  constructor(source: SourceConfig, api?: OtherApi) {
    this.#grantFor = (failure) => readGrant(failure.message, source);
    this.#auth = new ServiceAccountClient(source.credentials, `credentials of source ${source.name}`, api?.scope);
    const client = new BigQuery({
      projectId: source.projectId,
      authClient: this.#auth as never,
      autoRetry: false,
      userAgent: 'sluice',
      ...(source.endpoint === undefined ? {} : { apiEndpoint: source.endpoint }),
    });
    this.#transport = client;
    // NOTE: the client lets BIGQUERY_EMULATOR_HOST override the address that it was given.
    // A source's configuration must decide alone which service gets its data.
    const host = source.endpoint ?? api?.host ?? 'https://bigquery.googleapis.com';
    this.#transport.baseUrl = `${host.replace(/\/$/, '')}${api?.root ?? '/bigquery/v2'}`;
  }

  /** Throws when the key gives no access token. */
  authenticate(): Promise<void> {
    return this.#auth.authenticate();
  }

  /** Undefined for 404 answers when `missingIsUndefined`; throws an AppError otherwise. */
  async call<T>(call: Call): Promise<T> {
    const attempts = call.attempts ?? ATTEMPTS;
    for (let attempt = 1; ; attempt += 1) {
      call.signal?.throwIfAborted();
      try {
        return (await (call.streamed === true ? this.#streamed(call) : this.#once(call))) as T;
      } catch (thrown) {
        call.signal?.throwIfAborted();
        if (thrown instanceof AppError) throw thrown;
        const failure = failureOf(thrown);
        if (attempt >= attempts || !isRetryable(failure))
          throw sourceError(failure, call.what, call.where, this.#grantFor(failure));
        const backOffMs = Math.min(250 * 2 ** attempt, 10_000);
        await delay(backOffMs / 2 + (Math.random() * backOffMs) / 2, call.signal);
      }
    }
  }

  #once(call: Call): Promise<unknown> {
    const timeoutMs = call.timeoutMs ?? CALL_TIMEOUT_MS;
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        call.signal?.removeEventListener('abort', onAbort);
        settle();
      };
      const onAbort = (): void => finish(() => reject(call.signal?.reason as Error));
      const timer = setTimeout(
        () =>
          finish(() =>
            reject(Object.assign(new Error(`no answer within ${timeoutMs / 1000} s`), { code: 'ETIMEDOUT' })),
          ),
        timeoutMs,
      );
      call.signal?.addEventListener('abort', onAbort, { once: true });
      this.#transport.request(this.#options(call, timeoutMs), (error, body) =>
        finish(() => (error === null || error === undefined ? resolve(body) : reject(error))),
      );
    });
  }

  #options(call: Call, timeoutMs: number): object {
    return {
      method: call.method,
      uri: `${this.#transport.baseUrl}/${call.path}`,
      timeout: timeoutMs,
      ...(call.query === undefined ? {} : { qs: call.query }),
      ...(call.body === undefined ? {} : { json: call.body }),
    };
  }

  async #streamed(call: Call): Promise<unknown> {
    const timeoutMs = call.timeoutMs ?? CALL_TIMEOUT_MS;
    const stream = this.#transport.requestStream(this.#options(call, timeoutMs));
    let answer: StreamedAnswer = {};
    stream.on('response', (response: StreamedAnswer) => (answer = response));
    // Ending the stream ends the request.
    const late = (): Error => Object.assign(new Error(`no answer within ${timeoutMs / 1000} s`), { code: 'ETIMEDOUT' });
    const timer = setTimeout(() => stream.destroy(late()), timeoutMs);
    const onAbort = (): void => void stream.destroy(call.signal?.reason as Error);
    call.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const text = await textOf(stream);
      const { statusCode = 0, statusMessage = '' } = answer;
      if (statusCode < 200 || statusCode > 299) throw apiError(statusCode, statusMessage, text);
      return JSON.parse(text) as unknown;
    } finally {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', onAbort);
    }
  }
}

type StreamedAnswer = { readonly statusCode?: number; readonly statusMessage?: string };

/** The whole body. By events: the client's streams are duplex, and their writable side never ends. */
function textOf(stream: Readable): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
  stream.on('error', reject);
  stream.on('close', () => reject(Object.assign(new Error('the answer broke off'), { code: 'ECONNRESET' })));
  return promise;
}

/** An error answer in the shape in which Google's client throws it. */
function apiError(status: number, statusMessage: string, text: string): Error {
  let error: { message?: string; errors?: unknown } = {};
  try {
    ({ error = {} } = JSON.parse(text) as { error?: typeof error });
  } catch {
    // A gateway's page: its status says all.
  }
  return Object.assign(new Error(error.message ?? `${status} ${statusMessage}`), {
    code: status,
    errors: error.errors,
  });
}

export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

// One authenticated REST call to BigQuery through Google's client, with a time-out
// that always fires and bounded retries with back-off and jitter. Retrying is safe for
// everything sent here: reads, and inserts of jobs and tables under ids of our own.
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
  /** Below `/bigquery/v2/`, for example `projects/p/jobs`. Segments must be encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly body?: unknown;
  /** For messages: `Cannot start the job`. */
  readonly what: string;
  /** For messages: the thing that the call is about. */
  readonly where: string;
  readonly timeoutMs?: number;
  readonly attempts?: number;
  readonly signal?: AbortSignal;
};

type Transport = {
  baseUrl: string;
  request(options: object, callback: (error: unknown, body: unknown) => void): void;
};

export class BigQueryClient {
  readonly #transport: Transport;
  readonly #auth: ServiceAccountClient;
  readonly #grantFor: (failure: Failure) => string | undefined;

  constructor(source: SourceConfig) {
    this.#grantFor = (failure) => readGrant(failure.message, source);
    this.#auth = new ServiceAccountClient(source.credentials, `credentials of source ${source.name}`);
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
    this.#transport.baseUrl = `${(source.endpoint ?? 'https://bigquery.googleapis.com').replace(/\/$/, '')}/bigquery/v2`;
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
        return (await this.#once(call)) as T;
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
      this.#transport.request(
        {
          method: call.method,
          uri: `${this.#transport.baseUrl}/${call.path}`,
          timeout: timeoutMs,
          ...(call.query === undefined ? {} : { qs: call.query }),
          ...(call.body === undefined ? {} : { json: call.body }),
        },
        (error, body) => finish(() => (error === null || error === undefined ? resolve(body) : reject(error))),
      );
    });
  }
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

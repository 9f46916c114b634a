// The calls to BigQuery that the destination needs, through Google's client, each with a
// time limit and an end by signal. Jobs have ids of their own, so that a job whose answer
// was lost is found again instead of being run twice.
import type { BigQuery, Job, Table as ClientTable } from '@google-cloud/bigquery';
import { BigQuery as Client } from '@google-cloud/bigquery';
import type { ConnectionSpec } from '@sluice/destination-kit';
import { JWT } from 'google-auth-library';
import { settingText } from '../connection-settings.ts';
import { JobFailed, failureOf } from './errors.ts';
import { keyFileOf } from './settings.ts';

const SCOPE = 'https://www.googleapis.com/auth/bigquery';
const CALL_TIMEOUT_MS = 60_000;
const UPLOAD_TIMEOUT_MS = 240_000;
const MAX_POLL_MS = 2000;
/** Answers in a row that may be lost while a job runs. */
const MAX_LOST_ANSWERS = 5;

export type FieldSchema = {
  readonly name: string;
  readonly type: string;
  readonly mode?: string;
  readonly fields?: readonly FieldSchema[];
  readonly maxLength?: string;
  readonly precision?: string;
  readonly scale?: string;
};

export type TableResource = {
  readonly type: string;
  readonly location?: string;
  readonly schema?: { readonly fields?: readonly FieldSchema[] };
};

export type TableName = { readonly dataset: string; readonly table: string };

export class BigQueryCalls {
  readonly #client: BigQuery;

  constructor({ settings }: ConnectionSpec) {
    const key = keyFileOf(settingText(settings['credentials']));
    if (key === undefined) throw new TypeError('the credentials are not a key');
    // Google takes tokens that the key itself signs (https://google.aip.dev/auth/4111), so
    // there is no exchange that could fail or wait.
    const signer = new JWT({
      email: key.client_email,
      key: key.private_key,
      ...(key.private_key_id === undefined ? {} : { keyId: key.private_key_id }),
      scopes: [SCOPE],
    });
    signer.useJWTAccessWithScope = true;
    this.#client = new Client({
      projectId: settingText(settings['project']),
      authClient: signer as never,
      autoRetry: false,
      userAgent: 'sluice',
    });
    // NOTE: the client lets BIGQUERY_EMULATOR_HOST override the address that it was given. The
    // settings alone must decide who gets the data.
    const endpoint = settingText(settings['endpoint']).replace(/\/$/, '') || 'https://bigquery.googleapis.com';
    Object.assign(this.#client, { apiEndpoint: endpoint, baseUrl: `${endpoint}/bigquery/v2` });
  }

  /** Undefined when the table does not exist. */
  async tableResource(name: TableName, signal?: AbortSignal): Promise<TableResource | undefined> {
    try {
      const [resource] = await limited(this.#table(name).getMetadata(), CALL_TIMEOUT_MS, signal);
      return resource as TableResource;
    } catch (error) {
      if ((error as { code?: unknown }).code === 404) return undefined;
      throw error;
    }
  }

  async datasetLocation(dataset: string, signal?: AbortSignal): Promise<string> {
    const [resource] = await limited(this.#client.dataset(dataset).getMetadata(), CALL_TIMEOUT_MS, signal);
    return settingText((resource as { location?: string }).location) || 'US';
  }

  /** Expires by itself when nobody removes it. */
  async createTable(
    { dataset, table }: TableName,
    fields: readonly FieldSchema[],
    expiresInMs?: number,
    signal?: AbortSignal,
  ): Promise<void> {
    const expiration = expiresInMs === undefined ? {} : { expirationTime: String(Date.now() + expiresInMs) };
    const made = this.#client
      .dataset(dataset)
      .createTable(table, { schema: { fields: [...fields] }, ...expiration } as object);
    await limited(made, CALL_TIMEOUT_MS, signal);
  }

  async setSchema(name: TableName, fields: readonly FieldSchema[], signal?: AbortSignal): Promise<void> {
    await limited(this.#table(name).setMetadata({ schema: { fields: [...fields] } } as never), CALL_TIMEOUT_MS, signal);
  }

  async deleteTable(name: TableName): Promise<void> {
    await limited(this.#table(name).delete({ ignoreNotFound: true }), CALL_TIMEOUT_MS);
  }

  /** Whether the key may run jobs: a dry run of a query without tables. */
  async testJobs(signal?: AbortSignal): Promise<void> {
    await limited(this.#client.createQueryJob({ query: 'SELECT 1', dryRun: true }), CALL_TIMEOUT_MS, signal);
  }

  /** Appends newline-delimited JSON by a load job. */
  async load(name: TableName, lines: string, location: string, jobId: string, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const table = this.#table(name);
    table.location = location;
    const upload = table.createWriteStream({
      sourceFormat: 'NEWLINE_DELIMITED_JSON',
      writeDisposition: 'WRITE_APPEND',
      createDisposition: 'CREATE_NEVER',
      jobId,
    });
    upload.on('complete', () => resolve());
    upload.on('error', reject);
    upload.end(lines);
    try {
      await limited(promise, UPLOAD_TIMEOUT_MS, signal);
    } catch (error) {
      upload.destroy();
      // The same rows under the same id: a try before this one got through.
      if (!isTaken(error)) throw error;
      await this.#done(this.#client.job(jobId, { location }), signal);
    }
  }

  /** Runs a statement to its end. */
  async run(query: string, location: string, jobId: string, signal: AbortSignal): Promise<void> {
    const job = this.#client.job(jobId, { location });
    const cancel = (): void => void limited(job.cancel(), CALL_TIMEOUT_MS).catch(() => undefined);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      await limited(this.#client.createQueryJob({ query, jobId, location }), CALL_TIMEOUT_MS, signal).catch(
        (error: unknown) => {
          // The answer is lost, or the id is taken: the job may run.
          if (!isTaken(error) && failureOf(error) !== undefined) throw error;
          signal.throwIfAborted();
        },
      );
      await this.#done(job, signal);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  async #done(job: Job, signal: AbortSignal): Promise<void> {
    let lost = 0;
    for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, MAX_POLL_MS)) {
      try {
        const [{ status }] = (await limited(job.getMetadata(), CALL_TIMEOUT_MS, signal)) as unknown as [
          { status?: { state?: string; errorResult?: { reason?: string; message?: string } } },
        ];
        lost = 0;
        const { reason = 'unknown', message = 'the job failed' } = status?.errorResult ?? {};
        if (status?.errorResult !== undefined) throw new JobFailed(reason, message);
        if (status?.state === 'DONE') return;
      } catch (error) {
        signal.throwIfAborted();
        lost += 1;
        const failure = failureOf(error);
        if (
          error instanceof JobFailed ||
          (failure !== undefined && failure.cause !== 'later') ||
          lost > MAX_LOST_ANSWERS
        )
          throw error;
      }
      await limited(new Promise<void>((resolve) => setTimeout(resolve, pauseMs)), MAX_POLL_MS * 2, signal);
    }
  }

  #table({ dataset, table }: TableName): ClientTable {
    return this.#client.dataset(dataset).table(table);
  }
}

function isTaken(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === 409;
}

async function limited<T>(work: Promise<T>, timeoutMs: number, signal?: AbortSignal): Promise<T> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      reject(Object.assign(new Error(`BigQuery gave no answer within ${timeoutMs / 1000} s`), { code: 'ETIMEDOUT' })),
    timeoutMs,
  );
  const abort = (): void => reject(signal?.reason as Error);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    signal?.throwIfAborted();
    return await Promise.race([work, ended]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    // What comes too late has nobody who waits for it.
    work.catch(() => undefined);
  }
}

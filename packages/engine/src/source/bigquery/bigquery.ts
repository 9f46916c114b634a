// BigQuery as a `Source`: query jobs under ids of our own, table and dataset metadata,
// and pages of rows. Wire: BigQuery REST API v2. All queries are GoogleSQL.
import { createHash, randomUUID } from 'node:crypto';
import { AppError } from '@sluice/core';
import type { JsonObject } from '@sluice/core';
import type { SourceConfig } from '../../run/api.ts';
import type {
  DryRun,
  NewTable,
  PageOptions,
  QueryParameter,
  QueryRequest,
  QueryResult,
  Source,
  TableInfo,
  TableRef,
} from '../source.ts';
import type { Call } from './client.ts';
import { BigQueryClient, delay } from './client.ts';
import type { FieldSchema, WireRow } from './decode.ts';
import { columnsOf, compileNestingDecoder, compileRowDecoder } from './decode.ts';
import { isRetryableError } from './errors.ts';
import { StorageReader } from './storage-read.ts';
import { compileBatchDecoder } from './arrow-decode.ts';

const JOB_TIMEOUT_MS = 6 * 60 * 60 * 1000;
/** How long one poll of a job's result waits at the service. */
const POLL_MS = 10_000;
/** Rows of one page: enough to hide a round trip, few enough to die young in memory. */
const PAGE_ROWS = 2_000;
/** A job that fails for the service's sake is started again at most this often. */
const JOB_ATTEMPTS = 4;

type ResultPage = {
  jobComplete?: boolean;
  schema?: { fields?: FieldSchema[] };
  rows?: WireRow[];
  pageToken?: string;
  totalBytesProcessed?: string;
  numDmlAffectedRows?: string;
  cacheHit?: boolean;
};

type DryRunAnswer = {
  statistics?: {
    totalBytesProcessed?: string;
    query?: {
      statementType?: string;
      schema?: { fields?: FieldSchema[] };
      referencedTables?: WireTableRef[];
      totalBytesProcessed?: string;
    };
  };
};

type WireTableRef = { projectId: string; datasetId: string; tableId: string };

export class BigQuerySource implements Source {
  readonly projectId: string;
  readonly location: string;
  readonly #client: BigQueryClient;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #priority: 'INTERACTIVE' | 'BATCH';
  /** Undefined when tables are read over REST. */
  readonly #storage: StorageReader | undefined;

  /** `labels`: of every job, beside `sluice_step`. */
  constructor(config: SourceConfig, labels: Readonly<Record<string, string>> = {}) {
    this.projectId = config.projectId;
    this.location = config.location;
    this.#labels = labels;
    this.#priority = config.priority === 'batch' ? 'BATCH' : 'INTERACTIVE';
    this.#client = new BigQueryClient(config);
    this.#storage = config.read === 'storage' ? new StorageReader(config) : undefined;
  }

  /** Throws when the key gives no access token. */
  authenticate(): Promise<void> {
    return this.#client.authenticate();
  }

  async dryRun(sql: string, signal?: AbortSignal): Promise<DryRun> {
    const answer = await this.#dryRun(sql, signal);
    const query = answer.statistics?.query;
    return {
      columns: columnsOf(query?.schema?.fields ?? []),
      statementType: query?.statementType ?? 'SELECT',
      bytesProcessed: Number(query?.totalBytesProcessed ?? answer.statistics?.totalBytesProcessed ?? 0),
      referencedTables: query?.referencedTables ?? [],
    };
  }

  #dryRun(sql: string, signal?: AbortSignal): Promise<DryRunAnswer> {
    return this.#client.call<DryRunAnswer>({
      method: 'POST',
      path: `projects/${this.projectId}/jobs`,
      body: {
        jobReference: { projectId: this.projectId, location: this.location },
        configuration: { dryRun: true, query: { query: sql, useLegacySql: false, useQueryCache: false } },
      },
      what: 'The query was refused',
      where: `project ${this.projectId}`,
      ...withSignal(signal),
    });
  }

  async query(request: QueryRequest): Promise<QueryResult> {
    const jobKey = request.jobKey ?? `${request.step}_${randomUUID()}`;
    let incarnation = 1;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#runJob(request, jobId(jobKey, incarnation));
      } catch (thrown) {
        if (attempt >= JOB_ATTEMPTS || request.signal?.aborted === true || !isRetryableError(thrown)) throw thrown;
        await delay(500 * 2 ** attempt * (0.5 + Math.random() / 2), request.signal);
        // Only a job that failed may run again under a new id. One that ended well, or still
        // runs while its answer was lost, is asked again: DML must not be carried out twice.
        if (await this.#hasFailed(jobId(jobKey, incarnation))) incarnation += 1;
      }
    }
  }

  async #hasFailed(id: string): Promise<boolean> {
    const job = await this.#tolerate<{ status?: { errorResult?: unknown } }>(404, {
      method: 'GET',
      path: `projects/${this.projectId}/jobs/${id}`,
      query: { location: this.location },
      what: 'Cannot read the job',
      where: `job ${id}`,
    });
    return job?.status?.errorResult !== undefined;
  }

  async #runJob(request: QueryRequest, id: string): Promise<QueryResult> {
    const where = `project ${this.projectId}, location ${this.location}, job ${id}`;
    const parameters = Object.entries(request.params ?? {});
    await this.#tolerate(409, {
      method: 'POST',
      path: `projects/${this.projectId}/jobs`,
      body: {
        jobReference: { projectId: this.projectId, jobId: id, location: this.location },
        configuration: {
          jobTimeoutMs: String(request.timeoutMs ?? JOB_TIMEOUT_MS),
          labels: {
            sluice_step: labelText(request.step),
            ...mapValues({ ...this.#labels, ...request.labels }, labelText),
          },
          query: {
            priority: request.mayWait === true ? this.#priority : 'INTERACTIVE',
            query: request.sql,
            useLegacySql: false,
            useQueryCache: request.useCache === true,
            ...(parameters.length === 0
              ? {}
              : { parameterMode: 'NAMED', queryParameters: parameters.map(wireParameter) }),
            ...(request.destination === undefined
              ? {}
              : {
                  destinationTable: wireTable(request.destination),
                  createDisposition: 'CREATE_IF_NEEDED',
                  writeDisposition: 'WRITE_TRUNCATE',
                  ...(request.clusterBy === undefined ? {} : { clustering: { fields: request.clusterBy } }),
                }),
            ...(request.maxBytesBilled === undefined ? {} : { maximumBytesBilled: String(request.maxBytesBilled) }),
          },
        },
      },
      what: `The ${request.step} query failed`,
      where,
      ...withSignal(request.signal),
    });
    try {
      return await this.#result(request, id, where);
    } catch (thrown) {
      if (request.signal?.aborted === true) await this.#cancelJob(id);
      throw thrown;
    }
  }

  async #result(request: QueryRequest, id: string, where: string): Promise<QueryResult> {
    const deadline = Date.now() + (request.timeoutMs ?? JOB_TIMEOUT_MS);
    const maxRows = request.maxRows ?? 1000;
    const rows: JsonObject[] = [];
    let fields: FieldSchema[] = [];
    let decode: ((row: WireRow) => JsonObject) | undefined;
    let pageToken: string | undefined;
    for (;;) {
      const page = await this.#client.call<ResultPage>({
        method: 'GET',
        path: `projects/${this.projectId}/queries/${id}`,
        query: {
          location: this.location,
          timeoutMs: POLL_MS,
          maxResults: Math.max(0, maxRows - rows.length),
          'formatOptions.useInt64Timestamp': true,
          ...(pageToken === undefined ? {} : { pageToken }),
        },
        what: `The ${request.step} query failed`,
        where,
        timeoutMs: POLL_MS + 50_000,
        ...withSignal(request.signal),
      });
      if (page.jobComplete !== true) {
        if (Date.now() < deadline) continue;
        await this.#cancelJob(id);
        throw new AppError(
          `The ${request.step} query did not end within ${(request.timeoutMs ?? JOB_TIMEOUT_MS) / 1000} s`,
          {
            code: 'SOURCE_TIMEOUT',
            kind: 'unavailable',
            origin: 'source',
            where,
          },
        );
      }
      if (decode === undefined) {
        fields = page.schema?.fields ?? [];
        decode = compileRowDecoder(fields);
      }
      for (const row of page.rows ?? []) rows.push(decode(row));
      pageToken = page.pageToken;
      if (pageToken === undefined || rows.length >= maxRows) {
        return {
          columns: columnsOf(fields),
          rows,
          bytesProcessed: Number(page.totalBytesProcessed ?? 0),
          affectedRows: Number(page.numDmlAffectedRows ?? 0),
          cacheHit: page.cacheHit === true,
        };
      }
    }
  }

  async cancel(jobKey: string): Promise<void> {
    for (let attempt = 1; attempt <= JOB_ATTEMPTS; attempt += 1) await this.#cancelJob(jobId(jobKey, attempt));
  }

  async #cancelJob(id: string): Promise<void> {
    try {
      await this.#client.call({
        method: 'POST',
        path: `projects/${this.projectId}/jobs/${id}/cancel`,
        query: { location: this.location },
        what: 'Cannot cancel the job',
        where: `job ${id}`,
        attempts: 2,
        timeoutMs: 15_000,
      });
    } catch {
      // Cancelling is a courtesy: no state depends on it, and the job may be over or unknown.
    }
  }

  async table(ref: TableRef, signal?: AbortSignal): Promise<TableInfo | undefined> {
    type Answer = {
      type?: string;
      lastModifiedTime?: string;
      numRows?: string;
      streamingBuffer?: unknown;
      schema?: { fields?: FieldSchema[] };
    };
    const table = await this.#tolerate<Answer>(404, {
      method: 'GET',
      path: tablePath(ref),
      what: 'Cannot read the table’s metadata',
      where: tableText(ref),
      ...withSignal(signal),
    });
    if (table === undefined) return undefined;
    return {
      type: table.type ?? 'TABLE',
      lastModified: table.lastModifiedTime ?? '',
      rows: Number(table.numRows ?? 0),
      streaming: table.streamingBuffer !== undefined,
      columns: columnsOf(table.schema?.fields ?? []),
    };
  }

  async rowCount(ref: TableRef, signal?: AbortSignal): Promise<number | undefined> {
    try {
      return (await this.table(ref, signal))?.rows;
    } catch (thrown) {
      if (!isForbidden(thrown)) throw thrown;
    }
    // Without `bigquery.tables.get` the rows can still be counted: COUNT(*) reads no bytes.
    try {
      const sql = `SELECT COUNT(*) AS n FROM \`${ref.projectId}.${ref.datasetId}.${ref.tableId}\``;
      const answer = await this.query({ step: 'count', sql, timeoutMs: 120_000, ...withSignal(signal) });
      return Number(answer.rows[0]?.['n'] ?? 0);
    } catch (thrown) {
      if (thrown instanceof AppError && thrown.kind === 'not_found') return undefined;
      throw thrown;
    }
  }

  async createTable(ref: TableRef, table: NewTable, signal?: AbortSignal): Promise<void> {
    const { expiresInMs, ...lasting } = table;
    if (expiresInMs === undefined) return this.#createTable(ref, table, signal);
    // An expiration is a deletion to come: some accounts may create tables, but not delete them.
    return this.#createTable(ref, table, signal).catch((thrown: unknown) => {
      if (!isForbidden(thrown)) throw thrown;
      return this.#createTable(ref, lasting, signal);
    });
  }

  async #createTable(ref: TableRef, table: NewTable, signal?: AbortSignal): Promise<void> {
    await this.#tolerate(409, {
      method: 'POST',
      path: `projects/${ref.projectId}/datasets/${ref.datasetId}/tables`,
      body: {
        tableReference: wireTable(ref),
        schema: { fields: table.columns.map((column) => ({ name: column.name, type: column.type, mode: 'NULLABLE' })) },
        ...(table.clusterBy === undefined ? {} : { clustering: { fields: table.clusterBy } }),
        ...(table.expiresInMs === undefined ? {} : { expirationTime: String(Date.now() + table.expiresInMs) }),
      },
      what: 'Cannot create the table',
      where: tableText(ref),
      ...withSignal(signal),
    });
  }

  async expireTable(ref: TableRef, inMs: number, signal?: AbortSignal): Promise<boolean> {
    try {
      await this.#client.call({
        method: 'PATCH',
        path: tablePath(ref),
        body: { expirationTime: String(Date.now() + inMs) },
        what: 'Cannot set the table’s expiration',
        where: tableText(ref),
        ...withSignal(signal),
      });
      return true;
    } catch (thrown) {
      if (isForbidden(thrown)) return false;
      throw thrown;
    }
  }

  async emptyTable(ref: TableRef, signal?: AbortSignal): Promise<void> {
    try {
      const sql = `TRUNCATE TABLE \`${ref.projectId}.${ref.datasetId}.${ref.tableId}\``;
      await this.query({ step: 'empty', sql, timeoutMs: 120_000, ...withSignal(signal) });
    } catch {
      // Rows that stay cost storage; nothing depends on their being gone.
      signal?.throwIfAborted();
    }
  }

  /**
   * Throws `forbidden` unless rows of the table may be read (`tabledata.list`); the table need
   * not exist. Says whether its dataset does.
   */
  async probeRead(ref: TableRef, signal?: AbortSignal): Promise<{ readonly datasetExists: boolean }> {
    try {
      await this.#client.call({
        method: 'GET',
        path: `${tablePath(ref)}/data`,
        query: { maxResults: 1 },
        what: 'Cannot read the table’s rows',
        where: tableText(ref),
        ...withSignal(signal),
      });
    } catch (thrown) {
      if (!(thrown instanceof AppError) || thrown.kind !== 'not_found') throw thrown;
      return { datasetExists: String(thrown.details['bigquery']).startsWith('Not found: Table') };
    }
    return { datasetExists: true };
  }

  /** Those of the permissions that the account holds on a table that exists (`tables.testIamPermissions`). */
  async heldPermissions(
    ref: TableRef,
    permissions: readonly string[],
    signal?: AbortSignal,
  ): Promise<readonly string[]> {
    const answer = await this.#client.call<{ permissions?: string[] }>({
      method: 'POST',
      path: `${tablePath(ref)}:testIamPermissions`,
      body: { permissions },
      what: 'Cannot ask for the permissions on the table',
      where: tableText(ref),
      ...withSignal(signal),
    });
    return answer.permissions ?? [];
  }

  /** Throws `forbidden` unless the table may be read through the Storage Read API. */
  async probeStorage(ref: TableRef, signal?: AbortSignal): Promise<void> {
    await this.#storage?.probe(ref, signal);
  }

  async dropTable(ref: TableRef, signal?: AbortSignal): Promise<void> {
    await this.#tolerate(404, {
      method: 'DELETE',
      path: tablePath(ref),
      what: 'Cannot drop the table',
      where: tableText(ref),
      ...withSignal(signal),
    });
  }

  async dataset(datasetId: string, signal?: AbortSignal): Promise<{ location: string } | undefined> {
    const dataset = await this.#tolerate<{ location?: string }>(404, {
      method: 'GET',
      path: `projects/${this.projectId}/datasets/${datasetId}`,
      what: 'Cannot read the dataset',
      where: `dataset ${this.projectId}.${datasetId}`,
      ...withSignal(signal),
    });
    return dataset === undefined ? undefined : { location: dataset.location ?? 'US' };
  }

  async createDataset(datasetId: string, signal?: AbortSignal): Promise<void> {
    await this.#tolerate(409, {
      method: 'POST',
      path: `projects/${this.projectId}/datasets`,
      body: {
        datasetReference: { projectId: this.projectId, datasetId },
        location: this.location,
        description: 'State of reverse ETL syncs, written by Sluice. Do not change or delete its tables.',
      },
      what: 'Cannot create the dataset',
      where: `dataset ${this.projectId}.${datasetId}`,
      ...withSignal(signal),
    });
  }

  async *pages(ref: TableRef, options: PageOptions = {}): AsyncIterable<readonly JsonObject[]> {
    const fields = await this.#fieldsOf(ref, options.signal);
    // Streams of the Storage Read API are whole tables: what begins in the middle is read over REST.
    if (this.#storage !== undefined && (options.startRow ?? 0) === 0) {
      yield* storagePages(this.#storage, ref, fields, options);
      return;
    }
    const decode = options.nest === undefined ? compileRowDecoder(fields) : compileNestingDecoder(fields, options.nest);
    type Decoded = { readonly rows: readonly JsonObject[]; readonly pageToken: string | undefined };
    const fetchPage = async (pageToken?: string): Promise<Decoded> => {
      const page = await this.#client.call<ResultPage>({
        method: 'GET',
        path: `${tablePath(ref)}/data`,
        query: {
          maxResults: options.pageRows ?? PAGE_ROWS,
          'formatOptions.useInt64Timestamp': true,
          ...(pageToken === undefined ? { startIndex: options.startRow ?? 0 } : { pageToken }),
        },
        what: 'Cannot read the table’s rows',
        where: tableText(ref),
        timeoutMs: 120_000,
        streamed: true,
        ...withSignal(options.signal),
      });
      // Decoded at once: the wire form is several times as large and must not wait in memory.
      return { rows: (page.rows ?? []).map(decode), pageToken: page.pageToken };
    };
    let next: Promise<Decoded> | undefined = fetchPage();
    while (next !== undefined) {
      const page: Decoded = await next;
      // One page ahead, never more: memory holds two pages whatever the table's size.
      next = page.pageToken === undefined ? undefined : fetchPage(page.pageToken);
      // Nobody may be waiting when a page that was asked for ahead fails; its consumer sees the error.
      next?.catch(() => undefined);
      yield page.rows;
    }
  }

  async #fieldsOf(ref: TableRef, signal?: AbortSignal): Promise<FieldSchema[]> {
    try {
      const table = await this.#client.call<{ schema?: { fields?: FieldSchema[] } }>({
        method: 'GET',
        path: tablePath(ref),
        what: 'Cannot read the table',
        where: tableText(ref),
        ...withSignal(signal),
      });
      return table.schema?.fields ?? [];
    } catch (thrown) {
      if (!isForbidden(thrown)) throw thrown;
      // Without `bigquery.tables.get` a dry run tells the columns.
      const sql = `SELECT * FROM \`${ref.projectId}.${ref.datasetId}.${ref.tableId}\``;
      return (await this.#dryRun(sql, signal)).statistics?.query?.schema?.fields ?? [];
    }
  }

  /** Undefined when the service answers with this status. */
  async #tolerate<T>(status: number, call: Call): Promise<T | undefined> {
    try {
      return await this.#client.call<T>(call);
    } catch (thrown) {
      if (thrown instanceof AppError && thrown.details['status'] === status) return undefined;
      throw thrown;
    }
  }
}

/** Batches of the Storage Read API as pages; rows are decoded page by page, when they are asked for. */
async function* storagePages(
  storage: StorageReader,
  ref: TableRef,
  fields: readonly FieldSchema[],
  options: PageOptions,
): AsyncIterable<readonly JsonObject[]> {
  const decode = compileBatchDecoder(fields, options.nest);
  const pageRows = options.pageRows ?? PAGE_ROWS;
  for await (const batch of storage.batches(ref, options.signal)) {
    const rows = decode(batch);
    for (let from = 0; from < rows.count; from += pageRows) {
      const length = Math.min(pageRows, rows.count - from);
      yield Array.from({ length }, (_, i) => rows.row(from + i));
    }
  }
}

function isForbidden(thrown: unknown): boolean {
  return thrown instanceof AppError && thrown.kind === 'forbidden';
}

export function tableText(ref: TableRef): string {
  return `table ${ref.projectId}.${ref.datasetId}.${ref.tableId}`;
}

function tablePath(ref: TableRef): string {
  return `projects/${ref.projectId}/datasets/${ref.datasetId}/tables/${ref.tableId}`;
}

function wireTable(ref: TableRef): WireTableRef {
  return { projectId: ref.projectId, datasetId: ref.datasetId, tableId: ref.tableId };
}

function wireParameter([name, parameter]: [string, QueryParameter]): object {
  return {
    name,
    parameterType: { type: parameter.type },
    parameterValue: { value: parameter.value === null ? null : String(parameter.value) },
  };
}

/** Job ids hold letters, digits, `_` and `-`, at most 1,024 characters. */
function jobId(key: string, attempt: number): string {
  const safe = key.replace(/[^A-Za-z0-9_-]/g, '_');
  return `sluice_${safe}${attempt === 1 ? '' : `_r${attempt}`}`;
}

/** Label values hold lower-case letters, digits, `_` and `-`, at most 63 characters. */
function labelText(text: string): string {
  const safe = text.toLowerCase().replace(/[^a-z0-9_-]/g, '_');
  if (safe.length <= 63) return safe;
  return `${safe.slice(0, 54)}_${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
}

function mapValues(
  record: Readonly<Record<string, string>>,
  change: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

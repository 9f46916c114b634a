// The one DuckDB instance: an in-memory database that attaches one file per project,
// locked down so that SQL can reach no file outside the data directory, and a bounded
// pool of connections whose statements have a time limit and can be interrupted.
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection, type DuckDBDataChunk, type DuckDBType } from '@duckdb/node-api';
import { BigQueryError } from '../bigquery-error.ts';
import { mapRuntimeError } from '../googlesql/runtime-error.ts';
import type { DataDirectory } from './data-directory.ts';
import { keepByteOrderMarks } from './keep-byte-order-mark.ts';
import { Slots } from './slots.ts';

export type DuckDbOptions = {
  readonly directory: DataDirectory;
  /** Connections at once; further callers wait. Default 16. */
  readonly maxConnections?: number;
  /** Default: half of the machine's memory, at most 4 GiB. */
  readonly memoryBytes?: number;
  /** Runs once on the first connection, before the configuration is locked. */
  readonly prepare?: (connection: DuckDBConnection) => Promise<void>;
};

export type RunOptions = {
  /** Interrupts the running statement; `run` then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Default 6 hours, BigQuery's own limit for a query. */
  readonly timeoutMs?: number;
};

const SIX_HOURS_MS = 6 * 60 * 60 * 1000;

/** A connection lent to one task. Errors of DuckDB come out as BigQuery's. */
export type Session = {
  run(sql: string): Promise<void>;
  /** All rows of a small result: values as DuckDB's JavaScript values. */
  rows(sql: string): Promise<readonly (readonly unknown[])[]>;
  chunks(sql: string): AsyncGenerator<DuckDBDataChunk>;
  /** Names and DuckDB types of a SELECT's columns; reads no rows. */
  columns(sql: string): Promise<readonly { readonly name: string; readonly type: DuckDBType }[]>;
  /** Appends rows to a table of an attached file, whose columns have the chunks' types. Returns their number. */
  append(catalog: string, table: string, chunks: AsyncIterable<DuckDBDataChunk>): Promise<number>;
  /** BEGIN, body, COMMIT; ROLLBACK when the body throws. */
  transaction<T>(body: () => Promise<T>): Promise<T>;
};

export class DuckDb implements AsyncDisposable {
  readonly #instance: DuckDBInstance;
  readonly #directory: DataDirectory;
  readonly #slots: Slots;
  readonly #idle: DuckDBConnection[] = [];
  readonly #attached = new Map<string, Promise<void>>();
  readonly #busy = new Set<DuckDBConnection>();
  #closed = false;

  private constructor(instance: DuckDBInstance, options: DuckDbOptions) {
    this.#instance = instance;
    this.#directory = options.directory;
    this.#slots = new Slots(options.maxConnections ?? 16);
  }

  static async create(options: DuckDbOptions): Promise<DuckDb> {
    const { directory } = options;
    const memory = options.memoryBytes ?? Math.min(totalmem() / 2, 4 * 1024 ** 3);
    keepByteOrderMarks();
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: `${Math.floor(memory / 1024 ** 2)}MiB`,
      temp_directory: directory.temporary,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const connection = await instance.connect();
    // NOTE: `allowed_directories` must come before external access is switched off.
    for (const sql of [
      'LOAD json',
      'LOAD parquet',
      'LOAD icu',
      "SET GLOBAL TimeZone = 'UTC'",
      `SET allowed_directories = [${literal(`${directory.path}/`)}]`,
      'SET allow_community_extensions = false',
      'SET enable_external_access = false',
    ]) {
      await connection.run(sql);
    }
    await options.prepare?.(connection);
    await connection.run('SET lock_configuration = true');
    const duckdb = new DuckDb(instance, options);
    duckdb.#idle.push(connection);
    return duckdb;
  }

  get attachedProjects(): readonly string[] {
    return [...this.#attached.keys()];
  }

  /** Attaches the project's file once; creates it when missing. */
  async attach(projectId: string): Promise<void> {
    let attached = this.#attached.get(projectId);
    if (attached === undefined) {
      const file = join(this.#directory.projects, `${encodeURIComponent(projectId)}.duckdb`);
      attached = this.use({}, async (session) => {
        await session.run(`ATTACH ${literal(file)} AS ${identifier(projectId)}`);
        await session.run(
          `CREATE TABLE IF NOT EXISTS ${identifier(projectId)}."main".committed_job (job_project VARCHAR, job_id VARCHAR, outcome VARCHAR)`,
        );
      });
      this.#attached.set(projectId, attached);
      attached.catch(() => this.#attached.delete(projectId));
    }
    await attached;
  }

  /** Lends a connection. The statement in flight is interrupted when the signal aborts or the time is up. */
  async use<T>(options: RunOptions, body: (session: Session) => Promise<T>): Promise<T> {
    const connection = await this.#acquire(options.signal);
    const timeoutMs = options.timeoutMs ?? SIX_HOURS_MS;
    let stopped: Error | undefined;
    let interrupts: NodeJS.Timeout | undefined;
    const stop = (reason: Error): void => {
      if (stopped !== undefined) return;
      stopped = reason;
      connection.interrupt();
      // An interrupt between two statements, or just before one starts, has no effect.
      interrupts = setInterval(() => connection.interrupt(), 20);
    };
    const onAbort = (): void => stop(reasonOf(options.signal));
    const timer = setTimeout(
      () => stop(new BigQueryError('timeout', `Operation timed out after ${timeoutMs / 1000} seconds.`)),
      Math.min(timeoutMs, 2 ** 31 - 1),
    );
    timer.unref();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      options.signal?.throwIfAborted();
      return await body(
        new ConnectionSession(
          connection,
          () => stopped,
          () => clearInterval(interrupts),
        ),
      );
    } finally {
      clearTimeout(timer);
      clearInterval(interrupts);
      options.signal?.removeEventListener('abort', onAbort);
      this.#release(connection);
    }
  }

  async #acquire(signal: AbortSignal | undefined): Promise<DuckDBConnection> {
    await this.#slots.acquire(signal);
    try {
      if (this.#closed) throw new BigQueryError('backendError', 'The server is shutting down.');
      const connection = this.#idle.pop() ?? (await this.#instance.connect());
      this.#busy.add(connection);
      return connection;
    } catch (error) {
      this.#slots.release();
      throw error;
    }
  }

  #release(connection: DuckDBConnection): void {
    this.#busy.delete(connection);
    if (this.#closed) connection.closeSync();
    else this.#idle.push(connection);
    this.#slots.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (let waited = 0; this.#busy.size > 0 && waited < 5_000; waited += 20) {
      for (const connection of this.#busy) connection.interrupt();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const last = this.#idle.pop() ?? (this.#busy.size === 0 ? await this.#instance.connect() : undefined);
    for (const connection of this.#idle.splice(0)) connection.closeSync();
    if (last !== undefined) {
      for (const projectId of this.#attached.keys()) {
        await last.run(`DETACH ${identifier(projectId)}`).catch(() => undefined);
      }
      last.closeSync();
    }
    this.#instance.closeSync();
  }
}

class ConnectionSession implements Session {
  readonly #connection: DuckDBConnection;
  readonly #stopped: () => Error | undefined;
  readonly #endInterrupts: () => void;

  constructor(connection: DuckDBConnection, stopped: () => Error | undefined, endInterrupts: () => void) {
    this.#connection = connection;
    this.#stopped = stopped;
    this.#endInterrupts = endInterrupts;
  }

  async run(sql: string): Promise<void> {
    await this.#guard(() => this.#connection.run(sql));
  }

  async rows(sql: string): Promise<readonly (readonly unknown[])[]> {
    const reader = await this.#guard(() => this.#connection.runAndReadAll(sql));
    return reader.getRowsJS();
  }

  async columns(sql: string): Promise<readonly { readonly name: string; readonly type: DuckDBType }[]> {
    const result = await this.#guard(() => this.#connection.run(`SELECT * FROM (${sql}) AS described LIMIT 0`));
    const types = result.columnTypes();
    return result.columnNames().map((name, i) => ({ name, type: types[i]! }));
  }

  async *chunks(sql: string): AsyncGenerator<DuckDBDataChunk> {
    const result = await this.#guard(() => this.#connection.stream(sql));
    for (;;) {
      const chunk = await this.#guard(() => result.fetchChunk());
      if (chunk === null || chunk.rowCount === 0) return;
      yield chunk;
    }
  }

  async append(catalog: string, table: string, chunks: AsyncIterable<DuckDBDataChunk>): Promise<number> {
    const appender = await this.#guard(() => this.#connection.createAppender(table, 'main', catalog));
    let rows = 0;
    try {
      for await (const chunk of chunks) {
        await this.#guard(async () => appender.appendDataChunk(chunk));
        rows += chunk.rowCount;
      }
      await this.#guard(async () => appender.flushSync());
      return rows;
    } catch (error) {
      appender.clear();
      throw error;
    } finally {
      appender.closeSync();
    }
  }

  async transaction<T>(body: () => Promise<T>): Promise<T> {
    await this.run('BEGIN TRANSACTION');
    try {
      const result = await body();
      await this.run('COMMIT');
      return result;
    } catch (error) {
      this.#endInterrupts();
      // A statement that failed has ended the transaction already, in some cases.
      await this.#connection.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  async #guard<T>(body: () => Promise<T>): Promise<T> {
    const before = this.#stopped();
    if (before !== undefined) throw before;
    try {
      return await body();
    } catch (error) {
      const stopped = this.#stopped();
      if (stopped !== undefined) throw stopped;
      throw mapRuntimeError(error);
    }
  }
}

function reasonOf(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error
    ? signal.reason
    : new BigQueryError('stopped', 'Job execution was cancelled: User requested cancellation');
}

/** Quotes a DuckDB identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a DuckDB string literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

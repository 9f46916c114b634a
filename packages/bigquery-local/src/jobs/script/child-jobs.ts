// The statements of a script as jobs of their own, children of the script's job: each is
// analysed, authorised, run and recorded as a job that came by itself would be.
// Shapes: JobStatistics and ScriptStatistics of the BigQuery REST v2 reference.
import { randomUUID } from 'node:crypto';
import { BigQueryError } from '../../bigquery-error.ts';
import type { Job, JobOutcome } from '../../catalog/jobs.ts';
import type { OutputColumn, Statement, TemporaryRoutine } from '../../googlesql/statement.ts';
import { storedValue } from '../../googlesql/script/stored-value.ts';
import { ScriptText } from '../../googlesql/script/script-text.ts';
import type { Value } from '../../googlesql/types.ts';
import { duckdbType } from '../../googlesql/values/physical.ts';
import { presentable } from '../../rest/error-envelope.ts';
import type { Session } from '../../storage/duckdb.ts';
import type { Execution } from '../execution.ts';
import { failedStatistics } from '../failed-statistics.ts';
import { protoOf, withResult } from '../job-record.ts';
import type { QueryConfiguration } from '../query-configuration.ts';
import { dryRunOutcome, prepareQuery, runQuery, type PreparedQuery } from '../query-job.ts';
import type { StatementContext } from '../statement-context.ts';

/** Bound on the jobs of one script: each is remembered for six months. */
const MAX_CHILDREN = 10_000;

export type StackFrame = {
  readonly startLine: number;
  readonly startColumn: number;
  readonly endLine: number;
  readonly endColumn: number;
  readonly procedureId?: string;
  readonly text: string;
};

export type Child = {
  readonly configuration: QueryConfiguration;
  readonly evaluationKind: 'STATEMENT' | 'EXPRESSION';
  /** Innermost first. */
  readonly frames: () => readonly StackFrame[];
  readonly context: StatementContext;
  readonly temporaryRoutines: readonly TemporaryRoutine[];
  readonly labels: Readonly<Record<string, string>> | undefined;
};

export type QueryRows = { readonly columns: readonly OutputColumn[]; readonly rows: readonly (readonly Value[])[] };

export class ChildJobs {
  readonly #parent: Execution;
  readonly #location: string;
  readonly #sessionId: string | undefined;
  readonly #prefix = `script_job_${randomUUID().replaceAll('-', '')}`;
  readonly #alone: boolean;
  #count = 0;
  #bytesProcessed = 0n;
  #bytesBilled = 0n;
  #lastJobId: string | undefined;
  #lastSelect: JobOutcome | undefined;
  #last: JobOutcome | undefined;

  /** `alone`: the one statement is the parent job itself. */
  constructor(parent: Execution, location: string, sessionId: string | undefined, alone: boolean) {
    this.#alone = alone;
    this.#parent = parent;
    this.#location = location;
    this.#sessionId = sessionId;
  }

  get count(): number {
    return this.#count;
  }

  get bytesProcessed(): bigint {
    return this.#bytesProcessed;
  }

  get bytesBilled(): bigint {
    return this.#bytesBilled;
  }

  get lastJobId(): string | undefined {
    return this.#lastJobId;
  }

  /** What the script answers: the result of its last SELECT. */
  get lastSelect(): JobOutcome | undefined {
    return this.#lastSelect;
  }

  get last(): JobOutcome | undefined {
    return this.#last;
  }

  /** Runs a statement. */
  async run(child: Child): Promise<{ readonly outcome: JobOutcome; readonly statement: Statement }> {
    return this.#inJob(child, async (execution, prepared) => {
      const { statement } = prepared.analyzed;
      const outcome =
        statement.kind === 'CREATE_TEMP_FUNCTION'
          ? { statistics: failedStatistics(prepared) }
          : await runQuery(execution, prepared);
      this.#last = outcome;
      if (statement.kind === 'SELECT') this.#lastSelect = outcome;
      return { outcome, statement };
    });
  }

  /**
   * The rows of a query, at most `maxRows`. An expression that reads no table is no job:
   * the script's own job evaluates it.
   */
  async rows(child: Child, maxRows: number): Promise<QueryRows> {
    if (child.evaluationKind === 'EXPRESSION') {
      using prepared = await this.#prepare(child);
      const { reads } = prepared.analyzed;
      if (reads.length === 0) return this.#read(this.#parent, prepared, maxRows);
    }
    return this.#inJob(child, async (execution, prepared) => {
      const result = await this.#read(execution, prepared, maxRows);
      const { statistics } = dryRunOutcome(prepared);
      return { outcome: { statistics }, ...result };
    });
  }

  async dryRun(child: Child): Promise<JobOutcome> {
    using prepared = await this.#prepare(child);
    return dryRunOutcome(prepared);
  }

  /** The columns that a query would give. */
  async columns(child: Child): Promise<readonly OutputColumn[] | undefined> {
    using prepared = await this.#prepare(child);
    const { statement } = prepared.analyzed;
    return statement.kind === 'SELECT' ? statement.query.columns : undefined;
  }

  /** A statement that the interpreter runs itself: BEGIN TRANSACTION, ASSERT, … */
  async note(child: Child, statementType: string, body: () => Promise<void>): Promise<void> {
    const { services } = this.#parent;
    const job = this.#newJob(child);
    services.jobs.insert(job);
    const statistics = { query: { statementType, totalBytesProcessed: '0', totalBytesBilled: '0', cacheHit: false } };
    try {
      await body();
    } catch (error) {
      this.#fail(job, child, error, statistics);
      throw error;
    }
    this.#finish(job, child, { statistics });
  }

  async #inJob<T extends { readonly outcome: JobOutcome }>(
    child: Child,
    body: (execution: Execution, prepared: PreparedQuery) => Promise<T>,
  ): Promise<T> {
    const { services, signal } = this.#parent;
    signal.throwIfAborted();
    if (this.#alone) {
      using prepared = await this.#prepare(child);
      const execution = await this.#execution(this.#parent.jobId, child, prepared, (outcome) =>
        this.#parent.finish(outcome),
      );
      return await body(execution, prepared);
    }
    const job = this.#newJob(child);
    return services.audit.duringJob(job.jobId, async () => {
      let prepared: PreparedQuery;
      try {
        prepared = await this.#prepare(child);
      } catch (error) {
        if (!(error instanceof ScriptText)) {
          services.jobs.insert(job);
          this.#fail(job, child, error, {});
        }
        throw error;
      }
      using ready = prepared;
      services.jobs.insert(job);
      let finished = false;
      try {
        const execution = await this.#execution(job.jobId, child, ready, (outcome) => {
          this.#finish(job, child, outcome);
          finished = true;
        });
        const result = await body(execution, ready);
        if (!finished) this.#finish(job, child, result.outcome);
        return result;
      } catch (error) {
        if (!finished) this.#fail(job, child, error, failedStatistics(ready));
        throw error;
      }
    });
  }

  async #prepare(child: Child): Promise<PreparedQuery> {
    const { services, principal, projectId } = this.#parent;
    const { configuration, context, temporaryRoutines } = child;
    return prepareQuery({
      services,
      principal,
      projectId,
      location: this.#location,
      configuration,
      context,
      temporaryRoutines,
    });
  }

  async #execution(
    jobId: string,
    child: Child,
    prepared: PreparedQuery,
    finish: (outcome: JobOutcome) => void,
  ): Promise<Execution> {
    const { transaction, ...parent } = this.#parent;
    void transaction;
    const open = child.context.transaction;
    const execution = { ...parent, jobId, finish };
    if (open === undefined) return execution;
    const { statement, reads } = prepared.analyzed;
    requireTransactional(statement, child.context);
    // What reads and changes nothing of the transaction's needs not be in it, and works after a failure too.
    if (statement.kind === 'SELECT' && reads.length === 0) return execution;
    if (statement.kind === 'CREATE_TEMP_FUNCTION') return execution;
    open.requireHealthy();
    for (const { ref } of reads) {
      const table = prepared.lookup.found(ref);
      if (table !== undefined) await open.requireInSnapshot(table, execution.signal);
    }
    return { ...execution, transaction: open };
  }

  async #read(execution: Execution, prepared: PreparedQuery, maxRows: number): Promise<QueryRows> {
    const { statement } = prepared.analyzed;
    if (statement.kind !== 'SELECT') throw new BigQueryError('invalidQuery', 'A query was expected here.');
    const { columns, sql } = statement.query;
    const names = columns.map((_, i) => `c${i}`);
    const typed = columns.map(({ type }, i) => `CAST(c${i} AS ${duckdbType(type)})`);
    const limited = `SELECT ${typed.join(', ')} FROM (${sql}) AS valued(${names.join(', ')}) LIMIT ${maxRows + 1}`;
    const read = async (session: Session): Promise<readonly Value[][]> => {
      const rows: Value[][] = [];
      for await (const chunk of session.chunks(limited)) {
        for (let row = 0; row < chunk.rowCount; row++)
          rows.push(columns.map(({ type }, i) => storedValue(chunk.getColumnVector(i).getItem(row), type)));
      }
      return rows;
    };
    const { transaction, services, signal, timeoutMs } = execution;
    const rows =
      transaction === undefined
        ? await services.duckdb.use({ signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) }, read)
        : await transaction.run(signal, read);
    return { columns, rows };
  }

  #newJob(child: Child): Job {
    if (this.#count >= MAX_CHILDREN)
      throw new BigQueryError(
        'resourcesExceeded',
        `Resources exceeded: a script of the local BigQuery has at most ${MAX_CHILDREN} child jobs.`,
      );
    const { services, principal, projectId, jobId: parentJobId } = this.#parent;
    const { sql, defaultDataset } = child.configuration;
    const now = services.clock();
    const job: Job = {
      projectId,
      location: this.#location,
      jobId: `${this.#prefix}_${this.#count}`,
      owner: principal.email,
      state: 'RUNNING',
      createdMs: now,
      startedMs: now,
      endedMs: undefined,
      configuration: {
        jobType: 'QUERY',
        ...(child.labels === undefined ? {} : { labels: child.labels }),
        query: {
          query: sql,
          priority: 'INTERACTIVE',
          useLegacySql: false,
          ...(defaultDataset === undefined ? {} : { defaultDataset }),
        },
      },
      outcome: undefined,
      parentJobId,
    };
    this.#count += 1;
    this.#lastJobId = job.jobId;
    return job;
  }

  #finish(job: Job, child: Child, outcome: JobOutcome): void {
    const { services } = this.#parent;
    const query = outcome.statistics['query'] as Readonly<Record<string, unknown>> | undefined;
    this.#bytesProcessed += bytes(query?.['totalBytesProcessed']);
    this.#bytesBilled += bytes(query?.['totalBytesBilled']);
    services.jobs.finish({
      ...withResult(job, outcome),
      state: 'DONE',
      endedMs: services.clock(),
      outcome: { ...outcome, statistics: this.#statistics(child, outcome.statistics) },
    });
  }

  #fail(job: Job, child: Child, thrown: unknown, statistics: Readonly<Record<string, unknown>>): void {
    const { services, signal } = this.#parent;
    const error = presentable(signal.aborted ? signal.reason : thrown);
    services.jobs.finish({
      ...job,
      state: 'DONE',
      endedMs: services.clock(),
      outcome: {
        errorResult: protoOf(error),
        errors: [protoOf(error)],
        statistics: this.#statistics(child, statistics),
      },
    });
  }

  #statistics(child: Child, statistics: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const { transaction } = child.context;
    return {
      ...statistics,
      scriptStatistics: { evaluationKind: child.evaluationKind, stackFrames: child.frames() },
      ...(this.#sessionId === undefined ? {} : { sessionInfo: { sessionId: this.#sessionId } }),
      ...(transaction === undefined ? {} : { transactionInfo: { transactionId: transaction.id } }),
    };
  }
}

function bytes(text: unknown): bigint {
  return typeof text === 'string' ? BigInt(text) : 0n;
}

const IN_TRANSACTIONS = new Set([
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'MERGE',
  'TRUNCATE_TABLE',
  'CREATE_TEMP_FUNCTION',
]);

/** "Multi-statement transactions": queries, DML, and DDL on temporary things. */
function requireTransactional(statement: Statement, context: StatementContext): void {
  if (IN_TRANSACTIONS.has(statement.kind)) return;
  const onTemporary =
    (statement.kind === 'CREATE_TABLE' ||
      statement.kind === 'CREATE_TABLE_AS_SELECT' ||
      statement.kind === 'DROP_TABLE') &&
    context.temporary?.datasetId === statement.target.datasetId;
  if (onTemporary) return;
  throw new BigQueryError(
    'invalidQuery',
    'DDL statements are not supported in a transaction, except for those targeting temporary tables or temporary functions.',
    { location: 'query' },
  );
}

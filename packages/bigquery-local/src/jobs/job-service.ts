// Jobs from request to end: accepts, queues, runs, cancels and remembers them.
//
//   insert ─► PENDING ─► RUNNING ─► DONE (with or without errorResult)
//
// A job is accepted with one durable row and ends with one; in between it lives in memory,
// so a job found unfinished at start was interrupted.
import { randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import type { Principal } from '../access/decision.ts';
import { BigQueryError } from '../bigquery-error.ts';
import { canonicalLocation } from '../catalog/dataset-changes.ts';
import { jobName, type ErrorProto, type Job, type JobOutcome } from '../catalog/jobs.ts';
import {
  optionalFlag,
  optionalInteger,
  optionalLabels,
  optionalObject,
  optionalText,
} from '../rest/bigquery/fields.ts';
import { callerOf } from '../cloud-storage/cloud-storage.ts';
import { openObjects, parseGsUris } from '../cloud-storage/job-files.ts';
import { presentable } from '../rest/error-envelope.ts';
import type { Services } from '../services.ts';
import { ScriptText } from '../googlesql/script/script-text.ts';
import { Slots } from '../storage/slots.ts';
import { readScript, ScriptJob } from './script/script-job.ts';
import { Sessions, type Session } from './script/sessions.ts';
import { parseCopyConfiguration, wireTables } from './copy/copy-configuration.ts';
import { runCopy } from './copy/copy-job.ts';
import type { Execution } from './execution.ts';
import { parseExtractConfiguration } from './extract/extract-configuration.ts';
import { runExtract } from './extract/extract-job.ts';
import { failedStatistics } from './failed-statistics.ts';
import { parseLoadConfiguration, type LoadConfiguration } from './load/load-configuration.ts';
import { authorizeLoad, runLoad } from './load/load-job.ts';
import type { LoadFile } from './load/source.ts';
import { protoOf, withDestination, withResult } from './job-record.ts';
import { parseQueryConfiguration, type QueryConfiguration } from './query-configuration.ts';
import { dryRunOutcome, findCached, prepareQuery, runQuery, type PreparedQuery } from './query-job.ts';

type Body = Readonly<Record<string, unknown>>;

export type JobRequest = {
  readonly principal: Principal;
  readonly projectId: string;
  /** The Job resource: `configuration` and perhaps `jobReference`. */
  readonly job: Body;
  /** Uploaded data of a load job; belongs to the job from here on. */
  readonly uploadedFile?: string;
  /** The caller answers when `wait` gives the job, and nobody is told of it before. */
  readonly waits?: boolean;
};

type Running = {
  job: Job;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
  thrown: BigQueryError | undefined;
};

type Work = {
  run(execution: Execution): Promise<JobOutcome>;
  /** Called once, however the job ends. */
  cleanUp(): void;
  /** Statistics of the job when it fails or is cancelled. */
  readonly failed?: Readonly<Record<string, unknown>>;
  /**
   * It does not count among the jobs that may run at once: those may be waiting for the very
   * tables that a transaction of its session holds.
   */
  readonly unqueued?: boolean;
  /** The job is written when it ends: it leaves nothing behind when the server is killed before. */
  readonly heldUntilDone?: boolean;
};

const MAX_RUNNING = 8;
const MAX_PENDING = 1_000;

/** Ended jobs whose thrown error is kept, so that it surfaces as it was thrown. */
const MAX_REMEMBERED = 1_000;

export class JobService implements AsyncDisposable {
  readonly #services: Services;
  readonly #running = new Map<string, Running>();
  readonly #errors = new Map<string, BigQueryError>();
  readonly #slots = new Slots(MAX_RUNNING);
  readonly #sessions: Sessions;
  #closing = false;

  constructor(services: Services) {
    this.#services = services;
    this.#sessions = new Sessions(services);
  }

  /** The caller has checked `bigquery.jobs.create`. A dry run is answered, or thrown, at once. */
  async insert(request: JobRequest): Promise<Job> {
    try {
      return await this.#insert(request);
    } catch (error) {
      if (request.uploadedFile !== undefined) await rm(request.uploadedFile, { force: true });
      throw error;
    }
  }

  get(projectId: string, jobId: string): Job | undefined {
    return this.#running.get(keyOf(projectId, jobId))?.job ?? this.#services.jobs.get(projectId, jobId);
  }

  /** Waits until the job is done or the time is up; returns it as it then is. */
  async wait(projectId: string, jobId: string, timeoutMs: number, signal: AbortSignal): Promise<Job | undefined> {
    const running = this.#running.get(keyOf(projectId, jobId));
    if (running !== undefined && timeoutMs > 0) {
      let timer: NodeJS.Timeout | undefined;
      let onAbort = (): void => undefined;
      const stopped = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs);
        onAbort = resolve;
        signal.addEventListener('abort', onAbort, { once: true });
      });
      await Promise.race([running.ended, stopped]);
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
    // The caller is about to be told of a job that is not done.
    if (this.#running.has(keyOf(projectId, jobId))) this.#services.jobs.writeHeld();
    return this.get(projectId, jobId);
  }

  /** The error of a job that failed, as it surfaces in jobs.query and getQueryResults. */
  errorOf(job: Job): BigQueryError | undefined {
    const proto = job.outcome?.errorResult;
    if (proto === undefined) return undefined;
    const remembered = this.#errors.get(keyOf(job.projectId, job.jobId));
    if (remembered !== undefined) return remembered;
    return new BigQueryError(
      proto.reason as 'invalid',
      proto.message,
      proto.location === undefined ? {} : { location: proto.location },
    );
  }

  /** A child job goes with its script. */
  cancel(projectId: string, jobId: string): void {
    const job = this.get(projectId, jobId);
    const cancelled = job?.state === 'DONE' ? jobId : (job?.parentJobId ?? jobId);
    this.#running
      .get(keyOf(projectId, cancelled))
      ?.controller.abort(new BigQueryError('stopped', 'Job execution was cancelled: User requested cancellation'));
  }

  async #insert(request: JobRequest): Promise<Job> {
    const { job: body, principal, projectId } = request;
    if (this.#closing) throw new BigQueryError('backendError', 'The server is shutting down.');
    const configuration = optionalObject(body, 'configuration');
    if (configuration === undefined) throw new BigQueryError('invalid', 'Required parameter is missing: configuration');
    const reference = optionalObject(body, 'jobReference') ?? {};
    const jobId = this.#jobId(projectId, optionalText(reference, 'jobId'));
    const asked = optionalText(reference, 'location');
    const location = asked === undefined || asked === '' ? undefined : canonicalLocation(asked);
    const base = { projectId, jobId, owner: principal.email, createdMs: this.#services.clock() };
    return this.#services.audit.duringJob(jobId, () => this.#accept(request, configuration, base, location));
  }

  async #accept(request: JobRequest, configuration: Body, base: Base, location: string | undefined): Promise<Job> {
    if (optionalObject(configuration, 'query') !== undefined) {
      if (request.uploadedFile !== undefined) throw new BigQueryError('invalid', 'A query job takes no uploaded data.');
      return this.#insertQuery(request, configuration, base, location);
    }
    if (optionalObject(configuration, 'load') !== undefined)
      return this.#insertLoad(request, configuration, base, location);
    if (optionalObject(configuration, 'extract') !== undefined)
      return this.#insertExtract(request, configuration, base, location);
    if (optionalObject(configuration, 'copy') !== undefined)
      return this.#insertCopy(request, configuration, base, location);
    throw new BigQueryError(
      'invalid',
      'Required parameter is missing: configuration.query, configuration.load, configuration.extract or configuration.copy',
    );
  }

  async #insertQuery(request: JobRequest, configuration: Body, base: Base, location: string | undefined): Promise<Job> {
    const { principal, projectId } = request;
    const services = this.#services;
    const query = optionalObject(configuration, 'query')!;
    const parsed = parseQueryConfiguration(query, projectId);
    const dryRun = optionalFlag(configuration, 'dryRun') === true;
    const session = this.#sessionOf(principal, projectId, parsed);
    const wire = {
      ...common(configuration),
      jobType: 'QUERY',
      query: { priority: 'INTERACTIVE', ...query, useLegacySql: false },
    };
    let prepared: PreparedQuery | undefined;
    let failed: BigQueryError | undefined;
    const asScript = (): Promise<Job> =>
      this.#insertScript(request, configuration, base, location, parsed, wire, session);
    if (session !== undefined || parsed.createSession || parsed.connection.size > 0) return asScript();
    try {
      prepared = await prepareQuery({ services, principal, projectId, location, configuration: parsed });
    } catch (error) {
      if (error instanceof ScriptText) return asScript();
      failed = this.#presentable(error, base);
    }
    if (dryRun) {
      if (prepared === undefined) throw failed!;
      const { location: where } = prepared;
      prepared[Symbol.dispose]();
      return {
        ...base,
        location: where,
        state: 'DONE',
        startedMs: undefined,
        endedMs: undefined,
        configuration: { ...wire, dryRun: true },
        outcome: dryRunOutcome(prepared),
      };
    }
    const job: Job = {
      ...base,
      location: prepared?.location ?? location ?? 'US',
      state: 'PENDING',
      startedMs: undefined,
      endedMs: undefined,
      configuration: wire,
      outcome: undefined,
    };
    if (prepared === undefined)
      return this.#endAtOnce(
        job,
        { errorResult: protoOf(failed!), errors: [protoOf(failed!)], statistics: {} },
        failed,
      );
    const ready = prepared;
    const cached = findCached(services, ready, principal, projectId);
    if (cached !== undefined) {
      ready[Symbol.dispose]();
      const rows = await services.sizes.rows(services.tables.get(cached.table)!);
      return this.#endAtOnce(
        withDestination(job, cached.table),
        { ...cached.outcome, totalRows: String(rows) },
        undefined,
      );
    }
    return this.#start(job, principal, configuration, {
      run: (execution) => runQuery(execution, ready),
      heldUntilDone:
        request.waits === true &&
        ready.analyzed.statement.kind === 'SELECT' &&
        ready.configuration.destination === undefined,
      cleanUp: () => ready[Symbol.dispose](),
      failed: failedStatistics(ready),
    });
  }

  #sessionOf(principal: Principal, projectId: string, parsed: QueryConfiguration): Session | undefined {
    const id = parsed.connection.get('session_id');
    if (id !== undefined && parsed.createSession)
      throw new BigQueryError('invalid', 'createSession and a session_id cannot be given together.');
    return id === undefined ? undefined : this.#sessions.get(principal, projectId, id);
  }

  /** A script, or any query job of a session. */
  async #insertScript(
    request: JobRequest,
    configuration: Body,
    base: Base,
    asked: string | undefined,
    parsed: QueryConfiguration,
    wire: Record<string, unknown>,
    known: Session | undefined,
  ): Promise<Job> {
    const { principal, projectId } = request;
    const services = this.#services;
    const dryRun = optionalFlag(configuration, 'dryRun') === true;
    const read = await readScript(services, { principal, projectId, asked, configuration: parsed, session: known });
    const { script, location } = read;
    const failed = read.failed === undefined ? undefined : this.#presentable(read.failed, base);
    if (dryRun && failed !== undefined) throw failed;
    const job: Job = {
      ...base,
      location,
      state: 'PENDING',
      startedMs: undefined,
      endedMs: undefined,
      configuration: wire,
      outcome: undefined,
    };
    if (script === undefined || failed !== undefined)
      return this.#endAtOnce(
        job,
        { errorResult: protoOf(failed!), errors: [protoOf(failed!)], statistics: {} },
        failed,
      );
    const { createdMs } = base;
    if (dryRun) {
      const { signal } = new AbortController();
      const finish = (): void => undefined;
      const dry = new ScriptJob(this.#sessions, { script, configuration: parsed, location, createdMs, session: known });
      const outcome = await dry.dryRun({
        services,
        principal,
        projectId,
        jobId: base.jobId,
        signal,
        timeoutMs: undefined,
        finish,
      });
      return { ...job, state: 'DONE', configuration: { ...wire, dryRun: true }, outcome };
    }
    const session = known ?? (parsed.createSession ? this.#sessions.create(principal, projectId, location) : undefined);
    const scriptJob = new ScriptJob(this.#sessions, { script, configuration: parsed, location, createdMs, session });
    return this.#start(job, principal, configuration, {
      run: (execution) => scriptJob.run(execution),
      cleanUp: () => undefined,
      unqueued: session !== undefined,
      get failed() {
        return scriptJob.statistics;
      },
    });
  }

  #insertLoad(request: JobRequest, configuration: Body, base: Base, location: string | undefined): Job {
    const { principal, projectId, uploadedFile } = request;
    const load = optionalObject(configuration, 'load')!;
    const parsed: LoadConfiguration = parseLoadConfiguration(load, projectId);
    const openData = this.#loadData(principal, load, uploadedFile);
    const dataset = this.#services.datasets.get(parsed.destination.projectId, parsed.destination.datasetId);
    const wire = { ...common(configuration), jobType: 'LOAD', load: { ...load, destinationTable: parsed.destination } };
    const job: Job = {
      ...base,
      location: dataset?.location ?? location ?? 'US',
      state: 'PENDING',
      startedMs: undefined,
      endedMs: undefined,
      configuration: wire,
      outcome: undefined,
    };
    return this.#start(job, principal, configuration, {
      run: async (execution) => {
        authorizeLoad(execution, parsed);
        if (dataset !== undefined && location !== undefined && location !== dataset.location) {
          throw new BigQueryError(
            'notFound',
            `Not found: Dataset ${dataset.projectId}:${dataset.datasetId} was not found in location ${location}`,
          );
        }
        await using data = await openData();
        return await runLoad(execution, parsed, data.files);
      },
      cleanUp: () => {
        if (uploadedFile !== undefined) void rm(uploadedFile, { force: true });
      },
    });
  }

  /** The uploaded file, or the objects that `sourceUris` names, to be opened when the job runs. */
  #loadData(
    principal: Principal,
    load: Body,
    uploadedFile: string | undefined,
  ): () => Promise<{ readonly files: readonly LoadFile[] } & AsyncDisposable> {
    const { cloudStorage, access, directory } = this.#services;
    const given = load['sourceUris'];
    const hasUris = given !== undefined && given !== null && !(Array.isArray(given) && given.length === 0);
    if (uploadedFile !== undefined) {
      if (hasUris) throw new BigQueryError('invalid', 'A load job has either uploaded data or sourceUris, not both.');
      return async () => ({
        files: [{ path: uploadedFile, name: 'the uploaded data', size: (await stat(uploadedFile)).size }],
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    }
    if (!hasUris)
      throw new BigQueryError(
        'invalid',
        'A load job needs data: name it in configuration.load.sourceUris, or send it to /upload/bigquery/v2/projects/{project}/jobs.',
      );
    const uris = parseGsUris(given, 'configuration.load.sourceUris');
    return () => openObjects(cloudStorage, callerOf(access, principal), uris, directory.spool);
  }

  #insertExtract(request: JobRequest, configuration: Body, base: Base, location: string | undefined): Job {
    const { principal, projectId, uploadedFile } = request;
    if (uploadedFile !== undefined) throw new BigQueryError('invalid', 'An extract job takes no uploaded data.');
    const extract = optionalObject(configuration, 'extract')!;
    const parsed = parseExtractConfiguration(extract, projectId);
    const dataset = this.#services.datasets.get(parsed.source.projectId, parsed.source.datasetId);
    const job: Job = {
      ...base,
      location: dataset?.location ?? location ?? 'US',
      state: 'PENDING',
      startedMs: undefined,
      endedMs: undefined,
      configuration: {
        ...common(configuration),
        jobType: 'EXTRACT',
        extract: { ...extract, sourceTable: parsed.source },
      },
      outcome: undefined,
    };
    return this.#start(job, principal, configuration, {
      run: (execution) => runExtract(execution, parsed),
      cleanUp: () => undefined,
    });
  }

  #insertCopy(request: JobRequest, configuration: Body, base: Base, location: string | undefined): Job {
    const { principal, projectId, uploadedFile } = request;
    if (uploadedFile !== undefined) throw new BigQueryError('invalid', 'A copy job takes no uploaded data.');
    const given = optionalObject(configuration, 'copy')!;
    const parsed = parseCopyConfiguration(given, projectId);
    const { ref } = parsed.destination;
    const dataset = this.#services.datasets.get(ref.projectId, ref.datasetId);
    const { sourceTable: _one, sourceTables: _many, ...rest } = given;
    const job: Job = {
      ...base,
      location: dataset?.location ?? location ?? 'US',
      state: 'PENDING',
      startedMs: undefined,
      endedMs: undefined,
      configuration: { ...common(configuration), jobType: 'COPY', copy: { ...rest, ...wireTables(parsed) } },
      outcome: undefined,
    };
    return this.#start(job, principal, configuration, {
      run: (execution) => runCopy(execution, parsed),
      cleanUp: () => undefined,
    });
  }

  #start(accepted: Job, principal: Principal, configuration: Body, work: Work): Job {
    if (this.#slots.waiting >= MAX_PENDING) {
      work.cleanUp();
      throw new BigQueryError('quotaExceeded', `Quota exceeded: at most ${MAX_PENDING} jobs may wait.`);
    }
    try {
      if (work.heldUntilDone === true) this.#services.jobs.hold(accepted);
      else this.#services.jobs.insert(accepted);
    } catch (error) {
      work.cleanUp();
      throw error;
    }
    const key = keyOf(accepted.projectId, accepted.jobId);
    const controller = new AbortController();
    const timeoutMs = optionalInteger(configuration, 'jobTimeoutMs');
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const running: Running = { job: accepted, controller, ended, thrown: undefined };
    this.#running.set(key, running);
    void this.#run(running, principal, timeoutMs === undefined || timeoutMs <= 0 ? undefined : timeoutMs, work)
      .catch((error: unknown) =>
        this.#services.log.error({ err: error, job: jobName(accepted) }, 'a job could not be recorded'),
      )
      .finally(() => {
        work.cleanUp();
        this.#services.jobs.release(accepted);
        this.#running.delete(key);
        resolve();
      });
    return running.job;
  }

  async #run(running: Running, principal: Principal, timeoutMs: number | undefined, work: Work): Promise<void> {
    const { signal } = running.controller;
    let hasSlot = false;
    let finished = false;
    const finish = (outcome: JobOutcome): void => {
      running.job = { ...withResult(running.job, outcome), state: 'DONE', endedMs: this.#services.clock(), outcome };
      this.#services.jobs.finish(running.job);
      finished = true;
    };
    try {
      if (work.unqueued !== true) {
        await this.#slots.acquire(signal);
        hasSlot = true;
      }
      running.job = { ...running.job, state: 'RUNNING', startedMs: this.#services.clock() };
      signal.throwIfAborted();
      const { projectId, jobId } = running.job;
      const outcome = await work.run({
        services: this.#services,
        principal,
        projectId,
        jobId,
        signal,
        timeoutMs,
        finish: (done) => finish(done),
      });
      if (!finished) finish(outcome);
    } catch (thrown) {
      if (finished) {
        this.#services.log.error({ err: thrown, job: jobName(running.job) }, 'a job that is done could not clean up');
        return;
      }
      const error = this.#presentable(signal.aborted ? signal.reason : thrown, running.job);
      this.#remember(running.job, error);
      const errors = (error.options.details as readonly ErrorProto[] | undefined) ?? [protoOf(error)];
      running.job = { ...running.job, state: 'RUNNING' };
      finish({ errorResult: protoOf(error), errors, statistics: work.failed ?? {} });
    } finally {
      if (hasSlot) this.#slots.release();
    }
  }

  #endAtOnce(accepted: Job, outcome: JobOutcome, error: BigQueryError | undefined): Job {
    const now = this.#services.clock();
    const job: Job = { ...accepted, state: 'DONE', startedMs: now, endedMs: now, outcome };
    this.#services.db.transaction(() => {
      this.#services.jobs.insert(accepted);
      this.#services.jobs.finish(job);
    });
    if (error !== undefined) this.#remember(job, error);
    return job;
  }

  #jobId(projectId: string, given: string | undefined): string {
    if (given === undefined || given === '') return `job_${randomUUID().replaceAll('-', '')}`;
    if (!/^[\w-]{1,1024}$/.test(given))
      throw new BigQueryError(
        'invalid',
        `Invalid job ID "${given}". Job IDs must be alphanumeric (plus underscores and dashes) and must be at most 1024 characters long.`,
      );
    const old = this.get(projectId, given);
    if (old !== undefined) throw new BigQueryError('duplicate', `Already Exists: Job ${jobName(old)}`);
    return given;
  }

  #presentable(thrown: unknown, job: { readonly projectId: string; readonly jobId: string }): BigQueryError {
    const error = presentable(thrown);
    if (error.httpStatus === 500)
      this.#services.log.error({ err: thrown, job: `${job.projectId}.${job.jobId}` }, 'a job failed');
    return error;
  }

  #remember(job: Job, error: BigQueryError): void {
    if (this.#errors.size >= MAX_REMEMBERED) this.#errors.clear();
    this.#errors.set(keyOf(job.projectId, job.jobId), error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    const all = [...this.#running.values()];
    for (const { controller } of all)
      controller.abort(new BigQueryError('backendError', 'Job was interrupted: the server stopped.'));
    await Promise.all(all.map(({ ended }) => ended));
    await this.#sessions[Symbol.asyncDispose]();
  }
}

type Base = Pick<Job, 'projectId' | 'jobId' | 'owner' | 'createdMs'>;

function keyOf(projectId: string, jobId: string): string {
  return `${projectId}:${jobId}`;
}

function common(configuration: Body): Record<string, unknown> {
  const labels = optionalLabels(configuration);
  const timeout = optionalInteger(configuration, 'jobTimeoutMs');
  return {
    ...(labels === undefined ? {} : { labels }),
    ...(timeout === undefined ? {} : { jobTimeoutMs: String(timeout) }),
  };
}

// A query job that is a script, or a statement in a session: from its text to its end.
import { BigQueryError } from '../../bigquery-error.ts';
import type { JobOutcome } from '../../catalog/jobs.ts';
import type { Principal } from '../../access/decision.ts';
import { isOneStatement, type Script } from '../../googlesql/script/script.ts';
import type { Services } from '../../services.ts';
import type { Execution } from '../execution.ts';
import type { QueryConfiguration } from '../query-configuration.ts';
import { ChildJobs } from './child-jobs.ts';
import { ScriptRun } from './script-run.ts';
import { ScriptState } from './script-state.ts';
import type { Session, Sessions } from './sessions.ts';

/** BigQuery's own limit for a script is 24 hours, for a query 6. */
const DAY_MS = 24 * 60 * 60 * 1000;

export type ScriptRequest = {
  readonly script: Script;
  readonly configuration: QueryConfiguration;
  readonly location: string;
  readonly createdMs: number;
  readonly session: Session | undefined;
};

/** One job. `statistics` are those of the moment, for a job that fails. */
export class ScriptJob {
  readonly #sessions: Sessions;
  readonly #request: ScriptRequest;
  #children: ChildJobs | undefined;

  constructor(sessions: Sessions, request: ScriptRequest) {
    this.#sessions = sessions;
    this.#request = request;
  }

  get statistics(): Record<string, unknown> {
    const { session } = this.#request;
    const children = this.#children;
    const processed = String(children?.bytesProcessed ?? 0n);
    return {
      ...scriptStatistics(processed, String(children?.bytesBilled ?? 0n)),
      numChildJobs: String(children?.count ?? 0),
      ...(session === undefined ? {} : { sessionInfo: { sessionId: session.id } }),
    };
  }

  async run(execution: Execution): Promise<JobOutcome> {
    const { session } = this.#request;
    using limit = new TimeLimit(execution);
    const limited: Execution = { ...execution, signal: limit.signal, timeoutMs: undefined };
    if (session !== undefined) {
      return this.#sessions.inTurn(session, limit.signal, () => this.#runWith(limited, session.state, session));
    }
    const { services, principal, projectId } = execution;
    const { location } = this.#request;
    await using state = new ScriptState(services, this.#sessions.transactions, { principal, projectId, location });
    return await this.#runWith(limited, state, undefined);
  }

  async #runWith(execution: Execution, state: ScriptState, session: Session | undefined): Promise<JobOutcome> {
    const { script, configuration, location, createdMs } = this.#request;
    state.queryLabel = configuration.connection.get('query_label') ?? state.queryLabel;
    const alone = isOneStatement(script);
    const sessionInfo = session === undefined ? {} : { sessionInfo: { sessionId: session.id } };
    // A statement by itself is the job; those of a script are children of it.
    const told: Execution = {
      ...execution,
      finish: (outcome) => execution.finish({ ...outcome, statistics: { ...outcome.statistics, ...sessionInfo } }),
    };
    const children = new ChildJobs(told, location, session?.id, alone);
    if (!alone) this.#children = children;
    const run = new ScriptRun({
      execution: told,
      configuration,
      location,
      state,
      children,
      createdMs,
      sessionId: session?.id,
      alone,
      abortSession: (id) => this.#abort(execution, session, id),
    });
    await run.run(script);
    if (alone) {
      state.lastJobId = execution.jobId;
      const outcome = children.last ?? { statistics: {} };
      return { ...outcome, statistics: { ...outcome.statistics, ...sessionInfo } };
    }
    const { destination, schema, totalRows } = children.lastSelect ?? {};
    return {
      statistics: this.statistics,
      ...(destination === undefined || schema === undefined ? {} : { destination, schema }),
      ...(totalRows === undefined ? {} : { totalRows }),
    };
  }

  /** A dry run of one statement, with the functions before it; of a script, what little there is to tell. */
  async dryRun(execution: Execution): Promise<JobOutcome> {
    const { script, configuration, location, createdMs, session } = this.#request;
    if (!isOneStatement(script)) return { statistics: scriptStatistics() };
    const { services, principal, projectId } = execution;
    await using own = new ScriptState(services, this.#sessions.transactions, { principal, projectId, location });
    const children = new ChildJobs(execution, location, session?.id, true);
    const run = new ScriptRun({
      execution,
      configuration,
      location,
      state: session?.state ?? own,
      children,
      createdMs,
      sessionId: session?.id,
      alone: true,
      abortSession: () => Promise.resolve(),
    });
    return await run.dryRun(script);
  }

  async #abort(execution: Execution, session: Session | undefined, id: string | undefined): Promise<void> {
    const { principal, projectId } = execution;
    const ended = id === undefined ? session : this.#sessions.get(principal, projectId, id);
    if (ended === undefined)
      throw new BigQueryError('invalidQuery', 'BQ.ABORT_SESSION without an argument needs a session to run in.', {
        location: 'query',
      });
    if (ended !== session && ended.running > 0)
      throw new BigQueryError('invalidQuery', `Session ${ended.id} has jobs that are running: cancel them first.`, {
        location: 'query',
      });
    await this.#sessions.end(ended);
  }
}

/** What a dry run of a script tells: that it is one. What its statements read, only its run can tell. */
export function scriptStatistics(processed = '0', billed = '0'): Record<string, unknown> {
  return {
    totalBytesProcessed: processed,
    query: { statementType: 'SCRIPT', totalBytesProcessed: processed, totalBytesBilled: billed, cacheHit: false },
  };
}

/** The text of a job as a script, and where it runs; what is wrong with it, if something is. */
export async function readScript(
  services: Services,
  job: {
    readonly principal: Principal;
    readonly projectId: string;
    /** The location that the job asks for. */
    readonly asked: string | undefined;
    readonly configuration: QueryConfiguration;
    readonly session: Session | undefined;
  },
): Promise<{ readonly script: Script | undefined; readonly failed?: unknown; readonly location: string }> {
  const { principal, projectId, asked, configuration, session } = job;
  const fallback = session?.location ?? asked ?? 'US';
  try {
    if (session !== undefined && asked !== undefined && asked !== session.location)
      throw new BigQueryError('invalid', `Session ${session.id} is in location ${session.location}, not in ${asked}.`);
    const script = await services.sql.script(configuration.sql, session?.state.variables.visible().keys());
    if (configuration.destination !== undefined && !isOneStatement(script))
      throw new BigQueryError('invalid', 'configuration.query.destinationTable cannot be set for scripts');
    const location =
      session?.location ?? asked ?? locationOf(services, principal, projectId, configuration, script) ?? 'US';
    return { script, location };
  } catch (failed) {
    return { script: undefined, failed, location: fallback };
  }
}

/** Where a script runs whose job says nothing: where the first of its tables is. */
function locationOf(
  services: Services,
  principal: Principal,
  projectId: string,
  configuration: QueryConfiguration,
  script: Script,
): string | undefined {
  const { defaultDataset } = configuration;
  if (defaultDataset !== undefined)
    return services.datasets.get(defaultDataset.projectId, defaultDataset.datasetId)?.location;
  for (const path of script.tables) {
    const parts = path.join('.').split('.');
    if (parts.length < 2) continue;
    const project = parts.length > 2 ? parts.slice(0, -2).join('.') : projectId;
    const dataset = services.datasets.get(project, parts.at(-2)!);
    if (dataset === undefined) continue;
    const resource = { kind: 'dataset', projectId: dataset.projectId, datasetId: dataset.datasetId } as const;
    // Where a dataset is would tell that it is.
    const seen = ['bigquery.datasets.get', 'bigquery.tables.getData', 'bigquery.tables.updateData'].some(
      (permission) => services.access.decide(principal, permission, resource).allowed,
    );
    if (seen) return dataset.location;
  }
  return undefined;
}

/** The signal of a job that also aborts when its time is up. */
class TimeLimit implements Disposable {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly signal: AbortSignal;

  constructor({ signal, timeoutMs = DAY_MS }: Pick<Execution, 'signal' | 'timeoutMs'>) {
    this.#timer = setTimeout(
      () =>
        this.#controller.abort(new BigQueryError('timeout', `Operation timed out after ${timeoutMs / 1000} seconds.`)),
      Math.min(timeoutMs, 2 ** 31 - 1),
    );
    this.#timer.unref();
    this.signal = AbortSignal.any([signal, this.#controller.signal]);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

// The audit log: every decision of the server, kept for a moment in memory and written in
// batches, at most one second later, to the store. It never slows a decision down and
// never fails one: what does not fit into the buffer is counted, and the count is written.
// A server that is killed loses what it decided in its last second.
import { AsyncLocalStorage } from 'node:async_hooks';

import type { Decision, Permission, Principal, Resource } from '../access/decision.ts';
import type { ServerLog } from '../rest/server-log.ts';
import { resourceName } from './resource-name.ts';

/** One decision, as a row of `_sluice_audit.data_access`. Column names and types: `audit-table.ts`. */
export type AuditRow = {
  /** RFC 3339 with milliseconds, UTC. */
  readonly time: string;
  readonly principal?: string;
  readonly permission?: string;
  readonly resource?: string;
  readonly granted?: boolean;
  /** The entry that granted it: role, member and the resource whose policy holds it. */
  readonly role?: string;
  readonly member?: string;
  readonly granted_on?: string;
  /** The API method that asked: `bigquery.jobs.insert`. */
  readonly operation?: string;
  readonly request_id?: string;
  readonly job_id?: string;
  /** Decisions before this one that found no room in the buffer. */
  readonly dropped?: number;
};

export interface AuditStore {
  /** Rows of projects that do not exist are not kept. */
  write(projectId: string, rows: readonly AuditRow[]): Promise<void>;
}

/** What the decisions are made for. */
export type AuditContext = { readonly operation: string; readonly requestId: string; readonly jobId?: string };

const FLUSH_MS = 1_000;

/** Rows in memory, of all projects. */
const MAX_BUFFERED = 50_000;

/** Projects with rows in memory: names of projects that do not exist come from anybody. */
const MAX_PROJECTS = 1_000;

const LISTS_OF_PROJECTS: ReadonlySet<string> = new Set([
  'bigquery.projects.list',
  'cloudresourcemanager.projects.list',
  'cloudresourcemanager.projects.search',
]);

type Buffered = { readonly rows: AuditRow[]; dropped: number };

export class AuditLog implements AsyncDisposable {
  readonly #store: AuditStore;
  readonly #log: ServerLog;
  readonly #clock: () => number;
  readonly #context = new AsyncLocalStorage<AuditContext>();
  readonly #timer: NodeJS.Timeout;
  #buffer = new Map<string, Buffered>();
  #count = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(store: AuditStore, options: { readonly log: ServerLog; readonly clock: () => number }) {
    this.#store = store;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS);
    this.#timer.unref();
  }

  /** Runs `body` with its decisions, also those after it has returned, noted as made for this. */
  during<T>(context: AuditContext, body: () => T): T {
    return this.#context.run(context, body);
  }

  /** The same request's decisions, now for a job. */
  duringJob<T>(jobId: string, body: () => T): T {
    const { operation = '', requestId = '' } = this.#context.getStore() ?? {};
    return this.#context.run({ operation, requestId, jobId }, body);
  }

  /** A DecisionSink. Decisions about no project (the directory) have no owner who could read them and are left out. */
  record(principal: Principal, permission: Permission, resource: Resource, decision: Decision): void {
    const { projectId } = resource;
    if (projectId === '') return;
    const context = this.#context.getStore();
    // Leaving a project out of somebody's list of projects is no event of that project.
    if (!decision.allowed && LISTS_OF_PROJECTS.has(context?.operation ?? '')) return;
    let buffered = this.#buffer.get(projectId);
    if (buffered === undefined) {
      if (this.#buffer.size >= MAX_PROJECTS) return;
      buffered = { rows: [], dropped: 0 };
      this.#buffer.set(projectId, buffered);
    }
    if (this.#count >= MAX_BUFFERED) {
      buffered.dropped++;
      return;
    }
    this.#count++;
    buffered.rows.push({
      time: new Date(this.#clock()).toISOString(),
      principal: principal.email,
      permission,
      resource: resourceName(resource),
      granted: decision.allowed,
      ...(decision.allowed
        ? { role: decision.by.role, member: decision.by.member, granted_on: resourceName(decision.by.on) }
        : {}),
      ...(context === undefined ? {} : { operation: context.operation, request_id: context.requestId }),
      ...(context?.jobId === undefined ? {} : { job_id: context.jobId }),
    });
  }

  /** Writes what is in memory. Never rejects: what cannot be written is counted and logged. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    const taken = this.#buffer;
    this.#buffer = new Map();
    this.#count = 0;
    for (const [projectId, { rows, dropped }] of taken) {
      const time = rows.at(-1)?.time ?? new Date(this.#clock()).toISOString();
      const all = dropped === 0 ? rows : [...rows, { time, dropped }];
      try {
        await this.#store.write(projectId, all);
      } catch (error) {
        this.#log.error({ err: error, project: projectId, rows: all.length }, 'audit rows could not be written');
        this.#lose(projectId, rows.length + dropped);
      }
    }
  }

  #lose(projectId: string, count: number): void {
    const buffered = this.#buffer.get(projectId);
    if (buffered === undefined) this.#buffer.set(projectId, { rows: [], dropped: count });
    else buffered.dropped += count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}

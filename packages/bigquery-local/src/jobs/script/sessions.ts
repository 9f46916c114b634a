// Sessions: jobs of one caller, one after the other, that share variables, temporary
// tables and functions, and a transaction. They live in memory: a server that stops ends them.
// Source: "Introduction to sessions": ended by CALL BQ.ABORT_SESSION, after 24 hours without
// a job, or after 7 days.
import { randomUUID } from 'node:crypto';
import type { Principal } from '../../access/decision.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { Services } from '../../services.ts';
import { TableLock } from '../../storage/table-lock.ts';
import { ScriptState } from './script-state.ts';
import { OpenTransactions } from './storage-transaction.ts';

const IDLE_MS = 24 * 60 * 60 * 1000;
const MAX_AGE_MS = 7 * IDLE_MS;
const CHECK_EVERY_MS = 60_000;
const MAX_SESSIONS = 500;

export type Session = {
  readonly id: string;
  readonly owner: string;
  readonly projectId: string;
  readonly location: string;
  readonly createdMs: number;
  readonly state: ScriptState;
  usedMs: number;
  running: number;
};

export class Sessions implements AsyncDisposable {
  readonly transactions = new OpenTransactions();
  readonly #services: Services;
  readonly #sessions = new Map<string, Session>();
  readonly #turns = new TableLock();
  readonly #timer: NodeJS.Timeout;

  constructor(services: Services) {
    this.#services = services;
    this.#timer = setInterval(() => {
      this.endIdle().catch((error: unknown) => services.log.error({ err: error }, 'a session could not be ended'));
    }, CHECK_EVERY_MS);
    this.#timer.unref();
  }

  create(principal: Principal, projectId: string, location: string): Session {
    if (this.#sessions.size >= MAX_SESSIONS)
      throw new BigQueryError(
        'quotaExceeded',
        `Quota exceeded: the local BigQuery has at most ${MAX_SESSIONS} sessions at the same time. End one with CALL BQ.ABORT_SESSION().`,
      );
    const now = this.#services.clock();
    const session: Session = {
      id: randomUUID().replaceAll('-', ''),
      owner: principal.email,
      projectId,
      location,
      createdMs: now,
      state: new ScriptState(this.#services, this.transactions, { principal, projectId, location }),
      usedMs: now,
      running: 0,
    };
    this.#sessions.set(session.id, session);
    return session;
  }

  /** Throws `notFound`; a session of somebody else is answered for as if there were none. */
  get(principal: Principal, projectId: string, id: string): Session {
    const session = this.#sessions.get(id);
    if (session === undefined || session.owner !== principal.email || session.projectId !== projectId)
      throw new BigQueryError('notFound', `Not found: Session ${projectId}:${id}. It may have been terminated.`);
    return session;
  }

  /** Runs a job of the session when those before it are done. */
  async inTurn<T>(session: Session, signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    session.running += 1;
    try {
      return await this.#turns.hold(session.id, signal, async () => {
        if (this.#sessions.get(session.id) !== session)
          throw new BigQueryError(
            'notFound',
            `Not found: Session ${session.projectId}:${session.id}. It has been terminated.`,
          );
        return body();
      });
    } finally {
      session.running -= 1;
      session.usedMs = this.#services.clock();
    }
  }

  /** Its temporary tables are dropped, its transaction is rolled back. */
  async end(session: Session): Promise<void> {
    this.#sessions.delete(session.id);
    await session.state[Symbol.asyncDispose]();
  }

  async endIdle(): Promise<void> {
    const now = this.#services.clock();
    for (const session of this.#sessions.values()) {
      if (session.running > 0) continue;
      if (now - session.usedMs >= IDLE_MS || now - session.createdMs >= MAX_AGE_MS) await this.end(session);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const session of this.#sessions.values()) await this.end(session);
  }
}

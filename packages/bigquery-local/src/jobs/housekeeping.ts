// At the start and every minute: rows of expired tables and partitions go, notes of committed jobs that are recorded go,
// and jobs are forgotten after six months.
import type { Services } from '../services.ts';
import { expirePartitions } from './partition-expiration.ts';
import { forgetCommitted } from './recovery.ts';

const PERIOD_MS = 60_000;
const JOB_MEMORY_MS = 180 * 24 * 60 * 60 * 1000;

export class Housekeeping implements AsyncDisposable {
  readonly #services: Services;
  readonly #timer: NodeJS.Timeout;
  readonly #closing = new AbortController();
  #pass: Promise<void> = Promise.resolve();

  constructor(services: Services) {
    this.#services = services;
    const pass = (): void => {
      this.#pass = this.#pass
        .then(() => this.#clean())
        .catch((error: unknown) => {
          if (!this.#closing.signal.aborted)
            services.log.error({ err: error }, 'expired tables or partitions could not be removed');
        });
    };
    pass();
    this.#timer = setInterval(pass, PERIOD_MS);
    this.#timer.unref();
  }

  async #clean(): Promise<void> {
    const { tables, physical, jobs, clock, duckdb } = this.#services;
    for (const { ref } of tables.expired()) {
      const freed = tables.delete(ref);
      await duckdb.attach(ref.projectId);
      await physical.drop(ref.projectId, freed);
    }
    await expirePartitions(this.#services, this.#closing.signal);
    for (const projectId of duckdb.attachedProjects) await forgetCommitted(this.#services, projectId);
    jobs.forget(clock() - JOB_MEMORY_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await this.#pass;
  }
}

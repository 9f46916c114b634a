// Every minute: rows of expired tables go, notes of committed jobs that are recorded go,
// and jobs are forgotten after six months.
import type { Services } from '../services.ts';
import { forgetCommitted } from './recovery.ts';

const PERIOD_MS = 60_000;
const JOB_MEMORY_MS = 180 * 24 * 60 * 60 * 1000;

export class Housekeeping implements AsyncDisposable {
  readonly #services: Services;
  readonly #timer: NodeJS.Timeout;
  #pass: Promise<void> = Promise.resolve();

  constructor(services: Services) {
    this.#services = services;
    this.#timer = setInterval(() => {
      this.#pass = this.#pass
        .then(() => this.#clean())
        .catch((error: unknown) => services.log.error({ err: error }, 'expired tables could not be removed'));
    }, PERIOD_MS);
    this.#timer.unref();
  }

  async #clean(): Promise<void> {
    const { tables, physical, jobs, clock, duckdb } = this.#services;
    for (const { ref } of tables.expired()) {
      const freed = tables.delete(ref);
      await duckdb.attach(ref.projectId);
      await physical.drop(ref.projectId, freed);
    }
    for (const projectId of duckdb.attachedProjects) await forgetCommitted(this.#services, projectId);
    jobs.forget(clock() - JOB_MEMORY_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#pass;
  }
}

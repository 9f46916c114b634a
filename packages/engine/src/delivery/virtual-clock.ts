// A clock for tests of things that happen at the same time: it jumps to the next sleeper when
// nothing else is left to do, so that an hour takes milliseconds and comes out the same each time.
import type { Clock } from '../run/api.ts';

type Sleeper = { readonly at: number; readonly wake: () => void };

export class VirtualClock implements Clock {
  #now = 1_000_000;
  #sleepers: Sleeper[] = [];
  #running = false;

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const sleeper: Sleeper = {
        at: this.#now + Math.max(0, ms),
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.push(sleeper);
      this.#run();
    });
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    // All promises that can settle have done so before the timers' phase comes round.
    setImmediate(() => {
      this.#running = false;
      let next: Sleeper | undefined;
      for (const each of this.#sleepers) if (next === undefined || each.at < next.at) next = each;
      if (next === undefined) return;
      this.#sleepers = this.#sleepers.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.wake();
      if (this.#sleepers.length > 0) this.#run();
    });
  }
}

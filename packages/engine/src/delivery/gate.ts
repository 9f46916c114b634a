// Lets as many requests through as the adaptive limit says, in the order in which they came.
import { Concurrency } from './concurrency.ts';

/** What became of a request. */
export type RequestEnd = { readonly rows: number; readonly overloaded: boolean };

export class Gate {
  readonly #concurrency: Concurrency;
  readonly #now: () => number;
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  constructor(cap: number, now: () => number) {
    this.#concurrency = new Concurrency(cap);
    this.#now = now;
  }

  get limit(): number {
    return this.#concurrency.limit;
  }

  /** Settles when a request may start; the function that it gives must be called once, at the request's end. */
  async enter(signal: AbortSignal): Promise<(end: RequestEnd) => void> {
    signal.throwIfAborted();
    // Whoever is called in has its place already: nobody slips in between.
    if (this.#underWay >= this.limit || this.#waiting.length > 0) await this.#turn(signal);
    else this.#underWay += 1;
    const epoch = this.#concurrency.started(this.#underWay, this.#now());
    return (end) => {
      this.#underWay -= 1;
      this.#concurrency.ended(epoch, end, this.#now());
      this.#wake();
    };
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        const at = this.#waiting.indexOf(go);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(go);
    });
  }

  #wake(): void {
    let free = this.limit - this.#underWay;
    while (free > 0) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      free -= 1;
      this.#underWay += 1;
      next();
    }
  }
}

// The end of an exchange: its own time-out, or whoever cancels from outside.

/** A time-out and any number of outer signals as one signal; leaves no listener behind. */
export class Limit implements Disposable {
  readonly timeoutMs: number;
  timedOut = false;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #outer: readonly AbortSignal[];
  readonly #abort = (): void => this.#controller.abort();

  constructor(timeoutMs: number, outer: readonly (AbortSignal | undefined)[]) {
    this.timeoutMs = timeoutMs;
    this.#outer = outer.filter((signal) => signal !== undefined);
    this.#timer = setTimeout(() => {
      this.timedOut = true;
      this.#controller.abort();
    }, timeoutMs);
    for (const signal of this.#outer) {
      if (signal.aborted) this.#abort();
      else signal.addEventListener('abort', this.#abort, { once: true });
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const signal of this.#outer) signal.removeEventListener('abort', this.#abort);
  }
}

// How many requests of one delivery may be under way at once: grows while more of them bring
// more rows per second, halves when the destination is overloaded (429, 503, time-outs), and
// never passes the cap that the destination sets. Additive increase, multiplicative decrease
// (AIMD; Chiu and Jain, 1989), with doubling at the start. Pure; the caller passes the time.

/** Requests at the start; more only where they help. */
const FIRST = 4;
/** More rows per second than before, by this share, count as growth. */
const GROWTH = 0.05;
/** After growth brought nothing and was taken back, windows until it is tried again. */
const PROBE_AFTER = 20;
/** A window holds this many requests per request at once. */
const WINDOW = 3;

export class Concurrency {
  readonly #cap: number;
  #limit: number;
  #doubling = true;
  /** Counts the cuts: requests that began before one say nothing about what came after. */
  #epoch = 0;
  #windowFrom: number | undefined;
  #requests = 0;
  #rows = 0;
  /** All that the limit allows was under way in this window: only then the limit is what holds back. */
  #full = false;
  /** Before the last growth: the limit and its rows per millisecond. */
  #before: { readonly limit: number; readonly perMs: number } | undefined;
  #rest = 0;

  constructor(cap: number) {
    this.#cap = Math.max(1, Math.floor(cap));
    this.#limit = Math.min(this.#cap, FIRST);
  }

  get limit(): number {
    return this.#limit;
  }

  /** A request starts, as one of `underWay`; pass what this gives to `ended`. */
  started(underWay: number, now: number): number {
    if (underWay >= this.#limit) this.#full = true;
    this.#windowFrom ??= now;
    return this.#epoch;
  }

  ended(epoch: number, end: { readonly rows: number; readonly overloaded: boolean }, now: number): void {
    if (epoch !== this.#epoch) return;
    if (end.overloaded) return this.#cut();
    this.#requests += 1;
    this.#rows += end.rows;
    if (this.#requests >= this.#limit * WINDOW) this.#judge(now);
  }

  #cut(): void {
    this.#limit = Math.max(1, this.#limit >> 1);
    this.#epoch += 1;
    this.#doubling = false;
    this.#before = undefined;
    this.#rest = 1;
    this.#open(undefined);
  }

  #judge(now: number): void {
    const perMs = this.#rows / Math.max(1, now - (this.#windowFrom ?? now));
    const full = this.#full;
    this.#open(now);
    if (this.#before !== undefined) {
      const before = this.#before;
      this.#before = undefined;
      if (perMs < before.perMs * (1 + GROWTH)) {
        this.#doubling = false;
        this.#rest = PROBE_AFTER;
        this.#limit = before.limit;
        return;
      }
    }
    if (this.#rest > 0) {
      this.#rest -= 1;
      return;
    }
    if (!full || this.#limit >= this.#cap) return;
    this.#before = { limit: this.#limit, perMs };
    this.#limit = Math.min(this.#cap, this.#doubling ? this.#limit * 2 : this.#limit + 1);
  }

  #open(from: number | undefined): void {
    this.#windowFrom = from;
    this.#requests = 0;
    this.#rows = 0;
    this.#full = false;
  }
}

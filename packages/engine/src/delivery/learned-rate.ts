// The rate of a destination whose limit nobody has told, learned from its refusals
// (HTTP 429): cut below what was sent when it refused, then raised again step by step until
// it refuses again or the memory of it is of no more use. Pure; the caller passes the time.

/** Requests that are remembered to tell the present rate. */
const REMEMBERED = 64;
const CUT = 0.7;
/** Share of the rate at the last refusal that is given back per second. */
const RECOVERY_PER_SECOND = 0.02;
/** Above this multiple of the rate that was refused, there is no limit any more. */
const FORGET_AT = 3;
const LEAST_PER_SECOND = 0.2;

export class LearnedRate {
  #sent: number[] = [];
  /** Requests per second when the destination last refused. */
  #refusedRate = 0;
  #base = 0;
  #cutAt = -Infinity;
  #lastSent = -Infinity;

  /** Requests per second that may be sent; undefined while nothing is known. */
  rate(now: number): number | undefined {
    if (this.#base === 0) return undefined;
    const rate = this.#base + this.#refusedRate * RECOVERY_PER_SECOND * Math.max(0, (now - this.#cutAt) / 1000);
    if (rate <= this.#refusedRate * FORGET_AT) return rate;
    this.#base = 0;
    return undefined;
  }

  /** Milliseconds until one request may be sent. */
  waitMs(now: number): number {
    const rate = this.rate(now);
    return rate === undefined ? 0 : Math.max(0, Math.ceil(this.#lastSent + 1000 / rate - now));
  }

  /** A request is sent now. */
  sent(now: number): void {
    this.#lastSent = now;
    this.#sent.push(now);
    if (this.#sent.length > REMEMBERED) this.#sent.shift();
  }

  /** The destination refused a request that was sent at this time for want of quota. */
  refused(sentAt: number, now: number): void {
    // Requests that were under way when the rate was cut say nothing about the new one.
    if (sentAt <= this.#cutAt) return;
    const seen = this.#observed(now);
    const limit = this.rate(now);
    this.#refusedRate = limit === undefined ? seen : Math.min(limit, seen);
    this.#base = Math.max(LEAST_PER_SECOND, this.#refusedRate * CUT);
    this.#cutAt = now;
  }

  #observed(now: number): number {
    const [first] = this.#sent;
    if (first === undefined) return LEAST_PER_SECOND;
    return this.#sent.length / Math.max(1, (now - first) / 1000);
  }
}

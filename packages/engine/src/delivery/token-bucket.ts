// A token bucket that is asked at the moment of sending: what a late timer left over is not
// lost and never sent as more than one burst. Pure; the caller passes the time.
import type { RateLimit } from '@sluice/destination-kit';

/**
 * Of a vendor's limit a little stays unused: its clock, its windows and the way there are not
 * ours. The share of the rate, and the time by which requests may move closer on their way.
 */
export const HEADROOM = { rateShare: 0.01, jitterMs: 50 } as const;

export class TokenBucket {
  readonly #perMs: number;
  readonly #capacity: number;
  #tokens: number;
  #at: number;

  /** Starts full. `requestsPerSecond` must be positive; a burst below 1 counts as 1. */
  constructor({ requestsPerSecond, burst }: RateLimit, now: number) {
    const reserve = Math.max(1, requestsPerSecond * (HEADROOM.jitterMs / 1000));
    this.#perMs = (requestsPerSecond * (1 - HEADROOM.rateShare)) / 1000;
    this.#capacity = Math.max(1, burst - reserve);
    this.#tokens = this.#capacity;
    this.#at = now;
  }

  /** Milliseconds until one request may be sent; 0 takes the token. */
  take(now: number): number {
    this.#refill(now);
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.ceil((1 - this.#tokens) / this.#perMs);
  }

  /** After a pause requests start one by one, not with a burst. */
  drain(now: number): void {
    this.#refill(now);
    this.#tokens = Math.min(this.#tokens, 1);
  }

  #refill(now: number): void {
    // A clock that is set back refills nothing.
    const elapsed = Math.max(0, now - this.#at);
    this.#at = now;
    this.#tokens = Math.min(this.#capacity, this.#tokens + elapsed * this.#perMs);
  }
}

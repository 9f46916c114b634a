// How fast the requests of one destination may follow each other, over all syncs that share
// it: its token bucket (documented or configured), the rate learned from its refusals, and
// the pause that it asked for. Requests pass in the order in which they came.
import type { RateLimit } from '@sluice/destination-kit';
import type { Clock } from '../run/api.ts';
import { LearnedRate } from './learned-rate.ts';
import { TokenBucket } from './token-bucket.ts';

/** Paces the requests to one destination. A server with several processes brings its own. */
export interface Pace {
  /** Settles when one request may be sent; rejects with the signal's reason. */
  take(signal: AbortSignal): Promise<void>;
  /** The destination asked all of its clients to wait (`Retry-After`). */
  pause(untilMs: number): void;
  /** The destination refused a request, which was sent at this time, for want of quota. */
  refused(sentAtMs: number): void;
}

/** Hands out one pace per destination, the same to all syncs that send to it. */
export interface Paces {
  of(destination: string, limit: RateLimit | undefined, clock: Clock): Pace;
}

export class LocalPace implements Pace {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket | undefined;
  readonly #learned = new LearnedRate();
  #pausedUntil = 0;
  /** Who came last; whoever comes next waits for it. */
  #last: Promise<void> = Promise.resolve();

  constructor(limit: RateLimit | undefined, clock: Clock) {
    this.#clock = clock;
    this.#bucket = limit === undefined ? undefined : new TokenBucket(limit, clock.now());
  }

  take(signal: AbortSignal): Promise<void> {
    const mine = this.#last.then(() => this.#wait(signal));
    // One who gave up does not hold up those behind.
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  pause(untilMs: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, untilMs);
  }

  refused(sentAtMs: number): void {
    this.#learned.refused(sentAtMs, this.#clock.now());
    this.#bucket?.drain(this.#clock.now());
  }

  async #wait(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const waitMs = this.#waitMs();
      if (waitMs <= 0) return;
      await this.#clock.sleep(waitMs, signal);
    }
  }

  #waitMs(): number {
    const now = this.#clock.now();
    if (this.#pausedUntil > now) {
      this.#bucket?.drain(this.#pausedUntil);
      return this.#pausedUntil - now;
    }
    const learnedMs = this.#learned.waitMs(now);
    if (learnedMs > 0) return learnedMs;
    const bucketMs = this.#bucket?.take(now) ?? 0;
    if (bucketMs === 0) this.#learned.sent(now);
    return bucketMs;
  }
}

/** Destinations remembered at once; those that were used longest ago are forgotten. */
const MAX_PACES = 1000;

export class LocalPaces implements Paces {
  readonly #paces = new Map<string, Pace>();

  of(destination: string, limit: RateLimit | undefined, clock: Clock): Pace {
    const key = `${destination}\n${limit?.requestsPerSecond ?? ''}\n${limit?.burst ?? ''}`;
    const pace = this.#paces.get(key) ?? new LocalPace(limit, clock);
    this.#paces.delete(key);
    this.#paces.set(key, pace);
    for (const oldest of this.#paces.keys()) {
      if (this.#paces.size <= MAX_PACES) break;
      this.#paces.delete(oldest);
    }
    return pace;
  }
}

/** Of this process. */
export const processPaces: Paces = new LocalPaces();

// When a batch is tried again, and when a delivery gives up. Everything has a bound.

export const RETRY = {
  /** Tries of one batch before its rows are deferred to the next sync. */
  attempts: 6,
  /** The same while the destination says that there were too many requests: it works, only slower. */
  throttledAttempts: 30,
  baseMs: 500,
  maxMs: 30_000,
  /** A destination that asks for a longer pause than this ends the sync; the next one comes after it. */
  maxRetryAfterMs: 300_000,
  /** Batches given up in a row, without a success, after which the destination counts as down. */
  giveUpAfter: 3,
  /** For one call of the destination's `deliver`. */
  deliverTimeoutMs: 600_000,
  /** For `flush`, and for `begin` and `abort` of a transaction. */
  stepTimeoutMs: 120_000,
  /** For `commit` of a transaction. */
  commitTimeoutMs: 600_000,
} as const;

export type RetryPolicy = { readonly [K in keyof typeof RETRY]: number };

/**
 * Full jitter: anything between nothing and a ceiling that doubles with each try, so that
 * batches which failed together do not come back together.
 */
export function backOffMs(attempt: number, { baseMs, maxMs }: RetryPolicy, random: () => number): number {
  return Math.round(Math.min(baseMs * 2 ** Math.min(attempt - 1, 20), maxMs) * random());
}

/** The destination says that it gets too many requests. */
export function isThrottled(code: string): boolean {
  return /^(HTTP_)?429$|TOO_MANY_REQUESTS|RATE_?LIMIT|THROTTL|QUOTA/i.test(code);
}

/** The destination has more to do than it can: fewer requests at once may help. */
export function isOverloaded(code: string): boolean {
  return isThrottled(code) || /^(HTTP_)?(503|504)$|SERVICE_UNAVAILABLE|TIME_?(D_?)?OUT|OVERLOAD/i.test(code);
}

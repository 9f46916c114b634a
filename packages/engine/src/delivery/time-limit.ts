// A call that ends in time whatever it does: with its own end, the signal's, or the limit's.

/** The limit has passed. */
export class TimeLimitPassed extends Error {
  override readonly name = 'TimeLimitPassed';

  constructor(limitMs: number) {
    super(`no answer within ${limitMs / 1000} s`);
  }
}

/**
 * Rejects with the signal's reason, or with `TimeLimitPassed`. What `run` started goes on
 * until it sees its own signal; how it ends then is of no interest any more.
 */
export async function withTimeLimit<T>(
  run: (signal: AbortSignal) => Promise<T>,
  limitMs: number,
  outer?: AbortSignal,
): Promise<T> {
  outer?.throwIfAborted();
  const inner = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (reason: unknown): void => {
    inner.abort(reason);
    reject(reason);
  };
  const onAbort = (): void => end(outer?.reason);
  const timer = setTimeout(() => end(new TimeLimitPassed(limitMs)), limitMs);
  outer?.addEventListener('abort', onAbort, { once: true });
  try {
    const running = run(inner.signal);
    running.catch(() => undefined);
    return await Promise.race([running, ended]);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', onAbort);
  }
}

// The bound around one call of a definition, which is third-party code.
import { RequestError } from '../request/errors.ts';

/**
 * Runs `run` until it settles, `timeoutMs` are over or `outer` is aborted; then `limit` is
 * aborted too. A definition may ignore its signal, so the result does not wait for it past
 * the limit. Rejects with a RequestError (`timeout`, `cancelled`) or what `run` throws.
 */
export async function limitCall(
  run: () => Promise<unknown>,
  limit: AbortController,
  outer: AbortSignal,
  timeoutMs: number,
): Promise<unknown> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (error: RequestError): void => {
    reject(error);
    limit.abort();
  };
  const timer = setTimeout(
    () => end(new RequestError('timeout', `the destination was not done within ${timeoutMs} ms`)),
    timeoutMs,
  );
  const cancel = (): void => end(new RequestError('cancelled', 'the delivery was cancelled'));
  outer.addEventListener('abort', cancel, { once: true });
  try {
    if (outer.aborted) throw new RequestError('cancelled', 'the delivery was cancelled');
    return await Promise.race([run(), ended]);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener('abort', cancel);
  }
}

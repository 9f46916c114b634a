// Opens a destination in bounded time, and closes it in bounded time whatever it does.
import { AppError } from '@sluice/core';
import type { OpenDestination } from '@sluice/destination-kit';
import { TimeLimitPassed, withTimeLimit } from './time-limit.ts';

const OPEN_MS = 120_000;
const CLOSE_MS = 60_000;

export type OpenedDestination = AsyncDisposable & { readonly destination: OpenDestination };

/** Throws an AppError when it does not open in time; one that opens later is closed at once. */
export async function openDestination(
  open: () => Promise<OpenDestination>,
  name: string,
  signal: AbortSignal,
  limits: { readonly openMs: number; readonly closeMs: number } = { openMs: OPEN_MS, closeMs: CLOSE_MS },
): Promise<OpenedDestination> {
  const opening = open();
  try {
    const destination = await withTimeLimit(() => opening, limits.openMs, signal);
    return { destination, [Symbol.asyncDispose]: () => close(destination, limits.closeMs) };
  } catch (thrown) {
    opening.then(
      (late) => close(late, limits.closeMs),
      () => undefined,
    );
    if (!(thrown instanceof TimeLimitPassed)) throw thrown;
    throw new AppError(`Destination ${name} did not open within ${limits.openMs / 1000} s`, {
      code: 'DESTINATION_UNAVAILABLE',
      kind: 'unavailable',
      origin: 'destination',
      where: `destination ${name}`,
      fix: 'Check that the destination can be reached; the next sync goes on with this plan.',
      cause: thrown,
    });
  }
}

/** What does not close in time is left to itself; its outcomes are recorded already. */
async function close(destination: OpenDestination, limitMs: number): Promise<void> {
  try {
    await withTimeLimit(async () => destination[Symbol.asyncDispose](), limitMs);
  } catch (thrown) {
    if (!(thrown instanceof TimeLimitPassed)) throw thrown;
  }
}

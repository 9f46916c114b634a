// One request to the destination: its turn (adaptive concurrency), its moment (rate limits and
// pauses, shared by all syncs to this destination), its time limit, and what its end says
// about the load there. Decides nothing about rows.
import { createHash } from 'node:crypto';
import { messageOf } from '@sluice/core';
import type { BatchResult, Prepared } from '@sluice/destination-kit';
import type { DeliveryInput } from './deliver.ts';
import { Gate } from './gate.ts';
import { LocalPace } from './pace.ts';
import type { Pace } from './pace.ts';
import { isOverloaded, isThrottled } from './retry.ts';
import type { RetryPolicy } from './retry.ts';
import { TimeLimitPassed, withTimeLimit } from './time-limit.ts';

/** Rows whose request was on its way when the delivery ended: nobody knows what became of them. */
export type InFlight = { readonly count: number; readonly sampleIds: readonly string[] };

const MAX_SAMPLES = 10;

export class Requests {
  readonly #input: DeliveryInput;
  readonly #retry: RetryPolicy;
  readonly #signal: AbortSignal;
  readonly #gate: Gate;
  readonly #pace: Pace;

  constructor(input: DeliveryInput, retry: RetryPolicy, signal: AbortSignal) {
    const { batching } = input.destination;
    this.#input = input;
    this.#retry = retry;
    this.#signal = signal;
    this.#gate = new Gate(batching.concurrency, () => input.clock.now());
    this.#pace = input.pace ?? new LocalPace(batching.rateLimit, input.clock);
  }

  /** Requests that may be under way at once, at present. */
  get concurrency(): number {
    return this.#gate.limit;
  }

  /** Waits for its turn and its moment, then sends. Throws only when the delivery ends. */
  async send(rows: readonly Prepared[]): Promise<BatchResult> {
    const leave = await this.#gate.enter(this.#signal);
    let overloaded = false;
    let answered = 0;
    try {
      await this.#pace.take(this.#signal);
      const sentAt = this.#input.clock.now();
      const result = await this.#deliver(rows);
      overloaded = this.#learn(result, sentAt);
      answered = rows.length;
      return result;
    } finally {
      leave({ rows: answered, overloaded });
    }
  }

  async #deliver(rows: readonly Prepared[]): Promise<BatchResult> {
    const idempotencyKey = keyOf(this.#input, rows);
    const { destination } = this.#input;
    try {
      const result = await withTimeLimit(
        (signal) => destination.deliver(rows, { signal, idempotencyKey }),
        this.#retry.deliverTimeoutMs,
        this.#signal,
      );
      // The destination saw the cancel first.
      if (this.#signal.aborted && result.kind === 'failed' && result.maybeDelivered === true)
        this.#signal.throwIfAborted();
      return result;
    } catch (thrown) {
      if (this.#signal.aborted) {
        const sampleIds = rows.slice(0, MAX_SAMPLES).map((row) => row.change.recordId);
        this.#input.onInFlight?.({ count: rows.length, sampleIds });
        throw this.#signal.reason;
      }
      return {
        kind: 'failed',
        cause: 'later',
        code: thrown instanceof TimeLimitPassed ? 'TIMEOUT' : 'DESTINATION_ERROR',
        message: messageOf(thrown),
        maybeDelivered: true,
      };
    }
  }

  /** Whether the answer says that there is too much to do; tells the pace, too. */
  #learn(result: BatchResult, sentAt: number): boolean {
    let overloaded = false;
    let throttled = false;
    let retryAfterMs = 0;
    const look = (code: string, afterMs = 0): void => {
      overloaded ||= isOverloaded(code) || afterMs > 0;
      throttled ||= isThrottled(code);
      retryAfterMs = Math.max(retryAfterMs, afterMs);
    };
    if (result.kind === 'failed') {
      if (result.cause === 'later') look(result.code, result.retryAfterMs);
    } else {
      for (const outcome of result.outcomes) if (outcome.outcome === 'retry') look(outcome.code, outcome.retryAfterMs);
    }
    if (throttled) this.#pace.refused(sentAt);
    // It speaks for the whole destination: all batches of all syncs wait, not only this one.
    // What is too long to wait for ends the delivery instead.
    if (retryAfterMs > 0 && retryAfterMs <= this.#retry.maxRetryAfterMs)
      this.#pace.pause(this.#input.clock.now() + retryAfterMs);
    return overloaded;
  }
}

/** Made of mapping, sync, and each record with its checksum: the same rows have the same key. */
function keyOf({ mappingId, syncId }: DeliveryInput, rows: readonly Prepared[]): string {
  // One text: a call of the hash for each row takes longer than the hashing.
  let text = `${mappingId}\n${syncId}`;
  for (const { change } of rows) text += `\n${change.recordId}\t${change.checksum}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

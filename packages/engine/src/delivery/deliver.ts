// Sends a frozen plan: page by page, map, batch, send with bounded concurrency, retry
// with back-off, and record exactly one outcome per change that was tried. Memory holds
// the pages read ahead and the batches in flight, whatever the plan's size.
//
// A batch's outcomes are recorded after the destination has answered, made them durable
// (`flush`) and the journal is on disk; a crash before that sends this batch again.
import { createHash } from 'node:crypto';
import { AppError, messageOf } from '@sluice/core';
import type { Change, JsonObject, Operation, Outcome } from '@sluice/core';
import type { BatchResult, OpenDestination, Prepared, RowOutcome } from '@sluice/destination-kit';
import type { Clock } from '../run/api.ts';
import { Batcher } from './batcher.ts';
import type { Journal } from './journal.ts';
import type { OutcomeBook, OutcomeRange } from './outcome-book.ts';

export const RETRY = {
  /** Tries of one batch before its rows are deferred to the next sync. */
  attempts: 6,
  baseMs: 500,
  maxMs: 30_000,
  /** A destination that asks for a longer pause than this is left for the next sync. */
  maxRetryAfterMs: 300_000,
  /** Batches given up in a row, without a success, after which the destination counts as down. */
  giveUpAfter: 3,
  deliverTimeoutMs: 600_000,
} as const;

/** Rejected and deferred rows that may wait in memory for the warehouse. */
const MAX_UNSAVED_FAILURES = 20_000;

export type DeliveryInput = {
  readonly pages: AsyncIterable<readonly JsonObject[]>;
  readonly destination: OpenDestination;
  /** Kinds of changes that the mapping sends. */
  readonly operations: ReadonlySet<Operation>;
  readonly book: OutcomeBook;
  readonly journal: Journal | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly mappingId: string;
  readonly syncId: string;
  /** Saves the book's unsaved outcomes in the warehouse. */
  readonly save: () => Promise<void>;
  /** After each acknowledged batch. */
  readonly onBatch: () => void | Promise<void>;
  /** 0 to 1, for jitter. */
  readonly random?: () => number;
  readonly retry?: Partial<typeof RETRY>;
};

/** The destination says that no batch can succeed, or it is down; the sync ends here. */
export class DeliveryStopped extends AppError {
  constructor(message: string, code: string, fix: string) {
    super(message, { code, kind: 'unavailable', origin: 'destination', fix });
  }
}

/** Delivers every change without an outcome. Throws on cancel, and when the destination stops. */
export async function deliver(input: DeliveryInput): Promise<void> {
  const retry: typeof RETRY = { ...RETRY, ...(input.retry as typeof RETRY | undefined) };
  // One failure ends all batches: the outer signal, or the first error of any batch.
  const stop = new AbortController();
  const signal = AbortSignal.any([input.signal, stop.signal]);
  const sender = new Sender(input, retry, signal);
  const batcher = new Batcher(input.destination.batching);
  const inFlight = new Set<Promise<void>>();
  let failure: unknown;
  const concurrency = Math.max(1, input.destination.batching.concurrency);

  const launch = async (batch: Prepared[]): Promise<void> => {
    while (inFlight.size >= concurrency) await Promise.race(inFlight);
    signal.throwIfAborted();
    const task = sender.send(batch).catch((thrown: unknown) => {
      failure ??= thrown;
      stop.abort(thrown);
    });
    inFlight.add(task);
    void task.finally(() => inFlight.delete(task));
  };

  try {
    for await (const page of input.pages) {
      for (const row of page) {
        if (row['ordinal'] === null) continue;
        const change = changeOf(row);
        if (input.book.get(change.ordinal) !== 'none') continue;
        if (!input.operations.has(change.operation)) {
          input.book.record(change, { outcome: 'skipped' });
          continue;
        }
        const prepared = input.destination.prepare(change);
        if ('outcome' in prepared) {
          input.book.record(change, { outcome: 'rejected', code: prepared.code, message: clip(prepared.message) });
          continue;
        }
        // No await per row: only full batches leave this loop's turn.
        for (const batch of batcher.add(prepared)) await launch(batch);
      }
      signal.throwIfAborted();
      if (input.book.unsavedFailures > MAX_UNSAVED_FAILURES) await input.save();
    }
    for (const batch of batcher.drain()) await launch(batch);
  } catch (thrown) {
    failure ??= thrown;
    stop.abort(thrown);
  }
  // Batches in flight settle (they see the signal) before anything is committed.
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure;
}

class Sender {
  readonly #input: DeliveryInput;
  readonly #retry: typeof RETRY;
  readonly #signal: AbortSignal;
  /** No batch is sent before this time: the destination asked for a pause. */
  #pausedUntil = 0;
  #givenUp = 0;

  constructor(input: DeliveryInput, retry: typeof RETRY, signal: AbortSignal) {
    this.#input = input;
    this.#retry = retry;
    this.#signal = signal;
  }

  /** Sends one batch until every row has an outcome. */
  async send(batch: readonly Prepared[]): Promise<void> {
    let rows = batch;
    for (let attempt = 1; rows.length > 0; attempt += 1) {
      await this.#waitForPause();
      const result = await this.#deliverOnce(rows);
      let again: { rows: readonly Prepared[]; code: string; message: string; retryAfterMs: number };
      if (result.kind === 'rows') {
        if (result.outcomes.length !== rows.length) {
          throw new AppError(`The destination gave ${result.outcomes.length} outcomes for ${rows.length} rows`, {
            code: 'DESTINATION_PROTOCOL',
            kind: 'internal',
            origin: 'platform',
          });
        }
        again = await this.#settleRows(rows, result.outcomes);
      } else if (result.cause === 'rows') {
        if (rows.length === 1)
          return this.#settle(rows, { outcome: 'rejected', code: result.code, message: result.message });
        const middle = rows.length >> 1;
        await this.send(rows.slice(0, middle));
        return this.send(rows.slice(middle));
      } else if (result.cause === 'stop') {
        throw new DeliveryStopped(
          `The destination refuses every request: ${clip(result.message)} (${result.code})`,
          'DESTINATION_REFUSES',
          'Check the settings and credentials of the destination; what was not delivered is sent by the next sync.',
        );
      } else {
        again = { rows, code: result.code, message: result.message, retryAfterMs: result.retryAfterMs ?? 0 };
      }
      if (again.rows.length === 0) {
        this.#givenUp = 0;
        return;
      }
      rows = again.rows;
      if (attempt >= this.#retry.attempts || again.retryAfterMs > this.#retry.maxRetryAfterMs)
        return this.#giveUp(rows, again);
      await this.#backOff(attempt, again.retryAfterMs);
    }
  }

  async #deliverOnce(rows: readonly Prepared[]): Promise<BatchResult> {
    const outer = this.#signal;
    const inner = new AbortController();
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const end = (reason: unknown): void => {
      inner.abort(reason);
      reject(reason);
    };
    const onAbort = (): void => end(outer.reason);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      end(new Error('no answer in time'));
    }, this.#retry.deliverTimeoutMs);
    outer.addEventListener('abort', onAbort, { once: true });
    try {
      const options = { signal: inner.signal, idempotencyKey: this.#idempotencyKey(rows) };
      return await Promise.race([this.#input.destination.deliver(rows, options), ended]);
    } catch (thrown) {
      outer.throwIfAborted();
      return {
        kind: 'failed',
        cause: 'later',
        code: timedOut ? 'TIMEOUT' : 'DESTINATION_ERROR',
        message: messageOf(thrown),
        maybeDelivered: true,
      };
    } finally {
      clearTimeout(timer);
      outer.removeEventListener('abort', onAbort);
    }
  }

  async #settleRows(
    rows: readonly Prepared[],
    outcomes: readonly RowOutcome[],
  ): Promise<{ rows: Prepared[]; code: string; message: string; retryAfterMs: number }> {
    const again: Prepared[] = [];
    const settled: { row: Prepared; outcome: Outcome }[] = [];
    let code = '';
    let message = '';
    let retryAfterMs = 0;
    outcomes.forEach((outcome, index) => {
      const row = rows[index] as Prepared;
      if (outcome.outcome === 'retry') {
        again.push(row);
        ({ code, message } = outcome);
        retryAfterMs = Math.max(retryAfterMs, outcome.retryAfterMs ?? 0);
      } else settled.push({ row, outcome });
    });
    await this.#write(settled);
    return { rows: again, code, message, retryAfterMs };
  }

  #settle(rows: readonly Prepared[], outcome: Outcome): Promise<void> {
    return this.#write(rows.map((row) => ({ row, outcome })));
  }

  async #write(settled: readonly { row: Prepared; outcome: Outcome }[]): Promise<void> {
    if (settled.length === 0) return;
    const clipped = settled.map(({ row, outcome }) => ({
      row,
      outcome: 'message' in outcome ? { ...outcome, message: clip(outcome.message) } : outcome,
    }));
    if (clipped.some(({ outcome }) => outcome.outcome === 'delivered')) await this.#input.destination.flush();
    await this.#input.journal?.append(rangesOf(clipped));
    for (const { row, outcome } of clipped) this.#input.book.record(row.change, outcome);
    await this.#input.onBatch();
  }

  async #giveUp(rows: readonly Prepared[], why: { code: string; message: string }): Promise<void> {
    await this.#settle(rows, { outcome: 'deferred', code: why.code, message: why.message });
    this.#givenUp += 1;
    if (this.#givenUp < this.#retry.giveUpAfter) return;
    throw new DeliveryStopped(
      `The destination is not available: ${clip(why.message)} (${why.code})`,
      'DESTINATION_UNAVAILABLE',
      'Check that the destination can be reached and try again; what was not delivered is sent by the next sync.',
    );
  }

  async #backOff(attempt: number, retryAfterMs: number): Promise<void> {
    const ceiling = Math.min(this.#retry.baseMs * 2 ** (attempt - 1), this.#retry.maxMs);
    const jittered = ceiling / 2 + (ceiling / 2) * (this.#input.random ?? Math.random)();
    // `Retry-After` speaks for the whole destination: all batches wait, not only this one.
    if (retryAfterMs > 0) this.#pausedUntil = Math.max(this.#pausedUntil, this.#input.clock.now() + retryAfterMs);
    await this.#input.clock.sleep(Math.max(jittered, retryAfterMs), this.#signal);
  }

  async #waitForPause(): Promise<void> {
    for (;;) {
      this.#signal.throwIfAborted();
      const waitMs = this.#pausedUntil - this.#input.clock.now();
      if (waitMs <= 0) return;
      await this.#input.clock.sleep(waitMs, this.#signal);
    }
  }

  #idempotencyKey(rows: readonly Prepared[]): string {
    const hash = createHash('sha256').update(`${this.#input.mappingId}\n${this.#input.syncId}`);
    for (const { change } of rows) hash.update(`\n${change.recordId}\t${change.checksum}`);
    return hash.digest('hex').slice(0, 32);
  }
}

function changeOf(row: JsonObject): Change {
  return {
    ordinal: row['ordinal'] as number,
    operation: row['operation'] as Operation,
    recordId: row['record_id'] as string,
    checksum: row['checksum'] as string,
    columns: row['columns'] as JsonObject,
  };
}

/** Neighbours with the same outcome share a range. */
function rangesOf(settled: readonly { row: Prepared; outcome: Outcome }[]): OutcomeRange[] {
  const ranges: { -readonly [K in keyof OutcomeRange]: OutcomeRange[K] }[] = [];
  for (const { row, outcome } of settled) {
    const { ordinal } = row.change;
    const code = 'code' in outcome ? outcome.code : null;
    const message = 'message' in outcome ? outcome.message : null;
    const open = ranges.at(-1);
    if (
      open !== undefined &&
      open.last + 1 === ordinal &&
      open.outcome === outcome.outcome &&
      open.code === code &&
      open.message === message
    ) {
      open.last = ordinal;
    } else ranges.push({ first: ordinal, last: ordinal, outcome: outcome.outcome, code, message });
  }
  return ranges;
}

/** Destinations may answer with whole pages of HTML. */
function clip(message: string): string {
  return message.length <= 500 ? message : `${message.slice(0, 499)}…`;
}

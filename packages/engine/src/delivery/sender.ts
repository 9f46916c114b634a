// Sends the batches of one delivery until every row has an outcome: retries with back-off,
// splits a batch that was refused as a whole, stops when the destination refuses
// everything or is down, and writes outcomes down in the order flush, journal, book.
import { createHash } from 'node:crypto';
import { AppError, messageOf } from '@sluice/core';
import type { Outcome } from '@sluice/core';
import type { BatchResult, Prepared, RowOutcome } from '@sluice/destination-kit';
import type { DeliveryInput } from './deliver.ts';
import { Doubt } from './doubt.ts';
import type { Refusal } from './doubt.ts';
import type { OutcomeRange } from './outcome-book.ts';

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

/** What the delivery waits for: the batch that waits longest. */
export type Activity = {
  /** Since its first try, in milliseconds. */
  readonly waitingMs: number;
  /** The try that is under way, or comes after the pause. */
  readonly attempt: number;
  readonly attempts: number;
  /** Why the try before failed. */
  readonly code?: string;
};

/** Rows whose request was on its way when the delivery ended: nobody knows what became of them. */
export type InFlight = { readonly count: number; readonly sampleIds: readonly string[] };

type Waiting = { readonly since: number; readonly attempt: number; readonly code?: string };

const MAX_SAMPLES = 10;

/** The destination says that no batch can succeed, or it is down; the sync ends here. */
export class DeliveryStopped extends AppError {
  constructor(message: string, code: string, fix: string) {
    super(message, { code, kind: 'unavailable', origin: 'destination', fix });
  }
}

export class Sender {
  readonly #input: DeliveryInput;
  readonly #retry: typeof RETRY;
  readonly #signal: AbortSignal;
  /** No batch is sent before this time: the destination asked for a pause. */
  #pausedUntil = 0;
  #givenUp = 0;
  readonly #doubt: Doubt;
  readonly #waiting = new Set<Waiting>();

  constructor(input: DeliveryInput, retry: typeof RETRY, signal: AbortSignal) {
    this.#input = input;
    this.#doubt = new Doubt(input.neverDelivered === true, input.book.delivered > 0);
    this.#retry = retry;
    this.#signal = signal;
  }

  activity(): Activity | undefined {
    let oldest: Waiting | undefined;
    for (const each of this.#waiting) if (oldest === undefined || each.since < oldest.since) oldest = each;
    if (oldest === undefined) return undefined;
    const { since, attempt, code } = oldest;
    return {
      waitingMs: this.#input.clock.now() - since,
      attempt,
      attempts: this.#retry.attempts,
      ...(code === undefined ? {} : { code }),
    };
  }

  /** Sends one batch until every row has an outcome, or is held back in doubt. */
  async send(batch: readonly Prepared[]): Promise<void> {
    await this.#send(batch);
    while (this.#doubt.mustProbe) await this.#probe();
    if (!this.#doubt.inDoubt) await this.#release();
  }

  /** After the last batch: settles what was held back. */
  async finish(): Promise<void> {
    while (this.#doubt.inDoubt && (await this.#probe()));
    await this.#release();
  }

  async #send(batch: readonly Prepared[]): Promise<void> {
    let rows = batch;
    const since = this.#input.clock.now();
    let failedWith: string | undefined;
    for (let attempt = 1; rows.length > 0; attempt += 1) {
      await this.#waitForPause();
      const waiting = { since, attempt, ...(failedWith === undefined ? {} : { code: failedWith }) };
      const result = await this.#whileWaiting(waiting, () => this.#deliverOnce(rows));
      let again: { rows: readonly Prepared[]; code: string; message: string; retryAfterMs: number };
      if (result.kind === 'rows') {
        if (result.outcomes.length !== rows.length) {
          throw new AppError(`The destination gave ${result.outcomes.length} outcomes for ${rows.length} rows`, {
            code: 'DESTINATION_PROTOCOL',
            kind: 'internal',
            origin: 'platform',
          });
        }
        const [only] = result.outcomes;
        if (rows.length === 1 && only?.outcome === 'rejected') return this.#refuse(rows, only);
        again = await this.#settleRows(rows, result.outcomes);
      } else if (result.cause === 'rows') return this.#refuse(rows, result);
      else if (result.cause === 'stop') {
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
      failedWith = again.code;
      const next = { since, attempt: attempt + 1, code: failedWith };
      await this.#whileWaiting(next, () => this.#backOff(attempt, again.retryAfterMs));
    }
  }

  /** Rows that were refused together, because of what is in them or because all would be. */
  async #refuse(rows: readonly Prepared[], refusal: Refusal): Promise<void> {
    const [first] = rows;
    if (first === undefined) return;
    const { code, message } = refusal;
    const inDoubt = this.#doubt.mayBeForAll(refusal);
    if (!inDoubt) this.#doubt.tellsRecordsApart();
    if (rows.length > 1) {
      const middle = inDoubt ? 1 : rows.length >> 1;
      const rest = rows.slice(middle);
      if (inDoubt) this.#doubt.hold(rest);
      await this.#send(rows.slice(0, middle));
      return inDoubt ? undefined : this.#send(rest);
    }
    if (!inDoubt) return this.#settle(rows, { outcome: 'rejected', code, message });
    if (this.#doubt.refused(first, refusal) !== undefined) throw refusesAll(refusal);
  }

  /** Sends one of the rows that are held back; false when there is none. */
  async #probe(): Promise<boolean> {
    const row = this.#doubt.nextProbe();
    if (row === undefined) return false;
    await this.#send([row]);
    return true;
  }

  async #release(): Promise<void> {
    const { refused, held } = this.#doubt.release();
    await this.#write(
      refused.map(({ row, refusal: { code, message } }) => ({ row, outcome: { outcome: 'rejected', code, message } })),
    );
    for (const batch of held) await this.#send(batch);
  }

  async #whileWaiting<T>(waiting: Waiting, run: () => Promise<T>): Promise<T> {
    this.#waiting.add(waiting);
    try {
      return await run();
    } finally {
      this.#waiting.delete(waiting);
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
      const result = await Promise.race([this.#input.destination.deliver(rows, options), ended]);
      // The destination saw the cancel first.
      if (outer.aborted && result.kind === 'failed' && result.maybeDelivered === true) outer.throwIfAborted();
      return result;
    } catch (thrown) {
      if (outer.aborted) {
        const sampleIds = rows.slice(0, MAX_SAMPLES).map((row) => row.change.recordId);
        this.#input.onInFlight?.({ count: rows.length, sampleIds });
        throw outer.reason;
      }
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
    if (settled.length > 0) this.#doubt.tellsRecordsApart();
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

function refusesAll({ code, message, address }: Refusal): DeliveryStopped {
  const next = 'what was not delivered is sent by the next sync.';
  return new DeliveryStopped(
    `The destination refuses every record: ${clip(message)} (${code})`,
    'DESTINATION_REFUSES',
    address === undefined
      ? `Compare the mapping's fields with what the destination expects; ${next}`
      : `Check the address in ${address}, and that it accepts this kind of request; ${next}`,
  );
}

/** Destinations may answer with whole pages of HTML. */
export function clip(message: string): string {
  return message.length <= 500 ? message : `${message.slice(0, 499)}…`;
}

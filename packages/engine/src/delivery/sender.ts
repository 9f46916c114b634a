// Sends the batches of one delivery until every row has an outcome: retries with back-off,
// splits a batch that was refused as a whole, stops when the destination refuses
// everything or is down, and writes outcomes down in the order flush, journal, book. In a
// transaction, rows that the destination took are staged in the book until it has committed.
import { AppError } from '@sluice/core';
import type { Outcome } from '@sluice/core';
import type { Prepared, RowOutcome } from '@sluice/destination-kit';
import type { DeliveryInput } from './deliver.ts';
import { clip, notAvailable, refusesEveryRecord, refusesEveryRequest } from './delivery-stopped.ts';
import { Doubt } from './doubt.ts';
import type { Refusal } from './doubt.ts';
import { rangesOf } from './outcome-book.ts';
import { Requests } from './requests.ts';
import { backOffMs, isThrottled } from './retry.ts';
import type { RetryPolicy } from './retry.ts';
import { SyncTransaction } from './sync-transaction.ts';
import { withTimeLimit } from './time-limit.ts';

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

type Waiting = { readonly since: number; readonly attempt: number; readonly code?: string };

/** Why rows are sent again. */
type Again = {
  readonly rows: readonly Prepared[];
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs: number;
};

export class Sender {
  readonly #input: DeliveryInput;
  readonly #retry: RetryPolicy;
  readonly #signal: AbortSignal;
  readonly #requests: Requests;
  readonly #transaction: SyncTransaction | undefined;
  #givenUp = 0;
  readonly #doubt: Doubt;
  readonly #waiting = new Set<Waiting>();

  constructor(input: DeliveryInput, retry: RetryPolicy, signal: AbortSignal) {
    this.#input = input;
    this.#requests = new Requests(input, retry, signal);
    const { transaction } = input.destination;
    this.#transaction = transaction === undefined ? undefined : new SyncTransaction(transaction, retry, signal);
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
    await this.#transaction?.begin();
    await this.#send(batch);
    while (this.#doubt.mustProbe) await this.#probe();
    if (!this.#doubt.inDoubt) await this.#release();
  }

  /** After the last batch: settles what was held back, and commits the destination's transaction. */
  async finish(): Promise<void> {
    while (this.#doubt.inDoubt && (await this.#probe()));
    await this.#release();
    if (this.#transaction === undefined) return;
    await this.#transaction.commit();
    // A crash before this line sends the rows again: nothing but the destination knows of them.
    const committed = this.#input.book.promoteStaged();
    await this.#input.journal?.append(committed);
    await this.#input.onBatch();
  }

  /** Instead of `finish`, when the delivery ends before its time. */
  async abort(): Promise<void> {
    await this.#transaction?.abort();
    this.#input.book.dropStaged();
  }

  async #send(batch: readonly Prepared[]): Promise<void> {
    let rows = batch;
    const since = this.#input.clock.now();
    let failedWith: string | undefined;
    for (let attempt = 1; rows.length > 0; attempt += 1) {
      const waiting = { since, attempt, ...(failedWith === undefined ? {} : { code: failedWith }) };
      const result = await this.#whileWaiting(waiting, () => this.#requests.send(rows));
      let again: Again;
      if (result.kind === 'rows') {
        checkCount(result.outcomes, rows);
        const [only] = result.outcomes;
        if (rows.length === 1 && only?.outcome === 'rejected') return this.#refuse(rows, only);
        again = await this.#settleRows(rows, result.outcomes);
      } else if (result.cause === 'rows') return this.#refuse(rows, result);
      else if (result.cause === 'stop') throw refusesEveryRequest(result);
      else again = { rows, code: result.code, message: result.message, retryAfterMs: result.retryAfterMs ?? 0 };
      if (again.rows.length < rows.length) this.#givenUp = 0;
      if (again.rows.length === 0) return;
      rows = again.rows;
      if (again.retryAfterMs > this.#retry.maxRetryAfterMs) return this.#leave(again);
      if (attempt >= this.#triesFor(again.code)) return this.#giveUp(again);
      failedWith = again.code;
      const next = { since, attempt: attempt + 1, code: failedWith };
      await this.#whileWaiting(next, () => this.#backOff(attempt, again.retryAfterMs));
    }
  }

  #triesFor(code: string): number {
    return isThrottled(code) ? this.#retry.throttledAttempts : this.#retry.attempts;
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
    if (this.#doubt.refused(first, refusal) !== undefined) throw refusesEveryRecord(refusal);
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

  async #settleRows(rows: readonly Prepared[], outcomes: readonly RowOutcome[]): Promise<Again> {
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
    const { destination, journal, book, onBatch } = this.#input;
    const clipped = settled.map(({ row, outcome }) => ({
      row,
      outcome: 'message' in outcome ? { ...outcome, message: clip(outcome.message) } : outcome,
    }));
    let known = clipped;
    if (this.#transaction !== undefined) {
      known = clipped.filter(({ outcome }) => outcome.outcome !== 'delivered');
      for (const { row, outcome } of clipped) if (outcome.outcome === 'delivered') book.stage(row.change);
    } else if (clipped.some(({ outcome }) => outcome.outcome === 'delivered')) {
      await withTimeLimit(() => destination.flush(), this.#retry.stepTimeoutMs);
    }
    await journal?.append(rangesOf(known.map(({ row, outcome }) => ({ ordinal: row.change.ordinal, outcome }))));
    for (const { row, outcome } of known) book.record(row.change, outcome);
    await onBatch();
  }

  async #giveUp(again: Again): Promise<void> {
    const { rows, code, message } = again;
    await this.#settle(rows, { outcome: 'deferred', code, message });
    this.#givenUp += 1;
    if (this.#givenUp >= this.#retry.giveUpAfter) throw notAvailable(again, again.retryAfterMs);
  }

  /** The destination asked for a pause that no sync waits for. */
  async #leave(again: Again): Promise<void> {
    const { rows, code, message } = again;
    await this.#settle(rows, { outcome: 'deferred', code, message });
    throw notAvailable(again, again.retryAfterMs);
  }

  async #backOff(attempt: number, retryAfterMs: number): Promise<void> {
    const { clock, random = Math.random } = this.#input;
    await clock.sleep(Math.max(backOffMs(attempt, this.#retry, random), retryAfterMs), this.#signal);
  }
}

function checkCount(outcomes: readonly RowOutcome[], rows: readonly Prepared[]): void {
  if (outcomes.length === rows.length) return;
  throw new AppError(`The destination gave ${outcomes.length} outcomes for ${rows.length} rows`, {
    code: 'DESTINATION_PROTOCOL',
    kind: 'internal',
    origin: 'platform',
  });
}

// The transaction of one delivery, for destinations that make a sync's rows visible together:
// begun before the first batch, committed after the last one, aborted when the delivery ends
// in any other way. Until `commit` has settled nothing of it counts as delivered.
import { messageOf } from '@sluice/core';
import type { Transaction } from '@sluice/destination-kit';
import { transactionFailed } from './delivery-stopped.ts';
import type { RetryPolicy } from './retry.ts';
import { withTimeLimit } from './time-limit.ts';

export class SyncTransaction {
  readonly #transaction: Transaction;
  readonly #retry: RetryPolicy;
  readonly #signal: AbortSignal;
  #begun: Promise<void> | undefined;
  #over = false;

  constructor(transaction: Transaction, retry: RetryPolicy, signal: AbortSignal) {
    this.#transaction = transaction;
    this.#retry = retry;
    this.#signal = signal;
  }

  /** Before each batch; only the first one waits for anything. Throws `DeliveryStopped`. */
  begin(): Promise<void> {
    this.#begun ??= this.#run('begin', this.#retry.stepTimeoutMs);
    return this.#begun;
  }

  /** Throws `DeliveryStopped`, or the signal's reason: then the destination holds nothing. */
  async commit(): Promise<void> {
    if (this.#begun === undefined || this.#over) return;
    await this.#begun;
    await this.#run('commit', this.#retry.commitTimeoutMs);
    this.#over = true;
  }

  /** After a failure, whatever it was; does nothing after a commit. Never throws. */
  async abort(): Promise<void> {
    if (this.#begun === undefined || this.#over) return;
    this.#over = true;
    // An end without a commit is an abort, too: the destination drops the rows by itself.
    await withTimeLimit(() => this.#transaction.abort(), this.#retry.stepTimeoutMs).catch(() => undefined);
  }

  async #run(step: 'begin' | 'commit', limitMs: number): Promise<void> {
    try {
      await withTimeLimit((signal) => this.#transaction[step](signal), limitMs, this.#signal);
    } catch (thrown) {
      this.#signal.throwIfAborted();
      const { code } = (thrown ?? {}) as { code?: unknown };
      throw transactionFailed(step, {
        code: typeof code === 'string' && code !== '' ? code : 'DESTINATION_ERROR',
        message: messageOf(thrown),
      });
    }
  }
}

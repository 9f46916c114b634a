// Sends digests: one per sync where the engine frames it with `begin` and `commit`, else one
// per batch. Either way no row counts as delivered that no digest has told of.
import type { BatchResult, DeliverOptions, Prepared, Session, Transaction } from '@sluice/destination-kit';
import { Digest } from './digest.ts';

export class DigestSession implements Session {
  readonly transaction: Transaction;
  readonly #maxRows: number;
  readonly #send: (digest: Digest, signal: AbortSignal, idempotencyKey: string) => Promise<BatchResult | undefined>;
  readonly #close: () => void;
  #open: Digest | undefined;

  /** `send` throws, or gives the failure of the whole digest; undefined when it was taken. */
  constructor(
    maxRows: number,
    send: (digest: Digest, signal: AbortSignal, idempotencyKey: string) => Promise<BatchResult | undefined>,
    close: () => void = () => undefined,
  ) {
    this.#maxRows = maxRows;
    this.#send = send;
    this.#close = close;
    this.transaction = {
      begin: async () => {
        this.#open = new Digest(maxRows);
      },
      commit: async (signal) => {
        const digest = this.#open;
        this.#open = undefined;
        if (digest === undefined || digest.total === 0) return;
        const failure = await this.#send(digest, signal, 'commit');
        if (failure?.kind === 'failed') throw Object.assign(new Error(failure.message), { code: failure.code });
      },
      abort: async () => {
        this.#open = undefined;
      },
    };
  }

  async deliver(batch: readonly Prepared[], { signal, idempotencyKey }: DeliverOptions): Promise<BatchResult> {
    const digest = this.#open ?? new Digest(this.#maxRows);
    digest.add(batch);
    const failure = this.#open === undefined ? await this.#send(digest, signal, idempotencyKey) : undefined;
    return failure ?? { kind: 'rows', outcomes: batch.map(() => ({ outcome: 'delivered' })) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#open = undefined;
    this.#close();
  }
}

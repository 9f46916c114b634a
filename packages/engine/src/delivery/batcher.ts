// Cuts mapped changes into batches: by batch key, rows and bytes, within a bound on
// what is held back while batches fill.
import type { BatchPolicy, Prepared } from '@sluice/destination-kit';

const MAX_OPEN_KEYS = 200;
const MAX_OPEN_BYTES = 16 * 1024 * 1024;

type Open = { readonly key: string; rows: Prepared[]; bytes: number };

export class Batcher {
  readonly #policy: BatchPolicy;
  /** In the order in which they were opened. */
  readonly #open = new Map<string, Open>();
  #bytes = 0;

  constructor(policy: BatchPolicy) {
    this.#policy = policy;
  }

  /** Batches that are ready to be sent after this change. */
  add(prepared: Prepared): Prepared[][] {
    const ready: Prepared[][] = [];
    let batch = this.#open.get(prepared.batchKey);
    if (batch !== undefined && batch.bytes + prepared.bytes > this.#policy.maxBytes) {
      ready.push(this.#close(batch));
      batch = undefined;
    }
    if (batch === undefined) {
      batch = { key: prepared.batchKey, rows: [], bytes: 0 };
      this.#open.set(batch.key, batch);
    }
    batch.rows.push(prepared);
    batch.bytes += prepared.bytes;
    this.#bytes += prepared.bytes;
    if (batch.rows.length >= Math.max(1, this.#policy.maxRows) || batch.bytes >= this.#policy.maxBytes)
      ready.push(this.#close(batch));
    while (this.#open.size > MAX_OPEN_KEYS || this.#bytes > MAX_OPEN_BYTES) {
      const oldest = this.#open.values().next().value;
      if (oldest === undefined) break;
      ready.push(this.#close(oldest));
    }
    return ready;
  }

  /** What is left at the end. */
  drain(): Prepared[][] {
    return [...this.#open.values()].map((batch) => this.#close(batch));
  }

  #close(batch: Open): Prepared[] {
    this.#open.delete(batch.key);
    this.#bytes -= batch.bytes;
    return batch.rows;
  }
}

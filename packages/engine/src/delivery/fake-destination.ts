// A destination for the engine's own tests: answers as it is told, remembers what it got.
import type { Change, JsonObject, Operation } from '@sluice/core';
import type {
  BatchPolicy,
  BatchResult,
  DeliverOptions,
  OpenDestination,
  Prepared,
  Rejection,
} from '@sluice/destination-kit';
import type { Clock } from '../run/api.ts';

export type FakeBehaviour = {
  readonly batching?: Partial<BatchPolicy>;
  readonly answer?: (
    rows: readonly Prepared[],
    call: number,
    options: DeliverOptions,
  ) => BatchResult | Promise<BatchResult>;
  readonly prepare?: (change: Change) => Prepared | Rejection;
  readonly batchKey?: (change: Change) => string;
};

export class FakeDestination implements OpenDestination {
  readonly batching: BatchPolicy;
  readonly columns = 'all';
  readonly calls: { readonly ids: readonly string[]; readonly key: string }[] = [];
  readonly accepted: string[] = [];
  inFlight = 0;
  mostInFlight = 0;
  flushes = 0;
  readonly #behaviour: FakeBehaviour;

  constructor(behaviour: FakeBehaviour = {}) {
    this.#behaviour = behaviour;
    this.batching = { maxRows: 10, maxBytes: 1_000_000, concurrency: 1, ...behaviour.batching };
  }

  prepare(change: Change): Prepared | Rejection {
    if (this.#behaviour.prepare !== undefined) return this.#behaviour.prepare(change);
    return { change, payload: change.columns, batchKey: this.#behaviour.batchKey?.(change) ?? '', bytes: 10 };
  }

  async deliver(batch: readonly Prepared[], options: DeliverOptions): Promise<BatchResult> {
    this.calls.push({ ids: batch.map((row) => row.change.recordId), key: options.idempotencyKey });
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      const result = (await this.#behaviour.answer?.(batch, this.calls.length, options)) ?? allDelivered(batch);
      if (result.kind === 'rows') {
        result.outcomes.forEach((outcome, index) => {
          if (outcome.outcome === 'delivered') this.accepted.push(batch[index]?.change.recordId ?? '');
        });
      }
      return result;
    } finally {
      this.inFlight -= 1;
    }
  }

  async flush(): Promise<void> {
    this.flushes += 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export function allDelivered(batch: readonly Prepared[]): BatchResult {
  return { kind: 'rows', outcomes: batch.map(() => ({ outcome: 'delivered' })) };
}

/** Rows of a plan as the source yields them. */
export function planRow(ordinal: number, operation: Operation = 'added'): JsonObject {
  return { ordinal, operation, record_id: `r${ordinal}`, checksum: `c${ordinal}`, columns: { id: `r${ordinal}` } };
}

export async function* pagesOf(rows: readonly JsonObject[], size = 7): AsyncIterable<readonly JsonObject[]> {
  for (let at = 0; at < rows.length; at += size) {
    await Promise.resolve();
    yield rows.slice(at, at + size);
  }
}

/** A clock whose sleeps take no time but move the hands. */
export function fakeClock(): Clock & { readonly slept: number[] } {
  let now = 1_000_000;
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      slept.push(ms);
      now += ms;
      await Promise.resolve();
    },
  };
}

// Sends a frozen plan: page by page, map, batch, send with bounded concurrency, retry
// with back-off, and record exactly one outcome per change that was tried. Memory holds
// the pages read ahead and the batches in flight, whatever the plan's size.
//
// A batch's outcomes are recorded after the destination has answered, made them durable
// (`flush`) and the journal is on disk; a crash before that sends this batch again.
//
// A destination that refuses everything is not asked about every row. Until the sync has
// delivered something, a refused batch is not split: one row of it goes alone (doubt.ts).
// 10 rows refused alone with one code at the address that the configuration names (403,
// 404, 405, 410), or 50 with any one code on a mapping that never delivered anything, end
// the sync as failed; its rows stay without an outcome. One delivered row, or a second
// code, proves that the destination tells rows apart: all goes on as usual.
//
// A plan has at most one change per record, so changes of one record cannot overtake each
// other within a delivery, whatever is split, retried or sent beside it; and the next plan is
// made after this one was committed.
//
// A destination with transactions takes the whole delivery in one: its rows are delivered
// when the commit has settled, and none of them is when the delivery ends before.
import type { Change, JsonObject, Operation } from '@sluice/core';
import type { OpenDestination, Prepared } from '@sluice/destination-kit';
import type { Clock } from '../run/api.ts';
import { Batcher } from './batcher.ts';
import type { Journal } from './journal.ts';
import type { OutcomeBook } from './outcome-book.ts';
import { clip } from './delivery-stopped.ts';
import type { Pace } from './pace.ts';
import type { InFlight } from './requests.ts';
import { RETRY } from './retry.ts';
import type { RetryPolicy } from './retry.ts';
import { Sender } from './sender.ts';
import type { Activity } from './sender.ts';

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
  /** Nothing of this mapping has ever been delivered. */
  readonly neverDelivered?: boolean;
  /** Saves the book's unsaved outcomes in the warehouse. */
  readonly save: () => Promise<void>;
  /** After each acknowledged batch. */
  readonly onBatch: () => void | Promise<void>;
  /** 0 to 1, for jitter. */
  readonly random?: () => number;
  readonly retry?: Partial<RetryPolicy>;
  /** Shared by all deliveries to this destination; default: one of its own, with the destination's rate limit. */
  readonly pace?: Pace;
  /** Gets the means to ask what the delivery waits for. */
  readonly onStart?: (activity: () => Activity | undefined) => void;
  /** Rows whose request was on its way when the delivery was ended; called at most once per request. */
  readonly onInFlight?: (rows: InFlight) => void;
};

/** Delivers every change without an outcome. Throws on cancel, and when the destination stops. */
export async function deliver(input: DeliveryInput): Promise<void> {
  const retry: RetryPolicy = { ...RETRY, ...input.retry };
  // One failure ends all batches: the outer signal, or the first error of any batch.
  const stop = new AbortController();
  const signal = AbortSignal.any([input.signal, stop.signal]);
  const sender = new Sender(input, retry, signal);
  input.onStart?.(() => sender.activity());
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
    await Promise.all(inFlight);
    if (failure === undefined) await sender.finish();
  } catch (thrown) {
    failure ??= thrown;
    stop.abort(thrown);
  }
  // Batches in flight settle (they see the signal) before anything is committed.
  await Promise.all(inFlight);
  if (failure === undefined) return;
  await sender.abort();
  throw failure;
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

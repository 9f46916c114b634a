// A destination with a quota and a round trip, in virtual time: how close a delivery comes to
// the quota, and whether it is ever refused for want of it.
import { describe, expect, test } from 'vitest';
import type { Operation } from '@sluice/core';
import type { BatchResult, RateLimit } from '@sluice/destination-kit';
import { deliver } from './deliver.ts';
import { FakeDestination, allDelivered, pagesOf, planRow } from './fake-destination.ts';
import { OutcomeBook } from './outcome-book.ts';
import type { Pace } from './pace.ts';
import { LocalPace } from './pace.ts';
import { VirtualClock } from './virtual-clock.ts';

const ROUND_TRIP_MS = 100;

/** Refuses what comes faster than its own bucket allows; takes half a round trip each way. */
function vendor(clock: VirtualClock, quota: RateLimit, jitterMs = 0) {
  let tokens = quota.burst;
  let at = clock.now();
  let n = 0;
  const seen = { refused: 0, taken: 0, firstAt: 0, lastAt: 0 };
  const request = async (ok: () => BatchResult): Promise<BatchResult> => {
    n += 1;
    await clock.sleep(ROUND_TRIP_MS / 2 + (jitterMs * ((n * 7) % 10)) / 10);
    const now = clock.now();
    tokens = Math.min(quota.burst, tokens + ((now - at) * quota.requestsPerSecond) / 1000);
    at = now;
    const fits = tokens >= 1;
    if (fits) tokens -= 1;
    await clock.sleep(ROUND_TRIP_MS / 2);
    if (!fits) {
      seen.refused += 1;
      return { kind: 'failed', cause: 'later', code: 'TOO_MANY_REQUESTS', message: 'slow down' };
    }
    if (seen.taken === 0) seen.firstAt = now;
    seen.taken += 1;
    seen.lastAt = now;
    return ok();
  };
  return { seen, request };
}

type Sync = { readonly rows: number; readonly rateLimit?: RateLimit; readonly concurrency: number };

function sync(
  clock: VirtualClock,
  { seen: _seen, request }: ReturnType<typeof vendor>,
  { rows, rateLimit, concurrency }: Sync,
  pace?: Pace,
): { readonly destination: FakeDestination; readonly book: OutcomeBook; readonly done: Promise<void> } {
  const destination = new FakeDestination({
    batching: { maxRows: 1, concurrency, ...(rateLimit === undefined ? {} : { rateLimit }) },
    answer: (batch) => request(() => allDelivered(batch)),
  });
  const book = new OutcomeBook(rows);
  const done = deliver({
    pages: pagesOf(
      Array.from({ length: rows }, (_row, index) => planRow(index)),
      100,
    ),
    destination,
    operations: new Set<Operation>(['added']),
    book,
    journal: undefined,
    clock,
    signal: new AbortController().signal,
    mappingId: 'm',
    syncId: 's',
    save: async () => undefined,
    onBatch: () => undefined,
    random: () => 0.5,
    ...(pace === undefined ? {} : { pace }),
  });
  return { destination, book, done };
}

describe('a destination with a quota and a round trip of 100 ms', () => {
  test.for([
    { requestsPerSecond: 10, burst: 10, jitterMs: 0 },
    { requestsPerSecond: 50, burst: 10, jitterMs: 30 },
    { requestsPerSecond: 100, burst: 20, jitterMs: 50 },
    { requestsPerSecond: 140, burst: 140, jitterMs: 0 },
  ])('gets 95 % of it and is never overrun: %o', async ({ jitterMs, ...rateLimit }) => {
    const clock = new VirtualClock();
    const vendorOf = vendor(clock, rateLimit, jitterMs);
    const rows = rateLimit.requestsPerSecond * 30;
    const { destination, done } = sync(clock, vendorOf, { rows, rateLimit, concurrency: 16 });
    await done;
    const { seen } = vendorOf;
    expect(seen.refused).toBe(0);
    expect(destination.accepted.length).toBe(rows);
    expect(new Set(destination.accepted).size).toBe(rows);
    const perSecond = (rows - rateLimit.burst) / ((seen.lastAt - seen.firstAt) / 1000);
    expect(perSecond / rateLimit.requestsPerSecond).toBeGreaterThan(0.95);
  });

  test('is shared by two syncs at once', async () => {
    const clock = new VirtualClock();
    const rateLimit = { requestsPerSecond: 50, burst: 20 };
    const vendorOf = vendor(clock, rateLimit, 20);
    const pace = new LocalPace(rateLimit, clock);
    const one = sync(clock, vendorOf, { rows: 600, rateLimit, concurrency: 16 }, pace);
    const other = sync(clock, vendorOf, { rows: 600, rateLimit, concurrency: 16 }, pace);
    await Promise.all([one.done, other.done]);
    expect(vendorOf.seen).toMatchObject({ refused: 0, taken: 1200 });
  });

  test('that nobody knows is found out: few refusals, nothing lost, and most of it is used', async () => {
    const clock = new VirtualClock();
    const quota = { requestsPerSecond: 20, burst: 20 };
    const vendorOf = vendor(clock, quota);
    const { destination, book, done } = sync(clock, vendorOf, { rows: 2000, concurrency: 16 });
    await done;
    expect(book.counts.added).toEqual({ delivered: 2000, rejected: 0, deferred: 0, skipped: 0 });
    expect(new Set(destination.accepted).size).toBe(2000);
    expect(vendorOf.seen.refused / 2000).toBeLessThan(0.05);
    const perSecond = 2000 / ((vendorOf.seen.lastAt - vendorOf.seen.firstAt) / 1000);
    expect(perSecond / quota.requestsPerSecond).toBeGreaterThan(0.75);
  });

  test('that shrinks under way does not end the sync', async () => {
    const clock = new VirtualClock();
    const vendorOf = vendor(clock, { requestsPerSecond: 5, burst: 5 });
    const told = { requestsPerSecond: 50, burst: 50 };
    const { book, done } = sync(clock, vendorOf, { rows: 500, rateLimit: told, concurrency: 16 });
    await done;
    expect(book.counts.added.delivered).toBe(500);
  });
});

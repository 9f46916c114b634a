import { describe, expect, test } from 'vitest';
import type { JsonObject, Operation } from '@sluice/core';
import type { DeliveryInput } from './deliver.ts';
import { deliver } from './deliver.ts';
import { DeliveryStopped } from './delivery-stopped.ts';
import type { FakeBehaviour } from './fake-destination.ts';
import { FakeDestination, allDelivered, fakeClock, pagesOf, planRow } from './fake-destination.ts';
import { OutcomeBook } from './outcome-book.ts';
import { RETRY } from './retry.ts';

type Overrides = Partial<
  Pick<DeliveryInput, 'signal' | 'operations' | 'save' | 'retry' | 'neverDelivered' | 'onStart' | 'onInFlight'>
> & {
  readonly book?: OutcomeBook;
};

function start(rows: readonly JsonObject[], behaviour: FakeBehaviour = {}, overrides: Overrides = {}) {
  const destination = new FakeDestination(behaviour);
  const book = overrides.book ?? new OutcomeBook(rows.length);
  const clock = fakeClock();
  const done = deliver({
    pages: pagesOf(rows),
    destination,
    operations: new Set<Operation>(['added', 'updated', 'deleted']),
    journal: undefined,
    clock,
    signal: new AbortController().signal,
    mappingId: 'm',
    syncId: 's',
    save: async () => undefined,
    onBatch: () => undefined,
    random: () => 0.5,
    ...overrides,
    book,
  });
  return { destination, book, clock, done };
}

const rows = (count: number): JsonObject[] => Array.from({ length: count }, (_row, index) => planRow(index));

describe('deliver', () => {
  test('gives every change exactly one outcome, in batches of the allowed size', async () => {
    const { destination, book, done } = start(rows(25));
    await done;
    expect(destination.calls.map((call) => call.ids.length)).toEqual([10, 10, 5]);
    expect(book.counts.added).toEqual({ delivered: 25, rejected: 0, deferred: 0, skipped: 0 });
    expect(destination.flushes).toBe(3);
  });

  test('never has more batches in flight than the destination allows', async () => {
    const { destination, done } = start(rows(100), {
      batching: { concurrency: 3, maxRows: 5 },
      answer: async (batch) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        return allDelivered(batch);
      },
    });
    await done;
    expect(destination.mostInFlight).toBe(3);
    expect(new Set(destination.accepted).size).toBe(100);
  });

  test('keeps rows with different batch keys in different batches', async () => {
    const { destination, done } = start(rows(20), { batchKey: (change) => String(change.ordinal % 2) });
    await done;
    for (const call of destination.calls) expect(new Set(call.ids.map((id) => Number(id.slice(1)) % 2)).size).toBe(1);
  });

  test('does not send kinds of changes that the mapping leaves out', async () => {
    const mixed = [planRow(0, 'added'), planRow(1, 'updated'), planRow(2, 'deleted')];
    const { destination, book, done } = start(mixed, {}, { operations: new Set<Operation>(['updated']) });
    await done;
    expect(destination.accepted).toEqual(['r1']);
    expect([book.counts.added.skipped, book.counts.updated.delivered, book.counts.deleted.skipped]).toEqual([1, 1, 1]);
  });

  test('skips changes that have an outcome from an earlier run', async () => {
    const book = new OutcomeBook(12);
    book.restore({ first: 0, last: 9, outcome: 'delivered', code: null, message: null }, true);
    const { destination, done } = start(rows(12), {}, { book });
    await done;
    expect(destination.accepted).toEqual(['r10', 'r11']);
  });

  test('a row that cannot be mapped is rejected with its reason and the others go', async () => {
    const { book, destination, done } = start(rows(3), {
      prepare: (change) =>
        change.ordinal === 1
          ? { outcome: 'rejected', code: 'INVALID', message: 'no e-mail' }
          : { change, payload: {}, batchKey: '', bytes: 1 },
    });
    await done;
    expect(destination.accepted).toEqual(['r0', 'r2']);
    expect(book.reasons()).toEqual([
      { outcome: 'rejected', code: 'INVALID', message: 'no e-mail', count: 1, sampleIds: ['r1'] },
    ]);
  });

  test('a batch in which half the rows fail reports half as failed', async () => {
    const { book, done } = start(rows(10), {
      answer: (batch) => ({
        kind: 'rows',
        outcomes: batch.map((row) =>
          row.change.ordinal % 2 === 0
            ? { outcome: 'delivered' }
            : { outcome: 'rejected', code: 'BAD', message: 'odd' },
        ),
      }),
    });
    await done;
    expect(book.counts.added).toEqual({ delivered: 5, rejected: 5, deferred: 0, skipped: 0 });
  });

  test('finds the one bad row of a batch that was refused as a whole', async () => {
    const { book, destination, done } = start(rows(10), {
      answer: (batch) =>
        batch.some((row) => row.change.ordinal === 6)
          ? { kind: 'failed', cause: 'rows', code: '400', message: 'bad row' }
          : allDelivered(batch),
    });
    await done;
    expect(book.counts.added).toEqual({ delivered: 9, rejected: 1, deferred: 0, skipped: 0 });
    expect(book.reasons()[0]?.sampleIds).toEqual(['r6']);
    expect(destination.accepted.toSorted()).toEqual(
      rows(10)
        .map((_row, index) => `r${index}`)
        .filter((id) => id !== 'r6'),
    );
  });

  test('sends only the rows again that the destination asks to send again', async () => {
    const { destination, book, done } = start(rows(4), {
      answer: (batch, call) => ({
        kind: 'rows',
        outcomes: batch.map((row) =>
          call === 1 && row.change.ordinal > 1
            ? { outcome: 'retry', code: '503', message: 'busy' }
            : { outcome: 'delivered' },
        ),
      }),
    });
    await done;
    expect(destination.calls.map((call) => call.ids)).toEqual([
      ['r0', 'r1', 'r2', 'r3'],
      ['r2', 'r3'],
    ]);
    expect(book.counts.added.delivered).toBe(4);
  });

  test('sends a batch again under the same idempotency key, after a growing pause', async () => {
    const { destination, clock, done } = start(rows(2), {
      answer: (batch, call) =>
        call < 4 ? { kind: 'failed', cause: 'later', code: '503', message: 'busy' } : allDelivered(batch),
    });
    await done;
    expect(new Set(destination.calls.map((call) => call.key)).size).toBe(1);
    expect(clock.slept).toEqual([250, 500, 1000]);
  });

  test('waits as long as Retry-After says', async () => {
    const { clock, done } = start(rows(2), {
      answer: (batch, call) =>
        call === 1
          ? { kind: 'failed', cause: 'later', code: '429', message: 'slow down', retryAfterMs: 7000 }
          : allDelivered(batch),
    });
    await done;
    expect(clock.slept).toEqual([7000]);
  });

  test('defers rows after the last try and counts them', async () => {
    const { book, destination, done } = start(rows(2), {
      answer: () => ({ kind: 'failed', cause: 'later', code: '503', message: 'busy' }),
    });
    await done;
    expect(destination.calls.length).toBe(RETRY.attempts);
    expect(book.counts.added).toEqual({ delivered: 0, rejected: 0, deferred: 2, skipped: 0 });
  });

  test('stops when the destination is down, instead of trying every batch to its end', async () => {
    const { destination, done } = start(rows(1000), {
      answer: () => ({ kind: 'failed', cause: 'later', code: 'ECONNREFUSED', message: 'refused' }),
    });
    await expect(done).rejects.toThrow(/not available: refused/);
    expect(destination.calls.length).toBe(RETRY.attempts * RETRY.giveUpAfter);
  });

  test('stops at once when credentials are refused', async () => {
    const { destination, book, done } = start(rows(100), {
      answer: () => ({ kind: 'failed', cause: 'stop', code: '401', message: 'bad token' }),
    });
    await expect(done).rejects.toBeInstanceOf(DeliveryStopped);
    expect(destination.calls.length).toBe(1);
    expect(book.done).toBe(0);
  });

  test('a destination that hangs counts as failed for now when the time-out fires', async () => {
    let calls = 0;
    const { book, done } = start(
      rows(2),
      {
        answer: (batch) => {
          calls += 1;
          return calls === 1 ? new Promise(() => undefined) : allDelivered(batch);
        },
      },
      { retry: { deliverTimeoutMs: 20 } },
    );
    await done;
    expect(book.counts.added.delivered).toBe(2);
  });

  test('a cancel ends the wait for a batch in flight and sends nothing more', async () => {
    const cancel = new AbortController();
    const { destination, done } = start(
      rows(100),
      { answer: () => new Promise(() => cancel.abort(new Error('canceled'))) },
      { signal: cancel.signal },
    );
    await expect(done).rejects.toThrow('canceled');
    expect(destination.calls.length).toBe(1);
  });

  test('a destination that miscounts its outcomes is an error, not a delivery', async () => {
    const { book, done } = start(rows(2), { answer: () => ({ kind: 'rows', outcomes: [{ outcome: 'delivered' }] }) });
    await expect(done).rejects.toThrow(/1 outcomes for 2 rows/);
    expect(book.done).toBe(0);
  });

  test('a batch in flight at a cancel is told apart from rows that were never tried', async () => {
    const cancel = new AbortController();
    const seen: unknown[] = [];
    const { done } = start(
      rows(100),
      {
        answer: (_batch, _call, { signal }) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () =>
              resolve({ kind: 'failed', cause: 'later', code: 'CANCELED', message: 'canceled', maybeDelivered: true }),
            );
            cancel.abort(new Error('canceled'));
          }),
      },
      { signal: cancel.signal, onInFlight: (inFlight) => seen.push(inFlight) },
    );
    await expect(done).rejects.toThrow('canceled');
    expect(seen).toEqual([{ count: 10, sampleIds: Array.from({ length: 10 }, (_row, index) => `r${index}`) }]);
  });

  test('tells which try of which batch it waits for', async () => {
    let activity: Parameters<NonNullable<DeliveryInput['onStart']>>[0] | undefined;
    const seen: unknown[] = [];
    const { done } = start(
      rows(2),
      {
        answer: (batch, call) => {
          seen.push(activity?.());
          return call < 2 ? { kind: 'failed', cause: 'later', code: '503', message: 'busy' } : allDelivered(batch);
        },
      },
      { onStart: (ask) => (activity = ask) },
    );
    await done;
    expect(seen).toEqual([
      { waitingMs: 0, attempt: 1, attempts: RETRY.attempts },
      { waitingMs: 250, attempt: 2, attempts: RETRY.attempts, code: '503' },
    ]);
    expect(activity?.()).toBeUndefined();
  });
});

describe('a destination that refuses everything', () => {
  const address = 'fields.url';
  const refuse = (code: string, at?: string): NonNullable<FakeBehaviour['answer']> => {
    const why = { code, message: `answered ${code}`, ...(at === undefined ? {} : { address: at }) };
    return (batch) =>
      batch.length === 1
        ? { kind: 'rows', outcomes: [{ outcome: 'rejected', ...why }] }
        : { kind: 'failed', cause: 'rows', ...why };
  };

  test.for([
    { batching: { maxRows: 1000, concurrency: 4 }, most: 24 },
    { batching: { maxRows: 10, concurrency: 4 }, most: 24 },
    { batching: { maxRows: 1, concurrency: 16 }, most: 26 },
  ])('at the configured address is left after a few requests: $batching', async ({ batching, most }) => {
    const { book, destination, done } = start(rows(3000), { batching, answer: refuse('404', address) });
    await expect(done).rejects.toMatchObject({
      code: 'DESTINATION_REFUSES',
      fix: expect.stringContaining('Check the address in fields.url'),
    });
    expect(destination.calls.length).toBeLessThanOrEqual(most);
    expect(book.done).toBe(0);
  });

  test('for any reason is left when the mapping never delivered anything', async () => {
    const { book, destination, done } = start(
      rows(3000),
      { batching: { maxRows: 100, concurrency: 4 }, answer: refuse('400') },
      { neverDelivered: true },
    );
    await expect(done).rejects.toMatchObject({ code: 'DESTINATION_REFUSES' });
    expect(destination.calls.length).toBeLessThan(80);
    expect(book.done).toBe(0);
  });

  test('for the records’ sake is asked about every record when the mapping works', async () => {
    const { book, done } = start(rows(200), { answer: refuse('422') });
    await done;
    expect(book.counts.added.rejected).toBe(200);
  });

  test('few rows are rejected one by one', async () => {
    const { book, done } = start(rows(9), { answer: refuse('404', address) }, { neverDelivered: true });
    await done;
    expect(book.counts.added).toEqual({ delivered: 0, rejected: 9, deferred: 0, skipped: 0 });
  });

  test.for([1, 10, 100])('a bad start of a healthy sync loses nothing, in batches of %i', async (maxRows) => {
    const bad = (row: { change: { ordinal: number } }): boolean => row.change.ordinal < 9;
    const no = refuse('404', address);
    const { book, destination, done } = start(
      rows(300),
      {
        batching: { maxRows, concurrency: 3 },
        answer: (batch, call, options) => (batch.some(bad) ? no(batch, call, options) : allDelivered(batch)),
      },
      { neverDelivered: true },
    );
    await done;
    expect(book.counts.added).toEqual({ delivered: 291, rejected: 9, deferred: 0, skipped: 0 });
    expect(new Set(destination.accepted).size).toBe(291);
  });

  test('one batch that is bad throughout does not end the sync', async () => {
    const no = refuse('404', address);
    const { book, done } = start(
      rows(300),
      {
        batching: { maxRows: 100 },
        answer: (batch, call, options) =>
          batch.some((row) => row.change.ordinal < 100) ? no(batch, call, options) : allDelivered(batch),
      },
      { neverDelivered: true },
    );
    await done;
    expect(book.counts.added).toEqual({ delivered: 200, rejected: 100, deferred: 0, skipped: 0 });
  });

  test('two different refusals are about the records', async () => {
    const { book, done } = start(
      rows(200),
      { answer: (batch, call, options) => refuse(`40${call % 2}`)(batch, call, options) },
      { neverDelivered: true },
    );
    await done;
    expect(book.counts.added.rejected).toBe(200);
  });
});

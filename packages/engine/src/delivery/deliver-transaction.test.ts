// A destination that makes a sync's rows visible together: what counts as delivered when the
// delivery ends well, badly, or not at all.
import { describe, expect, test } from 'vitest';
import type { Operation } from '@sluice/core';
import type { BatchResult, Prepared, Transaction } from '@sluice/destination-kit';
import { deliver } from './deliver.ts';
import type { DeliveryInput } from './deliver.ts';
import { FakeDestination, allDelivered, fakeClock, pagesOf, planRow } from './fake-destination.ts';
import type { FakeBehaviour } from './fake-destination.ts';
import type { Journal } from './journal.ts';
import { OutcomeBook } from './outcome-book.ts';
import type { OutcomeRange } from './outcome-book.ts';

/** Shows the rows of a transaction when it is committed, and forgets them otherwise. */
class TransactionalDestination extends FakeDestination {
  readonly events: string[] = [];
  readonly visible: string[] = [];
  #held: string[] = [];
  readonly transaction: Transaction;

  constructor(behaviour: FakeBehaviour, fail: { begin?: () => Promise<void>; commit?: () => Promise<void> } = {}) {
    super(behaviour);
    this.transaction = {
      begin: async () => {
        this.events.push('begin');
        await fail.begin?.();
      },
      commit: async () => {
        this.events.push('commit');
        await fail.commit?.();
        this.visible.push(...this.#held);
        this.#held = [];
      },
      abort: async () => {
        this.events.push('abort');
        this.#held = [];
      },
    };
  }

  override async deliver(batch: readonly Prepared[], options: Parameters<FakeDestination['deliver']>[1]) {
    const result: BatchResult = await super.deliver(batch, options);
    if (this.events.at(-1) !== 'deliver') this.events.push('deliver');
    if (result.kind === 'rows') {
      result.outcomes.forEach((outcome, index) => {
        if (outcome.outcome === 'delivered') this.#held.push(batch[index]?.change.recordId ?? '');
      });
    }
    return result;
  }
}

function start(destination: TransactionalDestination, more: Partial<DeliveryInput> & { rows?: number } = {}) {
  const { rows = 25, ...rest } = more;
  const book = rest.book ?? new OutcomeBook(rows);
  const written: OutcomeRange[] = [];
  const journal = { append: async (ranges: readonly OutcomeRange[]) => void written.push(...ranges) } as Journal;
  const done = deliver({
    pages: pagesOf(Array.from({ length: rows }, (_row, index) => planRow(index))),
    destination,
    operations: new Set<Operation>(['added', 'updated', 'deleted']),
    journal,
    clock: fakeClock(),
    signal: new AbortController().signal,
    mappingId: 'm',
    syncId: 's',
    save: async () => undefined,
    onBatch: () => undefined,
    random: () => 0.5,
    ...rest,
    book,
  });
  return { book, written, done };
}

const oddOnesRefused = (batch: readonly Prepared[]): BatchResult => ({
  kind: 'rows',
  outcomes: batch.map((row) =>
    row.change.ordinal % 5 === 0 ? { outcome: 'rejected', code: 'BAD', message: 'no' } : { outcome: 'delivered' },
  ),
});

describe('a transactional destination', () => {
  test('begins before the first batch, and its rows count when the commit has settled', async () => {
    const destination = new TransactionalDestination({ batching: { concurrency: 3 } });
    const { book, written, done } = start(destination);
    await done;
    expect(destination.events).toEqual(['begin', 'deliver', 'commit']);
    expect(book.counts.added.delivered).toBe(25);
    expect(written).toEqual([{ first: 0, last: 24, outcome: 'delivered', code: null, message: null }]);
    expect(destination.visible.length).toBe(25);
  });

  test('its rows count without a journal, too', async () => {
    const { book, done } = start(new TransactionalDestination({}), { journal: undefined });
    await done;
    expect(book.counts.added.delivered).toBe(25);
  });

  test('nothing is told as delivered before the commit', async () => {
    const seen: unknown[] = [];
    const book = new OutcomeBook(25);
    const destination = new TransactionalDestination(
      {},
      {
        commit: async () => {
          seen.push(book.delivered, book.staged, book.takeUnsaved());
        },
      },
    );
    const { done } = start(destination, { book });
    await done;
    expect(seen).toEqual([0, 25, []]);
    expect(book.takeUnsaved()).toEqual([{ first: 0, last: 24, outcome: 'delivered', code: null, message: null }]);
  });

  test('rows that it refuses for their own sake are rejected, the others are committed', async () => {
    const destination = new TransactionalDestination({ answer: oddOnesRefused });
    const { book, done } = start(destination);
    await done;
    expect(book.counts.added).toEqual({ delivered: 20, rejected: 5, deferred: 0, skipped: 0 });
    expect(destination.visible.length).toBe(20);
  });

  test('a commit that fails delivers nothing', async () => {
    const destination = new TransactionalDestination(
      { answer: oddOnesRefused },
      { commit: () => Promise.reject(Object.assign(new Error('disk full'), { code: 'ENOSPC' })) },
    );
    const { book, written, done } = start(destination);
    await expect(done).rejects.toMatchObject({
      code: 'DESTINATION_COMMIT_FAILED',
      message: expect.stringContaining('disk full (ENOSPC)') as string,
    });
    expect(destination.events).toEqual(['begin', 'deliver', 'commit', 'abort']);
    expect(destination.visible).toEqual([]);
    expect(book.counts.added).toEqual({ delivered: 0, rejected: 5, deferred: 0, skipped: 0 });
    expect(written.every((range) => range.outcome === 'rejected')).toBe(true);
    expect(book.get(1)).toBe('none');
  });

  test('a commit that never settles ends with its time limit', async () => {
    const destination = new TransactionalDestination({}, { commit: () => new Promise(() => undefined) });
    const { book, done } = start(destination, { retry: { commitTimeoutMs: 20 } });
    await expect(done).rejects.toMatchObject({ code: 'DESTINATION_COMMIT_FAILED' });
    expect([book.delivered, book.staged]).toEqual([0, 0]);
    expect(destination.events.at(-1)).toBe('abort');
  });

  test('a begin that fails sends nothing', async () => {
    const destination = new TransactionalDestination({}, { begin: () => Promise.reject(new Error('read only')) });
    const { book, done } = start(destination);
    await expect(done).rejects.toMatchObject({ code: 'DESTINATION_BEGIN_FAILED' });
    expect(destination.calls).toEqual([]);
    expect(book.done).toBe(0);
  });

  test('credentials that are refused half-way abort it', async () => {
    const destination = new TransactionalDestination({
      answer: (batch, call) =>
        call > 1 ? { kind: 'failed', cause: 'stop', code: '401', message: 'who are you' } : allDelivered(batch),
    });
    const { book, written, done } = start(destination);
    await expect(done).rejects.toMatchObject({ code: 'DESTINATION_REFUSES' });
    expect(destination.events.at(-1)).toBe('abort');
    expect([book.delivered, book.done, written.length]).toEqual([0, 0, 0]);
  });

  test('a cancel aborts it, also while it commits', async () => {
    const cancel = new AbortController();
    const destination = new TransactionalDestination(
      {},
      {
        commit: async () => {
          cancel.abort(new Error('canceled'));
          await new Promise(() => undefined);
        },
      },
    );
    const { book, done } = start(destination, { signal: cancel.signal });
    await expect(done).rejects.toThrow('canceled');
    expect(destination.events.at(-1)).toBe('abort');
    expect([book.delivered, book.staged]).toEqual([0, 0]);
  });

  test('a delivery without a row to send begins nothing', async () => {
    const destination = new TransactionalDestination({});
    const { book, done } = start(destination, { operations: new Set<Operation>(['deleted']) });
    await done;
    expect(destination.events).toEqual([]);
    expect(book.counts.added.skipped).toBe(25);
  });

  test('a second try after a commit that nobody recorded sends every row again', async () => {
    const destination = new TransactionalDestination({});
    const first = start(destination, {
      journal: { append: () => Promise.reject(new Error('killed')) } as unknown as Journal,
    });
    await expect(first.done).rejects.toThrow('killed');
    const again = new TransactionalDestination({});
    await start(again).done;
    expect(again.visible.length).toBe(25);
  });
});

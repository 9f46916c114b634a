import { describe, expect, test } from 'vitest';
import { OutcomeBook } from './outcome-book.ts';

const change = (ordinal: number) => ({ ordinal, operation: 'added' as const, recordId: `r${ordinal}` });
const rejected = { outcome: 'rejected', code: 'BAD', message: 'no' } as const;

describe('OutcomeBook', () => {
  test('tells the warehouse each outcome once, as ranges', () => {
    const book = new OutcomeBook(10);
    for (const ordinal of [0, 1, 2, 4]) book.record(change(ordinal), { outcome: 'delivered' });
    book.record(change(3), rejected);
    expect(book.takeUnsaved()).toEqual([
      { first: 0, last: 2, outcome: 'delivered', code: null, message: null },
      { first: 4, last: 4, outcome: 'delivered', code: null, message: null },
      { first: 3, last: 3, outcome: 'rejected', code: 'BAD', message: 'no' },
    ]);
    book.record(change(5), { outcome: 'skipped' });
    expect(book.takeUnsaved()).toEqual([{ first: 5, last: 5, outcome: 'skipped', code: null, message: null }]);
    expect(book.takeUnsaved()).toEqual([]);
  });

  test('keeps ranges below the size that the warehouse expands', () => {
    const book = new OutcomeBook(25_000);
    for (let ordinal = 0; ordinal < 25_000; ordinal += 1) book.record(change(ordinal), { outcome: 'delivered' });
    expect(book.takeUnsaved().map((range) => [range.first, range.last])).toEqual([
      [0, 9999],
      [10_000, 19_999],
      [20_000, 24_999],
    ]);
  });

  test('never takes an outcome back', () => {
    const book = new OutcomeBook(1);
    book.record(change(0), { outcome: 'delivered' });
    book.record(change(0), rejected);
    expect(book.get(0)).toBe('delivered');
    expect(book.counts.added).toEqual({ delivered: 1, rejected: 0, deferred: 0, skipped: 0 });
  });

  test('a delivery that a journal tells of wins over a rejection that was saved', () => {
    const book = new OutcomeBook(2);
    book.restore({ first: 0, last: 1, outcome: 'rejected', code: 'BAD', message: 'no' }, true);
    book.restore({ first: 0, last: 0, outcome: 'delivered', code: null, message: null }, false);
    expect([book.get(0), book.get(1)]).toEqual(['delivered', 'rejected']);
    expect(book.takeUnsaved()).toEqual([{ first: 0, last: 0, outcome: 'delivered', code: null, message: null }]);
    expect([book.done, book.delivered]).toEqual([2, 1]);
  });

  test('saves what only a journal knew, and not what the warehouse has already', () => {
    const book = new OutcomeBook(6);
    book.restore({ first: 0, last: 2, outcome: 'delivered', code: null, message: null }, true);
    book.restore({ first: 0, last: 3, outcome: 'delivered', code: null, message: null }, false);
    book.restore({ first: 4, last: 5, outcome: 'rejected', code: 'BAD', message: 'no' }, false);
    expect(book.takeUnsaved()).toEqual([
      { first: 3, last: 3, outcome: 'delivered', code: null, message: null },
      { first: 4, last: 5, outcome: 'rejected', code: 'BAD', message: 'no' },
    ]);
  });

  test('groups reasons and bounds their number', () => {
    const book = new OutcomeBook(1000);
    for (let ordinal = 0; ordinal < 1000; ordinal += 1)
      book.record(change(ordinal), { ...rejected, message: `row ${ordinal}` });
    const reasons = book.reasons();
    expect(reasons.length).toBe(201);
    expect(reasons[0]).toMatchObject({ message: 'other messages', count: 800 });
    expect(reasons.reduce((sum, reason) => sum + reason.count, 0)).toBe(1000);
  });
});

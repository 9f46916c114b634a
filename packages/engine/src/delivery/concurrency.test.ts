import { describe, expect, test } from 'vitest';
import { Concurrency } from './concurrency.ts';
import { Gate } from './gate.ts';

/** Runs rounds of as many requests as the limit says; each takes as long as `tookMs` says. */
function drive(
  concurrency: Concurrency,
  rounds: number,
  tookMs: (atOnce: number) => number,
  overloaded: (atOnce: number) => boolean = () => false,
): number[] {
  const limits: number[] = [];
  let now = 0;
  for (let round = 0; round < rounds; round += 1) {
    const { limit } = concurrency;
    limits.push(limit);
    const epochs = Array.from({ length: limit }, (_each, index) => concurrency.started(index + 1, now));
    now += tookMs(limit);
    for (const epoch of epochs) concurrency.ended(epoch, { rows: 100, overloaded: overloaded(limit) }, now);
  }
  return limits;
}

describe('Concurrency', () => {
  test('grows to the cap while more requests at once bring more', () => {
    const limits = drive(new Concurrency(16), 30, () => 100);
    expect(limits.at(-1)).toBe(16);
    expect(Math.max(...limits)).toBe(16);
  });

  test('stays where more requests at once bring nothing', () => {
    // The destination works on eight at a time; the ninth waits.
    const limits = drive(new Concurrency(64), 200, (atOnce) => 100 * Math.max(1, atOnce / 8));
    expect(limits.slice(50).every((limit) => limit >= 8 && limit <= 10)).toBe(true);
  });

  test('halves once for all requests that met the overload together', () => {
    const concurrency = new Concurrency(8);
    drive(concurrency, 12, () => 100);
    expect(concurrency.limit).toBe(8);
    drive(
      concurrency,
      1,
      () => 100,
      () => true,
    );
    expect(concurrency.limit).toBe(4);
  });

  test('never falls below one, and finds the way back', () => {
    const concurrency = new Concurrency(8);
    drive(
      concurrency,
      20,
      () => 100,
      () => true,
    );
    expect(concurrency.limit).toBe(1);
    drive(concurrency, 100, () => 100);
    expect(concurrency.limit).toBe(8);
  });

  test('settles below what overloads the destination', () => {
    const limits = drive(
      new Concurrency(32),
      300,
      () => 100,
      (atOnce) => atOnce > 12,
    );
    expect(Math.max(...limits.slice(20))).toBeLessThanOrEqual(13);
    expect(limits.slice(100).reduce((sum, limit) => sum + limit, 0) / 200).toBeGreaterThan(7);
  });

  test('does not grow when nobody waits', () => {
    const concurrency = new Concurrency(16);
    for (let now = 0; now < 10_000; now += 100)
      concurrency.ended(concurrency.started(1, now), { rows: 1, overloaded: false }, now + 50);
    expect(concurrency.limit).toBe(4);
  });
});

describe('Gate', () => {
  test('lets no more through than the limit, in order, and nobody slips in', async () => {
    let now = 0;
    const gate = new Gate(2, () => (now += 1));
    const { signal } = new AbortController();
    const order: number[] = [];
    let underWay = 0;
    let most = 0;
    const request = async (n: number): Promise<void> => {
      const leave = await gate.enter(signal);
      order.push(n);
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      leave({ rows: 1, overloaded: false });
      if (n === 0) await request(100);
    };
    await Promise.all(Array.from({ length: 10 }, (_each, n) => request(n)));
    expect(most).toBe(2);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100]);
  });

  test('one who gives up leaves the queue', async () => {
    const gate = new Gate(1, () => 0);
    const { signal } = new AbortController();
    const cancel = new AbortController();
    const leave = await gate.enter(signal);
    const gaveUp = gate.enter(cancel.signal);
    const behind = gate.enter(signal);
    cancel.abort(new Error('canceled'));
    await expect(gaveUp).rejects.toThrow('canceled');
    leave({ rows: 1, overloaded: false });
    await expect(behind).resolves.toBeTypeOf('function');
  });
});

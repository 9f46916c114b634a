import { describe, expect, test } from 'vitest';
import { LearnedRate } from './learned-rate.ts';
import { LocalPace, LocalPaces } from './pace.ts';
import { TokenBucket } from './token-bucket.ts';
import { VirtualClock } from './virtual-clock.ts';

const never = new AbortController().signal;

async function timesOf(pace: LocalPace, clock: VirtualClock, count: number): Promise<number[]> {
  const start = clock.now();
  return Promise.all(
    Array.from({ length: count }, async () => {
      await pace.take(never);
      return clock.now() - start;
    }),
  );
}

describe('TokenBucket', () => {
  test('lets a burst go and then the rate, a little below both', () => {
    const bucket = new TokenBucket({ requestsPerSecond: 10, burst: 5 }, 0);
    const waits = Array.from({ length: 5 }, () => bucket.take(0));
    // One of the burst is kept in reserve.
    expect(waits).toEqual([0, 0, 0, 0, 102]);
    expect(bucket.take(102)).toBe(0);
    expect(bucket.take(102)).toBeGreaterThan(95);
  });

  test('a late caller loses nothing, and gets no more than the burst', () => {
    const bucket = new TokenBucket({ requestsPerSecond: 10, burst: 5 }, 0);
    while (bucket.take(0) === 0);
    let after = 0;
    while (bucket.take(60_000) === 0) after += 1;
    expect(after).toBe(4);
  });

  test('a clock that is set back refills nothing', () => {
    const bucket = new TokenBucket({ requestsPerSecond: 10, burst: 1 }, 10_000);
    expect(bucket.take(10_000)).toBe(0);
    expect(bucket.take(0)).toBeGreaterThan(0);
    expect(bucket.take(50)).toBeGreaterThan(0);
  });
});

describe('LearnedRate', () => {
  test('knows no limit before a refusal, then stays below what was refused and comes back slowly', () => {
    const learned = new LearnedRate();
    for (let at = 0; at < 2000; at += 50) {
      expect(learned.waitMs(at)).toBe(0);
      learned.sent(at);
    }
    learned.refused(1950, 2000);
    expect(learned.rate(2000)).toBeCloseTo(14, 0);
    // Requests that were under way already do not count again.
    learned.refused(1900, 2010);
    expect(learned.rate(2000)).toBeCloseTo(14, 0);
    expect(learned.waitMs(2000)).toBeGreaterThan(0);
    expect(learned.rate(12_000)).toBeCloseTo(18, 0);
    expect(learned.rate(600_000)).toBeUndefined();
  });
});

describe('LocalPace', () => {
  test('requests pass in the order in which they came', async () => {
    const clock = new VirtualClock();
    const times = await timesOf(new LocalPace({ requestsPerSecond: 10, burst: 2 }, clock), clock, 20);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBeGreaterThan(1700);
  });

  test('one who gives up does not hold up those behind', async () => {
    const clock = new VirtualClock();
    const pace = new LocalPace({ requestsPerSecond: 1, burst: 1 }, clock);
    const cancel = new AbortController();
    await pace.take(never);
    const gaveUp = pace.take(cancel.signal);
    const behind = pace.take(never);
    cancel.abort(new Error('canceled'));
    await expect(gaveUp).rejects.toThrow('canceled');
    await behind;
    expect(clock.now()).toBeLessThan(1_000_000 + 1100);
  });

  test('a pause holds up everybody, and ends without a burst', async () => {
    const clock = new VirtualClock();
    const pace = new LocalPace({ requestsPerSecond: 10, burst: 50 }, clock);
    pace.pause(clock.now() + 5000);
    const times = await timesOf(pace, clock, 11);
    expect(times[0]).toBe(5000);
    expect(times.at(-1)).toBeGreaterThan(5900);
  });
});

test('syncs to the same destination share one pace; others do not', () => {
  const clock = new VirtualClock();
  const paces = new LocalPaces();
  const limit = { requestsPerSecond: 1, burst: 1 };
  expect(paces.of('a', limit, clock)).toBe(paces.of('a', limit, clock));
  expect(paces.of('a', limit, clock)).not.toBe(paces.of('b', limit, clock));
  expect(paces.of('a', limit, clock)).not.toBe(paces.of('a', undefined, clock));
});

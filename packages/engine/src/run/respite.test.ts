import { expect, test } from 'vitest';
import { DeliveryStopped } from '../delivery/delivery-stopped.ts';
import { isPaused, pauseText, respiteAfter } from './respite.ts';

const now = Date.parse('2026-01-01T00:00:00.000Z');
const down = (retryInMs?: number): DeliveryStopped => new DeliveryStopped('down', 'D', 'wait', retryInMs);

test('each pause in a row is twice as long, up to an hour', () => {
  const first = respiteAfter(down(0), undefined, now);
  expect(first).toEqual({
    at: '2026-01-01T00:00:00.000Z',
    by: 'sluice',
    reason: 'down',
    until: '2026-01-01T00:01:00.000Z',
    times: 1,
  });
  expect(respiteAfter(down(0), first, now)).toMatchObject({ until: '2026-01-01T00:02:00.000Z', times: 2 });
  const long = { at: '', by: 'sluice', times: 40 };
  expect(respiteAfter(down(0), long, now)?.until).toBe('2026-01-01T01:00:00.000Z');
});

test('a pause is at least as long as the destination asked for', () => {
  expect(respiteAfter(down(1_800_000), undefined, now)?.until).toBe('2026-01-01T00:30:00.000Z');
});

test('there is no pause where waiting would not help', () => {
  expect(respiteAfter(down(), undefined, now)).toBeUndefined();
});

test('a pause by itself ends by itself, one that somebody asked for does not', () => {
  const own = respiteAfter(down(0), undefined, now);
  expect(isPaused(own, now + 59_000)).toBe(true);
  expect(isPaused(own, now + 60_000)).toBe(false);
  expect(isPaused({ at: '', by: 'ann' }, now + 1e12)).toBe(true);
  expect(isPaused(undefined, now)).toBe(false);
  expect(pauseText(own!, 'people')).toContain('sluice resume people');
});

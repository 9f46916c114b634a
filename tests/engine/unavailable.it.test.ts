// A destination that is down: the sync ends with what was delivered recorded, the mapping
// pauses by itself, and goes on by itself when the time has come.
import { mappingStatus, resumeMapping } from '@sluice/engine';
import type { Clock } from '@sluice/engine';
import { createRegistry } from '@sluice/destinations';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openWorkbench } from './workbench.ts';
import type { Workbench } from './workbench.ts';

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
});
afterEach(() => {
  bench.answer = undefined;
  bench.take();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

/** The real time and `ahead`; back-offs take no time. */
function clockAhead(ahead: { ms: number }): Clock {
  return {
    now: () => Date.now() + ahead.ms,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      ahead.ms += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const MINUTE = 60_000;
const ids = (count: number): string => `SELECT id FROM UNNEST(GENERATE_ARRAY(1, ${count})) AS id`;

test('is left in peace for a while, longer each time, and then gets the rest', async () => {
  const mapping = bench.mapping('down', ids(50), { batchSize: 10 });
  const ahead = { ms: 0 };
  const clock = clockAhead(ahead);
  let requests = 0;
  bench.answer = () => (++requests > 2 ? { status: 503, body: 'maintenance' } : undefined);

  const first = await bench.sync(mapping, { clock });
  expect(first).toMatchObject({
    state: 'failed',
    error: { code: 'DESTINATION_UNAVAILABLE' },
    outcomes: { added: { delivered: 20, deferred: 30 } },
    pausedUntil: expect.stringMatching(/^\d{4}-/) as string,
  });
  expect(await mappingStatus(bench.source, mapping, { clock })).toMatchObject({
    records: 20,
    paused: { by: 'sluice', until: first.pausedUntil, times: 1 },
  });

  const before = bench.receiver.requests;
  const skipped = await bench.sync(mapping, { clock });
  expect(skipped).toMatchObject({ state: 'skipped', pausedUntil: first.pausedUntil });
  expect(skipped.message).toContain('sluice resume down');
  expect(bench.receiver.requests).toBe(before);

  ahead.ms += MINUTE;
  expect((await mappingStatus(bench.source, mapping, { clock })).paused).toBeUndefined();
  const second = await bench.sync(mapping, { clock });
  expect(second).toMatchObject({ state: 'failed', outcomes: { added: { delivered: 0, deferred: 30 } } });
  expect((await mappingStatus(bench.source, mapping, { clock })).paused?.times).toBe(2);

  bench.answer = undefined;
  ahead.ms += MINUTE;
  expect((await bench.sync(mapping, { clock })).state).toBe('skipped');
  ahead.ms += MINUTE;
  expect(await bench.sync(mapping, { clock })).toMatchObject({ state: 'succeeded', plan: { added: 30 } });
  expect(new Set(bench.take().map((row) => row['id'])).size).toBe(50);

  // The next time counts from the beginning.
  bench.answer = () => ({ status: 503 });
  await bench.sync(bench.mapping('down', ids(90), { batchSize: 10 }), { clock });
  expect((await mappingStatus(bench.source, mapping, { clock })).paused).toMatchObject({ by: 'sluice', times: 1 });
});

test('that asks for a long pause gets it, and somebody may end it before its time', async () => {
  const mapping = bench.mapping('asked', ids(5));
  const ahead = { ms: 0 };
  const clock = clockAhead(ahead);
  bench.answer = () => ({ status: 429, headers: { 'retry-after': '1800' } });
  const report = await bench.sync(mapping, { clock });
  expect(report).toMatchObject({ state: 'failed', error: { code: 'DESTINATION_UNAVAILABLE' } });
  expect(Date.parse(report.pausedUntil ?? '') - clock.now()).toBeGreaterThan(25 * MINUTE);
  bench.answer = undefined;
  expect((await bench.sync(mapping, { clock })).state).toBe('skipped');
  expect(await resumeMapping(bench.source, mapping)).toBe(true);
  expect(await bench.sync(mapping, { clock })).toMatchObject({ state: 'succeeded', plan: { added: 5 } });
});

test('for want of credentials is no reason to wait', async () => {
  const mapping = bench.mapping('refused', ids(5));
  bench.answer = () => ({ status: 401 });
  const report = await bench.sync(mapping);
  expect(report).toMatchObject({ state: 'failed', error: { code: 'DESTINATION_REFUSES' } });
  expect(report.pausedUntil).toBeUndefined();
  bench.answer = undefined;
  expect((await bench.sync(mapping)).state).toBe('succeeded');
});

test('a rate limit of the configuration holds for all mappings of a destination', async () => {
  const rateLimit = { requestsPerSecond: 20, burst: 3 };
  const limited = (id: string): Parameters<Workbench['sync']>[0] => {
    const mapping = bench.mapping(id, ids(15), { batchSize: 1 });
    return { ...mapping, destination: { ...mapping.destination, rateLimit } };
  };
  const arrivals: number[] = [];
  bench.answer = () => void arrivals.push(Date.now());
  const registry = createRegistry();
  await Promise.all(['limited_a', 'limited_b'].map((id) => bench.sync(limited(id), { registry })));
  expect(arrivals.length).toBe(30);
  // 30 requests, of which 3 may go at once: the others take at least 27/20 s.
  expect((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(1300);
});

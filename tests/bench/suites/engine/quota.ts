// A destination with a quota: so many requests a second, 429 with Retry-After beyond, each
// answer after 100 ms.
import { startSink } from '../../sink.ts';
import type { Measurement } from '../../suite.ts';
import { sync, writeProject } from './scene.ts';
import type { Scene } from './scene.ts';

const REQUESTS_PER_SECOND = 20;
const REQUESTS = 600;
const ROUND_TRIP_MS = 100;

export async function quota(scene: Scene, log: (text: string) => void): Promise<Measurement> {
  await using sink = await startSink({
    countsRecords: true,
    delayMs: ROUND_TRIP_MS,
    requestsPerSecond: REQUESTS_PER_SECOND,
  });
  const batchSize = Math.ceil(scene.rows / REQUESTS);
  const project = await writeProject(scene, 'quota', sink.url, {
    batchSize,
    more: `\n    rate_limit: { requests_per_second: ${REQUESTS_PER_SECOND}, burst: 1 }`,
  });
  log('a destination with a quota');
  const run = await sync(scene, project, 'quota');
  const { records, distinct, refused, requests, firstMs, lastMs } = await sink.counters();
  const rate = (requests - 1) / ((lastMs - firstMs) / 1000);
  const ratio = rate / REQUESTS_PER_SECOND;
  return {
    case: 'quota',
    ours: {
      requestsPerSecond: Math.round(rate * 100) / 100,
      refused,
      sentTwice: records - distinct,
      delivered: run.delivered,
    },
    reference: { requestsPerSecond: REQUESTS_PER_SECOND, roundTripMs: ROUND_TRIP_MS },
    ratio,
    aim: 'at least 95 % of the quota, no 429, nothing twice',
    ok: ratio >= 0.95 && refused === 0 && records === distinct && distinct === scene.rows,
  };
}

// A sync that is killed in the middle and started again: what the destination gets twice is at
// most what was on its way.
import { once } from 'node:events';
import { startSink } from '../../sink.ts';
import type { Measurement } from '../../suite.ts';
import type { Scene } from './scene.ts';
import { BATCH } from './meter.ts';
import { startSluice, sync, writeProject } from './scene.ts';

/** Batches that the webhook has in flight at once. */
const IN_FLIGHT = 4;
const POLL_MS = 20;
const LIMIT_MS = 10 * 60_000;

export async function killed(scene: Scene, log: (text: string) => void): Promise<Measurement> {
  await using sink = await startSink({ countsRecords: true, delayMs: 20 });
  const project = await writeProject(scene, 'killed', sink.url);
  log('a sync that is killed at half');
  const child = startSluice(project, ['sync', 'killed', '--json']);
  child.stdout?.resume();
  const closed = once(child, 'close');
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    if ((await sink.counters()).records >= scene.rows / 2) break;
    if (child.exitCode !== null) throw new Error('the sync ended before half of it was sent');
    if (Date.now() > deadline) throw new Error('half of the sync is not sent in time');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  child.kill('SIGKILL');
  await closed;
  const atKill = await sink.counters();
  log('the sync once more');
  const again = await sync(scene, project, 'killed');
  const { records, distinct } = await sink.counters();
  const sentTwice = records - distinct;
  const allowed = IN_FLIGHT * BATCH;
  return {
    case: 'killed',
    ours: { sentTwice, sentBeforeKill: atKill.records, distinct, restartWallSeconds: Math.round(again.wallSeconds) },
    reference: { inFlightAtMost: allowed, records: scene.rows },
    ratio: sentTwice / allowed,
    aim: 'killed at half and started again: every record arrives, sent twice at most connections × batch size',
    ok: sentTwice <= allowed && distinct === scene.rows,
  };
}

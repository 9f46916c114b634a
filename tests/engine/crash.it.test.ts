// A sync that is killed between any two of its steps, again and again, until it ends by
// itself: every change arrives at least once, only batches in flight arrive twice, and
// the state is what the destination has.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { MappingConfig, SyncReport } from '@sluice/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWorkbench, stateTable } from './workbench.ts';
import type { Workbench } from './workbench.ts';

const BATCH = 10;
const RUN_LIMIT_MS = 60_000;

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

type Run = { readonly diedAt: string } | { readonly report: SyncReport };

async function run(mapping: MappingConfig, dieAtStep: number, journalDir?: string): Promise<Run> {
  const order = path.join(bench.dir, 'order.json');
  await writeFile(order, JSON.stringify({ source: bench.source, mapping, journalDir, dieAtStep }));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', path.join(import.meta.dirname, 'crash-child.ts'), order], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_LIMIT_MS,
    killSignal: 'SIGTERM',
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (signal === 'SIGKILL') return { diedAt: err.trim() };
  if (code !== 0) throw new Error(`the sync ended with ${code ?? signal}: ${err}`);
  return { report: JSON.parse(out) as SyncReport };
}

/** Kills the n-th step of each run, for n = 1, 2, 3, … until a run ends; each run goes on where the last one died. */
async function syncWithCrashes(mapping: MappingConfig, journalDir?: string): Promise<{ diedAt: string[]; report: SyncReport }> {
  const diedAt: string[] = [];
  for (let step = 1; step < 60; step += 1) {
    const result = await run(mapping, step, journalDir);
    if ('report' in result) return { diedAt, report: result.report };
    diedAt.push(result.diedAt);
  }
  throw new Error(`still not done after ${diedAt.length} crashes: ${diedAt.join(', ')}`);
}

async function stateOf(id: string): Promise<string[]> {
  return (await bench.rows(`SELECT record_id FROM ${stateTable(`records_${id}`)} ORDER BY record_id`)).map((row) => row['record_id'] ?? '');
}

function timesReceived(): Map<string, number> {
  const times = new Map<string, number>();
  for (const row of bench.take()) times.set(String(row['id']), (times.get(String(row['id'])) ?? 0) + 1);
  return times;
}

test.each([
  { how: 'with a journal', id: 'with_journal', journal: true },
  { how: 'without a journal', id: 'without_journal', journal: false },
])('killed at one step after the other, $how, every change arrives and the state is true', { timeout: 300_000 }, async ({ id, journal }) => {
  const journalDir = journal ? await mkdtemp(path.join(bench.dir, 'journal-')) : undefined;
  const wanted = Array.from({ length: 60 }, (_value, index) => String(index + 1)).toSorted();
  const first = bench.mapping(id, 'SELECT id, 1 AS v FROM UNNEST(GENERATE_ARRAY(1, 60)) AS id', { batchSize: BATCH });
  const { diedAt, report } = await syncWithCrashes(first, journalDir);
  expect(diedAt.length).toBeGreaterThan(8);
  expect(report.state).toBe('succeeded');
  expect(await stateOf(id)).toEqual(wanted);
  const times = timesReceived();
  expect([...times.keys()].toSorted()).toEqual(wanted);

  const second = bench.mapping(id, 'SELECT id, IF(id <= 5, 2, 1) AS v FROM UNNEST(GENERATE_ARRAY(1, 55)) AS id', { batchSize: BATCH });
  await syncWithCrashes(second, journalDir);
  expect((await stateOf(id)).length).toBe(55);
  expect([...timesReceived().keys()].toSorted((a, b) => Number(a) - Number(b))).toEqual(['1', '2', '3', '4', '5', '56', '57', '58', '59', '60']);
  const quiet = await run(second, 1000, journalDir);
  expect(quiet).toMatchObject({ report: { plan: { added: 0, updated: 0, deleted: 0 } } });
});

test('with a journal, a batch that was acknowledged is never sent again', { timeout: 300_000 }, async () => {
  const journalDir = await mkdtemp(path.join(bench.dir, 'journal-'));
  const mapping = bench.mapping('acknowledged', 'SELECT id FROM UNNEST(GENERATE_ARRAY(1, 60)) AS id', { batchSize: BATCH });
  bench.take();
  let report: SyncReport | undefined;
  let crashes = 0;
  // Steps of a resumed run: prepared, leased, delivering, batch, …: each run dies after its first batch.
  for (const step of [8, 4, 4, 4, 4, 1000]) {
    const result = await run(mapping, step, journalDir);
    if ('report' in result) {
      report = result.report;
      break;
    }
    if (result.diedAt === 'batch') crashes += 1;
  }
  expect(report).toMatchObject({ state: 'succeeded', resumed: true, outcomes: { added: { delivered: 60 } } });
  expect(crashes).toBeGreaterThan(2);
  // Died after the journal was written, so nothing was in flight but what other workers had sent.
  const twice = [...timesReceived().values()].filter((times) => times > 1).length;
  expect(twice).toBeLessThanOrEqual(crashes * BATCH * 4);
});

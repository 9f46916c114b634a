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
/** Batches that the webhook sends at once. */
const CONCURRENCY = 4;
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
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', path.join(import.meta.dirname, 'crash-child.ts'), order],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: RUN_LIMIT_MS,
      killSignal: 'SIGTERM',
    },
  );
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (signal === 'SIGKILL') return { diedAt: err.trim() };
  if (code !== 0) throw new Error(`the sync ended with ${code ?? signal}: ${err}`);
  return { report: JSON.parse(out) as SyncReport };
}

async function stateOf(id: string): Promise<string[]> {
  return (await bench.rows(`SELECT record_id FROM ${stateTable(`records_${id}`)} ORDER BY record_id`)).map(
    (row) => row['record_id'] ?? '',
  );
}

function timesReceived(): Map<string, number> {
  const times = new Map<string, number>();
  for (const row of bench.take()) times.set(String(row['id']), (times.get(String(row['id'])) ?? 0) + 1);
  return times;
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_value, index) => String(from + index)).toSorted();

test.each([
  { how: 'with a journal', prefix: 'journal', journal: true },
  { how: 'without a journal', prefix: 'bare', journal: false },
])(
  'killed at any step, $how, every change arrives and the state is true',
  { timeout: 400_000 },
  async ({ prefix, journal }) => {
    const journalDir = journal ? await mkdtemp(path.join(bench.dir, 'journal-')) : undefined;
    const killedAt = new Set<string>();
    // Up to `delivering`, the seventh step, there is nothing to keep in a journal.
    for (let step = journal ? 1 : 7; ; step += 1) {
      const id = `${prefix}_${step}`;
      const rows = (to: number, changed: number): MappingConfig =>
        bench.mapping(id, `SELECT id, IF(id <= ${changed}, 2, 1) AS v FROM UNNEST(GENERATE_ARRAY(1, ${to})) AS id`, {
          batchSize: BATCH,
        });
      bench.take();
      const killed = await run(rows(60, 0), step, journalDir);
      // A clean run ends before its last step comes: every step has had its turn.
      if ('report' in killed) break;
      killedAt.add(killed.diedAt);
      // The run that takes over is killed too, at its own third step; the next one may end.
      await run(rows(60, 0), 3, journalDir);
      const ended = await run(rows(60, 0), 1000, journalDir);
      expect(ended, `killed at ${killed.diedAt}`).toMatchObject({
        report: { state: expect.stringMatching(/^(succeeded|skipped)$/) as string },
      });
      expect(await stateOf(id), `killed at ${killed.diedAt}`).toEqual(numbers(1, 60));
      expect([...timesReceived().keys()].toSorted(), `killed at ${killed.diedAt}`).toEqual(numbers(1, 60));

      if (!journal) continue;
      const changes = await run(rows(55, 5), step, journalDir);
      if (!('report' in changes)) await run(rows(55, 5), 1000, journalDir);
      expect(await stateOf(id), `killed at ${killed.diedAt}`).toEqual(numbers(1, 55));
      expect([...timesReceived().keys()].toSorted(), `killed at ${killed.diedAt}`).toEqual(
        [...numbers(1, 5), ...numbers(56, 60)].toSorted(),
      );
    }
    for (const step of [
      ...(journal ? ['leased', 'planning', 'planned', 'plan recorded'] : []),
      'delivering',
      'batch',
      'outcomes saved',
      'commit started',
      'records committed',
      'done',
      'logged',
    ]) {
      expect(killedAt).toContain(step);
    }
  },
);

test('with a journal, a batch that was acknowledged is never sent again', { timeout: 300_000 }, async () => {
  const journalDir = await mkdtemp(path.join(bench.dir, 'journal-'));
  const mapping = bench.mapping('acknowledged', 'SELECT id FROM UNNEST(GENERATE_ARRAY(1, 200)) AS id', {
    batchSize: BATCH,
  });
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
  expect(report).toMatchObject({ state: 'succeeded', resumed: true, outcomes: { added: { delivered: 200 } } });
  expect(crashes).toBe(5);
  // Died after the journal was written, so nothing was in flight but what other workers had sent.
  const twice = [...timesReceived().values()].filter((times) => times > 1).length;
  expect(twice).toBeLessThanOrEqual(crashes * BATCH * (CONCURRENCY - 1));
});

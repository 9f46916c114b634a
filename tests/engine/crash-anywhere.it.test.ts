// Every kind of run (sync, apply, replay, reset), killed wherever it waits for something
// outside of itself: before a request, while it is under way, after its answer. Then a sync
// puts all right: destination and model agree, and the state is what the destination has.
//
// The points are spread over the whole run; SLUICE_CRASH_POINTS says how many (or `all`).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { planMapping, resetMapping } from '@sluice/engine';
import { createRegistry } from '@sluice/destinations';
import type { MappingConfig } from '@sluice/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Order } from './crash-child.ts';
import { openWorkbench, stateTable } from './workbench.ts';
import type { Workbench } from './workbench.ts';

const ASKED = process.env['SLUICE_CRASH_POINTS'] ?? '3';
const RUN_LIMIT_MS = 60_000;

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

type Kind = 'sync' | 'apply' | 'replay' | 'reset';

/** Rows 1 to 12 at first; then 1 and 2 change, 11 and 12 go, 13 comes. */
const model = (id: string, at: 'first' | 'then'): MappingConfig =>
  bench.mapping(
    id,
    at === 'first'
      ? 'SELECT id, 1 AS v FROM UNNEST(GENERATE_ARRAY(1, 12)) AS id'
      : 'SELECT id, IF(id <= 2, 2, 1) AS v FROM UNNEST(GENERATE_ARRAY(1, 13)) AS id WHERE id NOT IN (11, 12)',
    { batchSize: 3 },
  );

const WANTED: ReadonlyMap<string, number> = new Map(
  [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13].map((id) => [String(id), id <= 2 ? 2 : 1]),
);

/** What the destination holds after these rows, in their order. */
function holds(rows: ReturnType<Workbench['take']>): Map<string, unknown> {
  const held = new Map<string, unknown>();
  for (const row of rows) {
    const id = String(row['id']);
    if (row['kind'] === 'deleted') held.delete(id);
    else held.set(id, (row['row'] as { v?: unknown }).v);
  }
  return held;
}

async function child(order: Order): Promise<{ readonly diedAt: string } | { readonly waits: number }> {
  const file = path.join(bench.dir, 'order.json');
  await writeFile(file, JSON.stringify(order));
  const process_ = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', path.join(import.meta.dirname, 'crash-child.ts'), file],
    { stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_LIMIT_MS, killSignal: 'SIGTERM' },
  );
  let out = '';
  let err = '';
  process_.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  process_.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code, signal] = (await once(process_, 'close')) as [number | null, NodeJS.Signals | null];
  if (signal === 'SIGKILL') return { diedAt: err.trim() };
  if (code !== 0) throw new Error(`the run ended with ${code ?? signal}: ${err}`);
  return JSON.parse(out) as { waits: number };
}

/** A mapping with a past, and the run that is to be killed. */
async function prepare(kind: Kind, id: string): Promise<Pick<Order, 'mapping' | 'run'>> {
  const first = await bench.sync(model(id, 'first'));
  expect(first.state).toBe('succeeded');
  const mapping = model(id, 'then');
  switch (kind) {
    case 'sync':
      return { mapping, run: 'sync' };
    case 'reset':
      return { mapping, run: 'reset' };
    case 'replay':
      return { mapping, run: { replay: { syncId: first.syncId, rows: 'all' } } };
    case 'apply': {
      const { planId } = await planMapping(bench.source, mapping, { registry: createRegistry(), save: true });
      return { mapping, run: { apply: planId ?? '' } };
    }
    default:
      return kind satisfies never;
  }
}

async function runAndRecover(
  kind: Kind,
  id: string,
  journalDir: string | undefined,
  dieAtWait: number,
): Promise<{ readonly diedAt: string } | { readonly waits: number }> {
  bench.take();
  const { mapping, run } = await prepare(kind, id);
  const order = { source: bench.source, mapping, run, dieAtWait, ...(journalDir === undefined ? {} : { journalDir }) };
  const rows: ReturnType<Workbench['take']> = bench.take();
  const ended = await child(order as Order);
  const where = `${kind}, killed ${'diedAt' in ended ? ended.diedAt : 'never'}`;
  if (kind === 'reset') await resetMapping(bench.source, mapping, { confirm: id });
  const options = journalDir === undefined ? {} : { journalDir };
  // The first one may only end what was interrupted.
  const reports = [await bench.sync(mapping, options), await bench.sync(mapping, options)];
  for (const report of reports) expect(['succeeded', 'skipped'], `${where}: ${report.message}`).toContain(report.state);
  rows.push(...bench.take());
  const held = holds(rows);
  if (kind === 'reset') for (const gone of ['11', '12']) held.delete(gone);
  expect(held, where).toEqual(WANTED);
  const state = await bench.rows(`SELECT record_id FROM ${stateTable(`records_${id}`)}`);
  expect(state.map((row) => row['record_id'] ?? '').toSorted(), where).toEqual([...WANTED.keys()].toSorted());
  return ended;
}

test.each([
  { kind: 'sync', journal: true },
  { kind: 'sync', journal: false },
  { kind: 'apply', journal: false },
  { kind: 'replay', journal: true },
  { kind: 'reset', journal: false },
] as const)(
  '$kind, killed wherever it waits (journal: $journal)',
  { timeout: 3_600_000 },
  async ({ kind, journal }) => {
    const journalDir = journal ? await mkdtemp(path.join(bench.dir, 'journal-')) : undefined;
    const name = `${kind}_${journal ? 'j' : 'b'}`;
    const whole = await runAndRecover(kind, `${name}_0`, journalDir, Number.MAX_SAFE_INTEGER);
    if (!('waits' in whole)) throw new Error('the run died although nobody killed it');
    expect(whole.waits).toBeGreaterThan(10);
    const points = ASKED === 'all' ? whole.waits : Math.min(Number(ASKED), whole.waits);
    const killedAt = new Set<string>();
    for (let point = 0; point < points; point += 1) {
      const dieAtWait = 1 + Math.floor(((point + 0.5) * whole.waits) / points);
      const ended = await runAndRecover(kind, `${name}_${dieAtWait}`, journalDir, dieAtWait);
      if ('diedAt' in ended) killedAt.add(ended.diedAt);
    }
    // A request more or less may be needed from run to run; the last point may lie behind the end.
    expect(killedAt.size).toBeGreaterThanOrEqual(Math.ceil(points / 2));
  },
);

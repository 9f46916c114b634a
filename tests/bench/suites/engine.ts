// The engine beside the least that its work could cost: incremental syncs of 1 and 10 million
// records against SQL alone and against a hand-written script, a sync without changes, a
// full send, a destination with a quota, and a sync that is killed. CPU seconds are the
// figures to compare; wall time depends on what else the machine does.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startSink } from '../sink.ts';
import type { Measurement, Suite } from '../suite.ts';
import { runScript } from './bigquery/case.ts';
import { changesOf } from './engine/contacts.ts';
import { killed } from './engine/killed.ts';
import type { Usage } from './engine/meter.ts';
import { quota } from './engine/quota.ts';
import { loadContacts, seedState, settle, startScene, sync, writeProject } from './engine/scene.ts';
import type { MeasuredSync, Scene } from './engine/scene.ts';

const SIZES = [1_000_000, 10_000_000] as const;
const MEMORY_LIMIT_MB = 300;
const TOTAL_LIMIT_MS = 60 * 60_000;

type Log = (text: string) => void;
type Wants = (name: string) => boolean;

export const engineSuite: Suite = {
  description: 'whole syncs beside the least that they could cost: SQL alone, hand-written scripts, bare undici',
  async *run(log, wants, options = {}) {
    const limit = setTimeout(() => {
      console.error(`the suite did not end within ${TOTAL_LIMIT_MS / 60_000} minutes`);
      process.exit(1); // children end with this process
    }, TOTAL_LIMIT_MS);
    try {
      for (const rows of options.rows === undefined ? SIZES : [options.rows]) yield* ofSize(rows, log, wants);
    } finally {
      clearTimeout(limit);
    }
  },
};

async function* ofSize(rows: number, log: Log, wants: Wants): AsyncIterable<Measurement> {
  const size = rows % 1_000_000 === 0 ? `${rows / 1_000_000}M` : `${rows / 1000}k`;
  const small = rows < 10_000_000;
  const names = {
    incremental: [`incremental-${size}`, `incremental-${size}-handwritten`, `no-change-${size}`],
    full: small ? [`full-send-${size}`, `full-send-${size}-handwritten`] : [],
    quota: small ? ['quota'] : [],
    killed: small ? ['killed'] : [],
  };
  if (!Object.values(names).flat().some(wants)) return;
  const dir = await mkdtemp(path.join(os.tmpdir(), 'sluice-bench-'));
  try {
    await using scene = await startScene(dir, rows, log);
    if (names.full.some(wants)) yield* fullSend(scene, size, log);
    if (names.killed.some(wants)) yield await killed(scene, log);
    if (names.quota.some(wants)) yield await quota(scene, log);
    if (names.incremental.some(wants)) yield* incremental(scene, size, log, wants);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function* incremental(scene: Scene, size: string, log: Log, wants: Wants): AsyncIterable<Measurement> {
  await using sink = await startSink();
  const project = await writeProject(scene, 'incremental', sink.url);
  log('the state of the last sync');
  await seedState(scene, project, 'incremental');
  await loadContacts(scene, 'now');
  await settle();
  log('the incremental sync');
  const ours = await sync(scene, project, 'incremental');
  const expected = changesOf(scene.rows);
  if (wants(`incremental-${size}`)) {
    log('the same by SQL alone');
    const limit = await reference('limit-incremental', scene.files.database, sink.url);
    const cpuSeconds = ours.engineCpuSeconds + ours.warehouseCpuSeconds;
    const ratio = cpuSeconds / limit.cpuSeconds;
    const most = scene.rows >= 10_000_000 ? 1.5 : 2;
    yield {
      case: `incremental-${size}`,
      ours: { ...figuresOf(ours), cpuSeconds: round(cpuSeconds) },
      reference: figures(limit),
      ratio: round(ratio),
      aim: `at most ${most} times the CPU of the difference by SQL alone, warehouse and engine together`,
      ok: ratio <= most && ours.delivered === expected && limit.changes === expected,
    };
  }
  if (wants(`incremental-${size}-handwritten`)) {
    log('the same by a hand-written script');
    const state = path.join(scene.dir, 'handwritten.state');
    await reference('handwritten-diff', scene.files.database, state, sink.url, 'prepare');
    const script = await reference('handwritten-diff', scene.files.database, state, sink.url, 'sync');
    const cpuSeconds = ours.engineCpuSeconds + ours.warehouseCpuSeconds;
    const ratio = cpuSeconds / script.cpuSeconds;
    yield {
      case: `incremental-${size}-handwritten`,
      ours: { ...figuresOf(ours), cpuSeconds: round(cpuSeconds) },
      reference: figures(script),
      ratio: round(ratio),
      aim: `at most a tenth of the script's CPU (at 10 million rows), engine memory at most ${MEMORY_LIMIT_MB} MB`,
      ok: ratio <= 0.1 && ours.peakMemoryMB <= MEMORY_LIMIT_MB && script.changes === expected,
    };
  }
  if (wants(`no-change-${size}`)) {
    log('a sync without changes');
    const idle = await sync(scene, project, 'incremental');
    yield {
      case: `no-change-${size}`,
      ours: { ...figuresOf(idle), scannedBytes: idle.report.bytesProcessed ?? 0 },
      reference: { wallSeconds: 1, scannedBytes: 0 },
      ratio: round(idle.wallSeconds),
      aim: 'nothing scanned, under one second',
      ok: idle.wallSeconds < 1 && idle.report.bytesProcessed === 0 && idle.delivered === 0,
    };
  }
}

async function* fullSend(scene: Scene, size: string, log: Log): AsyncIterable<Measurement> {
  await using sink = await startSink();
  const project = await writeProject(scene, 'full', sink.url);
  log('a full send');
  const before = await sink.counters();
  const ours = await sync(scene, project, 'full');
  const between = await sink.counters();
  log('the same with bare undici');
  const bare = await reference('bare-send', String(scene.rows), sink.url);
  const after = await sink.counters();
  log('the same by a hand-written script');
  const script = await reference('handwritten-send', scene.files.database, sink.url);
  const rate = (cpuSeconds: number): number => Math.round(scene.rows / cpuSeconds);
  const mine = {
    ...figuresOf(ours),
    engineRowsPerCpuSecond: rate(ours.engineCpuSeconds),
    sentMB: round((between.bytes - before.bytes) / 1e6),
  };
  const ratio = bare.cpuSeconds / ours.engineCpuSeconds;
  yield {
    case: `full-send-${size}`,
    ours: mine,
    reference: {
      ...figures(bare),
      rowsPerCpuSecond: rate(bare.cpuSeconds),
      sentMB: round((after.bytes - between.bytes) / 1e6),
    },
    ratio: round(ratio),
    aim: 'the engine sends at least half of the rows per CPU-second of bare undici',
    ok: ratio >= 0.5 && ours.delivered === scene.rows,
  };
  const cpuSeconds = ours.engineCpuSeconds + ours.warehouseCpuSeconds;
  yield {
    case: `full-send-${size}-handwritten`,
    ours: { ...mine, cpuSeconds: round(cpuSeconds) },
    reference: figures(script),
    ratio: round(cpuSeconds / script.cpuSeconds),
    aim: 'no aim: what a script without state, retries and checks costs, its database included',
    ok: ours.delivered === scene.rows && script['rows'] === scene.rows,
  };
}

type Reference = Usage & Readonly<Record<string, number>>;

function reference(name: string, ...args: readonly string[]): Promise<Reference> {
  return runScript<Reference>(path.resolve(import.meta.dirname, 'engine', `${name}.ts`), args);
}

function figuresOf(run: MeasuredSync): Record<string, number> {
  const { engineCpuSeconds, warehouseCpuSeconds, peakMemoryMB, wallSeconds, delivered } = run;
  return figures({ engineCpuSeconds, warehouseCpuSeconds, enginePeakMemoryMB: peakMemoryMB, wallSeconds, delivered });
}

function figures(all: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, round(value)]));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

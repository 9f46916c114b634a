// Random sequences of what happens to a mapping (its data change, its configuration changes,
// records are refused, answers are lost, the destination is down, runs crash or are canceled,
// the state is reset, an old sync is replayed) against a destination that remembers
// everything. After each sync destination and model agree, but for records that are still
// refused or were deferred; at the end, when all trouble is over, they agree throughout.
//
// The seed is printed; SLUICE_MODEL_TEST_SEED repeats it, SLUICE_MODEL_TEST_SECONDS goes on for longer.
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { resetMapping, retryRejected, syncMapping } from '@sluice/engine';
import type { Clock, MappingConfig, SyncOptions, SyncReport } from '@sluice/engine';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RememberingDestination } from './remembering-destination.ts';
import type { Trouble } from './remembering-destination.ts';
import { openWorkbench, stateTable } from './workbench.ts';
import type { Workbench } from './workbench.ts';

const SECONDS = Number(process.env['SLUICE_MODEL_TEST_SECONDS'] ?? 40);
/** The same in every run of the tests; another is asked for by name. */
const SEED = Number(process.env['SLUICE_MODEL_TEST_SEED'] ?? 507_435);
const HOURS = 3_600_000;

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

/** What ought to be: the rows of the model and the mapping. */
type Expected = { rows: Map<string, string>; suffix: string; synced: boolean };

class Scene {
  readonly id: string;
  readonly destination: RememberingDestination;
  readonly journalDir: string | undefined;
  readonly #clock: Clock & { ahead: number };
  #suffix = '';
  lastSync: { syncId: string; suffix: string } | undefined;

  constructor(id: string, transactional: boolean, journalDir: string | undefined) {
    this.id = id;
    this.destination = new RememberingDestination(transactional);
    this.journalDir = journalDir;
    this.#clock = {
      ahead: 0,
      now() {
        return Date.now() + this.ahead;
      },
      async sleep(ms, signal) {
        signal?.throwIfAborted();
        this.ahead += ms;
        await new Promise((resolve) => setImmediate(resolve));
      },
    };
  }

  async write(rows: ReadonlyMap<string, string>): Promise<void> {
    const list = [...rows].map(([id, v]) => `STRUCT('${id}' AS id, '${v}' AS v)`).join(', ');
    await bench.bigquery.query(
      `CREATE OR REPLACE TABLE shop.${this.id} AS SELECT id, v FROM UNNEST(${list === '' ? 'ARRAY<STRUCT<id STRING, v STRING>>[]' : `[${list}]`})`,
    );
  }

  remap(suffix: string): void {
    this.#suffix = suffix;
  }

  mapping(): MappingConfig {
    const { model, ...rest } = bench.mapping(this.id, `SELECT id, v FROM shop.${this.id}`);
    return {
      ...rest,
      model,
      destination: {
        name: 'memory',
        type: 'remembering',
        action: 'keep',
        settings: {},
        fields: { suffix: this.#suffix },
      },
      guards: { allowEmptyModel: true, maxDeletedShare: 1, maxChangedShare: 1 },
    };
  }

  /** `later`: the pause after an outage is over, and the last commit is long ago. */
  async sync(trouble: Trouble, later: boolean, options: Partial<SyncOptions> = {}): Promise<SyncReport> {
    if (later) this.#clock.ahead += 3 * HOURS;
    this.destination.expect(trouble);
    const report = await syncMapping(bench.source, this.mapping(), {
      registry: this.destination.registry(),
      clock: this.#clock,
      ...(this.journalDir === undefined ? {} : { journalDir: this.journalDir }),
      ...options,
    });
    if (report.plan.added + report.plan.updated + report.plan.deleted > 0 && report.state === 'succeeded')
      this.lastSync = { syncId: report.syncId, suffix: this.#suffix };
    return report;
  }

  reset(): Promise<unknown> {
    return resetMapping(bench.source, this.mapping(), { confirm: this.id });
  }

  retry(): Promise<unknown> {
    return retryRejected(bench.source, this.mapping());
  }

  async ids(table: 'records' | 'rejects'): Promise<Set<string>> {
    const exists = await bench.rows(
      `SELECT table_name FROM \`__segment_reverse_etl\`.INFORMATION_SCHEMA.TABLES WHERE table_name = '${table}_${this.id}'`,
    );
    if (exists.length === 0) return new Set();
    const rows = await bench.rows(`SELECT record_id FROM ${stateTable(`${table}_${this.id}`)}`);
    const ids = rows.map((row) => row['record_id'] ?? '');
    if (new Set(ids).size < ids.length) throw new Error(`${table}: a record is there twice: ${ids.join(', ')}`);
    return new Set(ids);
  }
}

/** Destination and model agree but for these; what the state says was sent, was. */
async function check(
  scene: Scene,
  expected: Expected,
  how: string,
  except: ReadonlySet<string> | 'all',
): Promise<void> {
  const { holds, history } = scene.destination;
  const unsent = [...(await scene.ids('records'))].filter((each) => !history.has(each));
  expect(unsent, `${how}: these are in the state and were never accepted`).toEqual([]);
  if (except === 'all') return;
  const without = (entries: Iterable<readonly [string, string]>): Record<string, string> =>
    Object.fromEntries([...entries].filter(([each]) => !except.has(each)).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  expect(without(holds), how).toEqual(
    without([...expected.rows].map(([each, v]) => [each, `${v}${expected.suffix}`] as const)),
  );
}

type Command = fc.AsyncCommand<Expected, Scene>;

const command = (text: string, run: Command['run'], check: Command['check'] = () => true): Command => ({
  check,
  run,
  toString: () => text,
});

/** After a sync that ended: what the report says must be what is so. */
async function settle(model: Expected, scene: Scene, how: string, report: SyncReport): Promise<void> {
  model.synced = true;
  if (report.state === 'skipped' && report.pausedUntil !== undefined) return;
  const deferred = Object.values(report.outcomes).some((counts) => counts.deferred > 0);
  // A run that went on with an interrupted sync has delivered the model as it was then.
  const open = report.state === 'failed' || report.state === 'canceled' || deferred || report.resumed;
  await check(scene, model, `${how} (${report.state})`, open ? 'all' : await scene.ids('rejects'));
}

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
const some = fc.uniqueArray(id, { maxLength: 3 });

const changeData = fc
  .array(fc.tuple(id, fc.option(fc.constantFrom('1', '2', '3'), { nil: null })), { minLength: 1, maxLength: 6 })
  .map((changes) =>
    command(`data ${JSON.stringify(changes)}`, async (model, scene) => {
      for (const [each, v] of changes) {
        if (v === null) model.rows.delete(each);
        else model.rows.set(each, v);
      }
      await scene.write(model.rows);
    }),
  );

const changeMapping = fc.constantFrom('', '!', '?').map((suffix) =>
  command(`mapping ${suffix}`, async (model, scene) => {
    model.suffix = suffix;
    scene.remap(suffix);
  }),
);

const syncWithTrouble = fc
  .record({
    refused: some,
    answerLost: fc.option(fc.integer({ min: 2, max: 4 }), { nil: undefined, freq: 3 }),
    downFrom: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 4 }),
    wholeBatches: fc.boolean(),
    later: fc.boolean(),
  })
  .map(({ refused, answerLost, downFrom, wholeBatches, later }) => {
    const trouble: Trouble = {
      refused: new Set(refused),
      wholeBatches,
      ...(answerLost === undefined ? {} : { answerLost }),
      ...(downFrom === undefined ? {} : { downFrom }),
    };
    const text = `sync ${JSON.stringify({ refused, answerLost, downFrom, wholeBatches, later })}`;
    return command(text, async (model, scene) => settle(model, scene, text, await scene.sync(trouble, later)));
  });

const syncThatCrashes = fc.record({ step: fc.integer({ min: 1, max: 14 }), refused: some }).map(({ step, refused }) =>
  command(`crash at step ${step}, refused ${refused.join()}`, async (model, scene) => {
    let steps = 0;
    const crash = new Error('crashed');
    const report = await scene
      .sync({ refused: new Set(refused) }, true, {
        onStep: () => {
          steps += 1;
          // Everything after the crash fails, too, as when the process is gone.
          if (steps >= step) throw crash;
        },
      })
      .catch((thrown: unknown) => {
        if (thrown !== crash) throw thrown;
      });
    if (steps >= step) await check(scene, model, 'crash', 'all');
    else if (report !== undefined) await settle(model, scene, 'no crash', report);
  }),
);

const syncThatIsCanceled = fc.integer({ min: 1, max: 12 }).map((step) =>
  command(`cancel at step ${step}`, async (model, scene) => {
    let steps = 0;
    const cancel = new AbortController();
    const canceled = new Error('canceled');
    const report = await scene
      .sync({ refused: new Set() }, true, {
        signal: cancel.signal,
        onStep: () => {
          steps += 1;
          if (steps === step) cancel.abort(canceled);
        },
      })
      .catch((thrown: unknown) => {
        if (!cancel.signal.aborted) throw thrown;
      });
    if (report === undefined) await check(scene, model, 'cancel', 'all');
    else await settle(model, scene, 'cancel', report);
  }),
);

const reset = fc.constant(
  command(
    'reset',
    async (model, scene) => {
      // A reset forgets what the destination has: records that have left the model stay there.
      for (const each of scene.destination.holds.keys()) if (!model.rows.has(each)) model.rows.set(each, '1');
      await scene.write(model.rows);
      await scene.reset();
    },
    (model) => model.synced,
  ),
);

const replay = fc.constant(
  command('replay', async (model, scene) => {
    const { lastSync } = scene;
    if (lastSync === undefined || lastSync.suffix !== model.suffix) return;
    const report = await scene
      .sync({ refused: new Set() }, true, { replay: { syncId: lastSync.syncId, rows: 'all' } })
      .catch((thrown: unknown) => {
        const { code } = thrown as { code?: string };
        // A sync that was interrupted has to be ended first; a mapping that changed cannot be replayed.
        if (code !== 'SYNC_INTERRUPTED' && code !== 'REPLAY_STALE') throw thrown;
      });
    if (report !== undefined) await check(scene, model, 'replay', 'all');
  }),
);

const retry = fc.constant(
  command(
    'retry',
    async (_model, scene) => void (await scene.retry()),
    (model) => model.synced,
  ),
);

test('whatever happens, destination and model agree in the end', { timeout: (SECONDS + 75) * 1000 }, async () => {
  console.log(`model-based test: seed ${SEED}, ${SECONDS} s`);
  const until = Date.now() + SECONDS * 1000;
  let runs = 0;
  const commands = fc.commands(
    [
      changeData,
      changeData,
      changeMapping,
      syncWithTrouble,
      syncWithTrouble,
      syncThatCrashes,
      syncThatIsCanceled,
      reset,
      replay,
      retry,
    ],
    { size: 'medium', maxCommands: 12 },
  );
  await fc.assert(
    fc.asyncProperty(commands, fc.boolean(), fc.boolean(), async (sequence, transactional, journal) => {
      // A sequence that has begun is finished; those behind it have no turn any more.
      if (Date.now() > until) return;
      runs += 1;
      const journalDir = journal ? await mkdtemp(path.join(bench.dir, 'journal-')) : undefined;
      const scene = new Scene(`mb_${runs}`, transactional, journalDir);
      const model: Expected = {
        rows: new Map([
          ['a', '1'],
          ['b', '1'],
          ['c', '1'],
        ]),
        suffix: '',
        synced: false,
      };
      await scene.write(model.rows);
      await fc.asyncModelRun(() => ({ model, real: scene }), sequence);
      // All trouble is over: an interrupted sync is ended, quarantine is lifted, the rest is sent.
      await scene.sync({ refused: new Set() }, true);
      await scene.retry();
      const report = await scene.sync({ refused: new Set() }, true);
      expect(['succeeded', 'skipped'], `${report.message} ${JSON.stringify(report.reasons)}`).toContain(report.state);
      await check(scene, model, 'at the end', new Set());
      expect([...(await scene.ids('records'))].toSorted()).toEqual([...model.rows.keys()].toSorted());
      expect(await scene.ids('rejects')).toEqual(new Set());
    }),
    { seed: SEED, numRuns: Math.max(200, SECONDS * 5), endOnFailure: true },
  );
  console.log(`model-based test: ${runs} sequences`);
  expect(runs).toBeGreaterThan(0);
});

import { mkdtemp, readdir } from 'node:fs/promises';
import path from 'node:path';
import { mappingStatus } from '@sluice/engine';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openWorkbench, stateTable } from './workbench.ts';
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

const ids = (count: number): string => `UNNEST(GENERATE_ARRAY(1, ${count})) AS id`;
const refuse = (...refused: string[]): void => {
  bench.answer = (rows) =>
    rows.some((row) => refused.includes(String(row['id']))) ? { status: 400, body: 'no' } : undefined;
};

test('a rejected row is never marked as sent and comes again with fresh data', async () => {
  const model = (v: string): string => `SELECT id, '${v}' AS v FROM ${ids(20)}`;
  refuse('7');
  const first = await bench.sync(bench.mapping('rejected', model('old')));
  expect(first).toMatchObject({ state: 'partially_succeeded', outcomes: { added: { delivered: 19, rejected: 1 } } });
  expect(first.reasons).toMatchObject([{ outcome: 'rejected', count: 1, sampleIds: ['7'] }]);
  expect(await bench.rows(`SELECT COUNT(*) AS n FROM ${stateTable('records_rejected')} WHERE record_id = '7'`)).toEqual(
    [{ n: '0' }],
  );
  expect(await bench.rows(`SELECT record_id, attempts FROM ${stateTable('rejects_rejected')}`)).toEqual([
    { record_id: '7', attempts: '1' },
  ]);
  bench.take();

  await bench.sync(bench.mapping('rejected', model('old')));
  expect(await bench.rows(`SELECT attempts FROM ${stateTable('rejects_rejected')}`)).toEqual([{ attempts: '2' }]);

  bench.answer = undefined;
  const last = await bench.sync(
    bench.mapping('rejected', `SELECT id, IF(id = 7, 'fresh', 'old') AS v FROM ${ids(20)}`),
  );
  expect(last).toMatchObject({ state: 'succeeded', plan: { added: 1, updated: 0 } });
  expect(bench.take()).toMatchObject([{ id: '7', kind: 'new', row: { v: 'fresh' } }]);
  expect(await bench.rows(`SELECT * FROM ${stateTable('rejects_rejected')}`)).toEqual([]);
});

test('a rejected row that disappears from the model is forgotten', async () => {
  refuse('3');
  await bench.sync(bench.mapping('vanished', `SELECT id FROM ${ids(3)}`));
  await bench.sync(bench.mapping('vanished', `SELECT id FROM ${ids(2)}`));
  expect(await bench.rows(`SELECT * FROM ${stateTable('rejects_vanished')}`)).toEqual([]);
});

test('a row that is refused five times waits in quarantine until its data change', async () => {
  refuse('2');
  const mapping = bench.mapping('quarantine', `SELECT id, 'x' AS v FROM ${ids(3)}`);
  for (let round = 0; round < 5; round += 1) await bench.sync(mapping);
  const requests = bench.receiver.requests;
  const waiting = await bench.sync(mapping);
  expect(waiting.plan).toMatchObject({ added: 0, quarantined: 1, unchanged: 2 });
  expect(bench.receiver.requests).toBe(requests);
  expect(await mappingStatus(bench.source, mapping)).toMatchObject({
    state: 'idle',
    records: 2,
    rejects: { waiting: 0, quarantined: 1 },
  });
  bench.answer = undefined;
  const changed = await bench.sync(bench.mapping('quarantine', `SELECT id, IF(id = 2, 'y', 'x') AS v FROM ${ids(3)}`));
  expect(changed.plan).toMatchObject({ added: 1, quarantined: 0 });
  expect(await bench.rows(`SELECT * FROM ${stateTable('rejects_quarantine')}`)).toEqual([]);
});

test('a mapping of updates only sends nothing at first, and then what changed', async () => {
  const mapping = (v: string): Parameters<Workbench['sync']>[0] =>
    bench.mapping('updates_only', `SELECT id, '${v}' AS v FROM ${ids(4)}`, { operations: ['updated'] });
  expect(await bench.sync(mapping('a'))).toMatchObject({
    state: 'succeeded',
    outcomes: { added: { skipped: 4, delivered: 0 } },
  });
  expect(bench.take()).toEqual([]);
  await bench.sync(mapping('b'));
  expect(bench.take().map((row) => row['kind'])).toEqual(['updated', 'updated', 'updated', 'updated']);
});

test('nothing is sent twice when the destination was down in between, and the next sync is complete', async () => {
  const mapping = bench.mapping('down', `SELECT id FROM ${ids(50)}`, { batchSize: 10 });
  let requests = 0;
  bench.answer = () => (++requests > 2 ? { status: 401, body: 'who are you' } : undefined);
  const failed = await bench.sync(mapping);
  expect(failed).toMatchObject({
    state: 'failed',
    error: { code: 'DESTINATION_REFUSES' },
    outcomes: { added: { delivered: 20, deferred: 30 } },
  });
  const before = bench.take().length;
  expect(before).toBe(20);
  bench.answer = undefined;
  expect(await bench.sync(mapping)).toMatchObject({ state: 'succeeded', plan: { added: 30 } });
  expect(bench.take().length).toBe(30);
});

test('a canceled sync keeps what was delivered and sends the rest next time', async () => {
  const mapping = bench.mapping('canceled', `SELECT id FROM ${ids(100)}`, { batchSize: 10 });
  const cancel = new AbortController();
  const report = await bench.sync(mapping, {
    signal: cancel.signal,
    onStep: (step) => void (step === 'batch' && cancel.abort(new Error('stop'))),
  });
  expect(report.state).toBe('canceled');
  const { delivered } = report.outcomes.added;
  expect(delivered).toBeGreaterThan(0);
  expect(delivered).toBeLessThan(100);
  expect(await bench.rows(`SELECT COUNT(*) AS n FROM ${stateTable('records_canceled')}`)).toEqual([
    { n: String(delivered) },
  ]);
  expect(await bench.sync(mapping)).toMatchObject({ state: 'succeeded', plan: { added: 100 - delivered } });
  expect(new Set(bench.take().map((row) => row['id'])).size).toBe(100);
});

test('two runs of one mapping never overlap', async () => {
  const mapping = bench.mapping('overlap', `SELECT id FROM ${ids(10)}`);
  let second: unknown;
  const report = await bench.sync(mapping, {
    onStep: async (step) => {
      if (step === 'delivering') second = await bench.sync(mapping).catch((thrown: unknown) => thrown);
    },
  });
  expect(second).toMatchObject({ code: 'SYNC_RUNNING', kind: 'conflict' });
  expect(report.state).toBe('succeeded');
  expect(bench.take().length).toBe(10);
});

test('a run that lost its lease stops and commits nothing', async () => {
  const mapping = bench.mapping('lost', `SELECT id FROM ${ids(30)}`, { batchSize: 10 });
  let stolen = false;
  const report = await bench.sync(mapping, {
    onStep: async (step) => {
      if (step !== 'batch' || stolen) return;
      stolen = true;
      await bench.bigquery.query(
        `UPDATE ${stateTable('checkpoints_lost')} SET fence = fence + 1, holder = 'elsewhere:1:x:y', lease_expires = TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 SECOND) WHERE TRUE`,
      );
    },
  });
  expect(report).toMatchObject({ state: 'failed', error: { code: 'LEASE_LOST' } });
  expect(await bench.rows(`SELECT * FROM ${stateTable('records_lost')}`)).toEqual([]);
  expect(await bench.sync(mapping)).toMatchObject({
    state: 'succeeded',
    resumed: true,
    outcomes: { added: { delivered: 30 } },
  });
});

test('no plan is made when no table behind the model has changed', async () => {
  await bench.bigquery.query(`CREATE TABLE shop.quiet AS SELECT id FROM ${ids(5)}`);
  // A table that changed within the last seconds may change again in the same tick of its clock.
  await new Promise((resolve) => setTimeout(resolve, 10_500));
  const mapping = bench.mapping('quiet', 'SELECT id FROM shop.quiet');
  expect((await bench.sync(mapping)).state).toBe('succeeded');
  expect(await bench.sync(mapping)).toMatchObject({ state: 'skipped', bytesProcessed: 0 });
  await bench.bigquery.query('INSERT INTO shop.quiet (id) VALUES (6)');
  expect(await bench.sync(mapping)).toMatchObject({ state: 'succeeded', plan: { added: 1 } });
});

test('the journal is removed after the commit', async () => {
  const journalDir = await mkdtemp(path.join(bench.dir, 'journal-'));
  await bench.sync(bench.mapping('journaled', `SELECT id FROM ${ids(5)}`), { journalDir });
  expect(await readdir(journalDir)).toEqual([]);
});

test('the warehouse keeps a log of the syncs', async () => {
  const mapping = bench.mapping('logged', `SELECT id FROM ${ids(5)}`);
  const report = await bench.sync(mapping);
  const status = await mappingStatus(bench.source, mapping);
  expect(status).toMatchObject({ state: 'idle', records: 5, rejects: { waiting: 0, quarantined: 0 } });
  expect(status.history).toMatchObject([{ syncId: report.syncId, state: 'succeeded', added: 5, delivered: 5 }]);
});

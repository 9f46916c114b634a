// A plan is a value: it can be saved, listed, read page by page, applied later (exactly as
// it is, whatever the source holds by then) and discarded.
import { createRegistry } from '@sluice/destinations';
import { applyPlan, discardPlan, listPlans, planChanges, planMapping, readPlan } from '@sluice/engine';
import type { MappingConfig, PlanSummary, PlannedChange, SyncReport } from '@sluice/engine';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openWorkbench, stateTable } from './workbench.ts';
import type { Workbench } from './workbench.ts';

const registry = createRegistry();
let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
});
afterEach(() => void bench.take());
afterAll(() => bench?.[Symbol.asyncDispose]());

const rows = (text: string): string => `SELECT * FROM UNNEST([${text}])`;
const save = (mapping: MappingConfig): Promise<PlanSummary> =>
  planMapping(bench.source, mapping, { registry, save: true });
const apply = (mapping: MappingConfig, planId: string | undefined): Promise<SyncReport> =>
  applyPlan(bench.source, mapping, planId ?? '', { registry });

async function changesOf(mapping: MappingConfig, planId: string | undefined): Promise<PlannedChange[]> {
  const changes: PlannedChange[] = [];
  for await (const change of planChanges(bench.source, mapping, planId ?? '')) changes.push(change);
  return changes.toSorted((a, b) => a.recordId.localeCompare(b.recordId));
}

test('a saved plan is delivered exactly as it was, although the source has changed since', async () => {
  const before = bench.mapping('applied', rows(`STRUCT('a' AS id, 1 AS v), STRUCT('b', 2)`));
  const { planId } = await save(before);
  expect(bench.take()).toEqual([]);
  expect(await listPlans(bench.source, before)).toMatchObject([
    { planId, kind: 'saved', applicable: true, counts: { added: 2 } },
  ]);
  // The source changes between the plan and its delivery.
  const after = { ...before, model: { ...before.model, sql: rows(`STRUCT('a' AS id, 9 AS v), STRUCT('c', 3)`) } };
  const report = await apply(after, planId);
  expect(report).toMatchObject({
    state: 'succeeded',
    kind: 'apply',
    syncId: planId,
    outcomes: { added: { delivered: 2 } },
  });
  expect(
    bench
      .take()
      .map((row) => [row['id'], (row['row'] as { v: number }).v])
      .toSorted(([a], [b]) => String(a).localeCompare(String(b))),
  ).toEqual([
    ['a', 1],
    ['b', 2],
  ]);
  expect(await listPlans(bench.source, before)).toEqual([]);
  await expect(apply(before, planId)).rejects.toMatchObject({ code: 'PLAN_UNKNOWN' });
  // The next sync finds what the source holds now against what was sent.
  expect((await bench.sync(after)).plan).toMatchObject({ added: 1, updated: 1, deleted: 1 });
});

test('a plan whose records were sent meanwhile is refused with figures; one that they do not touch is not', async () => {
  const model = (a: number, b: number): MappingConfig =>
    bench.mapping('moved', rows(`STRUCT('a' AS id, ${a} AS v), STRUCT('b', ${b})`));
  await bench.sync(model(1, 1));
  const stale = await save(model(2, 2));
  await bench.sync(model(3, 1));
  await expect(apply(model(2, 2), stale.planId)).rejects.toMatchObject({
    code: 'PLAN_MOVED',
    details: { moved: 1, changes: 2, sampleIds: ['a'] },
  });
  const untouched = await save(model(3, 5));
  expect(untouched.counts).toMatchObject({ updated: 1 });
  await bench.sync(model(4, 1));
  bench.take();
  expect(await apply(model(3, 5), untouched.planId)).toMatchObject({ state: 'succeeded', plan: { updated: 1 } });
  expect(bench.take().map((row) => row['id'])).toEqual(['b']);
});

test('a plan of a mapping that has changed since is refused', async () => {
  const { planId } = await save(bench.mapping('stale', `SELECT 'a' AS id, 1 AS v`));
  const changed = bench.mapping('stale', `SELECT 'a' AS id, 1 AS v`, { data: '$.properties.v' });
  expect(await listPlans(bench.source, changed)).toMatchObject([{ planId, applicable: false }]);
  await expect(apply(changed, planId)).rejects.toMatchObject({ code: 'PLAN_STALE' });
});

test('a plan is read page by page, without its invalid rows', async () => {
  const sql = `SELECT IF(n = 7, NULL, n) AS id, n AS v FROM UNNEST(GENERATE_ARRAY(1, 25)) AS n`;
  const mapping = bench.mapping('paged', sql);
  const { planId = '' } = await save(mapping);
  const seen: string[] = [];
  let pageToken: string | undefined;
  let pages = 0;
  do {
    const page = await readPlan(bench.source, mapping, planId, {
      pageSize: 10,
      ...(pageToken === undefined ? {} : { pageToken }),
    });
    seen.push(...page.changes.map((change) => change.recordId));
    pageToken = page.nextPageToken;
    pages += 1;
  } while (pageToken !== undefined && pages < 10);
  expect(pages).toBe(3);
  expect(seen.length).toBe(24);
  expect(new Set(seen).size).toBe(24);
  await expect(readPlan(bench.source, mapping, planId, { pageToken: 'x' })).rejects.toMatchObject({
    code: 'PAGE_TOKEN_INVALID',
  });
  await expect(readPlan(bench.source, mapping, "1'; DROP", {})).rejects.toMatchObject({ code: 'PLAN_UNKNOWN' });
});

test('switching what the state keeps sends nothing again; values then show old beside new', async () => {
  const mapping = (v: string, keepValues: boolean): MappingConfig =>
    bench.mapping('switched', `SELECT 'a' AS id, '${v}' AS v, 1 AS same`, { keepValues });
  await bench.sync(mapping('x', false));
  expect((await bench.sync(mapping('x', true))).plan).toMatchObject({ added: 0, updated: 0 });
  await bench.sync(mapping('y', true));
  const { planId } = await save(mapping('z', true));
  expect(await changesOf(mapping('z', true), planId)).toMatchObject([
    { operation: 'updated', previous: { v: 'y' }, columns: { v: 'z' }, changed: ['v'], sent: true },
  ]);
  expect((await bench.sync(mapping('y', false))).plan).toMatchObject({ added: 0, updated: 0 });
});

test('a discarded plan is gone, saved or stopped by a guard', async () => {
  const mapping = bench.mapping('discarded', 'SELECT id FROM UNNEST([1, 2, 3]) AS id');
  const { planId = '' } = await save(mapping);
  await discardPlan(bench.source, mapping, planId);
  await expect(apply(mapping, planId)).rejects.toMatchObject({ code: 'PLAN_UNKNOWN' });
  await expect(discardPlan(bench.source, mapping, planId)).rejects.toMatchObject({ code: 'PLAN_UNKNOWN' });

  await bench.sync(mapping);
  bench.take();
  const empty = { ...mapping, model: { ...mapping.model, sql: 'SELECT id FROM UNNEST([1]) AS id WHERE id > 1' } };
  const blocked = await bench.sync(empty);
  expect(await listPlans(bench.source, empty)).toMatchObject([{ planId: blocked.syncId, kind: 'blocked' }]);
  await discardPlan(bench.source, empty, blocked.syncId);
  expect(await listPlans(bench.source, empty)).toEqual([]);
  await expect(bench.sync(empty, { approve: blocked.syncId })).rejects.toMatchObject({ code: 'APPROVAL_UNKNOWN' });
  expect(bench.take()).toEqual([]);
  expect(await bench.rows(`SELECT COUNT(*) AS n FROM ${stateTable('records_discarded')}`)).toEqual([{ n: '3' }]);
});

test('an applied plan that was interrupted is gone on with, and not applied twice', async () => {
  const mapping = bench.mapping('cut', 'SELECT id FROM UNNEST(GENERATE_ARRAY(1, 30)) AS id', { batchSize: 10 });
  const { planId = '' } = await save(mapping);
  let batches = 0;
  const cut = applyPlan(bench.source, mapping, planId, {
    registry,
    onStep: (step) => {
      if (step === 'batch' && ++batches === 2) throw new Error('the process ends here');
    },
  });
  expect(await cut).toMatchObject({ state: 'failed' });
  const report = await bench.sync(mapping);
  expect(report).toMatchObject({ state: 'succeeded', resumed: true, kind: 'apply', syncId: planId });
  expect(new Set(bench.take().map((row) => row['id'])).size).toBe(30);
  expect(await listPlans(bench.source, mapping)).toEqual([]);
  expect((await bench.sync(mapping)).plan).toMatchObject({ added: 0, unchanged: 30 });
});

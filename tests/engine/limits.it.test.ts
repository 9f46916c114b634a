// Limits of records, syncs and costs, and the guards that look at shares.
import { createRegistry } from '@sluice/destinations';
import { planMapping } from '@sluice/engine';
import type { Limits, MappingConfig } from '@sluice/engine';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openWorkbench } from './workbench.ts';
import type { Workbench } from './workbench.ts';

const registry = createRegistry();
let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
});
afterEach(() => void bench.take());
afterAll(() => bench?.[Symbol.asyncDispose]());

function limited(id: string, sql: string, limits: Partial<Limits>, more: Partial<MappingConfig> = {}): MappingConfig {
  const full = bench.mapping(id, sql, more);
  return { ...full, model: { ...full.model, limits } };
}
const sent = (): string[] =>
  bench
    .take()
    .map((row) => String(row['id']))
    .toSorted();

test('a record or a column that is too large is set aside with a reason; the others go', async () => {
  const sql = (big: number, wide: number): string =>
    `SELECT 'ok' AS id, 'x' AS a, 'y' AS b, 'z' AS c UNION ALL SELECT 'big', REPEAT('a', ${big}), '', '' UNION ALL SELECT 'wide', REPEAT('b', ${wide}), REPEAT('c', ${wide}), REPEAT('d', ${wide})`;
  const report = await bench.sync(bench.mapping('large', sql(131_071, 100_000)));
  expect(report).toMatchObject({ state: 'succeeded', plan: { added: 2, invalid: 1 } });
  expect(report.invalid).toEqual([{ reason: 'column_too_large', rows: 1, sampleIds: ['big'] }]);
  expect(sent()).toEqual(['ok', 'wide']);
  const next = await bench.sync(limited('large', sql(10, 100_000), { recordBytes: 200_000 }));
  expect(next.invalid).toEqual([{ reason: 'record_too_large', rows: 1, sampleIds: ['wide'] }]);
  // What was sent before and is too large now is neither updated nor deleted.
  expect(next.plan).toMatchObject({ added: 1, updated: 0, deleted: 0 });
  expect(sent()).toEqual(['big']);
});

test('a column that the mapping does not use may be as long as it likes', async () => {
  const mapping = bench.mapping('unmapped_large', `SELECT 'a' AS id, 'x' AS v, REPEAT('w', 200000) AS w`, {
    data: '$.properties.v',
  });
  expect((await bench.sync(mapping)).plan).toMatchObject({ added: 1, invalid: 0 });
});

test('what is more than one sync may have follows in the next ones', async () => {
  const mapping = limited('many', 'SELECT id FROM UNNEST(GENERATE_ARRAY(1, 25)) AS id', { recordsPerSync: 10 });
  const first = await bench.sync(mapping);
  expect(first).toMatchObject({ state: 'succeeded', capped: true, plan: { added: 10 } });
  expect(first.message).toContain('the next sync goes on with the rest');
  expect(await bench.sync(mapping)).toMatchObject({ capped: true, plan: { added: 10 } });
  const last = await bench.sync(mapping);
  expect(last.plan).toMatchObject({ added: 5 });
  expect(last.capped).toBeUndefined();
  const ids = sent();
  expect(ids.length).toBe(25);
  expect(new Set(ids).size).toBe(25);
});

test('the limits of queries and names can be set, and say what they are', async () => {
  const model = 'SELECT 1 AS id, 2 AS v';
  await expect(bench.sync(limited('names', model, { queryCharacters: 10 }))).rejects.toMatchObject({
    code: 'MODEL_LIMIT',
    message: expect.stringContaining('22 characters; at most 10') as string,
  });
  await expect(bench.sync(limited('names', model, { columns: 1 }))).rejects.toMatchObject({ code: 'MODEL_LIMIT' });
  await expect(bench.sync(limited('names', model, { keyCharacters: 1 }))).rejects.toMatchObject({
    code: 'MODEL_LIMIT',
    message: expect.stringContaining('identifier') as string,
  });
});

test('the cost is known before the query runs, is recorded, and stops a query that is too dear', async () => {
  await bench.bigquery.query(
    'CREATE TABLE shop.wide AS SELECT id, REPEAT("x", 1000) AS v FROM UNNEST(GENERATE_ARRAY(1, 1000)) AS id',
  );
  const mapping = (guards: MappingConfig['guards'] & object): MappingConfig =>
    bench.mapping('cost', 'SELECT id, v FROM shop.wide', { guards });
  const refused = await bench.sync(mapping({ maxBytesBilled: 1000 }));
  expect(refused).toMatchObject({ state: 'failed', error: { code: 'BYTES_LIMIT_EXCEEDED' } });
  expect(refused.error?.message).toMatch(/would read 10\d{5} bytes; at most 1000/);
  expect(bench.take()).toEqual([]);
  const report = await bench.sync(mapping({}));
  expect(report.state).toBe('succeeded');
  expect(report.bytesEstimated).toBeGreaterThan(1_000_000);
  expect(report.bytesProcessed).toBeGreaterThanOrEqual(report.bytesEstimated ?? Number.POSITIVE_INFINITY);
  const plan = await planMapping(bench.source, mapping({}), { registry });
  expect(plan.bytesEstimated).toBe(report.bytesEstimated);
});

test('guards look at the share of changes, of invalid rows, and at the number of deletes', async () => {
  const rows = (count: number, v: string): string =>
    `SELECT id, '${v}' AS v FROM UNNEST(GENERATE_ARRAY(1, ${count})) AS id`;
  const guards = { minChangedRows: 10, minInvalidRows: 2, maxDeletedRows: 3 };
  const mapping = (sql: string): MappingConfig => bench.mapping('shares', sql, { guards });
  await bench.sync(mapping(rows(20, 'a')));
  expect(await bench.sync(mapping(rows(20, 'b')))).toMatchObject({
    state: 'blocked',
    guards: [{ guard: 'changed_share', figures: { updated: 20, stateRecords: 20 } }],
  });
  expect(await bench.sync(mapping(rows(16, 'a')))).toMatchObject({
    state: 'blocked',
    guards: [{ guard: 'deleted_rows', figures: { deleted: 4 } }],
  });
  const invalid = await bench.sync(mapping(`SELECT IF(id <= 3, NULL, id) AS id, v FROM (${rows(20, 'a')})`));
  expect(invalid).toMatchObject({ state: 'blocked', guards: [{ guard: 'invalid_share' }] });
});

import { describeModel, planMapping, previewModel } from '@sluice/engine';
import { createRegistry } from '@sluice/destinations';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWorkbench } from './workbench.ts';
import type { Workbench } from './workbench.ts';

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
  await bench.bigquery.query(
    "CREATE TABLE shop.seen AS SELECT id, CONCAT('n', CAST(id AS STRING)) AS name, TIMESTAMP '2026-01-01' AS seen_at FROM UNNEST(GENERATE_ARRAY(1, 30)) AS id",
  );
});
afterAll(() => bench?.[Symbol.asyncDispose]());

const model = {
  name: 'seen',
  sql: 'SELECT id, name, seen_at FROM shop.seen ORDER BY id',
  key: 'ID',
  timestamp: 'seen_at',
};

test('a second preview of the same query is answered from the cache, until the table changes', async () => {
  const first = await previewModel(bench.source, model);
  expect(first).toMatchObject({ cached: false });
  expect(first.rows.length).toBe(10);
  const again = await previewModel(bench.source, model);
  expect(again).toMatchObject({ cached: true, rows: first.rows });
  await bench.bigquery.query('DELETE FROM shop.seen WHERE id = 1');
  const changed = await previewModel(bench.source, model);
  expect(changed.cached).toBe(false);
  expect(changed.rows[0]).toMatchObject({ id: 2 });
});

test('the columns of a model are known without reading anything', async () => {
  expect(await describeModel(bench.source, model)).toEqual({
    columns: [
      { name: 'id', type: 'INT64' },
      { name: 'name', type: 'STRING' },
      { name: 'seen_at', type: 'TIMESTAMP' },
    ],
    key: 'id',
    timestamp: 'seen_at',
    bytesEstimated: expect.any(Number) as number,
  });
});

test('a plan says when the identifiers are no longer those that were sent', async () => {
  const mapping = (key: string) => bench.mapping('rekeyed', 'SELECT id, name FROM shop.seen', { key });
  await bench.sync(mapping('id'));
  const registry = createRegistry();
  expect((await planMapping(bench.source, mapping('id'), { registry })).warnings).toEqual([]);
  const { warnings } = await planMapping(bench.source, mapping('name'), { registry });
  expect(warnings).toMatchObject([{ path: 'model.key', message: expect.stringContaining('"name"') as string }]);
});

test('a column that the mapping reads and the model has lost is told by its name', async () => {
  const mapping = bench.mapping('dropped', 'SELECT id, name FROM shop.seen', { data: '$.properties.email' });
  const registry = createRegistry();
  const told = await planMapping(bench.source, mapping, { registry }).then(
    ({ warnings }) => JSON.stringify(warnings),
    (thrown: unknown) => String(thrown),
  );
  expect(told).toMatch(/email/);
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWorkbench, stateTable } from './workbench.ts';
import type { Workbench } from './workbench.ts';

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

test('all records go first, then only what changed, then nothing', async () => {
  await bench.bigquery.query(
    `CREATE TABLE shop.people AS SELECT id, CONCAT('name ', CAST(id AS STRING)) AS name FROM UNNEST(GENERATE_ARRAY(1, 250)) AS id`,
  );
  const mapping = bench.mapping('people', 'SELECT id, name FROM shop.people');
  const first = await bench.sync(mapping);
  expect(first).toMatchObject({
    state: 'succeeded',
    plan: { added: 250, updated: 0, deleted: 0, unchanged: 0 },
    outcomes: { added: { delivered: 250 } },
  });
  expect(new Set(bench.take().map((row) => row['id'])).size).toBe(250);

  await bench.bigquery.query(`UPDATE shop.people SET name = 'new' WHERE id <= 10`);
  await bench.bigquery.query(`DELETE FROM shop.people WHERE id > 245`);
  await bench.bigquery.query(`INSERT INTO shop.people (id, name) VALUES (1000, 'added')`);
  const second = await bench.sync(mapping);
  expect(second).toMatchObject({ state: 'succeeded', plan: { added: 1, updated: 10, deleted: 5, unchanged: 235 } });
  const sent = bench.take();
  expect(sent.length).toBe(16);
  const kinds = (kind: string): unknown[] => sent.filter((row) => row['kind'] === kind).map((row) => row['id']);
  expect(kinds('new')).toEqual(['1000']);
  expect(kinds('updated').length).toBe(10);
  expect(kinds('deleted').map(String).toSorted()).toEqual(['246', '247', '248', '249', '250']);

  const third = await bench.sync(mapping);
  expect(third).toMatchObject({ plan: { added: 0, updated: 0, deleted: 0 } });
  expect(['succeeded', 'skipped']).toContain(third.state);
  expect(bench.take()).toEqual([]);
  expect(
    await bench.rows(`SELECT COUNT(*) AS n, COUNT(DISTINCT record_id) AS d FROM ${stateTable('records_people')}`),
  ).toEqual([{ n: '246', d: '246' }]);
});

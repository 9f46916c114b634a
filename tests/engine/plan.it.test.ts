import { createRegistry } from '@sluice/destinations';
import { planMapping } from '@sluice/engine';
import type { MappingConfig, SyncReport } from '@sluice/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROJECT, openWorkbench, stateTable } from './workbench.ts';
import type { Workbench } from './workbench.ts';

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

const kinds = (report: SyncReport): number[] => [report.plan.added, report.plan.updated, report.plan.deleted];

/** The mapping's tables in the state dataset with their versions. */
async function stateOf(mappingId: string): Promise<unknown[]> {
  const tables = `/bigquery/v2/projects/${PROJECT}/datasets/__segment_reverse_etl/tables`;
  const list = await bench.bigquery.call('GET', `${tables}?maxResults=1000`);
  const ids = ((list['tables'] ?? []) as { tableReference: { tableId: string } }[])
    .map((table) => table.tableReference.tableId)
    .filter((id) => id.includes(mappingId));
  return Promise.all(
    ids.toSorted().map(async (id) => [id, (await bench.bigquery.call('GET', `${tables}/${id}`))['lastModifiedTime']]),
  );
}

/** One record, `value` in turn; each must differ from the one before, and none from itself. */
async function differences(id: string, type: string, values: readonly string[]): Promise<number[]> {
  const updates: number[] = [];
  for (const value of values) {
    const mapping = bench.mapping(id, `SELECT 'one' AS id, CAST(${value} AS ${type}) AS v`);
    const report = await bench.sync(mapping);
    updates.push(report.plan.added + report.plan.updated);
    const again = await bench.sync(mapping);
    expect(kinds(again)).toEqual([0, 0, 0]);
  }
  return updates;
}

test('NULL and empty text are told apart', async () => {
  expect(await differences('texts', 'STRING', ['NULL', `''`, `'NULL'`, `'null'`, 'NULL'])).toEqual([1, 1, 1, 1, 1]);
});

test('NULL, NaN and the infinities are told apart', async () => {
  expect(await differences('floats', 'FLOAT64', ['NULL', `'NaN'`, `'inf'`, `'-inf'`, '0.1', '0.1000000001'])).toEqual([
    1, 1, 1, 1, 1, 1,
  ]);
});

test('timestamps that differ by a microsecond are told apart', async () => {
  expect(
    await differences('times', 'TIMESTAMP', [
      `'2020-01-01 00:00:00.000001+00'`,
      `'2020-01-01 00:00:00.000002+00'`,
      'NULL',
    ]),
  ).toEqual([1, 1, 1]);
  const sent = bench.take().map((row) => row['row'] as { v?: unknown });
  expect(sent.some((row) => row.v === '2020-01-01T00:00:00.000001Z')).toBe(true);
});

test('nested values take part in the comparison', async () => {
  expect(
    await differences('nested', 'ARRAY<STRUCT<a INT64, b STRING>>', [
      `[STRUCT(1 AS a, 'x' AS b)]`,
      `[STRUCT(1 AS a, CAST(NULL AS STRING) AS b)]`,
      `[]`,
    ]),
  ).toEqual([1, 1, 1]);
});

test('rows with NULL or duplicate identifiers are set aside with a reason, and the others go', async () => {
  bench.take();
  const model = `SELECT * FROM UNNEST([STRUCT('a' AS id, 1 AS v), STRUCT('b', 2), STRUCT('b', 3), STRUCT(CAST(NULL AS STRING), 4), STRUCT(CAST(NULL AS STRING), 5)])`;
  const report = await bench.sync(bench.mapping('identifiers', model));
  expect(kinds(report)).toEqual([1, 0, 0]);
  expect(report.plan.invalid).toBe(4);
  expect(report.invalid.toSorted((a, b) => a.reason.localeCompare(b.reason))).toEqual([
    { reason: 'duplicate_identifier', rows: 2, sampleIds: ['b'] },
    { reason: 'null_identifier', rows: 2, sampleIds: [] },
  ]);
  expect(bench.take().map((row) => row['id'])).toEqual(['a']);
});

test('a record whose identifier became ambiguous is not deleted, and goes on when it is unique again', async () => {
  const once = `SELECT * FROM UNNEST([STRUCT('a' AS id, 1 AS v), STRUCT('b', 2)])`;
  const twice = `SELECT * FROM UNNEST([STRUCT('a' AS id, 1 AS v), STRUCT('b', 2), STRUCT('b', 3)])`;
  await bench.sync(bench.mapping('ambiguous', once));
  bench.take();
  const report = await bench.sync(bench.mapping('ambiguous', twice));
  expect(kinds(report)).toEqual([0, 0, 0]);
  expect(report.plan).toMatchObject({ invalid: 2, unchanged: 1 });
  expect(kinds(await bench.sync(bench.mapping('ambiguous', once)))).toEqual([0, 0, 0]);
  expect(bench.take()).toEqual([]);
});

test('a changed row is one update, never a delete and an insert', async () => {
  await bench.sync(bench.mapping('updates', `SELECT 1 AS id, 'x' AS v`));
  bench.take();
  await bench.sync(bench.mapping('updates', `SELECT 1 AS id, 'y' AS v`));
  expect(bench.take().map((row) => [row['kind'], row['id']])).toEqual([['updated', '1']]);
});

test('a change of an unmapped column sends nothing; a change of the mapping sends updates', async () => {
  const model = (b: number): string => `SELECT 1 AS id, 'x' AS a, ${b} AS b`;
  await bench.sync(bench.mapping('unmapped', model(1), { data: '$.properties.a' }));
  expect(kinds(await bench.sync(bench.mapping('unmapped', model(2), { data: '$.properties.a' })))).toEqual([0, 0, 0]);
  expect(kinds(await bench.sync(bench.mapping('unmapped', model(2), { data: '$.properties.b' })))).toEqual([0, 1, 0]);
});

test('a deleted record carries its identifier and nulls', async () => {
  const guards = { allowEmptyModel: true };
  await bench.sync(bench.mapping('deletes', `SELECT 'k' AS id, 'x' AS v`, { guards }));
  bench.take();
  await bench.sync(bench.mapping('deletes', `SELECT 'k' AS id, 'x' AS v FROM UNNEST([1]) WHERE FALSE`, { guards }));
  expect(bench.take().map((row) => [row['kind'], row['id']])).toEqual([['deleted', 'k']]);
  expect(await bench.rows(`SELECT * FROM ${stateTable('records_deletes')}`)).toEqual([]);
});

test('columns of any name reach the destination', async () => {
  bench.take();
  await bench.sync(
    bench.mapping(
      'names',
      `SELECT 1 AS id, 'o' AS ordinal, 'k' AS c_ordinal, 's' AS checksum, 'p' AS operation, 'r' AS record_id, 'x' AS \`sluice model\``,
    ),
  );
  expect(bench.take()[0]?.['row']).toEqual({
    id: 1,
    ordinal: 'o',
    c_ordinal: 'k',
    checksum: 's',
    operation: 'p',
    record_id: 'r',
    'sluice model': 'x',
  });
});

test('identifiers may be numbers, dates or bytes; equal content under different keys is sent for each', async () => {
  bench.take();
  await bench.sync(
    bench.mapping('days', `SELECT d AS id, 'same' AS v FROM UNNEST([DATE '2020-01-01', DATE '2020-01-02']) AS d`),
  );
  expect(
    bench
      .take()
      .map((row) => String(row['id']))
      .toSorted(),
  ).toEqual(['2020-01-01', '2020-01-02']);
  await bench.sync(bench.mapping('blobs', `SELECT b'\\xff' AS id`));
  expect(bench.take().map((row) => row['id'])).toEqual(['/w==']);
});

test('an empty model does not delete what was sent, until somebody approves that very plan', async () => {
  const full = bench.mapping('guarded', `SELECT id FROM UNNEST([1, 2, 3]) AS id`);
  const empty = bench.mapping('guarded', `SELECT id FROM UNNEST([1, 2, 3]) AS id WHERE id > 3`);
  await bench.sync(full);
  bench.take();
  const blocked = await bench.sync(empty);
  expect(blocked).toMatchObject({
    state: 'blocked',
    guards: [{ guard: 'empty_model', figures: { stateRecords: 3, deleted: 3 } }],
  });
  expect(bench.take()).toEqual([]);
  await expect(bench.sync(empty, { approve: 'another' })).rejects.toMatchObject({ code: 'APPROVAL_UNKNOWN' });
  const approved = await bench.sync(empty, { approve: blocked.syncId });
  expect(approved).toMatchObject({
    state: 'succeeded',
    syncId: blocked.syncId,
    outcomes: { deleted: { delivered: 3 } },
  });
  expect(bench.take().length).toBe(3);
});

test('a plan shows the changes with old values, sends nothing and leaves no trace', async () => {
  const mapping = (model: string): MappingConfig => bench.mapping('shown', model, { keepValues: true });
  const before = mapping(`SELECT id, 'x' AS v, id * 2 AS w FROM UNNEST([1, 2, 3]) AS id`);
  const after = mapping(`SELECT id, IF(id = 2, 'y', 'x') AS v, id * 2 AS w FROM UNNEST([2, 3, 4]) AS id`);
  const registry = createRegistry();
  const fresh = await planMapping(bench.source, before, { registry });
  expect(fresh.counts).toMatchObject({ added: 3, unchanged: 0 });
  expect(await stateOf('shown')).toEqual([]);
  await bench.sync(before);
  bench.take();
  const untouched = await stateOf('shown');
  const summary = await planMapping(bench.source, after, { registry });
  expect(summary.counts).toEqual({ added: 1, updated: 1, deleted: 1, unchanged: 1, invalid: 0, quarantined: 0 });
  expect(summary.sample.map((change) => [change.operation, change.recordId, change.changed ?? null])).toEqual([
    ['added', '4', null],
    ['updated', '2', ['v']],
    ['deleted', '1', null],
  ]);
  expect(summary.sample[1]).toMatchObject({ columns: { id: 2, v: 'y', w: 4 }, previous: { id: 2, v: 'x', w: 4 } });
  expect(bench.take()).toEqual([]);
  expect(await stateOf('shown')).toEqual(untouched);
  expect((await bench.sync(after)).plan).toMatchObject({ added: 1, updated: 1, deleted: 1 });
});

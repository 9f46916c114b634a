// Incremental models: rows from the checkpoint on, nothing lost at its edge, and no deletes.
import { createRegistry } from '@sluice/destinations';
import { mappingStatus, planMapping } from '@sluice/engine';
import type { MappingConfig } from '@sluice/engine';
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

/** `id@day:value`, one per row; no day is NULL. */
function rows(...texts: string[]): string {
  const structs = texts.map((text) => {
    const [, id = '', day = '', v = ''] = /^(\w+)@(\d*):(\w+)$/.exec(text) ?? [];
    const time =
      day === '' ? 'CAST(NULL AS TIMESTAMP)' : `TIMESTAMP '2026-01-${day.padStart(2, '0')} 10:00:00.000001+00'`;
    return `STRUCT('${id}' AS id, ${time} AS t, '${v}' AS v)`;
  });
  return `SELECT * FROM UNNEST([${structs.join(', ')}])`;
}

/** Puts the rows into a table, so that the query stays the same from sync to sync. */
async function holds(id: string, ...texts: string[]): Promise<void> {
  await bench.bigquery.query(`CREATE OR REPLACE TABLE shop.${id} AS ${rows(...texts)}`);
}

function incremental(id: string, sql: string, more: Partial<MappingConfig> = {}): MappingConfig {
  const full = bench.mapping(id, sql, { operations: ['added', 'updated'], ...more });
  return { ...full, model: { ...full.model, timestamp: 't' } };
}
const mapping = (id: string, more: Partial<MappingConfig> = {}): MappingConfig =>
  incremental(id, `SELECT id, t, v FROM shop.${id}`, more);
const sent = (): string[] =>
  bench
    .take()
    .map((row) => `${String(row['id'])}:${(row['row'] as { v: string }).v}`)
    .toSorted();

test('only rows from the checkpoint on are sent, and rows of the very moment of the checkpoint are not lost', async () => {
  await holds('edge', 'a@1:x', 'b@2:x');
  const first = await bench.sync(mapping('edge'));
  expect(first).toMatchObject({ state: 'succeeded', incremental: true, plan: { added: 2 } });
  expect(sent()).toEqual(['a:x', 'b:x']);
  expect((await mappingStatus(bench.source, mapping('edge'))).watermark).toBe('2026-01-02 10:00:00.000001+00');
  // A second row of the same microsecond, a change that does not move its time, and a newer row.
  await holds('edge', 'a@1:changed', 'b@2:x', 'c@2:x', 'd@3:x');
  expect((await bench.sync(mapping('edge'))).plan).toMatchObject({ added: 2, updated: 0, deleted: 0 });
  expect(sent()).toEqual(['c:x', 'd:x']);
  await holds('edge', 'a@4:again', 'b@2:x', 'c@2:x', 'd@3:x');
  await bench.sync(mapping('edge'));
  expect(sent()).toEqual(['a:again']);
});

test('rows that leave the model are not deleted, and the product says so', async () => {
  const operations = ['added', 'updated', 'deleted'] as const;
  await holds('gone', 'a@1:x', 'b@2:x');
  await bench.sync(mapping('gone', { operations }));
  await holds('gone', 'b@2:x');
  const report = await bench.sync(mapping('gone', { operations }));
  expect(report.plan).toMatchObject({ deleted: 0 });
  expect(report.warnings?.map((warning) => warning.message).join(' ')).toContain('nothing is ever sent as deleted');
  // An empty answer is the rule, not an accident that the guard must stop.
  await bench.bigquery.query('DELETE FROM shop.gone WHERE TRUE');
  expect((await bench.sync(mapping('gone'))).state).toBe('succeeded');
  expect(await bench.rows(`SELECT COUNT(*) AS n FROM ${stateTable('records_gone')}`)).toEqual([{ n: '2' }]);
  await expect(bench.sync(mapping('gone', { operations: ['deleted'] }))).rejects.toMatchObject({
    code: 'MAPPING_INVALID',
  });
});

test('a rejected row and an invalid row are not passed over', async () => {
  await holds('held', 'a@1:x', 'b@5:x');
  bench.answer = (batch) => (batch.some((row) => row['id'] === 'a') ? { status: 400, body: 'no' } : undefined);
  await bench.sync(mapping('held'));
  bench.answer = undefined;
  bench.take();
  // Rejected: sent although its time lies before the checkpoint.
  await bench.sync(mapping('held'));
  expect(sent()).toEqual(['a:x']);
  // Invalid (two rows of one identifier): the earlier one is sent when it is alone again.
  await holds('held', 'c@6:first', 'c@8:second', 'd@9:x');
  await bench.sync(mapping('held'));
  expect(sent()).toEqual(['d:x']);
  await holds('held', 'c@6:first', 'd@9:x');
  await bench.sync(mapping('held'));
  expect(sent()).toEqual(['c:first']);
});

test('what a canceled sync did not send is sent by the next one', async () => {
  await holds('cut', ...Array.from({ length: 20 }, (_value, index) => `m${index}@${1 + (index % 5)}:x`));
  const full = mapping('cut');
  const fields = { ...full.destination.fields, batch_size: 2 };
  const small = { ...full, destination: { ...full.destination, fields } };
  const cancel = new AbortController();
  const canceled = await bench.sync(small, {
    signal: cancel.signal,
    onStep: (step) => void (step === 'batch' && cancel.abort(new Error('stop'))),
  });
  expect(canceled.state).toBe('canceled');
  expect((await bench.sync(small)).plan.added + canceled.outcomes.added.delivered).toBe(20);
  expect(new Set(sent()).size).toBe(20);
});

test('with more changes than one sync may have, none is passed over', async () => {
  await holds('capped', 'a@1:x', 'b@2:x', 'c@3:x', 'd@4:x', 'e@5:x');
  const full = mapping('capped');
  const capped = { ...full, model: { ...full.model, limits: { recordsPerSync: 2 } } };
  for (let round = 0; round < 3; round += 1) await bench.sync(capped);
  expect(sent()).toEqual(['a:x', 'b:x', 'c:x', 'd:x', 'e:x']);
});

test('rows without a time are always looked at, and a time in the future does not hide later rows', async () => {
  await holds('odd', 'a@:x');
  await bench.sync(mapping('odd'));
  await holds('odd', 'a@:y', 'b@1:x');
  await bench.sync(mapping('odd'));
  expect(sent()).toEqual(['a:x', 'a:y', 'b:x']);
  await bench.bigquery.query(`INSERT INTO shop.odd (id, t, v) VALUES ('f', TIMESTAMP '9000-01-01 00:00:00+00', 'x')`);
  await bench.sync(mapping('odd'));
  await bench.bigquery.query(
    `INSERT INTO shop.odd (id, t, v) VALUES ('now', TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 MINUTE), 'x')`,
  );
  await bench.sync(mapping('odd'));
  expect(sent()).toEqual(['f:x', 'now:x']);
});

test('a changed query or mapping looks at all rows once more, and sends those that differ', async () => {
  const registry = createRegistry();
  await holds('version', 'a@1:x', 'b@2:x');
  await bench.sync(mapping('version'));
  bench.take();
  const changed = incremental('version', `SELECT id, t, UPPER(v) AS v FROM shop.version`);
  expect((await planMapping(bench.source, changed, { registry })).counts).toMatchObject({ updated: 2 });
  await bench.sync(changed);
  expect(sent()).toEqual(['a:X', 'b:X']);
  expect((await planMapping(bench.source, changed, { registry })).counts).toMatchObject({ added: 0, updated: 0 });
});

test('the timestamp column must be one', async () => {
  const missing = incremental('no_time', `SELECT 'a' AS id, 'x' AS v`);
  await expect(bench.sync(missing)).rejects.toMatchObject({ code: 'MODEL_TIMESTAMP_UNKNOWN' });
  const text = incremental('no_time', `SELECT 'a' AS id, '2026-01-01' AS t`);
  await expect(bench.sync(text)).rejects.toMatchObject({ code: 'MODEL_TIMESTAMP_TYPE' });
});

test.each(['DATE', 'DATETIME'])('the timestamp may be a %s', async (type) => {
  const id = `by_${type.toLowerCase()}`;
  const fill = (...days: number[]): Promise<unknown> =>
    bench.bigquery.query(
      `CREATE OR REPLACE TABLE shop.${id} AS SELECT CAST(d AS STRING) AS id, CAST(DATE_ADD(DATE '2026-01-01', INTERVAL d DAY) AS ${type}) AS t, IF(d = 1, '${days.length}', 'x') AS v FROM UNNEST([${days.join(', ')}]) AS d`,
    );
  await fill(1, 2);
  await bench.sync(mapping(id));
  bench.take();
  // Row 1 differs, and lies before the checkpoint.
  await fill(1, 2, 3);
  await bench.sync(mapping(id));
  expect(sent()).toEqual(['3:x']);
});

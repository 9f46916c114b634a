import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../server-under-test.ts';

const BOB = 'bob@example.com';

let server: ServerUnderTest;

const rows = (sql: string, as = OWNER) => server.rows(sql, { as });

async function failure(sql: string, as = OWNER): Promise<string> {
  const { status, body } = await server.query(sql, { as });
  if (status === 200) throw new Error(`No failure: ${sql}`);
  return body.error.message;
}

async function statistics(sql: string) {
  const { body } = await server.query(sql);
  return (await server.finished(body.jobReference.jobId)).statistics;
}

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
  await server.grant(`user:${BOB}`, ['roles/bigquery.jobUser']);
  for (const sql of [
    'CREATE TABLE ds.events_20260101 AS SELECT 1 AS id, "a" AS word',
    'CREATE TABLE ds.events_20260102 AS SELECT 2 AS id, "b" AS word UNION ALL SELECT 3, "c"',
    'CREATE TABLE ds.events_20260103 AS SELECT 4 AS id, "d" AS word, 1.5 AS extra',
    'CREATE TABLE ds.event AS SELECT 9 AS id',
    'CREATE TABLE ds.odd_1 AS SELECT 1 AS x',
    'CREATE TABLE ds.odd_2 AS SELECT "s" AS x',
    'CREATE TABLE ds.mixed_1 AS SELECT 1 AS x',
    'CREATE VIEW ds.mixed_2 AS SELECT 1 AS x',
  ])
    await rows(sql);
}, 90_000);

afterAll(() => server[Symbol.asyncDispose]());

describe('a wildcard table', () => {
  it('is the union of the tables that it matches, with the schema of the latest', async () => {
    expect(await rows('SELECT *, _TABLE_SUFFIX FROM `ds.events_*` ORDER BY id')).toEqual([
      ['1', 'a', null, '20260101'],
      ['2', 'b', null, '20260102'],
      ['3', 'c', null, '20260102'],
      ['4', 'd', '1.5', '20260103'],
    ]);
    expect(
      await rows(`SELECT COUNT(*) FROM \`${PROJECT}.ds.events_2026*\` AS e WHERE e._TABLE_SUFFIX > '0101'`),
    ).toEqual([['3']]);
    expect(await rows('SELECT COUNT(*) FROM `ds`.`events_*`')).toEqual([['4']]);
  });

  it('scans only the tables that a condition on the suffix leaves', async () => {
    const all = await statistics('SELECT id FROM `ds.events_*`');
    const one = await statistics("SELECT id FROM `ds.events_*` WHERE _TABLE_SUFFIX = '20260102'");
    const between = await statistics(
      "SELECT id FROM `ds.events_*` WHERE _TABLE_SUFFIX BETWEEN '20260102' AND '20260103' AND id > 0",
    );
    const none = await statistics("SELECT id FROM `ds.events_*` WHERE _TABLE_SUFFIX = 'x'");
    expect([all, one, between, none].map((s) => s.totalBytesProcessed)).toEqual(['32', '16', '24', '0']);
    expect(all.query.referencedTables).toHaveLength(3);
  });

  it.each([
    ["_TABLE_SUFFIX = '20260102'", ['2', '3']],
    ["_TABLE_SUFFIX IN ('20260101', '20260103')", ['1', '4']],
    ["'20260102' <= _TABLE_SUFFIX", ['2', '3', '4']],
    ["STARTS_WITH(_TABLE_SUFFIX, '202601') AND id = 1", ['1']],
    ["_TABLE_SUFFIX = '20260101' OR id = 4", ['1', '4']],
    ["NOT _TABLE_SUFFIX = '20260101'", ['2', '3', '4']],
    ["_TABLE_SUFFIX LIKE '%02'", ['2', '3']],
    ["_TABLE_SUFFIX = FORMAT_DATE('%Y%m%d', DATE '2026-01-03')", ['4']],
    ["_TABLE_SUFFIX = 'x'", []],
  ])('gives the right rows WHERE %s', async (condition, ids) => {
    expect(await rows(`SELECT id FROM \`ds.events_*\` WHERE ${condition} ORDER BY id`)).toEqual(ids.map((id) => [id]));
  });

  it('sees a table that was made since', async () => {
    const sql = 'SELECT COUNT(*) FROM `ds.grow_*`';
    await rows('CREATE TABLE ds.grow_1 AS SELECT 1 AS x');
    expect(await rows(sql)).toEqual([['1']]);
    await rows('CREATE TABLE ds.grow_2 AS SELECT 1 AS x');
    expect(await rows(sql)).toEqual([['2']]);
  });

  it('is denied as a whole to who may not read all that it matches', async () => {
    const denied = `Access Denied: Table ${PROJECT}:ds.events_*: User does not have permission to query table ${PROJECT}:ds.events_*, or perhaps it does not exist.`;
    expect(await failure('SELECT id FROM `ds.events_*`', BOB)).toBe(denied);
    expect(await failure('SELECT id FROM `ds.nothing_*`', BOB)).toBe(denied.replaceAll('events', 'nothing'));
    for (const day of ['20260101', '20260102']) {
      await rows(`GRANT \`roles/bigquery.dataViewer\` ON TABLE ds.events_${day} TO 'user:${BOB}'`);
      expect(await failure("SELECT id FROM `ds.events_*` WHERE _TABLE_SUFFIX = '20260101'", BOB)).toBe(denied);
    }
    await rows(`GRANT \`roles/bigquery.dataViewer\` ON TABLE ds.events_20260103 TO 'user:${BOB}'`);
    expect(await rows('SELECT COUNT(*) FROM `ds.events_*`', BOB)).toEqual([['4']]);
  });

  it.each([
    ['SELECT 1 FROM `ds.nothing_*`', `${PROJECT}:ds.nothing_* does not match any table.`],
    ['SELECT x FROM `ds.odd_*`', "Cannot read field 'x' of type INT64 as STRING"],
    ['SELECT x FROM `ds.mixed_*`', 'Views cannot be queried through prefix'],
    ['DELETE FROM `ds.events_*` WHERE TRUE', 'wildcard table cannot be modified'],
    ['DROP TABLE `ds.events_*`', 'A wildcard table cannot be created, changed or dropped'],
  ])('refuses %s', async (sql, text) => {
    expect(await failure(sql)).toContain(text);
  });
});

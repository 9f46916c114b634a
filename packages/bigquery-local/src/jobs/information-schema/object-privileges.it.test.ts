import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../../server-under-test.ts';

const BOB = 'bob@example.com';
const EVE = 'eve@example.com';
const DATASETS = `/bigquery/v2/projects/${PROJECT}/datasets`;
const VIEW = '`region-us`.INFORMATION_SCHEMA.OBJECT_PRIVILEGES';

let server: ServerUnderTest;

async function query(sql: string, as = OWNER) {
  return server.request(
    'POST',
    `/bigquery/v2/projects/${PROJECT}/queries`,
    { query: sql, useLegacySql: false },
    { as },
  );
}

async function rows(sql: string, as = OWNER): Promise<(string | null)[][]> {
  const { status, body } = await query(sql, as);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return (body.rows ?? []).map(({ f }: { f: { v: string | null }[] }) => f.map(({ v }) => v));
}

beforeAll(async () => {
  server = await ServerUnderTest.start();
  for (const user of [BOB, EVE]) await server.grant(`user:${user}`, ['roles/bigquery.jobUser']);
  await server.request('POST', DATASETS, { datasetReference: { datasetId: 'd' } });
  await server.request('POST', DATASETS, { datasetReference: { datasetId: 'far' }, location: 'EU' });
  await query('CREATE TABLE d.t AS SELECT 1 AS x');
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

describe('INFORMATION_SCHEMA.OBJECT_PRIVILEGES', () => {
  it('shows the access entries of a dataset as bindings', async () => {
    const found = await rows(`SELECT * FROM ${VIEW} WHERE object_name = 'd' ORDER BY grantee`);
    expect(found).toEqual([
      [PROJECT, null, 'd', 'SCHEMA', 'roles/bigquery.dataEditor', `projectEditor:${PROJECT}`],
      [PROJECT, null, 'd', 'SCHEMA', 'roles/bigquery.dataOwner', `projectOwner:${PROJECT}`],
      [PROJECT, null, 'd', 'SCHEMA', 'roles/bigquery.dataViewer', `projectViewer:${PROJECT}`],
      [PROJECT, null, 'd', 'SCHEMA', 'roles/bigquery.dataOwner', `user:${OWNER}`],
    ]);
  });

  it('shows the policy of a table as it is now, also to the very same query', async () => {
    const sql = `SELECT privilege_type, grantee FROM \`${PROJECT}\`.${VIEW} WHERE object_schema = 'd' AND object_name = 't' AND object_type = 'TABLE'`;
    expect(await rows(sql)).toEqual([]);
    await query(`GRANT \`roles/bigquery.dataViewer\` ON TABLE d.t TO 'user:${BOB}'`);
    expect(await rows(sql)).toEqual([['roles/bigquery.dataViewer', `user:${BOB}`]]);
  });

  it('shows nothing of what the caller may not see, whether it exists or not', async () => {
    for (const name of ['d', 't', 'nothing'])
      expect(await rows(`SELECT grantee FROM ${VIEW} WHERE object_name = '${name}'`, EVE)).toEqual([]);
    expect(await rows(`SELECT grantee FROM \`no-such-project\`.${VIEW} WHERE object_name = 'd'`, EVE)).toEqual([]);
  });

  it('shows one region', async () => {
    expect(await rows(`SELECT grantee FROM ${VIEW} WHERE object_name = 'far'`)).toEqual([]);
    expect(
      await rows("SELECT grantee FROM `region-eu`.INFORMATION_SCHEMA.OBJECT_PRIVILEGES WHERE object_name = 'far'"),
    ).toHaveLength(4);
    const both = await query(
      `SELECT 1 FROM ${VIEW} AS a, \`region-eu\`.INFORMATION_SCHEMA.OBJECT_PRIVILEGES AS b WHERE a.object_name = 'd'`,
    );
    expect(both.status).toBe(404);
  });

  it.each([
    [`SELECT grantee FROM ${VIEW}`, 'must have a WHERE clause that compares object_name'],
    [`SELECT grantee FROM ${VIEW} WHERE object_name > 'd'`, 'must have a WHERE clause'],
    [`SELECT grantee FROM ${VIEW} WHERE object_name = 'd' OR TRUE`, 'must have a WHERE clause'],
    ["SELECT 1 FROM d.INFORMATION_SCHEMA.OBJECT_PRIVILEGES WHERE object_name = 'd'", 'must be qualified with a region'],
    ['SELECT 1 FROM `region-us`.INFORMATION_SCHEMA.STREAMING', 'INFORMATION_SCHEMA.STREAMING is not supported by'],
    [`DELETE FROM ${VIEW} WHERE object_name = 'd'`, 'cannot be modified'],
    [`DROP TABLE ${VIEW}`, 'INFORMATION_SCHEMA is not supported'],
  ])('refuses %s', async (sql, text) => {
    const answer = await query(sql);
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toContain(text);
  });
});

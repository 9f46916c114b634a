// What a server must take without harm: many callers at once, a query above its memory, uploads
// that are none, and a death in the middle of a copy.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { KillableServer } from '../killable-server.ts';
import { OWNER, PROJECT, ServerUnderTest } from '../server-under-test.ts';

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start({ memoryBytes: 256 * 1024 * 1024 });
  await server.createDataset('ds');
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

test('a hundred callers at once are all answered', async () => {
  await server.rows('CREATE TABLE ds.t AS SELECT x FROM UNNEST(GENERATE_ARRAY(1, 1000)) AS x');
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      i % 4 === 0
        ? server.request('GET', `/bigquery/v2/projects/${PROJECT}/datasets/ds/tables/t/data?maxResults=1`)
        : server.query(`SELECT COUNT(*) + ${i} FROM ds.t`, { body: { timeoutMs: 120_000, useQueryCache: false } }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  answers.forEach(({ body }, i) => expect(body.rows[0].f[0].v).toBe(i % 4 === 0 ? '1' : String(1000 + i)));
}, 180_000);

test('a query that needs more than its memory ends with resourcesExceeded, and the server goes on', async () => {
  // One value of half a gigabyte cannot be spilled.
  const { status, body } = await server.query(
    'SELECT LENGTH(STRING_AGG(REPEAT("x", 1000000))) FROM UNNEST(GENERATE_ARRAY(1, 600)) AS n WHERE n > 0',
    { body: { timeoutMs: 120_000 } },
  );
  expect([status, body.error?.errors[0].reason]).toEqual([400, 'resourcesExceeded']);
  expect(await server.rows('SELECT 1')).toEqual([['1']]);
}, 180_000);

test('uploads that are none are refused, and leave nothing behind', async () => {
  const path = `/upload/bigquery/v2/projects/${PROJECT}/jobs`;
  const post = (query: string, body: string | Uint8Array, type = 'multipart/related; boundary=b0') =>
    server.request('POST', `${path}?${query}`, body, { headers: { 'content-type': type } });
  const answers = [
    await post('uploadType=other', 'x'),
    await post('uploadType=multipart', 'no parts at all'),
    await post('uploadType=multipart', 'x', 'text/plain'),
    await post('uploadType=multipart', '--b0\r\n\r\n[]\r\n--b0\r\n\r\n1\r\n--b0--\r\n'),
    await post('uploadType=media', '1\n'),
    await post('uploadType=media&job=%7B', '1\n'),
    await post('uploadType=resumable', '[1]', 'application/json'),
    await server.request('PUT', `${path}?uploadType=resumable&upload_id=unknown`, '1'),
  ];
  expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 400, 400, 404]);
  await vi.waitFor(async () => expect(await readdir(join(server.dataDir, 'spool'))).toEqual([]), { timeout: 30_000 });
}, 60_000);

test('kill -9 leaves a copy that appends done or not done, its rows never without their policies', async () => {
  await using killable = await KillableServer.start();
  const sql = (text: string) => killable.call('POST', '/queries', { query: text, useLegacySql: false });
  await sql('CREATE TABLE ds.source AS SELECT n AS id FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS n');
  await sql(`CREATE ROW ACCESS POLICY all_rows ON ds.source GRANT TO ("user:${OWNER}") FILTER USING (TRUE)`);
  const table = (tableId: string) => ({ projectId: PROJECT, datasetId: 'ds', tableId });
  for (const [i, delay] of [5, 40, 120].entries()) {
    await sql(`CREATE TABLE ds.target_${i} (id INT64)`);
    const copy = {
      sourceTable: table('source'),
      destinationTable: table(`target_${i}`),
      writeDisposition: 'WRITE_APPEND',
    };
    const sent = killable.call('POST', '/jobs', { configuration: { copy } }).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, delay));
    await killable.kill();
    await sent;
    await killable.restart();
    const [[rows]] = (await killable.rows(`SELECT COUNT(*) FROM ds.target_${i}`)) as [[string]];
    expect(['0', '100000']).toContain(rows);
    const { rowAccessPolicies = [] } = await killable.call('GET', `/datasets/ds/tables/target_${i}/rowAccessPolicies`);
    expect(rows === '0' || rowAccessPolicies.length === 1).toBe(true);
  }
}, 180_000);

// Who may call the Storage Read API, which rows they get, and what the audit log tells.
/* oxlint-disable typescript/no-explicit-any -- messages of any shape */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issueUserToken } from '../auth/user-token.ts';
import { OWNER, PROJECT, ServerUnderTest } from '../server-under-test.ts';
import { StorageClient } from './storage-client.ts';

const BOB = 'bob@example.com';
const EVE = 'eve@example.com';
const AUTH = 'https://www.googleapis.com/auth/';

let server: ServerUnderTest;
let storage: StorageClient;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  storage = new StorageClient(server);
  await server.createDataset('ds');
  await server.rows(
    "CREATE TABLE ds.sales AS SELECT * FROM UNNEST([STRUCT(1 AS id, 'APAC' AS region), (2, 'EU'), (3, 'US')])",
  );
  for (const user of [BOB, EVE])
    await server.grant(`user:${user}`, ['roles/bigquery.readSessionUser', 'roles/bigquery.dataViewer']);
});

afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const request = (tableId = 'sales', readOptions: object = {}): object => ({
  parent: `projects/${PROJECT}`,
  readSession: {
    table: `projects/${PROJECT}/datasets/ds/tables/${tableId}`,
    dataFormat: 'ARROW',
    readOptions,
  },
});

async function idsOf(as: string, readOptions: object = {}): Promise<number[]> {
  const session = await storage.createReadSession(as, request('sales', readOptions));
  const ids: number[] = [];
  for (const { name } of session.streams)
    for (const batch of await storage.batches(as, session, name)) ids.push(...[...batch.getChild('id')!].map(Number));
  return ids;
}

function call(authorization: string | undefined): Promise<unknown> {
  const headers = authorization === undefined ? {} : { authorization };
  return storage.client.createReadSession(request(), { otherArgs: { headers }, retry: null });
}

describe('a call', () => {
  it.each([
    [undefined, /UNAUTHENTICATED: Request is missing required authentication credential/],
    ['Bearer nonsense', /UNAUTHENTICATED: Request had invalid authentication credentials/],
    ['Basic YTpi', /UNAUTHENTICATED: Request had invalid authentication credentials/],
    ['Bearer eyJhbGciOiJub25lIn0.eyJlbWFpbCI6ImFubkBleGFtcGxlLmNvbSJ9.', /UNAUTHENTICATED/],
  ])('with the header %j is nobody’s', async (authorization, text) => {
    await expect(call(authorization)).rejects.toThrow(text);
  });

  it('needs a scope that covers reading', async () => {
    const token = (scopes: string[]) => issueUserToken({ dataDir: server.dataDir, email: OWNER, scopes });
    await expect(call(`Bearer ${await token([`${AUTH}devstorage.read_only`])}`)).rejects.toThrow(
      /PERMISSION_DENIED: Request had insufficient authentication scopes/,
    );
    await expect(call(`Bearer ${await token([`${AUTH}bigquery`])}`)).resolves.toBeDefined();
  });

  it('leaves its decisions in the audit log', async () => {
    await storage.createReadSession(BOB, request());
    await expect(storage.createReadSession('nobody@example.com', request())).rejects.toThrow(/PERMISSION_DENIED/);
    const sql = `SELECT permission, granted, operation FROM _sluice_audit.data_access WHERE principal = '%' ORDER BY time`;
    await expect
      .poll(() => server.rows(sql.replace('%', BOB)), { timeout: 30_000 })
      .toEqual(
        expect.arrayContaining([
          ['bigquery.readsessions.create', 'true', 'bigquerystorage.BigQueryRead.CreateReadSession'],
          ['bigquery.tables.getData', 'true', 'bigquerystorage.BigQueryRead.CreateReadSession'],
        ]),
      );
    await expect
      .poll(() => server.rows(sql.replace('%', 'nobody@example.com')), { timeout: 30_000 })
      .toEqual([['bigquery.readsessions.create', 'false', 'bigquerystorage.BigQueryRead.CreateReadSession']]);
  });
});

it('who may not know of a table is answered alike whether it exists or not', async () => {
  await server.grant('user:out@example.com', ['roles/bigquery.readSessionUser']);
  const answer = async (tableId: string): Promise<string> =>
    storage.createReadSession('out@example.com', request(tableId)).then(
      () => 'OK',
      (error: Error) => error.message.replaceAll(tableId, 'T'),
    );
  expect(await answer('sales')).toMatch(/PERMISSION_DENIED.*\(or it may not exist\)/);
  expect(await answer('nothing')).toBe(await answer('sales'));
});

describe('row access policies', () => {
  it('filter the rows, also behind a restriction that tries to see the others', async () => {
    await server.rows(`CREATE ROW ACCESS POLICY eu ON ds.sales GRANT TO ('user:${BOB}') FILTER USING (region = 'EU')`);
    await server.rows(`CREATE ROW ACCESS POLICY everything ON ds.sales GRANT TO ('user:${OWNER}') FILTER USING (TRUE)`);
    expect(await idsOf(BOB)).toEqual([2]);
    expect(await idsOf(EVE)).toEqual([]);
    expect(await idsOf(OWNER)).toEqual([1, 2, 3]);
    expect(await idsOf(BOB, { rowRestriction: 'id > 0 OR TRUE' })).toEqual([2]);
    // An error of a row that is hidden would tell of it.
    expect(await idsOf(BOB, { rowRestriction: "1 / IF(region = 'US', 0, 1) > 0" })).toEqual([2]);
    const session = await storage.createReadSession(BOB, request());
    expect(session.estimatedRowCount).toBe('1');
    await server.rows('DROP ALL ROW ACCESS POLICIES ON ds.sales');
    expect(await idsOf(EVE)).toEqual([1, 2, 3]);
  });
});

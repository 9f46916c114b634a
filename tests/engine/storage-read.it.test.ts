// Reading through the Storage Read API: the same rows as over REST, resumed when a stream
// breaks, refused by name without the permission.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { advisePermissions, syncMapping, type SourceConfig } from '@sluice/engine';
import { createRegistry } from '@sluice/destinations';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BigQuerySource } from '../../packages/engine/src/source/bigquery/bigquery.ts';
import { accountWith, apply, shareShop, tested } from './set-up.ts';
import { openWorkbench, PROJECT } from './workbench.ts';
import type { Workbench } from './workbench.ts';

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

const through = (address = bench.bigquery.grpcAddress, source = bench.source): SourceConfig => ({
  ...source,
  read: 'storage',
  storageEndpoint: `http://${address}`,
});

async function rowsOf(source: SourceConfig, tableId: string, nest?: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  const ref = { projectId: PROJECT, datasetId: 'shop', tableId };
  for await (const page of new BigQuerySource(source).pages(ref, nest === undefined ? {} : { nest })) {
    expect(page.length).toBeLessThanOrEqual(2_000);
    rows.push(...page);
  }
  return rows.toSorted((a, b) => Number(a['id']) - Number(b['id']));
}

const EVERY_TYPE = `CREATE TABLE shop.types AS SELECT id,
  IF(MOD(id, 7) = 0, NULL, id * 1000003 * IF(MOD(id, 2) = 0, 1, -1)) AS i,
  9223372036854775807 - id AS big,
  IF(MOD(id, 5) = 0, CAST('nan' AS FLOAT64), id / 7) AS f,
  MOD(id, 3) = 0 AS b,
  IF(MOD(id, 4) = 0, NULL, CONCAT('é', CAST(id AS STRING), IF(MOD(id, 2) = 0, '', ' – längér than twelve bytes'))) AS s,
  CAST(CONCAT('bytes ', CAST(id AS STRING)) AS BYTES) AS bytes,
  DATE_ADD(DATE '1950-01-01', INTERVAL id DAY) AS d,
  TIME(MOD(id, 24), 1, 2) AS t,
  DATETIME_ADD(DATETIME '1960-01-01 00:00:00', INTERVAL id * 1234567 MICROSECOND) AS dt,
  TIMESTAMP_ADD(TIMESTAMP '1969-12-31 23:59:59+00', INTERVAL id * 500 MILLISECOND) AS ts,
  TIMESTAMP_ADD(TIMESTAMP '1969-12-31 23:59:59+00', INTERVAL id MICROSECOND) AS us,
  CAST(id AS NUMERIC) / 8 * IF(MOD(id, 2) = 0, 1, -1) AS n,
  PARSE_JSON(CONCAT('{"a":', CAST(id AS STRING), '}')) AS j,
  IF(MOD(id, 6) = 0, [], [id, id + 1]) AS items,
  [STRUCT(id AS p, ['x', CAST(id AS STRING)] AS q)] AS structs,
  IF(MOD(id, 9) = 0, NULL, STRUCT(id AS a, STRUCT('deep' AS c) AS b)) AS st,
  CAST(id AS BIGNUMERIC) / 16 AS bn,
  INTERVAL -id SECOND AS iv,
  IF(MOD(id, 3) = 0, NULL, RANGE(DATE '2020-01-01', IF(MOD(id, 2) = 0, NULL, DATE '2021-01-01'))) AS r,
  RANGE(TIMESTAMP_ADD(TIMESTAMP '2020-01-01 00:00:00+00', INTERVAL id MICROSECOND), NULL) AS rt,
  ST_GEOGPOINT(MOD(id, 90), 2) AS g,
  id AS col_x, 'y' AS col_y
  FROM UNNEST(GENERATE_ARRAY(1, 5000)) AS id`;

test('a table of every type gives the rows that REST gives', async () => {
  await bench.bigquery.query(EVERY_TYPE);
  const overRest = await rowsOf(bench.source, 'types');
  expect(overRest.length).toBe(5_000);
  expect(await rowsOf(through(), 'types')).toEqual(overRest);
  expect(await rowsOf(through(), 'types', 'col_')).toEqual(await rowsOf(bench.source, 'types', 'col_'));
});

test('an empty table gives no rows', async () => {
  await bench.bigquery.query('CREATE TABLE shop.nothing (id INT64)');
  expect(await rowsOf(through(), 'nothing')).toEqual([]);
});

test('a sync delivers a plan that it reads so', async () => {
  await bench.bigquery.query(
    `CREATE TABLE shop.people AS SELECT id, CONCAT('name ', CAST(id AS STRING)) AS name FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS id`,
  );
  const mapping = bench.mapping('people', 'SELECT id, name FROM shop.people');
  const registry = createRegistry();
  bench.take();
  expect(await syncMapping(through(), mapping, { registry })).toMatchObject({
    state: 'succeeded',
    outcomes: { added: { delivered: 3000 } },
  });
  const sent = bench.take();
  expect(sent.length).toBe(3000);
  expect(new Set(sent.map((row) => row['id'])).size).toBe(3000);
  await bench.bigquery.query(`UPDATE shop.people SET name = 'new' WHERE id <= 10`);
  expect(await syncMapping(through(), mapping, { registry })).toMatchObject({ plan: { updated: 10, unchanged: 2990 } });
  expect(bench.take().length).toBe(10);
});

test('streams that break are taken up at their offsets', async () => {
  await bench.bigquery.query(
    `CREATE TABLE shop.wide AS SELECT id, REPEAT('x', 2000) AS text FROM UNNEST(GENERATE_ARRAY(1, 20000)) AS id`,
  );
  const [host, port] = bench.bigquery.grpcAddress.split(':');
  const sockets = new Set<Socket>();
  let broken = 0;
  const proxy = createServer((client) => {
    const server = connect(Number(port), host);
    let bytes = 0;
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
    server.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      // Each connection breaks in the middle of some batch, a few times.
      if (bytes > 4_000_000 && broken < 4) {
        broken += 1;
        client.destroy();
      }
    });
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  try {
    const rows = await rowsOf(through(`127.0.0.1:${(proxy.address() as AddressInfo).port}`), 'wide');
    expect(broken).toBe(4);
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 20_000 }, (_, i) => i + 1));
  } finally {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  }
});

test('without the permission it is refused by name, advised, and never read over REST instead', async () => {
  const rights = ['bigquery.tables.create', 'bigquery.tables.updateData', 'bigquery.tables.getData'];
  const plain = await accountWith(bench, { onProject: ['bigquery.jobs.create'], dataset: { permissions: rights } });
  await shareShop(bench, plain.email);
  const account = { ...plain, source: through(undefined, plain.source) };

  expect((await tested(plain)).failed).toEqual([]);
  const { failed, advice } = await tested(account);
  expect(failed).toEqual(['storage_read: bigquery.readsessions.create on project']);
  expect(advice.needed.map(({ permission }) => permission)).toEqual([
    'bigquery.readsessions.create',
    'bigquery.readsessions.getData',
  ]);

  await bench.bigquery.query('CREATE TABLE shop.few AS SELECT id FROM UNNEST([1, 2, 3]) AS id');
  const mapping = bench.mapping('few', 'SELECT id FROM shop.few');
  const registry = createRegistry();
  bench.take();
  const report = await syncMapping(account.source, mapping, { registry });
  expect(report).toMatchObject({ state: 'failed' });
  expect(JSON.stringify(report)).toContain('bigquery.readsessions.create');
  expect(bench.take()).toEqual([]);

  const permissions = await advisePermissions(account.source, [mapping.model]);
  expect(permissions.missing.map(({ permission }) => permission)).toEqual([
    'bigquery.readsessions.create',
    'bigquery.readsessions.getData',
  ]);

  await apply(bench, account, advice.ways[0]!.commands);
  expect((await tested(account)).failed).toEqual([]);
  expect(await syncMapping(account.source, mapping, { registry })).toMatchObject({ state: 'succeeded' });
  expect(bench.take().length).toBe(3);
});

test('a source that does not say where is refused before anything is read', async () => {
  const { storageEndpoint: _, ...source } = through();
  expect(() => new BigQuerySource(source)).toThrow(/needs its endpoint/);
});

import { createRegistry } from '@sluice/destinations';
import { planMapping, previewModel, testConnection } from '@sluice/engine';
import type { CheckResult, ServiceAccountKey, SourceConfig } from '@sluice/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROJECT, openWorkbench } from './workbench.ts';
import type { Workbench } from './workbench.ts';

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
  await bench.bigquery.query(
    `CREATE TABLE shop.items AS SELECT id, TIMESTAMP '2020-01-01 00:00:00.000001+00' AS seen FROM UNNEST(GENERATE_ARRAY(1, 30)) AS id`,
  );
});
afterAll(() => bench?.[Symbol.asyncDispose]());

let accounts = 0;
async function sourceWith(roles: readonly string[], more: Partial<SourceConfig> = {}): Promise<SourceConfig> {
  accounts += 1;
  const key = await bench.bigquery.serviceAccount(`account-${accounts}`, roles);
  return {
    ...bench.source,
    credentials: key as unknown as ServiceAccountKey,
    stateDataset: `state_${accounts}`,
    ...more,
  };
}
const failed = (checks: readonly CheckResult[]): CheckResult | undefined => checks.find((check) => !check.ok);

test('BigQuery User and Job User pass every check; the state dataset is created', async () => {
  const source = await sourceWith(['roles/bigquery.user', 'roles/bigquery.jobUser']);
  const checks = await testConnection(source);
  expect(checks.map((check) => [check.check, check.ok])).toEqual([
    ['key', true],
    ['token', true],
    ['project', true],
    ['jobs', true],
    ['location', true],
    ['state_dataset', true],
    ['state_tables', true],
    ['state_write', true],
    ['state_read', true],
    ['state_drop', true],
  ]);
  const tables = await bench.bigquery.call(
    'GET',
    `/bigquery/v2/projects/${PROJECT}/datasets/${source.stateDataset ?? ''}/tables`,
  );
  expect(tables['tables'] ?? []).toEqual([]);
});

test('without a role the missing permission, the project and the command are named', async () => {
  const checks = await testConnection(await sourceWith([]));
  expect(failed(checks)).toMatchObject({
    check: 'jobs',
    permission: 'bigquery.jobs.create',
    resource: `projects/${PROJECT}`,
  });
  expect(failed(checks)?.fix?.command).toMatch(
    /^gcloud projects add-iam-policy-binding engine-tests .*bigquery\.jobUser/,
  );
  expect(checks.at(-1)).toMatchObject({ ok: false, skipped: true });
});

test('an account that may neither create nor write the state dataset is told the GRANT', async () => {
  const checks = await testConnection(await sourceWith(['roles/bigquery.jobUser']));
  expect(failed(checks)).toMatchObject({ check: 'state_dataset', permission: 'bigquery.datasets.create' });
  expect(failed(checks)?.fix?.command).toMatch(/GRANT `roles\/bigquery\.dataEditor` ON SCHEMA/);
});

test('a state dataset that the customer made is enough for an account with jobs only', async () => {
  const source = await sourceWith(['roles/bigquery.jobUser']);
  const access = [
    { role: 'OWNER', userByEmail: 'owner@example.com' },
    { role: 'WRITER', userByEmail: source.credentials.client_email },
  ];
  await bench.bigquery.call('POST', `/bigquery/v2/projects/${PROJECT}/datasets`, {
    datasetReference: { datasetId: source.stateDataset },
    location: 'US',
    access,
  });
  expect(failed(await testConnection(source))).toBeUndefined();
});

test('a state dataset elsewhere than the Data Location fails the location check', async () => {
  const source = await sourceWith(['roles/bigquery.user'], { location: 'US' });
  await bench.bigquery.call('POST', `/bigquery/v2/projects/${PROJECT}/datasets`, {
    datasetReference: { datasetId: source.stateDataset },
    location: 'EU',
    access: [
      { role: 'OWNER', userByEmail: 'owner@example.com' },
      { role: 'WRITER', userByEmail: source.credentials.client_email },
    ],
  });
  expect(failed(await testConnection(source))).toMatchObject({
    check: 'location',
    message: expect.stringContaining('EU') as string,
  });
});

test('an unusable key fails the first check and is not repeated', async () => {
  const broken = { ...bench.source, credentials: { ...bench.source.credentials, private_key: 'secret-text' } };
  const checks = await testConnection(broken);
  expect(failed(checks)?.check).toBe('key');
  expect(JSON.stringify(checks)).not.toContain('secret-text');
});

test('a preview shows the columns and the first ten rows', async () => {
  const preview = await previewModel(bench.source, {
    name: 'items',
    sql: 'SELECT id, seen FROM shop.items ORDER BY id',
    key: 'id',
  });
  expect(preview.columns).toEqual([
    { name: 'id', type: 'INT64' },
    { name: 'seen', type: 'TIMESTAMP' },
  ]);
  expect(preview.rows.length).toBe(10);
  expect(preview.rows[0]).toEqual({ id: 1, seen: '2020-01-01T00:00:00.000001Z' });
});

test('a preview of a table that the account may not read is denied with BigQuery’s text and a fix', async () => {
  const source = await sourceWith(['roles/bigquery.jobUser']);
  await expect(
    previewModel(source, { name: 'items', sql: 'SELECT id FROM shop.items', key: 'id', place: 'models/items.sql' }),
  ).rejects.toMatchObject({
    kind: 'forbidden',
    message: expect.stringContaining('Access Denied') as string,
    fix: expect.stringContaining('Grant') as string,
  });
});

test('an error in the query comes with BigQuery’s text and the place in the file', async () => {
  const model = { name: 'items', sql: 'SELECT id,\n  nme\nFROM shop.items', key: 'id', place: 'models/items.sql' };
  await expect(previewModel(bench.source, model)).rejects.toMatchObject({
    code: 'QUERY_INVALID',
    where: 'models/items.sql:2:3',
    message: expect.stringContaining('nme') as string,
  });
});

test('an unknown column in a mapping is named before anything runs', async () => {
  const mapping = bench.mapping('typo', 'SELECT id, seen FROM shop.items', { data: '$.properties.sean' });
  await expect(planMapping(bench.source, mapping, { registry: createRegistry() })).rejects.toMatchObject({
    code: 'MAPPING_INVALID',
    message: expect.stringContaining('sean') as string,
  });
});

test('a service that cannot be reached is an error that says so', async () => {
  const source = { ...bench.source, endpoint: 'http://127.0.0.1:9' };
  await expect(previewModel(source, { name: 'items', sql: 'SELECT 1 AS id', key: 'id' })).rejects.toMatchObject({
    kind: 'unavailable',
  });
});

// What is kept in memory of the catalog must not outlive a transaction that was undone.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CatalogDatabase } from './database.ts';
import { datasetMigrations, Datasets } from './datasets.ts';
import { ROW_ACCESS_POLICIES_MIGRATION, RowAccessPolicies } from './row-access-policies.ts';
import { TABLE_POLICIES_MIGRATION, TablePolicies } from './table-policies.ts';
import { tableMigrations, Tables } from './tables.ts';

const ref = { projectId: 'p', datasetId: 'd', tableId: 't' };
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-catalog-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

it('a change of policies or datasets that is undone is seen by nobody', () => {
  using db = new CatalogDatabase(join(directory, 'catalog.sqlite'), [
    ...datasetMigrations,
    ...tableMigrations,
    TABLE_POLICIES_MIGRATION,
    ROW_ACCESS_POLICIES_MIGRATION,
  ]);
  const datasets = new Datasets(db);
  const tables = new Tables(db);
  const policies = new TablePolicies(db, tables);
  const rows = new RowAccessPolicies(db, tables);
  datasets.insert({ projectId: 'p', datasetId: 'd', location: 'US', properties: { access: [] } });
  tables.put({ ref, kind: 'TABLE', properties: { schema: { fields: [] } } }, 'create');
  const kept = policies.replace(ref, [{ role: 'roles/bigquery.dataViewer', members: ['user:a@example.com'] }], 'ACAB');

  expect(() =>
    db.transaction(() => {
      policies.replace(ref, [], undefined);
      rows.put(ref, { policyId: 'a', filter: 'TRUE', allRows: true, grantees: [] });
      datasets.replace('p', 'd', { access: [{ role: 'OWNER', userByEmail: 'eve@example.com' }] });
      tables.delete(ref);
      expect([policies.find('p', 'd', 't'), rows.list(ref)]).toEqual([undefined, []]);
      throw new Error('the job was cancelled');
    }),
  ).toThrow('the job was cancelled');

  expect(policies.find('p', 'd', 't')).toEqual(kept);
  expect(rows.list(ref)).toEqual([]);
  expect(datasets.get('p', 'd')?.properties.access).toEqual([]);
});

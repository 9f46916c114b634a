import { describe, expect, test } from 'vitest';
import { excessOfEntry, excessOfUnusedDataset, excessOnProject, excessOnTable, kindOf } from './excess.ts';
import { BIGQUERY_PERMISSIONS, permissionsOf, rolesWithin } from './predefined-roles.ts';

test.each([
  ['bigquery.datasets.setIamPolicy', 'administers'],
  ['bigquery.datasets.delete', 'administers'],
  ['bigquery.reservations.update', 'administers'],
  ['resourcemanager.projects.setIamPolicy', 'administers'],
  ['bigquery.tables.updateData', 'writes'],
  ['bigquery.routines.create', 'writes'],
  ['bigquery.tables.getData', 'reads'],
  ['bigquery.readsessions.create', 'reads'],
  ['bigquery.tables.get', 'sees'],
  ['bigquery.jobs.listAll', 'sees'],
])('%s %s', (permission, kind) => {
  expect(kindOf(permission)).toBe(kind);
});

describe('on the project', () => {
  test('BigQuery Job User is not too much', () => {
    expect(excessOnProject('p', permissionsOf('roles/bigquery.jobUser'), 'customer_creates_dataset')).toEqual([]);
  });

  test('creating datasets is too much where the customer made the dataset, and due where Sluice did', () => {
    const held = new Set(['bigquery.jobs.create', 'bigquery.datasets.create']);
    expect(excessOnProject('p', held, 'sluice_creates_dataset')).toEqual([]);
    expect(excessOnProject('p', held, 'customer_creates_dataset')).toMatchObject([
      { kind: 'administers', permissions: ['bigquery.datasets.create'], roles: [] },
    ]);
  });

  test('every permission that is held beyond need is told exactly once', () => {
    const held = new Set([...BIGQUERY_PERMISSIONS, 'resourcemanager.projects.setIamPolicy']);
    const told = excessOnProject('p', held, 'customer_creates_dataset').flatMap(({ permissions }) => permissions);
    const due = permissionsOf('roles/bigquery.jobUser');
    expect(told.toSorted()).toEqual([...held].filter((permission) => !due.has(permission)).toSorted());
  });
});

test('on a table, reading is due and what the project gives is told there', () => {
  const held = new Set(['bigquery.tables.getData', 'bigquery.tables.updateData', 'bigquery.tables.delete']);
  expect(excessOnTable('t', held, new Set(['bigquery.tables.delete']))).toMatchObject([
    { kind: 'writes', permissions: ['bigquery.tables.updateData'] },
  ]);
});

test('an entry that only reads is due in a dataset of the models, and too much in any other', () => {
  expect(excessOfEntry('d', 'READER')).toBeUndefined();
  expect(excessOfEntry('d', 'OWNER')).toMatchObject({ kind: 'administers' });
  expect(excessOfUnusedDataset('d', ['READER'])).toMatchObject({ kind: 'reads' });
  expect(excessOfUnusedDataset('d', ['READER', 'WRITER'])).toMatchObject({ kind: 'writes' });
  expect(excessOfUnusedDataset('d', [])).toMatchObject({ kind: 'sees' });
});

test('roles are told by the permissions that are held, the widest only', () => {
  const held = new Set([...permissionsOf('roles/bigquery.dataEditor'), ...permissionsOf('roles/bigquery.jobUser')]);
  expect(rolesWithin(held)).toContain('roles/bigquery.dataEditor');
  expect(rolesWithin(held)).not.toContain('roles/bigquery.dataViewer');
  expect(rolesWithin(new Set(['bigquery.tables.getData']))).toEqual([]);
});

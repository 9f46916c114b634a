import { expect, it } from 'vitest';

import { accessDenied, queryDenied } from './denied.ts';

const table = { kind: 'table', projectId: 'p', datasetId: 'd', tableId: 't' } as const;

it.each([
  [
    'bigquery.jobs.create',
    { kind: 'project', projectId: 'p' },
    'Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.',
  ],
  [
    'bigquery.datasets.get',
    { kind: 'dataset', projectId: 'p', datasetId: 'd' },
    'Access Denied: Dataset p:d: Permission bigquery.datasets.get denied on dataset p:d (or it may not exist).',
  ],
  [
    'bigquery.tables.getData',
    table,
    'Access Denied: Table p:d.t: Permission bigquery.tables.getData denied on table p:d.t (or it may not exist).',
  ],
  [
    'bigquery.jobs.get',
    { kind: 'job', projectId: 'p', location: 'EU', jobId: 'j', owner: 'a@example.com' },
    'Access Denied: Job p:EU.j: Permission bigquery.jobs.get denied on job p:EU.j (or it may not exist).',
  ],
  [
    'iam.serviceAccounts.create',
    { kind: 'project', projectId: 'p' },
    "Permission 'iam.serviceAccounts.create' denied on resource '//cloudresourcemanager.googleapis.com/projects/p' (or it may not exist).",
  ],
] as const)('a refusal of %s has the text of the real service', (permission, resource, text) => {
  const error = accessDenied(permission, resource);
  expect(error.message).toBe(text);
  expect(error.httpStatus).toBe(403);
});

it('a query’s refusal names the table, and the location where it is known', () => {
  expect(queryDenied(table).message).toBe(
    'Access Denied: Table p:d.t: User does not have permission to query table p:d.t, or perhaps it does not exist.',
  );
  expect(queryDenied(table, 'EU').message).toMatch(/does not exist in location EU\.$/);
  expect(queryDenied(table)).toMatchObject({ reason: 'accessDenied', httpStatus: 403 });
});

import { expect, it } from 'vitest';

import { BigQueryError } from '../bigquery-error.ts';
import { isReadOnly, requireScope } from './scopes.ts';

const PREFIX = 'https://www.googleapis.com/auth/';

function allows(operation: string, ...scopes: string[]): boolean {
  try {
    requireScope(
      { principal: { kind: 'user', email: 'a@example.com' }, scopes: scopes.map((name) => PREFIX + name) },
      operation,
    );
    return true;
  } catch (error) {
    if (error instanceof BigQueryError && error.reason === 'insufficientPermissions' && error.httpStatus === 403)
      return false;
    throw error;
  }
}

it.each([
  ['bigquery.datasets.get', ['bigquery', 'bigquery.readonly', 'cloud-platform', 'cloud-platform.read-only']],
  ['bigquery.datasets.list', ['bigquery', 'bigquery.readonly', 'cloud-platform', 'cloud-platform.read-only']],
  ['bigquery.jobs.query', ['bigquery', 'bigquery.readonly', 'cloud-platform', 'cloud-platform.read-only']],
  ['bigquery.jobs.getQueryResults', ['bigquery', 'bigquery.readonly', 'cloud-platform', 'cloud-platform.read-only']],
  ['bigquery.datasets.insert', ['bigquery', 'cloud-platform']],
  ['bigquery.jobs.insert', ['bigquery', 'cloud-platform']],
  ['bigquery.tables.delete', ['bigquery', 'cloud-platform']],
  ['bigquery.tabledata.insertAll', ['bigquery', 'bigquery.insertdata', 'cloud-platform']],
  ['cloudresourcemanager.projects.setIamPolicy', ['cloud-platform', 'cloudplatformprojects']],
  ['iam.projects.serviceAccounts.keys.create', ['cloud-platform', 'iam']],
])('%s takes exactly the scopes of its reference page', (operation, expected) => {
  const all = [
    'bigquery',
    'bigquery.insertdata',
    'bigquery.readonly',
    'cloud-platform',
    'cloud-platform.read-only',
    'cloudplatformprojects',
    'devstorage.read_only',
    'iam',
  ];
  expect(all.filter((scope) => allows(operation, scope))).toEqual(expected);
  expect(allows(operation)).toBe(false);
});

it('names the method of a refused request as Google does', () => {
  const authentication = {
    principal: { kind: 'user', email: 'a@example.com' },
    scopes: [`${PREFIX}bigquery.readonly`],
  } as const;
  const refused = expect.objectContaining({
    message: 'Request had insufficient authentication scopes.',
    options: expect.objectContaining({
      innerMessage: 'Insufficient Permission',
      details: [
        expect.objectContaining({
          reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT',
          metadata: {
            service: 'bigquery.googleapis.com',
            method: 'google.cloud.bigquery.v2.DatasetService.InsertDataset',
          },
        }),
      ],
    }),
  });
  expect(() => requireScope(authentication, 'bigquery.datasets.insert')).toThrow(refused);
});

it('knows which scopes cannot change anything', () => {
  expect(isReadOnly([`${PREFIX}bigquery.readonly`])).toBe(true);
  expect(isReadOnly([`${PREFIX}bigquery.readonly`, `${PREFIX}bigquery`])).toBe(false);
  expect(isReadOnly([`${PREFIX}bigquery.insertdata`])).toBe(false);
  expect(isReadOnly([])).toBe(true);
});

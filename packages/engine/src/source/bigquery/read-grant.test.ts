import { expect, test } from 'vitest';
import type { SourceConfig } from '../../run/api.ts';
import { readGrant } from './read-grant.ts';

const source: SourceConfig = {
  kind: 'bigquery',
  name: 'warehouse',
  projectId: 'p',
  location: 'US',
  credentials: {
    type: 'service_account',
    project_id: 'p',
    private_key_id: 'k',
    private_key: 'secret-text',
    client_email: 'sync@p.iam.gserviceaccount.com',
  },
};
const refusal = (table: string): string =>
  `Access Denied: Table ${table}: User does not have permission to query table ${table}, or perhaps it does not exist.`;

test('a table that may not be read comes with the permission and the grant on that table alone', () => {
  expect(readGrant(refusal('example.com:data:shop.order items'), source)).toBe(
    'Grant the service account bigquery.tables.getData on shop.order items: GRANT `roles/bigquery.dataViewer` ON TABLE `example.com:data`.shop.`order items` TO "serviceAccount:sync@p.iam.gserviceaccount.com"; for a view write ON VIEW, for the whole dataset ON SCHEMA `example.com:data`.shop.',
  );
});

test('a table of the state dataset comes with the grant on the dataset', () => {
  const text = readGrant(refusal('p:__segment_reverse_etl.records_m'), source);
  expect(text).toContain('GRANT `roles/bigquery.dataEditor` ON SCHEMA `p`.__segment_reverse_etl TO');
});

test('other refusals are not about reading a table', () => {
  expect(readGrant('Access Denied: Project p: User does not have bigquery.jobs.create', source)).toBeUndefined();
});

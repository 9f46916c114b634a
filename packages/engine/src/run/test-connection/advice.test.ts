import { expect, test } from 'vitest';
import type { CheckName, CheckResult, SourceConfig } from '../api.ts';
import { adviseGrants } from './advice.ts';

const email = 'sync@p.iam.gserviceaccount.com';
const source: SourceConfig = {
  kind: 'bigquery',
  name: 'warehouse',
  projectId: 'p',
  location: 'EU',
  credentials: {
    type: 'service_account',
    project_id: 'p',
    private_key_id: 'k',
    private_key: 'secret-text',
    client_email: email,
  },
};
const ok = (check: CheckName): CheckResult => ({ check, ok: true, message: 'fine' });
const denied = (check: CheckName, permission: string): CheckResult => ({
  check,
  ok: false,
  denied: true,
  permission,
  message: 'Access Denied',
});
const grant =
  'bq query --project_id=p --location=EU --use_legacy_sql=false \'GRANT `roles/bigquery.dataEditor` ON SCHEMA `p`.__segment_reverse_etl TO "serviceAccount:sync@p.iam.gserviceaccount.com";\'';

test('nothing is advised when every check passes, or fails for another reason than a permission', () => {
  const broken: CheckResult = { check: 'key', ok: false, message: 'not a key' };
  expect(adviseGrants(source, [ok('jobs'), broken])).toEqual({ needed: [], ways: [] });
});

test('what several checks lack is granted at once, each permission on its own resource', () => {
  const advice = adviseGrants(source, [
    denied('jobs', 'bigquery.jobs.create'),
    ok('state_dataset'),
    ok('state_tables'),
    denied('state_write', 'bigquery.tables.updateData'),
    denied('state_read', 'bigquery.tables.getData'),
  ]);
  expect(advice.needed).toEqual([
    { permission: 'bigquery.jobs.create', resource: 'projects/p' },
    { permission: 'bigquery.tables.updateData', resource: 'projects/p/datasets/__segment_reverse_etl' },
    { permission: 'bigquery.tables.getData', resource: 'projects/p/datasets/__segment_reverse_etl' },
  ]);
  expect(advice.ways[0]?.commands).toEqual([
    `gcloud projects add-iam-policy-binding p --member="serviceAccount:${email}" --role="roles/bigquery.jobUser"`,
    grant,
  ]);
  expect(advice.ways[1]?.commands).toEqual([
    'gcloud iam roles update ROLE_ID --project=p --add-permissions=bigquery.jobs.create,bigquery.tables.updateData,bigquery.tables.getData',
  ]);
});

test('without a dataset it is made first, where the models’ data are, or Sluice is let make it', () => {
  const advice = adviseGrants(source, [
    ok('jobs'),
    denied('state_dataset', 'bigquery.datasets.create'),
    { check: 'state_tables', ok: false, skipped: true, message: 'not checked' },
    ok('state_read'),
  ]);
  expect(advice.needed.map(({ permission }) => permission)).toEqual([
    'bigquery.tables.create',
    'bigquery.tables.updateData',
  ]);
  expect(advice.ways.map(({ commands }) => commands)).toEqual([
    [
      'bq query --project_id=p --location=EU --use_legacy_sql=false \'CREATE SCHEMA IF NOT EXISTS `p`.__segment_reverse_etl OPTIONS(location="EU");\'',
      grant,
    ],
    ['gcloud iam roles update ROLE_ID --project=p --add-permissions=bigquery.datasets.create'],
  ]);
});

import { expect, test } from 'vitest';
import type { SourceConfig } from '../api.ts';
import { readGrants, setUpScript } from './set-up.ts';

const email = 'sync@p.iam.gserviceaccount.com';
const source: SourceConfig = {
  kind: 'bigquery',
  name: 'warehouse',
  projectId: 'p',
  location: 'EU',
  credentials: { type: 'service_account', project_id: 'p', private_key_id: 'k', private_key: 's', client_email: email },
};
const table = (datasetId: string, tableId: string, projectId = 'p') => ({ projectId, datasetId, tableId });
const view = table('shop', 'active');
const grants = readGrants(
  [table('shop', 'orders'), view, table('shop', 'events_*'), table('d', 't', 'other')],
  [{ projectId: 'p', datasetId: 'fn', routineId: 'clean' }],
  new Set([view]),
);
const to = `TO "serviceAccount:${email}";`;

test('the customer’s way makes the dataset and grants three permissions on it alone', () => {
  const { shellFirst, sql, shell } = setUpScript(source, 'customer_creates_dataset', grants);
  const role = (id: string, title: string, permissions: string): string =>
    `gcloud iam roles create ${id} --project=p --title="${title}" --stage=GA --permissions=${permissions}`;
  expect(shellFirst).toEqual([
    role('sluice_jobs', 'Sluice jobs', 'bigquery.jobs.create'),
    role('sluice_state', 'Sluice state', 'bigquery.tables.create,bigquery.tables.updateData,bigquery.tables.getData'),
    role('sluice_read', 'Sluice read', 'bigquery.tables.getData'),
    role('sluice_routines', 'Sluice routines', 'bigquery.routines.get'),
    `gcloud projects add-iam-policy-binding p --member="serviceAccount:${email}" --role="projects/p/roles/sluice_jobs"`,
  ]);
  expect(sql).toEqual([
    'CREATE SCHEMA IF NOT EXISTS `p`.__segment_reverse_etl OPTIONS(location="EU");',
    `GRANT \`projects/p/roles/sluice_state\` ON SCHEMA \`p\`.__segment_reverse_etl ${to}`,
    `GRANT \`projects/p/roles/sluice_read\` ON TABLE \`p\`.shop.\`orders\` ${to}`,
    `GRANT \`projects/p/roles/sluice_read\` ON VIEW \`p\`.shop.\`active\` ${to}`,
    // All tables of a wildcard can only be shared with their dataset.
    `GRANT \`projects/p/roles/sluice_read\` ON SCHEMA \`p\`.shop ${to}`,
    // A custom role of one project cannot be held in another.
    `GRANT \`roles/bigquery.dataViewer\` ON TABLE \`other\`.d.\`t\` ${to}`,
    `GRANT \`projects/p/roles/sluice_routines\` ON SCHEMA \`p\`.fn ${to}`,
  ]);
  expect(shell.length).toBe(shellFirst.length + sql.length);
});

test('the way in which Sluice makes the dataset grants its creation on the project, and nothing on it', () => {
  const script = setUpScript(source, 'sluice_creates_dataset', []);
  expect(script.sql).toEqual([]);
  expect(script.shell).toEqual([
    'gcloud iam roles create sluice_jobs --project=p --title="Sluice jobs" --stage=GA --permissions=bigquery.jobs.create,bigquery.datasets.create',
    `gcloud projects add-iam-policy-binding p --member="serviceAccount:${email}" --role="projects/p/roles/sluice_jobs"`,
  ]);
  expect(script.terraform).not.toContain('google_bigquery_dataset');
});

test('Terraform holds the same: roles by reference, each grant on its own resource', () => {
  const { terraform } = setUpScript(source, 'customer_creates_dataset', grants);
  const blocks = terraform.split('\n\n');
  expect(blocks.map((block) => block.split('\n')[0])).toEqual([
    'resource "google_project_iam_custom_role" "sluice_jobs" {',
    'resource "google_project_iam_custom_role" "sluice_state" {',
    'resource "google_project_iam_custom_role" "sluice_read" {',
    'resource "google_project_iam_custom_role" "sluice_routines" {',
    'resource "google_project_iam_member" "sluice_jobs" {',
    'resource "google_bigquery_dataset" "sluice_state" {',
    'resource "google_bigquery_dataset_iam_member" "sluice_state" {',
    'resource "google_bigquery_table_iam_member" "sluice_read_1" {',
    'resource "google_bigquery_table_iam_member" "sluice_read_2" {',
    'resource "google_bigquery_dataset_iam_member" "sluice_read_3" {',
    'resource "google_bigquery_table_iam_member" "sluice_read_4" {',
    'resource "google_bigquery_dataset_iam_member" "sluice_read_5" {',
  ]);
  expect(blocks[7]).toBe(`resource "google_bigquery_table_iam_member" "sluice_read_1" {
  project    = "p"
  dataset_id = "shop"
  table_id   = "orders"
  role       = google_project_iam_custom_role.sluice_read.id
  member     = "serviceAccount:${email}"
}`);
  expect(blocks[10]).toContain('role       = "roles/bigquery.dataViewer"');
});

test('a name cannot begin a template of Terraform', () => {
  const { terraform } = setUpScript({ ...source, location: '${file("x")}' }, 'customer_creates_dataset', []);
  expect(terraform).toContain('location   = "$${file(');
});

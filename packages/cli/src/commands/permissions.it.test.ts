// `sluice permissions` against a real local BigQuery: what it says, and its exit codes.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { issueUserToken } from '@sluice/bigquery-local';
import type { PermissionReport } from '@sluice/engine';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cloud } from '../demo/cloud.ts';
import { startLocalBigQuery } from '../demo/local-bigquery.ts';
import type { LocalBigQuery } from '../demo/local-bigquery.ts';
import { run } from '../program.ts';

const project = 'permissions-test';

let directory = '';
let server: LocalBigQuery;
let cloud: Cloud;

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'sluice-permissions-'));
  const dataDir = path.join(directory, 'bigquery');
  const { signal } = new AbortController();
  server = await startLocalBigQuery(dataDir, signal);
  cloud = new Cloud(server.url, await issueUserToken({ dataDir, email: 'ana@example.com' }), signal);
  await cloud.createProject(project, 'Permissions');
  await cloud.createDataset(project, 'shop', 'US');
  await cloud.query(project, 'CREATE TABLE shop.customers AS SELECT 1 AS id', 'US');
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

type Ran = { readonly code: number; readonly out: string; readonly err: string };

/** A project folder of its own for an account with these roles on the project; gives its command line. */
async function accountWith(
  name: string,
  roles: readonly string[],
): Promise<{ readonly email: string; readonly sluice: (...args: string[]) => Promise<Ran> }> {
  const email = await cloud.createServiceAccount(project, name, name);
  if (roles.length > 0) await cloud.grantOnProject(project, `serviceAccount:${email}`, roles);
  const cwd = path.join(directory, name);
  await mkdir(path.join(cwd, 'models'), { recursive: true });
  await writeFile(path.join(cwd, 'models/customers.sql'), 'SELECT id FROM shop.customers\n');
  await writeFile(path.join(cwd, 'key.json'), await cloud.createKey(project, email));
  await writeFile(
    path.join(cwd, 'sluice.yaml'),
    `source:
  name: warehouse
  type: bigquery
  project: ${project}
  location: US
  credentials: { keyFile: key.json }
  endpoint: ${server.url}
  state_dataset: state_of_${name.replaceAll('-', '_')}
models:
  customers: { key: id }
`,
  );
  const sluice = async (...args: string[]): Promise<Ran> => {
    let out = '';
    let err = '';
    const code = await run(args, {
      out: (text) => (out += text),
      err: (text) => (err += text),
      environment: {},
      cwd,
      outIsTerminal: false,
      errIsTerminal: false,
      columns: 100,
      signal: new AbortController().signal,
    });
    return { code, out, err };
  };
  return { email, sluice };
}

it('tells what is missing and how to grant exactly that in three notations, and exits 1', async () => {
  const { email, sluice } = await accountWith('nothing-yet', []);
  const { code, out } = await sluice('permissions');
  expect(code).toBe(1);
  expect(out).toContain(`Permissions of ${email} for source "warehouse"`);
  expect(out).toMatch(/✗ bigquery\.jobs\.create +projects\/permissions-test {2}run any query/);
  expect(out).toMatch(/✗ bigquery\.tables\.getData +projects\/\S+\/shop\/tables\/customers {2}read by model customers/);
  expect(out).toContain('5 permissions missing.');
  expect(out).toContain('The smallest addition to what the account has:');
  expect(out).toContain('gcloud iam roles create sluice_state');
  expect(out).toContain('\nGRANT `projects/permissions-test/roles/sluice_read` ON TABLE');
  expect(out).toContain('resource "google_bigquery_table_iam_member" "sluice_read_1" {');
  const terraform = await sluice('permissions', 'warehouse', '--as', 'terraform');
  expect(terraform.out).not.toContain('gcloud');
  expect(terraform.out.match(/^resource "google_project_iam_member"/gm)?.length).toBe(2);
});

it('passes --fail-on-excess with what is needed, and fails it with more', async () => {
  const { email, sluice } = await accountWith('just-enough', ['roles/bigquery.jobUser']);
  const to = `TO "serviceAccount:${email}"`;
  await cloud.query(project, 'CREATE SCHEMA state_of_just_enough OPTIONS(location="US")', 'US');
  await cloud.query(project, `GRANT \`roles/bigquery.dataEditor\` ON SCHEMA state_of_just_enough ${to}`, 'US');
  await cloud.query(project, `GRANT \`roles/bigquery.dataViewer\` ON TABLE shop.customers ${to}`, 'US');
  const enough = await sluice('permissions', '--fail-on-excess');
  expect(enough).toMatchObject({ code: 0, err: '' });
  expect(enough.out).toContain('Nothing is granted beyond need.');
  expect(enough.out.trimEnd().endsWith('Nothing is missing.')).toBe(true);

  await cloud.grantOnProject(project, `serviceAccount:${email}`, ['roles/bigquery.dataEditor']);
  expect((await sluice('permissions')).code).toBe(0);
  const more = await sluice('permissions', '--fail-on-excess', '--json');
  expect(more).toMatchObject({ code: 1, err: '' });
  const report = JSON.parse(more.out) as PermissionReport & { ok: boolean };
  expect(report).toMatchObject({ source: 'warehouse', ok: true, account: email, missing: [] });
  expect(report.excess.find(({ kind }) => kind === 'writes')).toMatchObject({
    resource: `projects/${project}`,
    roles: ['roles/bigquery.dataEditor'],
  });
  expect(more.out).not.toContain('PRIVATE KEY');
});

it('refuses another source’s name and an unknown notation with exit code 2', async () => {
  const { sluice } = await accountWith('asked-wrongly', []);
  const other = await sluice('permissions', 'lake');
  expect(other.code).toBe(2);
  expect(other.err).toContain('there is no source "lake"');
  expect(other.err).toContain('"warehouse"');
  expect((await sluice('permissions', '--as', 'pulumi')).code).toBe(2);
});

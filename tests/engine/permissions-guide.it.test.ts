// The guide to permissions is run as it is printed: its SQL and its roles, on the local BigQuery.
import { readFile } from 'node:fs/promises';
import { previewModel, testConnection } from '@sluice/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accountWith } from './set-up.ts';
import { PROJECT, openWorkbench } from './workbench.ts';
import type { Workbench } from './workbench.ts';

const GUIDE = new URL('../../docs/guides/bigquery-permissions.md', import.meta.url);

let bench: Workbench;
let guide: string;
beforeAll(async () => {
  guide = await readFile(GUIDE, 'utf8');
  bench = await openWorkbench();
  await bench.bigquery.query(`CREATE TABLE shop.customers AS SELECT 1 AS id`);
});
afterAll(() => bench?.[Symbol.asyncDispose]());

/** Statements of the SQL blocks below a heading, for the names of this test. */
function statements(heading: string, email: string): string[] {
  const section = guide.split(/^#{2,3} /m).find((part) => part.startsWith(heading)) ?? '';
  return [...section.matchAll(/^```sql\n(.*?)^```/gms)]
    .flatMap(([, block = '']) => block.split(';'))
    .map((text) => text.replaceAll(/^--.*$/gm, '').trim())
    .filter((text) => text !== '')
    .map((text) =>
      text.replaceAll('sluice@my-project.iam.gserviceaccount.com', email).replaceAll('my-project', PROJECT),
    );
}

/** Permissions of a role that the guide creates. */
function roleOf(name: string): string[] {
  const command = new RegExp(`gcloud iam roles create ${name} .*?--permissions=(\\S+)`, 's').exec(guide);
  return command?.[1]?.split(',') ?? [];
}

test('the set-up to prefer passes every check and reads what was shared', async () => {
  const account = await accountWith(bench, { roles: ['roles/bigquery.jobUser'] });
  for (const statement of statements('The set-up to prefer', account.email)) await bench.bigquery.query(statement);
  const { stateDataset: _other, ...source } = account.source;
  expect((await testConnection(source)).filter((check) => !check.ok || check.optional === true)).toEqual([]);
  const model = { name: 'customers', sql: 'SELECT id FROM shop.customers', key: 'id' };
  expect((await previewModel(source, model)).rows).toEqual([{ id: 1 }]);
});

test('the role that lets Sluice create the dataset passes every check', async () => {
  const { source } = await accountWith(bench, { onProject: roleOf('sluice') });
  expect((await testConnection(source)).filter((check) => !check.ok)).toEqual([]);
});

test('the two custom roles, one on the project and one on the dataset, pass every check', async () => {
  const account = await accountWith(bench, { onProject: roleOf('sluice_jobs') });
  const role = { title: 'Sluice state', stage: 'GA', includedPermissions: roleOf('sluice_state') };
  await bench.bigquery.call('POST', `/v1/projects/${PROJECT}/roles`, { roleId: 'sluice_state', role });
  await bench.bigquery.query(`CREATE SCHEMA ${account.stateDataset} OPTIONS(location="US")`);
  for (const statement of statements('A dataset of your own', account.email))
    await bench.bigquery.query(statement.replaceAll('__segment_reverse_etl', account.stateDataset));
  expect((await testConnection(account.source)).filter((check) => !check.ok)).toEqual([]);
});

// The permission advisor against the local BigQuery: the set-ups that it prints are run as
// printed and are enough for everything, and not one permission of them can be taken away.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AppError } from '@sluice/core';
import { createRegistry } from '@sluice/destinations';
import { advisePermissions, planMapping, previewModel, syncMapping, testConnection } from '@sluice/engine';
import type { MappingConfig, PermissionReport, SetUpScript, Way } from '@sluice/engine';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BIGQUERY, accountWith, apply, shareShop } from './set-up.ts';
import type { Account, SetUp } from './set-up.ts';
import { PROJECT, openWorkbench } from './workbench.ts';
import type { Workbench } from './workbench.ts';

const SQL = 'SELECT i.id, p.price FROM shop.items AS i JOIN `engine-tests.shop.prices` AS p USING (id)';
const TABLES = ['engine-tests.shop.items', 'engine-tests.shop.prices'];

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
  const ids = 'UNNEST(GENERATE_ARRAY(1, 5)) AS id';
  await bench.bigquery.query(`CREATE TABLE shop.items AS SELECT id FROM ${ids}`);
  await bench.bigquery.query(`CREATE TABLE shop.prices AS SELECT id, id * 2 AS price FROM ${ids}`);
});
afterAll(() => bench?.[Symbol.asyncDispose]());

const modelOf = (sql = SQL) => ({ name: 'items', sql, key: 'id' });

async function reported(account: Account, sql = SQL): Promise<PermissionReport> {
  return advisePermissions(account.source, [modelOf(sql)]);
}

function scriptOf(report: PermissionReport, way: Way): SetUpScript {
  const script = report.setUps.find((each) => each.way === way);
  if (script === undefined) throw new Error(`no set-up for ${way}`);
  return script;
}

/** Runs the printed commands as the project's owner, but for one permission of one role. */
async function runAs(account: Account, shell: readonly string[], left?: { role: string; permission: string }) {
  // Roles are of the project, and each account is to have its own.
  const own = (text: string): string =>
    text.replaceAll(/\bsluice_(jobs|state|read|routines)\b/g, `$1_${account.roleId}`);
  const { bigquery } = bench;
  for (const command of shell) {
    const role = /^gcloud iam roles create (\S+) --project=\S+ --title="(.*)" --stage=GA --permissions=(\S+)$/.exec(
      command,
    );
    const bound = /^gcloud projects add-iam-policy-binding \S+ --member="(\S+)" --role="(\S+)"$/.exec(command);
    const sql = /^bq query --project_id=\S+ --location=\S+ --use_legacy_sql=false '([^']*)'$/.exec(command)?.[1];
    if (role !== null) {
      const [, id = '', title, list = ''] = role;
      const includedPermissions = list.split(',').filter((each) => !(id === left?.role && each === left.permission));
      await bigquery.call('POST', `/v1/projects/${PROJECT}/roles`, {
        roleId: own(id),
        role: { title, stage: 'GA', includedPermissions },
      });
    } else if (bound !== null) {
      const policy = await bigquery.call('POST', `/v1/projects/${PROJECT}:getIamPolicy`, {});
      const bindings = [
        ...((policy['bindings'] as object[] | undefined) ?? []),
        { role: own(bound[2] ?? ''), members: [bound[1]] },
      ];
      await bigquery.call('POST', `/v1/projects/${PROJECT}:setIamPolicy`, { policy: { ...policy, bindings } });
    } else if (sql !== undefined) await bigquery.query(own(sql));
    else throw new Error(`the command is none that this test knows: ${command}`);
  }
}

function mappingOf(account: Account): MappingConfig {
  return bench.mapping(`m_${account.stateDataset}`, SQL);
}

/** Everything that a user does with a source; throws what is refused first. */
async function everything(account: Account): Promise<void> {
  const registry = createRegistry();
  const failed = (await testConnection(account.source)).find((check) => !check.ok && check.skipped !== true);
  if (failed !== undefined)
    throw new Error(`${failed.check}: ${failed.permission} on ${failed.resource}: ${failed.message}`);
  expect((await previewModel(account.source, modelOf())).rows.length).toBe(5);
  expect(await planMapping(account.source, mappingOf(account), { registry })).toMatchObject({ counts: { added: 5 } });
  bench.take();
  expect(await syncMapping(account.source, mappingOf(account), { registry })).toMatchObject({ state: 'succeeded' });
  expect(bench.take().length).toBe(5);
  expect(await syncMapping(account.source, mappingOf(account), { registry })).toMatchObject({ plan: { added: 0 } });
}

describe.each(['customer_creates_dataset', 'sluice_creates_dataset'] as const)('the set-up printed for %s', (way) => {
  test('is enough for Test connection, preview, plan and sync, and nothing of it is too much', async () => {
    const account = await accountWith(bench, {});
    const before = await reported(account);
    expect(before.missing.length).toBeGreaterThan(0);
    await runAs(account, scriptOf(before, way).shell);
    await everything(account);
    const after = await reported(account);
    expect(after).toMatchObject({ way, missing: [], excess: [], unchecked: [] });
    expect(after.needs.every((need) => need.held === true)).toBe(true);
    expect(after.models).toEqual([{ model: 'items', tables: TABLES, routines: [], from: 'analysis' }]);
    // The names that were found in the text of a refused query are those of the analysis.
    expect(before.models).toEqual([{ model: 'items', tables: TABLES, routines: [], from: 'text' }]);
  });

  const permissions = [
    ['sluice_jobs', 'bigquery.jobs.create'],
    ...(way === 'customer_creates_dataset'
      ? [
          ['sluice_state', 'bigquery.tables.create'],
          ['sluice_state', 'bigquery.tables.updateData'],
          ['sluice_state', 'bigquery.tables.getData'],
        ]
      : [['sluice_jobs', 'bigquery.datasets.create']]),
  ] as [string, string][];

  test.each(permissions)('is not enough without %s’s %s, and the message names it', async (role, permission) => {
    const account = await accountWith(bench, {});
    const script = scriptOf(await reported(account), way);
    await runAs(account, script.shell, { role, permission });
    // A sync says so too, whether or not the connection was tested.
    const sync = syncMapping(account.source, mappingOf(account), { registry: createRegistry() });
    const refused = await sync.then(
      (report) => report.error,
      (thrown: unknown) => thrown as AppError,
    );
    expect(`${refused?.message} ${refused?.fix}`).toContain(permission);
    await expect(everything(account)).rejects.toThrow(permission);
    if (permission === 'bigquery.datasets.create') return;
    const { missing } = await reported(account);
    expect(missing.map((need) => need.permission)).toEqual([permission]);
  });

  test.each(TABLES)('is not enough without the grant on %s, and the message names it', async (table) => {
    const account = await accountWith(bench, {});
    const { shell } = scriptOf(await reported(account), way);
    const tableId = table.split('.')[2] ?? '';
    const rest = shell.filter((command) => !command.includes(`.\`${tableId}\``));
    expect(rest.length).toBe(shell.length - 1);
    await runAs(account, rest);
    await expect(everything(account)).rejects.toMatchObject({
      message: expect.stringContaining(`shop.${tableId}`) as string,
      fix: expect.stringContaining(`bigquery.tables.getData on shop.${tableId}`) as string,
    });
    const { missing } = await reported(account);
    expect(missing).toEqual([
      {
        permission: 'bigquery.tables.getData',
        resource: `projects/${PROJECT}/datasets/shop/tables/${tableId}`,
        why: 'read by model items',
        held: false,
      },
    ]);
  });
});

describe('the role for a dataset of the customer’s own, taken literally', () => {
  const LITERAL: SetUp = {
    onProject: ['bigquery.datasets.get', 'bigquery.tables.create', 'bigquery.jobs.create'],
    dataset: {},
  };

  test.each([0, 1])(
    'lacks two permissions on the state dataset; with printed addition %i everything works',
    async (way) => {
      const account = await accountWith(bench, LITERAL);
      const { missing, additions } = await reported(account);
      const state = `projects/${PROJECT}/datasets/${account.stateDataset}`;
      expect(missing.map(({ permission, resource }) => `${permission} on ${resource}`)).toEqual([
        `bigquery.tables.updateData on ${state}`,
        `bigquery.tables.getData on ${state}`,
        `bigquery.tables.getData on projects/${PROJECT}/datasets/shop/tables/items`,
        `bigquery.tables.getData on projects/${PROJECT}/datasets/shop/tables/prices`,
      ]);
      expect(additions.length).toBe(2);
      await apply(bench, account, additions[way]?.commands ?? []);
      await everything(account);
      expect(await reported(account)).toMatchObject({ missing: [], additions: [] });
    },
  );
});

describe('what is granted beyond need', () => {
  const excessOf = async (setUp: SetUp, share = true): Promise<string[]> => {
    const account = await accountWith(bench, setUp);
    if (share) await shareShop(bench, account.email);
    const { excess } = await reported(account);
    return excess.map(({ kind, resource, roles }) =>
      `${kind} ${resource.replace(PROJECT, 'p')} ${roles.join(' ')}`.trim(),
    );
  };

  test('is nothing for BigQuery Job User, Data Editor of the state dataset and Data Viewer of the models’', async () => {
    expect(
      await excessOf({ roles: ['roles/bigquery.jobUser'], dataset: { role: 'roles/bigquery.dataEditor' } }),
    ).toEqual([]);
  });

  test('is told for roles on the whole project, the gravest first, with the roles that give it', async () => {
    const account = await accountWith(bench, { roles: ['roles/bigquery.user', 'roles/bigquery.dataEditor'] });
    const { excess, missing } = await reported(account);
    expect(missing).toEqual([]);
    expect(excess.map(({ kind }) => kind)).toEqual(['administers', 'writes', 'reads', 'sees']);
    const [, writes, reads] = excess;
    expect(writes?.permissions).toContain('bigquery.tables.updateData');
    expect(reads?.permissions).toContain('bigquery.tables.getData');
    expect(writes?.roles).toEqual(['roles/bigquery.dataEditor']);
  });

  test('is told for a dataset that the models read and the account may write', async () => {
    const account = await accountWith(bench, { onProject: ['bigquery.jobs.create'], dataset: { role: 'WRITER' } });
    const dataset = `${BIGQUERY}/datasets/shop`;
    const { access } = await bench.bigquery.call('GET', dataset);
    const entry = { role: 'WRITER', userByEmail: account.email };
    await bench.bigquery.call('PATCH', dataset, { access: [...(access as object[]), entry] });
    const { excess } = await reported(account);
    expect(excess.find(({ roles }) => roles[0] === 'WRITER')).toMatchObject({
      kind: 'writes',
      resource: `projects/${PROJECT}/datasets/shop`,
    });
    const table = excess.find(({ resource }) => resource.endsWith('/tables/items') && resource.includes('shop'));
    expect(table?.permissions).toContain('bigquery.tables.updateData');
  });

  test('is told for a dataset that no model reads', async () => {
    const other = { datasetReference: { datasetId: 'other' }, location: 'US' };
    const created = await bench.bigquery.call('POST', `${BIGQUERY}/datasets`, other);
    const account = await accountWith(bench, { onProject: ['bigquery.jobs.create'], dataset: { role: 'WRITER' } });
    await shareShop(bench, account.email);
    await bench.bigquery.call('PATCH', `${BIGQUERY}/datasets/other`, {
      access: [...(created['access'] as object[]), { role: 'READER', userByEmail: account.email }],
    });
    const { excess } = await reported(account);
    expect(excess).toEqual([
      {
        kind: 'reads',
        resource: `projects/${PROJECT}/datasets/other`,
        permissions: [],
        roles: ['READER'],
        message: 'The account is READER of a dataset that no model reads.',
      },
    ]);
  });
});

test('a view is needed and what is behind it too, unless the view is authorized', async () => {
  const { bigquery } = bench;
  await bigquery.call('POST', `${BIGQUERY}/datasets`, { datasetReference: { datasetId: 'views' }, location: 'US' });
  await bigquery.query('CREATE VIEW views.items AS SELECT id FROM shop.items');
  const account = await accountWith(bench, { roles: ['roles/bigquery.jobUser'], dataset: { role: 'WRITER' } });
  const email = `"serviceAccount:${account.email}"`;
  const tables = async () => (await reported(account, 'SELECT id FROM views.items')).models[0];
  expect(await tables()).toMatchObject({ tables: ['engine-tests.views.items'], from: 'text' });
  await bigquery.query(`GRANT \`roles/bigquery.dataViewer\` ON VIEW views.items TO ${email}`);
  const both = ['engine-tests.shop.items', 'engine-tests.views.items'];
  expect(await tables()).toMatchObject({ tables: both, from: 'text' });
  const { access } = await bigquery.call('GET', `${BIGQUERY}/datasets/shop`);
  const view = { projectId: PROJECT, datasetId: 'views', tableId: 'items' };
  await bigquery.call('PATCH', `${BIGQUERY}/datasets/shop`, { access: [...(access as object[]), { view }] });
  expect(await tables()).toMatchObject({ tables: ['engine-tests.views.items'], from: 'analysis' });
  const report = await reported(account, 'SELECT id FROM views.items');
  expect(report).toMatchObject({ missing: [], excess: [] });
  expect(scriptOf(report, 'customer_creates_dataset').sql.at(-1)).toContain('ON VIEW `engine-tests`.views.`items`');
});

test('a query that BigQuery does not understand is told with its model, and its tables are still found', async () => {
  const account = await accountWith(bench, { roles: ['roles/bigquery.jobUser'], dataset: { role: 'WRITER' } });
  await shareShop(bench, account.email);
  const report = await reported(account, 'SELECT id, nothing FROM shop.items JOIN shop.no_such USING (id)');
  expect(report.models[0]).toMatchObject({ model: 'items', from: 'text', problem: expect.any(String) as string });
  expect(report.models[0]?.tables).toContain('engine-tests.shop.items');
});

/** The account's source behind a proxy that answers some asking for permissions itself. */
async function withProxy(
  account: Account,
  answer: (url: string, permissions: readonly string[]) => { status: number; message: string } | undefined,
  work: (source: Account['source']) => Promise<void>,
): Promise<void> {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const url = request.url ?? '';
      const asked = url.split('?')[0]?.endsWith(':testIamPermissions')
        ? (JSON.parse(body.toString('utf8')) as { permissions: string[] }).permissions
        : undefined;
      const refused = asked === undefined ? undefined : answer(url, asked);
      if (refused !== undefined) {
        const { status: code, message } = refused;
        response.writeHead(code, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ error: { code, message, errors: [{ reason: 'refused', message }] } }));
        return;
      }
      const { authorization = '', 'content-type': type = 'application/json' } = request.headers;
      const passed = await fetch(new URL(url, account.source.endpoint), {
        method: request.method ?? 'GET',
        headers: { authorization, 'content-type': type },
        ...(body.length === 0 ? {} : { body }),
      });
      response.writeHead(passed.status, { 'content-type': 'application/json' });
      response.end(await passed.text());
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    await work({ ...account.source, endpoint: `http://127.0.0.1:${port}` });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const WIDE: SetUp = { roles: ['roles/bigquery.jobUser', 'roles/bigquery.dataEditor'] };

test('where the Resource Manager API is off, what is held on the project is told to be unknown', async () => {
  const account = await accountWith(bench, WIDE);
  const message = 'Cloud Resource Manager API has not been used in project 1 before or it is disabled.';
  const off = (url: string) => (url.startsWith('/v1/projects/') ? { status: 403, message } : undefined);
  await withProxy(account, off, async (source) => {
    const { unchecked, excess, missing } = await advisePermissions(source, [modelOf()]);
    expect(missing).toEqual([]);
    expect(unchecked).toEqual([expect.stringContaining(message) as string]);
    expect(unchecked[0]).toContain('gcloud services enable cloudresourcemanager.googleapis.com');
    // What shows on the models' tables is told there.
    expect(excess.map(({ resource }) => resource.split('/').at(-1))).toEqual(
      expect.arrayContaining(['items', 'prices']),
    );
  });
});

test('a permission that the service does not test there is left out, and no other with it', async () => {
  const account = await accountWith(bench, WIDE);
  const invalid = 'bigquery.tables.create';
  const picky = (_url: string, permissions: readonly string[]) =>
    permissions.includes(invalid)
      ? { status: 400, message: `Permission ${invalid} is not valid for this resource.` }
      : undefined;
  await withProxy(account, picky, async (source) => {
    const direct = await reported(account);
    const { excess, unchecked } = await advisePermissions(source, [modelOf()]);
    const held = (list: PermissionReport['excess']): string[] =>
      list.flatMap(({ permissions }) => permissions).toSorted();
    expect(unchecked).toEqual([]);
    expect(held(excess)).toEqual(held(direct.excess).filter((permission) => permission !== invalid));
  });
});

// The documented set-ups, end to end: the predefined and custom roles of Segment's set-up
// pages for BigQuery (until and since October 2024), each as it is, with every single
// permission taken away, and with what the advisor says is missing.
import { createRegistry } from '@sluice/destinations';
import { mappingStatus, planMapping, previewModel, syncMapping } from '@sluice/engine';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BIGQUERY, accountWith, apply, previewWorks, shareShop, short, tested } from './set-up.ts';
import type { Account, SetUp } from './set-up.ts';
import { PROJECT, openWorkbench } from './workbench.ts';
import type { Workbench } from './workbench.ts';

const CREATE = 'bigquery.tables.create';
const WRITE = 'bigquery.tables.updateData';
const READ = 'bigquery.tables.getData';
const JOBS = 'bigquery.jobs.create';
const LOOK = 'bigquery.datasets.get';
const NEW_DATASET = 'bigquery.datasets.create';

const USER_AND_JOB_USER: SetUp = { roles: ['roles/bigquery.user', 'roles/bigquery.jobUser'] };
const MAY_CREATE: SetUp = { onProject: [NEW_DATASET, LOOK, JOBS] };
const LITERAL: SetUp = { onProject: [LOOK, CREATE, JOBS], dataset: {} };
const SCOPED: SetUp = { onProject: [JOBS], dataset: { permissions: [LOOK, NEW_DATASET, CREATE, WRITE, READ] } };
const FULL: SetUp = { roles: ['roles/bigquery.user', 'roles/bigquery.dataEditor'] };
const LIMITED: SetUp = { onProject: [LOOK, JOBS, READ], dataset: { role: 'roles/bigquery.dataEditor' } };
const STRICTEST: SetUp = { onProject: [JOBS], dataset: { permissions: [CREATE, WRITE, READ] } };

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
  await bench.bigquery.query(`CREATE TABLE shop.items AS SELECT id, 'a' AS v FROM UNNEST(GENERATE_ARRAY(1, 20)) AS id`);
});
afterEach(() => {
  bench.answer = undefined;
});
afterAll(() => bench?.[Symbol.asyncDispose]());

/** A first sync of everything, then one of the changes, each delivered in full. */
async function expectSyncs(account: Account): Promise<void> {
  const table = `shop.items_of_${account.stateDataset}`;
  await bench.bigquery.query(`CREATE TABLE ${table} AS SELECT id, v FROM shop.items`);
  const mapping = bench.mapping('items', `SELECT id, v FROM ${table}`);
  const sync = () => syncMapping(account.source, mapping, { registry: createRegistry() });
  bench.take();
  expect(await sync()).toMatchObject({ state: 'succeeded', plan: { added: 20, updated: 0, deleted: 0 } });
  expect(bench.take().length).toBe(20);
  await bench.bigquery.query(`UPDATE ${table} SET v = 'b' WHERE id <= 3`);
  await bench.bigquery.query(`DELETE FROM ${table} WHERE id = 20`);
  expect(await sync()).toMatchObject({ state: 'succeeded', plan: { added: 0, updated: 3, deleted: 1, unchanged: 16 } });
  expect(bench.take().length).toBe(4);
}

async function stateTables(account: Account): Promise<{ name: string; expires: boolean; rows: number }[]> {
  type Listed = { tables?: { tableReference: { tableId: string } }[] };
  const url = `${BIGQUERY}/datasets/${account.stateDataset}/tables`;
  const { tables = [] } = (await bench.bigquery.call('GET', url)) as Listed;
  return Promise.all(
    tables.map(async ({ tableReference: { tableId } }) => {
      const table = await bench.bigquery.call('GET', `${url}/${tableId}`);
      return { name: tableId, expires: table['expirationTime'] !== undefined, rows: Number(table['numRows']) };
    }),
  );
}

describe('set-ups that work as they are', () => {
  const working: [string, SetUp, { readsAll: boolean; leftBehind: string[] }][] = [
    ['BigQuery User and BigQuery Job User', USER_AND_JOB_USER, { readsAll: false, leftBehind: [] }],
    ['a custom role that may create datasets', MAY_CREATE, { readsAll: false, leftBehind: [] }],
    ['full access: BigQuery User and BigQuery Data Editor', FULL, { readsAll: true, leftBehind: [] }],
    ['limited access: a custom role, and Data Editor of the dataset', LIMITED, { readsAll: true, leftBehind: [] }],
    ['datasets.* for the state dataset alone', SCOPED, { readsAll: false, leftBehind: ['connection_test'] }],
    ['jobs, and three permissions on the dataset', STRICTEST, { readsAll: false, leftBehind: ['connection_test'] }],
  ];
  test.each(working)('%s', async (_name, setUp, { readsAll, leftBehind }) => {
    const account = await accountWith(bench, setUp);
    const { failed, skipped, advice } = await tested(account);
    expect(failed).toEqual([]);
    expect(skipped).toEqual([]);
    expect(advice).toEqual({ needed: [], ways: [] });
    expect((await stateTables(account)).map(({ name }) => name)).toEqual(leftBehind);
    const alone = await previewWorks(account);
    if (!alone) await shareShop(bench, account.email);
    expect([alone, await previewWorks(account)]).toEqual([readsAll, true]);
    await expectSyncs(account);
  });
});

test('three permissions on the dataset are enough for plans, rejected rows, a run that died, and the status', async () => {
  const account = await accountWith(bench, STRICTEST);
  await shareShop(bench, account.email);
  const mapping = bench.mapping('items', 'SELECT id, v FROM shop.items', { batchSize: 5 });
  const { source } = account;
  const registry = createRegistry();
  expect(await planMapping(source, mapping, { registry })).toMatchObject({ counts: { added: 20 } });
  expect(await mappingStatus(source, mapping)).toMatchObject({ state: 'new' });
  bench.answer = (rows) => (rows.some((row) => row['id'] === '7') ? { status: 400, body: 'no' } : undefined);
  let batches = 0;
  const dies = async (step: string): Promise<void> => {
    if (step === 'batch') batches += 1;
    if (batches === 2) throw new Error('killed by the test');
  };
  const first = await syncMapping(source, mapping, { registry, onStep: dies });
  expect(first).toMatchObject({ state: 'failed', error: { message: expect.stringContaining('killed') as string } });
  expect(await mappingStatus(source, mapping)).toMatchObject({ state: 'interrupted', phase: 'delivering' });
  const second = await syncMapping(source, mapping, { registry });
  expect(second).toMatchObject({ state: 'partially_succeeded', resumed: true });
  // What was rejected alone is tried again.
  const third = await syncMapping(source, mapping, { registry });
  expect(third).toMatchObject({ plan: { added: 1, unchanged: 19 }, outcomes: { added: { rejected: 1 } } });
  bench.answer = undefined;
  expect(await syncMapping(source, mapping, { registry })).toMatchObject({ state: 'succeeded' });
  expect(await planMapping(source, mapping, { registry })).toMatchObject({ counts: { added: 0, unchanged: 20 } });
  expect(await mappingStatus(source, mapping)).toMatchObject({ state: 'idle', records: 20, rejects: { waiting: 0 } });
});

test('a blocked plan is approved and sent with three permissions on the dataset', async () => {
  const account = await accountWith(bench, STRICTEST);
  await shareShop(bench, account.email);
  const mapping = bench.mapping('guarded', 'SELECT id, v FROM shop.items', { guards: { maxChanges: 10 } });
  const registry = createRegistry();
  const abandoned = await syncMapping(account.source, mapping, { registry });
  const blocked = await syncMapping(account.source, mapping, { registry });
  expect([abandoned.state, blocked.state]).toEqual(['blocked', 'blocked']);
  const rows = async (): Promise<number[]> =>
    (await stateTables(account)).filter(({ name }) => name.startsWith('plan_')).map((table) => table.rows);
  expect((await rows()).toSorted((a, b) => a - b)).toEqual([0, 20]);
  const sent = await syncMapping(account.source, mapping, { registry, approve: blocked.syncId });
  expect(sent).toMatchObject({ state: 'succeeded', outcomes: { added: { delivered: 20 } } });
  expect(await rows()).toEqual([0, 0]);
});

test('a preview that is refused prints the grant on that table, and works with it', async () => {
  const account = await accountWith(bench, USER_AND_JOB_USER);
  const model = { name: 'items', sql: 'SELECT id FROM shop.items', key: 'id' };
  const refused = await previewModel(account.source, model).catch((thrown: unknown) => thrown);
  expect(refused).toMatchObject({ kind: 'forbidden', message: expect.stringContaining('shop.items') as string });
  const { fix = '' } = refused as { fix?: string };
  expect(fix).toContain('bigquery.tables.getData on shop.items');
  await bench.bigquery.query(/GRANT [^;]*/.exec(fix)?.[0] ?? '');
  expect((await previewModel(account.source, model)).rows.length).toBe(10);
});

describe('one permission less', () => {
  type Expected = { failed: string[]; needed?: string[] };
  /** What fails when that one permission is taken away; nothing where it is not needed. */
  const dataset = {
    [CREATE]: { failed: [`state_tables: ${CREATE} on dataset`], needed: [`${CREATE} on dataset`] },
    [WRITE]: { failed: [`state_write: ${WRITE} on dataset`], needed: [`${WRITE} on dataset`] },
    [READ]: { failed: [`state_read: ${READ} on dataset`], needed: [`${READ} on dataset`] },
  };
  const jobs: Expected = { failed: [`jobs: ${JOBS} on project`], needed: [`${JOBS} on project`] };
  const cases: [string, SetUp, Record<string, Expected>][] = [
    [
      'a custom role that may create datasets',
      MAY_CREATE,
      {
        [JOBS]: jobs,
        [NEW_DATASET]: {
          failed: [`state_dataset: ${NEW_DATASET} on project`],
          needed: [`${CREATE} on dataset`, `${WRITE} on dataset`, `${READ} on dataset`],
        },
        [LOOK]: { failed: [] },
      },
    ],
    [
      'datasets.* for the state dataset alone',
      SCOPED,
      { [JOBS]: jobs, ...dataset, [LOOK]: { failed: [] }, [NEW_DATASET]: { failed: [] } },
    ],
    ['limited access', LIMITED, { [JOBS]: jobs, [LOOK]: { failed: [] }, [READ]: { failed: [] } }],
    ['jobs, and three permissions on the dataset', STRICTEST, { [JOBS]: jobs, ...dataset }],
  ];
  const each = cases.flatMap(([name, setUp, expected]) =>
    Object.entries(expected).map(([permission, answer]) => [name, permission, setUp, answer] as const),
  );
  test.each(each)('%s, without %s', async (_name, permission, setUp, { failed, needed = [] }) => {
    const account = await accountWith(bench, without(setUp, permission));
    const first = await tested(account);
    expect(first.failed).toEqual(failed);
    expect(first.advice.needed.map((one) => `${one.permission} on ${short(one.resource, account)}`)).toEqual(needed);
    for (const check of first.checks.filter((one) => one.denied === true)) {
      expect(check.message).toContain('Access Denied');
      expect(check.fix?.command).not.toBe('');
    }
    await apply(bench, account, first.advice.ways[0]?.commands ?? []);
    expect((await tested(account)).failed).toEqual([]);
  });

  test('every permission of the set-ups was taken away once', () => {
    for (const [, setUp, expected] of cases) {
      const held = [...(setUp.onProject ?? []), ...(setUp.dataset?.permissions ?? [])];
      expect(Object.keys(expected).toSorted()).toEqual([...new Set(held)].toSorted());
    }
  });

  test('BigQuery User without BigQuery Job User passes, Job User alone cannot make the dataset', async () => {
    expect((await tested(await accountWith(bench, { roles: ['roles/bigquery.user'] }))).failed).toEqual([]);
    const account = await accountWith(bench, { roles: ['roles/bigquery.jobUser'] });
    expect((await tested(account)).failed[0]).toBe(`state_dataset: ${NEW_DATASET} on project`);
  });

  test('BigQuery Data Editor without BigQuery User cannot run jobs', async () => {
    const account = await accountWith(bench, { roles: ['roles/bigquery.dataEditor'] });
    expect((await tested(account)).failed).toEqual([`jobs: ${JOBS} on project`]);
  });

  test('limited access without Data Editor on the dataset may read, but not make and write tables', async () => {
    const account = await accountWith(bench, { ...LIMITED, dataset: {} });
    const { failed, skipped, advice } = await tested(account);
    expect(failed).toEqual([`state_tables: ${CREATE} on dataset`]);
    expect(skipped).toEqual(['state_write', 'state_drop']);
    await apply(bench, account, advice.ways[0]?.commands ?? []);
    expect((await tested(account)).failed).toEqual([]);
  });

  test('without any role all that is missing is told at once', async () => {
    const account = await accountWith(bench, {});
    const { advice } = await tested(account);
    expect(advice.needed.map((one) => `${one.permission} on ${short(one.resource, account)}`)).toEqual([
      `${JOBS} on project`,
      `${CREATE} on dataset`,
      `${WRITE} on dataset`,
      `${READ} on dataset`,
    ]);
    await apply(bench, account, advice.ways[0]?.commands ?? []);
    expect((await tested(account)).failed).toEqual([]);
    await shareShop(bench, account.email);
    await expectSyncs(account);
  });
});

describe('the role for a dataset of the customer’s own, taken literally', () => {
  test('cannot write or read the state, and Test connection says exactly that', async () => {
    const account = await accountWith(bench, LITERAL);
    const { checks, failed, skipped, advice } = await tested(account);
    expect(failed).toEqual([`state_write: ${WRITE} on dataset`, `state_read: ${READ} on dataset`]);
    expect(skipped).toEqual([]);
    expect(checks.filter((check) => check.ok).map(({ check }) => check)).toEqual([
      'key',
      'token',
      'project',
      'jobs',
      'location',
      'state_dataset',
      'state_tables',
      'state_drop',
    ]);
    const schema = `\`${PROJECT}\`.${account.stateDataset}`;
    expect(advice.ways.map(({ commands }) => commands)).toEqual([
      [
        `bq query --project_id=${PROJECT} --location=US --use_legacy_sql=false 'GRANT \`roles/bigquery.dataEditor\` ON SCHEMA ${schema} TO "serviceAccount:${account.email}";'`,
      ],
      [`gcloud iam roles update ROLE_ID --project=${PROJECT} --add-permissions=${WRITE},${READ}`],
    ]);
  });

  test('a sync is refused before anything is sent, with the permission and the grant', async () => {
    const account = await accountWith(bench, LITERAL);
    await shareShop(bench, account.email);
    const mapping = bench.mapping('refused', 'SELECT id, v FROM shop.items');
    bench.take();
    await expect(syncMapping(account.source, mapping, { registry: createRegistry() })).rejects.toMatchObject({
      kind: 'forbidden',
      fix: expect.stringMatching(/bigquery\.tables\.getData on the state dataset: GRANT .* ON SCHEMA/) as string,
    });
    expect(bench.take()).toEqual([]);
  });

  test.each([
    ['Data Editor on the dataset', 0],
    ['the two permissions in the role', 1],
  ])('works with the printed addition: %s', async (_name, way) => {
    const account = await accountWith(bench, LITERAL);
    const before = await tested(account);
    await apply(bench, account, before.advice.ways[way]?.commands ?? []);
    const after = await tested(account);
    expect(after.failed).toEqual([]);
    expect(after.checks.every((check) => check.ok)).toBe(true);
    await shareShop(bench, account.email);
    await expectSyncs(account);
    await expectNothingPilesUp(account, way === 0);
  });

  /** Tables of one sync either expire, or hold no rows once it is over. */
  async function expectNothingPilesUp(account: Account, mayExpire: boolean): Promise<void> {
    const ofSyncs = (await stateTables(account)).filter(({ name }) => /^(plan|outcomes)_/.test(name));
    expect(ofSyncs.length).toBe(4);
    expect(ofSyncs.filter(({ expires, rows }) => (mayExpire ? !expires : rows > 0))).toEqual([]);
  }

  test.each([LOOK, CREATE, JOBS, WRITE, READ])('with the addition, but without %s', async (permission) => {
    const role: SetUp = { onProject: [LOOK, CREATE, JOBS, WRITE, READ], dataset: {} };
    const account = await accountWith(bench, without(role, permission));
    const { failed, advice } = await tested(account);
    const expected: Record<string, string[]> = {
      [LOOK]: [],
      [CREATE]: [`state_tables: ${CREATE} on dataset`],
      [JOBS]: [`jobs: ${JOBS} on project`],
      [WRITE]: [`state_write: ${WRITE} on dataset`],
      [READ]: [`state_read: ${READ} on dataset`],
    };
    expect(failed).toEqual(expected[permission]);
    const way = advice.ways[1];
    if (way !== undefined) await apply(bench, account, way.commands);
    expect((await tested(account)).failed).toEqual([]);
  });
});

function without(setUp: SetUp, permission: string): SetUp {
  const rest = (list: readonly string[]): string[] => list.filter((one) => one !== permission);
  const { onProject, dataset } = setUp;
  return {
    ...setUp,
    ...(onProject === undefined ? {} : { onProject: rest(onProject) }),
    ...(dataset?.permissions === undefined ? {} : { dataset: { ...dataset, permissions: rest(dataset.permissions) } }),
  };
}

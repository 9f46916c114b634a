// Plans and the life of a mapping by the command line, against a real local BigQuery and a
// file as the destination.
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { issueUserToken } from '@sluice/bigquery-local';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cloud } from '../demo/cloud.ts';
import { startLocalBigQuery } from '../demo/local-bigquery.ts';
import type { LocalBigQuery } from '../demo/local-bigquery.ts';
import { run } from '../program.ts';

const project = 'plans-test';
let directory = '';
let server: LocalBigQuery;

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'sluice-plans-'));
  const dataDir = path.join(directory, 'bigquery');
  const { signal } = new AbortController();
  server = await startLocalBigQuery(dataDir, signal);
  const cloud = new Cloud(server.url, await issueUserToken({ dataDir, email: 'ana@example.com' }), signal);
  await cloud.createProject(project, 'Plans');
  await cloud.createDataset(project, 'shop', 'US');
  const email = await cloud.createServiceAccount(project, 'sluice', 'Sluice');
  await cloud.grantOnProject(project, `serviceAccount:${email}`, ['roles/bigquery.user', 'roles/bigquery.jobUser']);
  await writeFile(path.join(directory, 'key.json'), await cloud.createKey(project, email));
  await mkdir(path.join(directory, 'models'), { recursive: true });
  await mkdir(path.join(directory, 'out'));
  await writeFile(
    path.join(directory, 'sluice.yaml'),
    `source:
  type: bigquery
  project: ${project}
  location: US
  credentials: { keyFile: key.json }
  endpoint: ${server.url}
limits: { column_bytes: 1000 }
models:
  people: { key: id }
destinations:
  changes: { type: file, settings: { directory: out, format: ndjson } }
mappings:
  people:
    model: people
    destination: changes
    action: append
    state: values
`,
  );
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const model = (sql: string): Promise<void> => writeFile(path.join(directory, 'models/people.sql'), sql);

async function sluice(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await run(args, {
    out: (text) => (out += text),
    err: (text) => (err += text),
    environment: {},
    cwd: directory,
    outIsTerminal: false,
    errIsTerminal: false,
    columns: 140,
    signal: AbortSignal.timeout(100_000),
  });
  return { code, out, err };
}
async function json<T>(...args: string[]): Promise<T> {
  return JSON.parse((await sluice(...args, '--json')).out) as T;
}
async function sent(): Promise<string[]> {
  const files = (await readdir(path.join(directory, 'out'), { recursive: true })).filter((name) =>
    name.endsWith('.ndjson'),
  );
  const texts = await Promise.all(files.map((name) => readFile(path.join(directory, 'out', name), 'utf8')));
  return texts.flatMap((text) => text.split('\n').filter((line) => line !== ''));
}

it(
  'a plan is exported, listed and applied as it was; the report and the status tell',
  { timeout: 120_000 },
  async () => {
    await model(
      `SELECT 'a' AS id, 'x, "y"' AS name, STRUCT(1 AS n) AS more UNION ALL SELECT 'b', '', NULL UNION ALL SELECT 'c', REPEAT('z', 2000), NULL`,
    );
    const planned = await json<{ planId: string; exported: object; counts: object; invalid: object[] }>(
      'plan',
      'people',
      '--export',
      'plan.csv',
    );
    expect(planned).toMatchObject({
      exported: { file: 'plan.csv', changes: 2 },
      counts: { added: 2, invalid: 1 },
      invalid: [{ reason: 'column_too_large', sampleIds: ['c'] }],
    });
    const [head, ...lines] = (await readFile(path.join(directory, 'plan.csv'), 'utf8')).trimEnd().split('\r\n');
    expect(head).toBe('operation,record_id,sent,id,name,more,previous,changed');
    expect(lines.toSorted((a, b) => a.localeCompare(b))).toEqual([
      'added,a,true,a,"x, ""y""","{""n"":1}",,',
      'added,b,true,b,"",,,',
    ]);
    const reference = `people/${planned.planId}`;
    expect((await sluice('plans')).out).toContain(reference);

    await model(`SELECT 'a' AS id, 'changed' AS name, STRUCT(1 AS n) AS more`);
    const applied = await sluice('apply', reference);
    expect(applied.out).toContain('Apply of mapping "people": succeeded');
    expect(applied.code).toBe(0);
    expect((await sent()).length).toBe(2);
    expect((await sluice('apply', reference)).err).toContain('There is no plan');
    expect((await sluice('plans')).out).toContain('No plan is waiting');

    // NDJSON to standard output; old beside new.
    const exported = await sluice('plan', 'people', '--export', '-');
    const changes = exported.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { operation: string; record_id: string });
    expect(changes.toSorted((a, b) => a.record_id.localeCompare(b.record_id))).toMatchObject([
      { operation: 'updated', record_id: 'a', previous: { name: 'x, "y"' }, changed: ['name'] },
      { operation: 'deleted', record_id: 'b', columns: { id: null, name: null, more: null } },
    ]);
    const [waiting] = (await json<{ plans: { planId: string }[] }>('plans', 'people')).plans;
    expect((await sluice('discard', `people/${waiting?.planId}`)).out).toContain('is discarded');
  },
);

it('pause, resume, replay, reset and cancel say what they did', { timeout: 120_000 }, async () => {
  await model(`SELECT 'a' AS id, 'changed' AS name, STRUCT(1 AS n) AS more UNION ALL SELECT 'b', '', NULL`);
  const { syncId } = await json<{ syncId: string }>('sync', 'people');
  expect((await sluice('pause', 'people', '--reason', 'moving')).code).toBe(0);
  const paused = await sluice('sync', 'people');
  expect(paused.out).toMatch(/nothing to do[\s\S]*paused by .*: moving/);
  expect((await sluice('status', 'people')).out).toContain('syncs are skipped until: sluice resume people');
  expect((await sluice('resume', 'people')).out).toContain('takes part in syncs again');

  const before = (await sent()).length;
  expect((await sluice('replay', 'people', syncId)).out).toContain('Replay of mapping "people": succeeded');
  expect((await sent()).length).toBe(before + 1);
  expect((await sluice('cancel', 'people')).out).toContain('No sync of mapping "people" is running');
  expect((await sluice('retry', 'people')).out).toContain('No record is in quarantine');

  const unconfirmed = await sluice('reset', 'people');
  expect(unconfirmed).toMatchObject({ code: 2, out: '' });
  expect(unconfirmed.err).toContain('sluice reset people --confirm people');
  expect((await sluice('reset', 'people', '--confirm', 'people')).out).toContain('2 records forgotten');
  expect(await json('sync', 'people')).toMatchObject({ state: 'succeeded', plan: { added: 2 } });
});

it('what names no plan is refused with the fix', async () => {
  const wrong = await sluice('apply', 'people');
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain('Write MAPPING/PLAN');
  expect((await sluice('apply', "people/x'; DROP TABLE t")).err).toContain('is not the id of a plan');
});

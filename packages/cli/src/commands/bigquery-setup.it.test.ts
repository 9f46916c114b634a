import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { issueUserToken, startBigQuery } from '@sluice/bigquery-local';
import type { RunningBigQuery } from '@sluice/bigquery-local';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../program.ts';

const owner = 'ana@example.com';
const robot = 'loader@travel-co.iam.gserviceaccount.com';

let directory = '';
let server: RunningBigQuery;

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'sluice-setup-'));
  server = await startBigQuery({ dataDir: path.join(directory, 'data'), port: 0 });
});

afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

/** `sluice bigquery … --data-dir data`, in this process. */
async function bigquery(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await run(['bigquery', ...args, '--data-dir', 'data'], {
    out: (text) => (out += text),
    err: (text) => (err += text),
    environment: {},
    cwd: directory,
    outIsTerminal: false,
    errIsTerminal: false,
    columns: 100,
    signal: AbortSignal.timeout(60_000),
  });
  return { code, out, err };
}

async function json(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await bigquery(...args, '--json');
  expect([args.join(' '), code, err]).toEqual([args.join(' '), 0, '']);
  return JSON.parse(out) as Record<string, unknown>;
}

async function query(sql: string): Promise<unknown> {
  const token = await issueUserToken({ dataDir: path.join(directory, 'data'), email: owner });
  const response = await fetch(`${server.restUrl}/bigquery/v2/projects/travel-co/queries`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: sql, useLegacySql: false }),
  });
  return response.json();
}

describe('setting up a running local BigQuery', () => {
  it('makes a project, an account with roles and a key, and changes grants on every level', async () => {
    expect(await json('project', 'create', 'travel-co', '--owner', owner)).toEqual({ project: 'travel-co', owner });
    expect(await query('CREATE SCHEMA sales; ')).toMatchObject({ jobComplete: true });
    expect(await query('CREATE TABLE sales.orders (id INT64)')).toMatchObject({ jobComplete: true });

    expect(await json('service-account', 'create', 'loader', '--role', 'bigquery.user', 'roles/viewer')).toEqual({
      serviceAccount: robot,
      project: 'travel-co',
      roles: ['roles/bigquery.user', 'roles/viewer'],
    });
    const made = await bigquery('service-account', 'key', robot, '--out', 'key.json', '--base-url', 'http://bq:9050/');
    expect(made).toMatchObject({ code: 0, err: '' });
    const key = JSON.parse(await readFile(path.join(directory, 'key.json'), 'utf8')) as Record<string, string>;
    expect(key).toMatchObject({ type: 'service_account', client_email: robot, token_uri: 'http://bq:9050/token' });
    expect((await stat(path.join(directory, 'key.json'))).mode & 0o777).toBe(0o600);
    expect(made.out).not.toContain('PRIVATE KEY');

    for (const resource of ['travel-co', 'travel-co.sales', 'travel-co.sales.orders']) {
      const grant = ['grant', robot, 'bigquery.dataViewer', resource] as const;
      const done = { resource, role: 'roles/bigquery.dataViewer', member: `serviceAccount:${robot}` };
      expect(await json(...grant)).toEqual({ ...done, change: 'grant', changed: true });
      expect(await json(...grant)).toEqual({ ...done, change: 'grant', changed: false });
      const { grants } = await json('policy', resource);
      expect(grants).toContainEqual({ role: done.role, member: done.member });
      expect(await json('revoke', robot, done.role, resource)).toEqual({ ...done, change: 'revoke', changed: true });
      expect(await json('revoke', robot, done.role, resource)).toMatchObject({ changed: false });
      expect((await json('policy', resource))['grants']).not.toContainEqual({ role: done.role, member: done.member });
    }
    expect((await bigquery('policy', 'travel-co')).out).toMatch(/roles\/owner\s+user:ana@example\.com/);
  });

  it('knows the legacy roles and all kinds of members of a dataset', async () => {
    for (const member of ['group:team@example.com', 'domain:example.com', 'allAuthenticatedUsers', 'allUsers']) {
      await bigquery('group', 'add', 'team@example.com');
      expect(await json('grant', member, 'READER', 'travel-co.sales')).toMatchObject({ changed: true });
      expect(await json('grant', member, 'bigquery.dataViewer', 'travel-co.sales')).toMatchObject({ changed: false });
      expect((await json('policy', 'travel-co.sales'))['grants']).toContainEqual({
        role: 'roles/bigquery.dataViewer',
        member,
      });
    }
  });

  it('refuses by name, and leaves nothing half done', async () => {
    await writeFile(path.join(directory, 'taken.json'), 'kept');
    for (const [code, args, text] of [
      [1, ['project', 'create', 'travel-co', '--owner', owner], 'already exists'],
      [2, ['project', 'create', 'No', '--owner', owner], "Invalid project id 'No'"],
      [2, ['project', 'create', 'other-co', '--owner', 'ana'], 'not an e-mail address'],
      [2, ['service-account', 'create', 'half-made', '--role', 'bigquery.nothing'], 'roles/bigquery.nothing'],
      [2, ['service-account', 'key', robot, '--out', 'taken.json'], 'taken.json exists already'],
      [1, ['service-account', 'key', 'none@travel-co.iam.gserviceaccount.com', '--out', 'no.json'], 'does not exist'],
      [2, ['service-account', 'key', 'ana@example.com', '--out', 'no.json'], 'not the e-mail of a service account'],
      [1, ['grant', robot, 'viewer', 'travel-co', '--as', 'ben@example.com'], 'Call as somebody who may'],
      [2, ['grant', 'ana', 'viewer', 'travel-co'], 'ana is not a member'],
      [2, ['grant', robot, 'viewer', 'a/b'], 'a/b is not the name'],
      [1, ['grant', robot, 'viewer', 'no-such-project'], 'There is no project no-such-project'],
      [1, ['policy', 'travel-co.none'], 'travel-co:none'],
    ] as const) {
      const result = await bigquery(...args);
      expect([args.join(' '), result.code, result.err]).toEqual([args.join(' '), code, expect.stringContaining(text)]);
    }
    expect(await readFile(path.join(directory, 'taken.json'), 'utf8')).toBe('kept');
    await expect(stat(path.join(directory, 'no.json'))).rejects.toThrow('ENOENT');
    const again = await json('service-account', 'create', 'half-made');
    expect(again).toMatchObject({ roles: [] });
  });

  it('says how to start the server when none runs', async () => {
    await mkdir(path.join(directory, 'idle'));
    let err = '';
    const code = await run(['bigquery', 'policy', 'p', '--data-dir', 'idle'], {
      out: () => undefined,
      err: (text) => (err += text),
      environment: {},
      cwd: directory,
      outIsTerminal: false,
      errIsTerminal: false,
      columns: 100,
      signal: AbortSignal.timeout(60_000),
    });
    expect([code, err]).toEqual([1, expect.stringContaining('No local BigQuery runs on')]);
    expect(err).toContain('sluice bigquery start --data-dir');
  });
});

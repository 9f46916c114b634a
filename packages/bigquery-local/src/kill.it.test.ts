// What `kill -9` may leave behind: a change that is done, or one that is not.
/* oxlint-disable typescript/no-explicit-any -- answers of any shape */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { issueUserToken } from './index.ts';
import { OWNER, PROJECT } from './server-under-test.ts';

let dataDir: string;
let child: ChildProcess | undefined;
let url = '';

const PROGRAM = `
const { startBigQuery } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
const server = await startBigQuery({ dataDir: process.env.DATA_DIR, port: 0, project: '${PROJECT}', owner: '${OWNER}' });
process.stdout.write(server.restUrl + '\\n');
`;

async function start(): Promise<void> {
  const started = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', PROGRAM],
    { env: { ...process.env, DATA_DIR: dataDir }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  child = started;
  url = await new Promise<string>((resolve, reject) => {
    started.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    started.once('exit', (code) => reject(new Error(`The server ended with ${code}.`)));
  });
}

async function kill(): Promise<void> {
  const killed = child!;
  const gone = new Promise((resolve) => killed.once('exit', resolve));
  killed.kill('SIGKILL');
  await gone;
}

async function call(method: string, path: string, body?: unknown): Promise<any> {
  const token = await issueUserToken({ dataDir, email: OWNER });
  const response = await fetch(`${url}/bigquery/v2/projects/${PROJECT}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return response.json();
}

async function rows(sql: string): Promise<unknown[][]> {
  const body = await call('POST', '/queries', { query: sql, useLegacySql: false });
  if (body.error !== undefined) throw new Error(body.error.message);
  return body.rows.map((row: { f: { v: unknown }[] }) => row.f.map((cell) => cell.v));
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sluice-kill-'));
  await start();
  await call('POST', '/datasets', { datasetReference: { datasetId: 'ds' } });
  await call('POST', '/queries', {
    query: 'CREATE TABLE ds.t AS SELECT n AS id, 0 AS round FROM UNNEST(GENERATE_ARRAY(1, 50000)) AS n',
    useLegacySql: false,
  });
});

afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) await kill();
  await rm(dataDir, { recursive: true, force: true });
});

describe('kill -9', () => {
  it('leaves each DML statement done or not done, its job agrees, and lastModifiedTime tells of every change', async () => {
    let round = 0;
    for (const delay of [5, 30, 60, 90, 140, 200]) {
      const before = await call('GET', '/datasets/ds/tables/t');
      const jobId = `update_${delay}`;
      const sent = call('POST', '/jobs', {
        jobReference: { jobId },
        configuration: { query: { query: 'UPDATE ds.t SET round = round + 1 WHERE TRUE', useLegacySql: false } },
      }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, delay));
      await kill();
      await sent;
      await start();
      const [[least, most, count]] = (await rows('SELECT MIN(round), MAX(round), COUNT(*) FROM ds.t')) as [
        [string, string, string],
      ];
      expect([least, count]).toEqual([most, '50000']);
      expect([round, round + 1]).toContain(Number(most));
      const job = await call('GET', `/jobs/${jobId}`);
      const after = await call('GET', '/datasets/ds/tables/t');
      const changed = Number(most) > round;
      const told = {
        state: job.error === undefined ? job.status.state : 'DONE',
        rows: job.error === undefined ? job.statistics.query?.numDmlAffectedRows : undefined,
        stamped: Number(after.lastModifiedTime) > Number(before.lastModifiedTime),
        interrupted:
          job.error === undefined ? (job.status.errorResult?.message.startsWith('Job was interrupted') ?? false) : true,
      };
      // A table may be stamped without a change (its writer died), never changed without a stamp.
      expect(told).toEqual({
        state: 'DONE',
        rows: changed ? '50000' : undefined,
        stamped: changed || told.stamped,
        interrupted: !changed,
      });
      round = Number(most);
    }
  });

  it('leaves a load that appends done or not done', async () => {
    const csv = Array.from({ length: 400_000 }, (_, i) => `${i},0`).join('\n');
    const fields = [
      { name: 'id', type: 'INTEGER' },
      { name: 'round', type: 'INTEGER' },
    ];
    const job = {
      configuration: { load: { destinationTable: { datasetId: 'ds', tableId: 't' }, schema: { fields } } },
    };
    const body = `--b0\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(job)}\r\n--b0\r\ncontent-type: text/csv\r\n\r\n${csv}\r\n--b0--\r\n`;
    let loaded = 0;
    for (const delay of [0, 60, 150, 400]) {
      const token = await issueUserToken({ dataDir, email: OWNER });
      const answer = await fetch(`${url}/upload/bigquery/v2/projects/${PROJECT}/jobs?uploadType=multipart`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'multipart/related; boundary=b0' },
        body,
      });
      const { jobReference } = (await answer.json()) as any;
      await new Promise((resolve) => setTimeout(resolve, delay));
      await kill();
      await start();
      const [[count]] = (await rows('SELECT COUNT(*) FROM ds.t')) as [[string]];
      const { status } = await call('GET', `/jobs/${jobReference.jobId}`);
      if (status.errorResult === undefined) loaded++;
      expect([Number(count), status.state]).toEqual([50_000 + 400_000 * loaded, 'DONE']);
    }
  });

  it('leaves a table that is being made absent or whole, and no rows without a table', async () => {
    for (const delay of [10, 60, 120, 250]) {
      const sent = call('POST', '/jobs', {
        configuration: {
          query: {
            query: `CREATE OR REPLACE TABLE ds.made AS SELECT a.id, b.id AS other FROM ds.t AS a JOIN ds.t AS b ON MOD(a.id, 1000) = MOD(b.id, 1000)`,
            useLegacySql: false,
          },
        },
      }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, delay));
      await kill();
      await sent;
      await start();
      const table = await call('GET', '/datasets/ds/tables/made');
      expect(['2500000', 404]).toContain(table.numRows ?? table.error.code);
    }
    expect(await readdir(join(dataDir, 'spool'))).toEqual([]);
  });

  it('leaves each ALTER TABLE done or not done, with its job, whatever it changes at once', async () => {
    const columns = ['id', 'round'];
    let description: string | undefined;
    for (const delay of [5, 30, 60, 120, 200]) {
      const jobId = `alter_${delay}`;
      const query = `ALTER TABLE ds.t ADD COLUMN c${delay} STRING, ADD COLUMN d${delay} INT64, SET OPTIONS(description = '${delay}')`;
      const sent = call('POST', '/jobs', {
        jobReference: { jobId },
        configuration: { query: { query, useLegacySql: false } },
      }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, delay));
      await kill();
      await sent;
      await start();
      const job = await call('GET', `/jobs/${jobId}`);
      const done = job.error === undefined && job.status.errorResult === undefined;
      if (done) {
        columns.push(`c${delay}`, `d${delay}`);
        description = String(delay);
      }
      const table = await call('GET', '/datasets/ds/tables/t');
      expect(table.schema.fields.map(({ name }: { name: string }) => name)).toEqual(columns);
      expect(table.description).toBe(description);
      expect(await rows(`SELECT COUNT(*), SUM(id), COUNT(${columns.at(-1)}) FROM ds.t`)).toEqual([
        ['50000', '1250025000', columns.length === 2 ? '50000' : '0'],
      ]);
    }
    await call('POST', '/queries', { query: 'INSERT INTO ds.t (id) VALUES (1)', useLegacySql: false });
    expect(await rows('SELECT COUNT(*) FROM ds.t')).toEqual([['50001']]);
  });
});

// What `kill -9` may leave of a transaction: all of it or nothing, and none of its temporary tables.
/* oxlint-disable typescript/no-explicit-any -- answers of any shape */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { issueUserToken } from '../../index.ts';
import { OWNER, PROJECT } from '../../server-under-test.ts';

let dataDir: string;
let child: ChildProcess | undefined;
let url = '';

const PROGRAM = `
const { startBigQuery } = await import(${JSON.stringify(new URL('../../index.ts', import.meta.url).href)});
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

async function rows(sql: string): Promise<string[][]> {
  const body = await call('POST', '/queries', { query: sql, useLegacySql: false });
  if (body.error !== undefined) throw new Error(body.error.message);
  return (body.rows ?? []).map((row: { f: { v: string }[] }) => row.f.map((cell) => cell.v));
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sluice-kill-script-'));
  await start();
  await call('POST', '/datasets', { datasetReference: { datasetId: 'ds' } });
  await rows('CREATE TABLE ds.a AS SELECT n AS id, 0 AS round FROM UNNEST(GENERATE_ARRAY(1, 20000)) AS n');
  await rows('CREATE TABLE ds.b AS SELECT * FROM ds.a');
});

afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) await kill();
  await rm(dataDir, { recursive: true, force: true });
});

describe('kill -9 during a transaction', () => {
  it('leaves both of its tables changed, or neither', async () => {
    let round = 0;
    for (const delay of [10, 60, 110, 160, 220]) {
      const jobId = `script_${delay}`;
      const query = `BEGIN TRANSACTION;
        CREATE TEMP TABLE note AS SELECT * FROM ds.a;
        UPDATE ds.a SET round = round + 1 WHERE TRUE;
        UPDATE ds.b SET round = round + 1 WHERE TRUE;
        COMMIT TRANSACTION;`;
      const sent = call('POST', '/jobs', {
        jobReference: { jobId },
        configuration: { query: { query, useLegacySql: false } },
      }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, delay));
      await kill();
      await sent;
      await start();
      const [[least = '', most = '', other = ''] = []] = await rows(
        'SELECT MIN(a.round), MAX(a.round), MAX(b.round) FROM ds.a JOIN ds.b USING (id)',
      );
      expect([least, other]).toEqual([most, most]);
      expect([round, round + 1]).toContain(Number(most));
      round = Number(most);
      const job = await call('GET', `/jobs/${jobId}`);
      expect(job.error === undefined ? job.status.state : 'DONE').toBe('DONE');
      const { datasets } = await call('GET', '/datasets?all=true');
      const ids = datasets.map((d: any) => d.datasetReference.datasetId as string);
      expect(ids.filter((id: string) => id.startsWith('_script'))).toEqual([]);
    }
  });
});

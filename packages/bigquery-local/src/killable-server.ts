// For tests of `kill -9`: a server in a process of its own on a temporary data directory,
// which is started again where it was killed.
/* oxlint-disable typescript/no-explicit-any -- answers of any shape */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueUserToken } from './index.ts';
import { OWNER, PROJECT } from './server-under-test.ts';

const PROGRAM = `
const { startBigQuery } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
const server = await startBigQuery({ dataDir: process.env.DATA_DIR, port: 0, project: '${PROJECT}', owner: '${OWNER}' });
process.stdout.write(server.restUrl + '\\n');
`;

export class KillableServer implements AsyncDisposable {
  readonly dataDir: string;
  #child: ChildProcess | undefined;
  /** Of the server that runs now. */
  url = '';

  private constructor(dataDir: string) {
    this.dataDir = dataDir;
  }

  /** With the dataset `ds` in it. */
  static async start(): Promise<KillableServer> {
    const server = new KillableServer(await mkdtemp(join(tmpdir(), 'sluice-kill-')));
    await server.restart();
    await server.call('POST', '/datasets', { datasetReference: { datasetId: 'ds' } });
    return server;
  }

  async restart(): Promise<void> {
    const started = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', PROGRAM],
      { env: { ...process.env, DATA_DIR: this.dataDir }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    this.#child = started;
    this.url = await new Promise<string>((resolve, reject) => {
      started.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
      started.once('exit', (code) => reject(new Error(`The server ended with ${code}.`)));
    });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  /** As the owner; `path` begins behind the project. */
  async call(method: string, path: string, body?: unknown): Promise<any> {
    const token = await issueUserToken({ dataDir: this.dataDir, email: OWNER });
    const response = await fetch(`${this.url}/bigquery/v2/projects/${PROJECT}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return response.json();
  }

  async rows(sql: string): Promise<string[][]> {
    const body = await this.call('POST', '/queries', { query: sql, useLegacySql: false });
    if (body.error !== undefined) throw new Error(body.error.message);
    return (body.rows ?? []).map((row: { f: { v: string }[] }) => row.f.map((cell) => cell.v));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

// A local BigQuery in a process of its own, as a user starts it, with the few REST
// calls that tests and benchmarks need to set the scene.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';

const CLI = path.resolve(import.meta.dirname, '../../cli/src/main.ts');
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning'];
const READY_LIMIT_MS = 60_000;
const JOB_LIMIT_MS = 300_000;

type Json = Record<string, unknown>;

export type ServiceAccountKeyFile = { readonly client_email: string; readonly [key: string]: string };

export interface LocalBigQuery extends AsyncDisposable {
  readonly restUrl: string;
  /** Of the Storage Read API, without TLS: `127.0.0.1:1235`. */
  readonly grpcAddress: string;
  readonly pid: number;
  /** One REST call as the project's owner; throws with BigQuery's text. */
  call(method: string, url: string, body?: unknown): Promise<Json>;
  /** Runs GoogleSQL to its end as the owner; answers the job's statistics. */
  query(sql: string): Promise<Json>;
  /** Loads a file by a multipart upload and waits for the job. */
  load(file: string, table: { datasetId: string; tableId: string }, configuration: Json): Promise<void>;
  /** A service account with these roles on the project, and a fresh JSON key for it. */
  serviceAccount(accountId: string, roles: readonly string[]): Promise<ServiceAccountKeyFile>;
  kill(signal?: NodeJS.Signals): void;
}

/** Starts the server on a free port with one project and its owner. */
export async function startLocalBigQuery(options: {
  dataDir: string;
  project: string;
  owner: string;
}): Promise<LocalBigQuery> {
  const { dataDir, project, owner } = options;
  const child = spawn(
    process.execPath,
    [
      ...NODE_FLAGS,
      CLI,
      'bigquery',
      'start',
      '--data-dir',
      dataDir,
      '--port',
      '0',
      '--project',
      project,
      '--owner',
      owner,
      '--json',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = once(child, 'exit');
  // A server must not outlive a caller that ends by an exception.
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  let restUrl: string;
  let grpcAddress: string;
  let token: string;
  try {
    ({ restUrl, grpcAddress } = await ready(child.stdout, exited));
    token = await ownerToken(dataDir, owner);
  } catch (error) {
    child.kill('SIGKILL'); // nobody else will stop it
    throw error;
  }
  const bigquery = `${restUrl}/bigquery/v2/projects/${project}`;

  async function call(method: string, url: string, body?: unknown): Promise<Json> {
    const response = await fetch(url.startsWith('http') ? url : restUrl + url, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(JOB_LIMIT_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Json);
  }

  async function waitFor(job: Json): Promise<Json> {
    const reference = job['jobReference'] as { jobId: string; location?: string };
    const deadline = Date.now() + JOB_LIMIT_MS;
    for (let current = job; ;) {
      const status = current['status'] as { state: string; errorResult?: { message: string } };
      if (status.errorResult !== undefined) throw new Error(status.errorResult.message);
      if (status.state === 'DONE') return current;
      if (Date.now() > deadline) throw new Error(`job ${reference.jobId} is not done after ${JOB_LIMIT_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      current = await call('GET', `${bigquery}/jobs/${reference.jobId}?location=${reference.location ?? 'US'}`);
    }
  }

  return {
    restUrl,
    grpcAddress,
    pid: child.pid ?? 0,
    call,
    async query(sql) {
      const job = await call('POST', `${bigquery}/jobs`, {
        configuration: { query: { query: sql, useLegacySql: false } },
      });
      return (await waitFor(job))['statistics'] as Json;
    },
    async load(file, table, configuration) {
      const destinationTable = { projectId: project, ...table };
      const boundary = 'part-of-a-load-job';
      const head =
        `--${boundary}\r\ncontent-type: application/json\r\n\r\n` +
        `${JSON.stringify({ configuration: { load: { destinationTable, ...configuration } } })}\r\n` +
        `--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\n`;
      const response = await fetch(`${restUrl}/upload/bigquery/v2/projects/${project}/jobs?uploadType=multipart`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': `multipart/related; boundary=${boundary}` },
        body: new Blob([head, await readFile(file), `\r\n--${boundary}--\r\n`]),
        signal: AbortSignal.timeout(JOB_LIMIT_MS),
      });
      if (!response.ok) throw new Error(`load of ${file} answered ${response.status}: ${await response.text()}`);
      await waitFor((await response.json()) as Json);
    },
    async serviceAccount(accountId, roles) {
      const account = await call('POST', `/v1/projects/${project}/serviceAccounts`, {
        accountId,
        serviceAccount: { displayName: accountId },
      });
      const email = String(account['email']);
      const policy = await call('POST', `/v1/projects/${project}:getIamPolicy`, {});
      const bindings = [
        ...((policy['bindings'] as Json[] | undefined) ?? []),
        ...roles.map((role) => ({ role, members: [`serviceAccount:${email}`] })),
      ];
      await call('POST', `/v1/projects/${project}:setIamPolicy`, { policy: { ...policy, bindings } });
      const key = await call('POST', `/v1/projects/${project}/serviceAccounts/${email}/keys`, {});
      return JSON.parse(Buffer.from(String(key['privateKeyData']), 'base64').toString('utf8')) as ServiceAccountKeyFile;
    },
    kill(signal = 'SIGKILL') {
      child.kill(signal);
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
      process.off('exit', end);
    },
  };
}

async function ready(
  stdout: NodeJS.ReadableStream,
  exited: Promise<unknown[]>,
): Promise<{ restUrl: string; grpcAddress: string }> {
  const firstLine = once(createInterface({ input: stdout }), 'line').then(([line]) => String(line));
  const line = await Promise.race([
    firstLine,
    exited.then(([code]) => {
      throw new Error(`the local BigQuery ended with code ${String(code)} before it was ready`);
    }),
    new Promise<never>((_, reject) =>
      setTimeout(
        () => reject(new Error(`the local BigQuery was not ready after ${READY_LIMIT_MS} ms`)),
        READY_LIMIT_MS,
      ).unref(),
    ),
  ]);
  const { restUrl, grpcAddress } = JSON.parse(line) as { restUrl?: string; grpcAddress?: string };
  if (restUrl === undefined || grpcAddress === undefined) throw new Error(`the local BigQuery did not start: ${line}`);
  return { restUrl, grpcAddress };
}

async function ownerToken(dataDir: string, email: string): Promise<string> {
  const child = spawn(process.execPath, [...NODE_FLAGS, CLI, 'bigquery', 'token', email, '--data-dir', dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`sluice bigquery token ended with code ${String(code)}`);
  return Buffer.concat(chunks).toString('utf8').trim();
}

// The world of the suite `engine`: a local BigQuery with the contacts, a project folder per
// sink, and `sluice` in a process of its own whose CPU and memory are measured, together with
// what the warehouse spent meanwhile. Everything is below one temporary folder.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startLocalBigQuery } from '@sluice/testkit';
import type { LocalBigQuery, ServiceAccountKeyFile } from '@sluice/testkit';
import { COLUMNS, writeContacts } from './contacts.ts';
import type { ContactFiles } from './contacts.ts';
import { BATCH } from './meter.ts';
import { treeCpuSeconds } from './process-cpu.ts';

const CLI = path.resolve(import.meta.dirname, '../../../../packages/cli/src/main.ts');
const USAGE = path.resolve(import.meta.dirname, '../../usage.ts');
const PROJECT = 'sluice-bench';
const STATE = '__segment_reverse_etl';
/** A table that changed less than 10 s ago counts as changing: the zero-scan skip waits for that. */
const SETTLED_MS = 11_000;

export type SyncReport = {
  readonly state: string;
  readonly durationMs: number;
  readonly bytesProcessed?: number;
  readonly plan?: Readonly<Record<string, number>>;
  readonly outcomes?: Readonly<Record<string, { readonly delivered: number }>>;
};

export type MeasuredSync = {
  readonly report: SyncReport;
  readonly engineCpuSeconds: number;
  readonly warehouseCpuSeconds: number;
  readonly peakMemoryMB: number;
  readonly wallSeconds: number;
  readonly delivered: number;
};

/** `more`: YAML of the destination, indented by four. */
export type Mapping = { readonly batchSize?: number; readonly more?: string };

export type Scene = {
  readonly dir: string;
  readonly rows: number;
  readonly files: ContactFiles;
  readonly bigquery: LocalBigQuery;
  readonly key: ServiceAccountKeyFile;
};

export async function startScene(
  dir: string,
  rows: number,
  log: (text: string) => void,
): Promise<Scene & AsyncDisposable> {
  await mkdir(dir, { recursive: true });
  const files = {
    before: path.join(dir, 'before.parquet'),
    now: path.join(dir, 'now.parquet'),
    database: path.join(dir, 'reference.duckdb'),
  };
  log(`${rows} contacts: writing them`);
  await writeContacts(rows, files);
  const bigquery = await startLocalBigQuery({
    dataDir: path.join(dir, 'bigquery'),
    project: PROJECT,
    owner: 'owner@example.com',
  });
  try {
    await bigquery.call('POST', `/bigquery/v2/projects/${PROJECT}/datasets`, {
      datasetReference: { projectId: PROJECT, datasetId: 'crm' },
      location: 'US',
    });
    const key = await bigquery.serviceAccount(PROJECT, [
      'roles/bigquery.user',
      'roles/bigquery.jobUser',
      'roles/bigquery.dataViewer',
    ]);
    const scene = { dir, rows, files, bigquery, key };
    await loadContacts(scene, 'before');
    return { ...scene, [Symbol.asyncDispose]: () => bigquery[Symbol.asyncDispose]() };
  } catch (error) {
    await bigquery[Symbol.asyncDispose]();
    throw error;
  }
}

/** Replaces the model's table by the contacts as they were, or as they are. */
export function loadContacts({ bigquery, files }: Scene, which: 'before' | 'now'): Promise<void> {
  return bigquery.load(
    files[which],
    { datasetId: 'crm', tableId: 'contacts' },
    { sourceFormat: 'PARQUET', writeDisposition: 'WRITE_TRUNCATE' },
  );
}

export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
}

/** A project folder whose mapping `name` sends the contacts to the sink. */
export async function writeProject(scene: Scene, name: string, url: string, mapping: Mapping = {}): Promise<string> {
  const project = path.join(scene.dir, `project-${name}`);
  await mkdir(path.join(project, 'models'), { recursive: true });
  await writeFile(path.join(project, 'key.json'), JSON.stringify(scene.key), { mode: 0o600 });
  await writeFile(path.join(project, 'models/contacts.sql'), `SELECT ${COLUMNS.join(', ')}\nFROM crm.contacts\n`);
  await writeFile(
    path.join(project, 'sluice.yaml'),
    `source:
  type: bigquery
  project: ${PROJECT}
  location: US
  credentials: { keyFile: key.json }
  endpoint: ${scene.bigquery.restUrl}
  read: storage
  storage_endpoint: http://${scene.bigquery.grpcAddress}
models:
  contacts:
    key: id
destinations:
  sink:
    type: actions-webhook${mapping.more ?? ''}
mappings:
  ${name}:
    model: contacts
    destination: sink
    action: send
    send: [added, updated, deleted]
    fields:
      url: ${url}
      method: POST
      data: { '@path': '$.properties' }
      enable_batching: true
      batch_size: ${mapping.batchSize ?? BATCH}
`,
  );
  return project;
}

/** The state as a full sync of the present contacts would leave it, from a plan that nobody delivers. */
export async function seedState({ bigquery }: Scene, project: string, name: string): Promise<void> {
  const { code, output } = await ended(startSluice(project, ['plan', name, '--save', '--json']));
  if (code !== 0) throw new Error(`the plan ended with code ${String(code)}: ${output}`);
  const { planId } = JSON.parse(output) as { planId?: string };
  if (planId === undefined) throw new Error(`the plan has no id: ${output}`);
  await bigquery.query(`CREATE OR REPLACE TABLE ${STATE}.records_${name} AS
    SELECT record_id, checksum, sent FROM ${STATE}.plan_${name}_${planId} WHERE operation = 'added'`);
  const discarded = await ended(startSluice(project, ['discard', `${name}/${planId}`]));
  if (discarded.code !== 0) throw new Error(`the plan is not discarded: ${discarded.output}`);
}

/** One sync to its end. Throws unless it succeeded. */
export async function sync(scene: Scene, project: string, name: string): Promise<MeasuredSync> {
  const usageFile = path.join(project, 'usage.json');
  const before = treeCpuSeconds(scene.bigquery.pid);
  const started = performance.now();
  const { code, output } = await ended(startSluice(project, ['sync', name, '--json'], usageFile));
  const wallSeconds = (performance.now() - started) / 1000;
  const warehouseCpuSeconds = treeCpuSeconds(scene.bigquery.pid) - before;
  if (code !== 0) throw new Error(`the sync ended with code ${String(code)}: ${output}`);
  const report = JSON.parse(output) as SyncReport;
  const usage = JSON.parse(await readFile(usageFile, 'utf8')) as { peakMemoryMB: number; cpuSeconds: number };
  const delivered = Object.values(report.outcomes ?? {}).reduce((sum, outcome) => sum + outcome.delivered, 0);
  return {
    report,
    engineCpuSeconds: usage.cpuSeconds,
    warehouseCpuSeconds,
    peakMemoryMB: usage.peakMemoryMB,
    wallSeconds,
    delivered,
  };
}

/** `sluice` in a process of its own, which does not outlive this one. */
export function startSluice(project: string, args: readonly string[], usageFile?: string): ChildProcess {
  // For whoever looks where the time goes: a folder for CPU profiles, a module to preload.
  const profile = process.env['SLUICE_BENCH_CPU_PROFILE'];
  const preload = process.env['SLUICE_BENCH_PRELOAD'];
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      ...(preload === undefined ? [] : ['--import', preload]),
      ...(profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]),
      '--import',
      USAGE,
      CLI,
      '--project-dir',
      project,
      ...args,
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...(usageFile === undefined ? {} : { SLUICE_BENCH_USAGE: usageFile }) },
    },
  );
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
  return child;
}

export async function ended(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: Buffer.concat(chunks).toString('utf8') };
}

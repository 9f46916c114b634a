// One record per route and day of three million flights (570,842 records) to a webhook:
// a full first sync, one with 1 % of the records changed, one with nothing changed.
// The engine runs as the command line in a process of its own; only that one is measured.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { startLocalBigQuery, startReceiver, type LocalBigQuery } from '@sluice/testkit';
import type { Measurement, Suite } from '../suite.ts';

const MEMORY_LIMIT_MB = 300;
const RECORDS = 570_842;
const CLI = path.resolve(import.meta.dirname, '../../../packages/cli/src/main.ts');
const USAGE = path.resolve(import.meta.dirname, '../usage.ts');

const MODEL = `SELECT route_day, origin, destination, day, flights, mean_delay, worst_delay, distance
FROM flights.route_days
`;

type Report = {
  durationMs: number;
  state: string;
  plan: Record<string, number>;
  outcomes: Record<string, { delivered: number }>;
};

export const syncSuite: Suite = {
  description: `full and incremental sync of ${RECORDS} records to a webhook: engine memory below ${MEMORY_LIMIT_MB} MB`,
  async *run(log) {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'sluice-bench-'));
    try {
      await using bigquery = await startLocalBigQuery({
        dataDir: path.join(dir, 'bigquery'),
        project: 'sluice-bench',
        owner: 'owner@example.com',
      });
      await using receiver = await startReceiver();
      log('loading 3 million flights');
      await prepare(bigquery);
      await writeProject(path.join(dir, 'project'), bigquery, receiver.url);

      log('first sync: every record');
      yield measurement('sync-full', await sync(path.join(dir, 'project')), RECORDS);

      const changed = await change(bigquery);
      log(`second sync: ${changed} records changed`);
      yield measurement('sync-1-percent', await sync(path.join(dir, 'project')), changed);

      log('third sync: nothing changed');
      yield measurement('sync-nothing', await sync(path.join(dir, 'project')), 0);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

async function prepare(bigquery: LocalBigQuery): Promise<void> {
  const data = path.resolve(createRequire(import.meta.url).resolve('vega-datasets'), '../../data');
  await bigquery.call('POST', '/bigquery/v2/projects/sluice-bench/datasets', {
    datasetReference: { projectId: 'sluice-bench', datasetId: 'flights' },
    location: 'US',
  });
  await bigquery.load(
    path.join(data, 'flights-3m.parquet'),
    { datasetId: 'flights', tableId: 'flights' },
    { sourceFormat: 'PARQUET' },
  );
  await bigquery.query(`CREATE TABLE flights.route_days AS
    SELECT CONCAT(origin, '-', destination, ' ', CAST(day AS STRING)) AS route_day, origin, destination, day,
      COUNT(*) AS flights, AVG(delay) AS mean_delay, MAX(delay) AS worst_delay, MAX(distance) AS distance
    FROM (SELECT *, DATE(date) AS day FROM flights.flights) GROUP BY origin, destination, day`);
}

/** Changes 1 % of the records by DML; answers how many. */
async function change(bigquery: LocalBigQuery): Promise<number> {
  const statistics = await bigquery.query(
    'UPDATE flights.route_days SET worst_delay = worst_delay + 1 WHERE MOD(ABS(FARM_FINGERPRINT(route_day)), 100) = 0',
  );
  return Number((statistics['query'] as { numDmlAffectedRows: string }).numDmlAffectedRows);
}

async function writeProject(dir: string, bigquery: LocalBigQuery, url: string): Promise<void> {
  await mkdir(path.join(dir, 'models'), { recursive: true });
  const key = await bigquery.serviceAccount('sluice-bench', [
    'roles/bigquery.user',
    'roles/bigquery.jobUser',
    'roles/bigquery.dataViewer',
  ]);
  await writeFile(path.join(dir, 'key.json'), JSON.stringify(key), { mode: 0o600 });
  await writeFile(path.join(dir, 'models/route_days.sql'), MODEL);
  await writeFile(
    path.join(dir, 'sluice.yaml'),
    `source:
  type: bigquery
  project: sluice-bench
  location: US
  credentials: { keyFile: key.json }
  endpoint: ${bigquery.restUrl}
models:
  route_days:
    key: route_day
destinations:
  receiver:
    type: actions-webhook
mappings:
  route_days:
    model: route_days
    destination: receiver
    action: send
    send: [added, updated, deleted]
    fields:
      url: ${url}
      method: POST
      data: { '@path': '$.properties' }
      enable_batching: true
      batch_size: 1000
`,
  );
}

async function sync(project: string): Promise<{ report: Report; usage: { peakMemoryMB: number; cpuSeconds: number } }> {
  const usageFile = path.join(project, 'usage.json');
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--import',
      USAGE,
      CLI,
      '--project-dir',
      project,
      'sync',
      'route_days',
      '--json',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, SLUICE_BENCH_USAGE: usageFile } },
  );
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = await once(child, 'close');
  const text = Buffer.concat(chunks).toString('utf8');
  if (code !== 0) throw new Error(`the sync ended with code ${String(code)}: ${text}`);
  return {
    report: JSON.parse(text) as Report,
    usage: JSON.parse(await readFile(usageFile, 'utf8')) as { peakMemoryMB: number; cpuSeconds: number },
  };
}

function measurement(name: string, run: Awaited<ReturnType<typeof sync>>, expected: number): Measurement {
  const delivered = Object.values(run.report.outcomes).reduce((sum, outcome) => sum + outcome.delivered, 0);
  const round = (value: number): number => Math.round(value * 10) / 10;
  return {
    case: name,
    ours: {
      deliveredRecords: delivered,
      peakMemoryMB: round(run.usage.peakMemoryMB),
      engineCpuSeconds: round(run.usage.cpuSeconds),
      wallSeconds: round(run.report.durationMs / 1000),
    },
    reference: { expectedRecords: expected, memoryLimitMB: MEMORY_LIMIT_MB },
    ratio: round(run.usage.peakMemoryMB / MEMORY_LIMIT_MB),
    aim: `engine memory ≤ ${MEMORY_LIMIT_MB} MB and every change delivered`,
    ok: delivered === expected && run.usage.peakMemoryMB <= MEMORY_LIMIT_MB,
  };
}

// What a sync costs, read from the statistics of its jobs: one evaluation of the model, two
// scans of the state, and bytes that follow the formula of docs/specs/bigquery-costs.md.
import { randomUUID } from 'node:crypto';
import type { Clock, SyncReport } from '@sluice/engine';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT, openWorkbench, stateTable } from './workbench.ts';
import type { Workbench } from './workbench.ts';

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
});
afterEach(() => {
  bench.answer = undefined;
  bench.take();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

type TableRef = { readonly tableId: string };

type Job = {
  readonly step: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly statement: string;
  readonly bytes: number;
  readonly reads: readonly string[];
  readonly writeDisposition: string | undefined;
  readonly priority: string | undefined;
  readonly location: string;
};

/** The jobs of a mapping since this time, oldest first. */
async function jobsOf(mappingId: string, since: number): Promise<Job[]> {
  const list = await bench.bigquery.call(
    'GET',
    `/bigquery/v2/projects/${PROJECT}/jobs?allUsers=true&maxResults=500&projection=full&minCreationTime=${since}`,
  );
  const jobs = ((list['jobs'] ?? []) as Record<string, never>[]).map((job) => {
    const { configuration, statistics, jobReference } = job as unknown as {
      configuration: { labels?: Record<string, string>; query?: { writeDisposition?: string; priority?: string } };
      statistics: {
        totalBytesProcessed?: string;
        query?: { statementType?: string; referencedTables?: TableRef[] };
        creationTime: string;
      };
      jobReference: { location: string };
    };
    return {
      at: Number(statistics.creationTime),
      step: configuration.labels?.['sluice_step'] ?? '',
      labels: configuration.labels ?? {},
      statement: statistics.query?.statementType ?? '',
      bytes: Number(statistics.totalBytesProcessed ?? 0),
      reads: (statistics.query?.referencedTables ?? []).map(({ tableId }) => tableId),
      writeDisposition: configuration.query?.writeDisposition,
      priority: configuration.query?.priority,
      location: jobReference.location,
    };
  });
  return jobs.filter(({ labels }) => labels['sluice_mapping'] === mappingId).toSorted((a, b) => a.at - b.at);
}

/** Jobs that read bytes of a table; COUNT(*) reads none. */
const scans = (jobs: readonly Job[], table: string): string[] =>
  jobs.filter(({ reads, bytes }) => bytes > 0 && reads.includes(table)).map(({ step }) => step);

const hoursAhead = (hours: number): Clock => ({
  now: () => Date.now() + hours * 3_600_000,
  sleep: async (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
});

async function measured(
  id: string,
  run: () => Promise<SyncReport>,
): Promise<{ readonly report: SyncReport; readonly jobs: readonly Job[] }> {
  const since = Date.now();
  const report = await run();
  return { report, jobs: await jobsOf(id, since) };
}

describe('a sync', () => {
  const id = 'costs';
  const table = `people_${randomUUID().slice(0, 8)}`;
  const mapping = () => bench.mapping(id, `SELECT id, name FROM shop.${table}`);

  test('evaluates the model once and scans the state twice', { timeout: 60_000 }, async () => {
    await bench.bigquery.query(
      `CREATE TABLE shop.${table} AS SELECT id, CONCAT('name ', CAST(id AS STRING)) AS name FROM UNNEST(GENERATE_ARRAY(1, 500)) AS id`,
    );
    const first = await measured(id, () => bench.sync(mapping()));
    expect(first.report).toMatchObject({ state: 'succeeded', outcomes: { added: { delivered: 500 } } });
    expect(scans(first.jobs, table)).toEqual(['plan']);

    await bench.bigquery.query(
      `UPDATE shop.${table} SET name = 'changed' WHERE id <= 10; DELETE FROM shop.${table} WHERE id > 490; INSERT INTO shop.${table} (id, name) VALUES (1000, 'new')`,
    );
    const second = await measured(id, () => bench.sync(mapping(), { clock: hoursAhead(1) }));
    expect(second.report).toMatchObject({
      state: 'succeeded',
      outcomes: { added: { delivered: 1 }, updated: { delivered: 10 }, deleted: { delivered: 10 } },
    });
    expect(scans(second.jobs, table)).toEqual(['plan']);
    expect(scans(second.jobs, `records_${id}`)).toEqual(['plan', 'commit_records']);
    const commit = second.jobs.find(({ step }) => step === 'commit_records');
    expect(commit).toMatchObject({ statement: 'SELECT', writeDisposition: 'WRITE_TRUNCATE' });
    expect(await bench.rows(`SELECT COUNT(*) AS n FROM ${stateTable(`records_${id}`)}`)).toEqual([{ n: '491' }]);

    // The formula of docs/specs/bigquery-costs.md, in the logical bytes of BigQuery's data types.
    const model = 490 * 8 + (10 + 480 + 1) * 2; // ids and the lengths of texts, at least
    const state = await logicalBytes(`records_${id}`);
    const plan = second.jobs.find(({ step }) => step === 'plan');
    expect(plan?.bytes).toBeGreaterThan(model + state / 2);
    const change = second.report.plan;
    const changes = change.added + change.updated + change.deleted;
    // Beside model and twice the state: the changes, read by the summary and the commit, and one-row tables.
    const perChange = 400;
    const fixed = 40_000;
    const all = second.jobs.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(all).toBeLessThan((plan?.bytes ?? 0) + state * 1.1 + changes * perChange + fixed);
  });

  test('that follows the last one at once merges, and the state is the same', { timeout: 60_000 }, async () => {
    await bench.bigquery.query(`UPDATE shop.${table} SET name = 'again' WHERE id <= 3`);
    const { report, jobs } = await measured(id, () => bench.sync(mapping(), { clock: hoursAhead(1) }));
    expect(report).toMatchObject({ state: 'succeeded', outcomes: { updated: { delivered: 3 } } });
    expect(jobs.find(({ step }) => step === 'commit_records')?.statement).toBe('MERGE');
    expect(scans(jobs, table)).toEqual(['plan']);
    expect(await bench.rows(`SELECT COUNT(*) AS n FROM ${stateTable(`records_${id}`)}`)).toEqual([{ n: '491' }]);
  });

  test('runs every job with its labels, where the data are', async () => {
    const jobs = await jobsOf(id, 0);
    expect(jobs.length).toBeGreaterThan(10);
    expect(new Set(jobs.map(({ location }) => location.toLowerCase()))).toEqual(new Set(['us']));
    expect(jobs.every(({ step }) => step !== '')).toBe(true);
    expect(jobs.filter(({ step }) => step === 'plan').every(({ labels }) => labels['sluice_sync'] !== undefined)).toBe(
      true,
    );
  });

  test('keeps its state clustered by the identifier', async () => {
    const found = await bench.bigquery.call(
      'GET',
      `/bigquery/v2/projects/${PROJECT}/datasets/__segment_reverse_etl/tables/records_${id}`,
    );
    expect(found['clustering']).toEqual({ fields: ['record_id'] });
  });
});

test('with the priority batch only the jobs that read model and state wait for slots', async () => {
  const mapping = bench.mapping('patient', 'SELECT id FROM UNNEST(GENERATE_ARRAY(1, 3)) AS id');
  const { syncMapping } = await import('@sluice/engine');
  const { createRegistry } = await import('@sluice/destinations');
  const { report, jobs } = await measured('patient', () =>
    syncMapping({ ...bench.source, priority: 'batch' }, mapping, { registry: createRegistry() }),
  );
  expect(report.state).toBe('succeeded');
  const batch = jobs.filter(({ priority }) => priority === 'BATCH').map(({ step }) => step);
  expect(batch).toEqual(['plan', 'commit_records']);
});

test('a commit that was killed is carried out once, by whichever run comes next', { timeout: 60_000 }, async () => {
  const mapping = bench.mapping('once', 'SELECT id FROM UNNEST(GENERATE_ARRAY(1, 20)) AS id');
  const dead = await bench
    .sync(mapping, {
      onStep: (step) => {
        if (step === 'records committed') throw new Error('killed');
      },
    })
    .catch((thrown: unknown) => thrown);
  expect(dead).toMatchObject({ state: 'failed' });
  const since = Date.now();
  expect(await bench.sync(mapping)).toMatchObject({ state: 'succeeded', resumed: true });
  const jobs = await jobsOf('once', since);
  // The second run waits for the job of the first one instead of starting another.
  expect(jobs.filter(({ step }) => step === 'commit_records')).toEqual([]);
  expect(await bench.rows(`SELECT COUNT(*) AS n FROM ${stateTable('records_once')}`)).toEqual([{ n: '20' }]);
});

test('a replacement that comes too late changes nothing; the merge, which has its own fence, does the work', async () => {
  const mapping = bench.mapping('late', 'SELECT id FROM UNNEST(GENERATE_ARRAY(1, 20)) AS id');
  const since = Date.now();
  const report = await bench.sync(mapping, {
    onStep: async (step) => {
      if (step === 'commit started')
        await bench.bigquery.query(`UPDATE ${stateTable('checkpoints_late')} SET phase = 'done' WHERE TRUE`);
    },
  });
  expect(report.state).toBe('succeeded');
  const commits = (await jobsOf('late', since)).filter(({ step }) => step === 'commit_records');
  expect(commits.map(({ writeDisposition }) => writeDisposition)).toEqual(['WRITE_TRUNCATE', undefined]);
  expect(await bench.rows(`SELECT COUNT(*) AS n FROM ${stateTable('records_late')}`)).toEqual([{ n: '20' }]);
});

async function logicalBytes(table: string): Promise<number> {
  const found = await bench.bigquery.call(
    'GET',
    `/bigquery/v2/projects/${PROJECT}/datasets/__segment_reverse_etl/tables/${table}`,
  );
  return Number(found['numBytes']);
}

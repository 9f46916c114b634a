// The local BigQuery against DuckDB itself. Each case is a file in `bigquery/`: it gets a
// server of its own project with the case's dataset, and yields one line per measurement.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startLocalBigQuery } from '@sluice/testkit';
import type { Measurement, Suite } from '../suite.ts';
import { analyticQueries } from './bigquery/analytic-queries.ts';
import { DATASET, OWNER, PROJECT, type BigQueryCase } from './bigquery/case.ts';
import { idleMemory } from './bigquery/idle-memory.ts';
import { loadJson } from './bigquery/load-json.ts';
import { paging } from './bigquery/paging.ts';
import { restart } from './bigquery/restart.ts';
import { smallQuery } from './bigquery/small-query.ts';
import { storageRead } from './bigquery/storage-read.ts';

const CASES: readonly BigQueryCase[] = [
  smallQuery,
  analyticQueries,
  loadJson,
  storageRead,
  paging,
  idleMemory,
  restart,
];

export const bigquerySuite: Suite = {
  description: `the local BigQuery beside DuckDB: ${CASES.map(({ name }) => name).join(', ')}`,
  async *run(log, wants) {
    for (const each of CASES) if (wants(each.name)) yield* inScene(each, log);
  },
};

async function* inScene(one: BigQueryCase, log: (text: string) => void): AsyncIterable<Measurement> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'sluice-bench-'));
  try {
    const dataDir = path.join(dir, 'bigquery');
    const start = () => startLocalBigQuery({ dataDir, project: PROJECT, owner: OWNER });
    {
      await using bigquery = await start();
      await bigquery.call('POST', `/bigquery/v2/projects/${PROJECT}/datasets`, {
        datasetReference: { projectId: PROJECT, datasetId: DATASET },
        location: 'US',
      });
      await one.prepare(bigquery, log);
    }
    yield* one.measure({ dataDir, start, log });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

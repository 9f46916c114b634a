// 570,000 rows by tabledata.list, 10,000 a page, as a client without the Storage Read API reads a
// plan. A figure, not an aim. The reference: one JavaScript process fetches the same rows from a
// copy of the same file as DuckDB chunks and reads their column values.
import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { issueUserToken } from '@sluice/bigquery-local';
import { cpuSecondsOf, DATASET, OWNER, PROJECT, runScript, type BigQueryCase } from './case.ts';
import { KeepAliveClient } from './keep-alive-client.ts';

const ROWS = 570_000;
const PAGE = 10_000;
const ROUNDS = 2;

export const paging: BigQueryCase = {
  name: 'tabledata-list-570k',
  async prepare(bigquery, log) {
    log(`writing ${ROWS} rows`);
    await bigquery.query(`CREATE TABLE ${DATASET}.plan AS
      SELECT i AS id, CONCAT('user', CAST(i AS STRING), '@example.com') AS email,
        ['DE', 'FR', 'US', 'GB'][OFFSET(MOD(i, 4))] AS country, MOD(i, 10000) / 7.0 AS ltv,
        TIMESTAMP_ADD(TIMESTAMP '2026-01-01 00:00:00+00', INTERVAL i SECOND) AS updated_at
      FROM (SELECT a * 1000 + b AS i
        FROM UNNEST(GENERATE_ARRAY(0, ${ROWS / 1000 - 1})) AS a, UNNEST(GENERATE_ARRAY(0, 999)) AS b)`);
  },
  async *measure({ dataDir, start, log }) {
    const copy = path.join(dataDir, '..', 'copy.duckdb');
    await copyFile(path.join(dataDir, 'projects', `${PROJECT}.duckdb`), copy);
    await using bigquery = await start();
    using client = new KeepAliveClient(await issueUserToken({ dataDir, email: OWNER }));
    const url = `${bigquery.restUrl}/bigquery/v2/projects/${PROJECT}/datasets/${DATASET}/tables/plan/data?maxResults=${PAGE}`;
    let ours = { wallSeconds: Infinity, serverCpuSeconds: Infinity, responseMB: 0 };
    let reference = { wallSeconds: Infinity, cpuSeconds: Infinity };
    for (let round = 1; round <= ROUNDS; round++) {
      log(`round ${round}: paging`);
      const cpuBefore = cpuSecondsOf(bigquery.pid);
      const before = performance.now();
      const { rows, bytes } = await readAll(client, url);
      if (rows !== ROWS) throw new Error(`${rows} rows were read instead of ${ROWS}.`);
      const serverCpuSeconds = cpuSecondsOf(bigquery.pid) - cpuBefore;
      if (serverCpuSeconds < ours.serverCpuSeconds)
        ours = { wallSeconds: (performance.now() - before) / 1000, serverCpuSeconds, responseMB: bytes / 1e6 };
      log(`round ${round}: reading column values from the file itself`);
      const { wallSeconds, cpuSeconds } = await runScript<typeof reference>(
        path.join(import.meta.dirname, 'column-values.ts'),
        [copy, 'id,email,country,ltv,updated_at'],
      );
      if (cpuSeconds < reference.cpuSeconds) reference = { wallSeconds, cpuSeconds };
    }
    yield {
      case: paging.name,
      ours,
      reference,
      ratio: ours.serverCpuSeconds / reference.cpuSeconds,
      aim: 'none; a figure',
      ok: true,
    };
  },
};

/** Takes the pages apart no further than it must. */
async function readAll(client: KeepAliveClient, url: string): Promise<{ rows: number; bytes: number }> {
  let rows = 0;
  let bytes = 0;
  for (let token: string | undefined = ''; token !== undefined;) {
    const text = await client.send('GET', token === '' ? url : `${url}&pageToken=${encodeURIComponent(token)}`);
    bytes += text.length;
    const page = JSON.parse(text) as { rows?: unknown[]; pageToken?: string };
    rows += page.rows?.length ?? 0;
    token = page.pageToken;
  }
  return { rows, bytes };
}

// 10 million rows of 5 columns through the Storage Read API as Arrow: CPU time of all threads
// of the server and of Google's client, which takes the record batches, together. The
// reference: one JavaScript process fetches the same rows from the same file as DuckDB chunks
// and reads their column values.
import path from 'node:path';
import { issueUserToken } from '@sluice/bigquery-local';
import { cpuSecondsOf, DATASET, OWNER, PROJECT, runScript, type BigQueryCase } from './case.ts';

const ROWS = 10_000_000;
const AIM = 1.5;
const TABLE = 'people';
const ROUNDS = 2;

type Used = {
  readonly rows: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly bytes?: number;
};

export const storageRead: BigQueryCase = {
  name: 'storage-read-arrow-10m',
  async prepare(bigquery, log) {
    log(`writing ${ROWS} rows`);
    await bigquery.query(`CREATE TABLE ${DATASET}.${TABLE} AS
      SELECT i AS id, CONCAT('user', CAST(i AS STRING), '@example.com') AS email,
        ['DE', 'FR', 'US', 'GB'][OFFSET(MOD(i, 4))] AS country, MOD(i, 10000) / 7.0 AS ltv,
        TIMESTAMP_ADD(TIMESTAMP '2026-01-01 00:00:00+00', INTERVAL i SECOND) AS updated_at
      FROM (SELECT a * 1000 + b AS i
        FROM UNNEST(GENERATE_ARRAY(0, ${ROWS / 1000 - 1})) AS a, UNNEST(GENERATE_ARRAY(0, 999)) AS b)`);
  },
  async *measure({ dataDir, start, log }) {
    let ours: (Used & { serverCpuSeconds: number; totalCpuSeconds: number }) | undefined;
    let reference: Used | undefined;
    for (let round = 1; round <= ROUNDS; round++) {
      {
        await using bigquery = await start();
        const token = await issueUserToken({ dataDir, email: OWNER });
        log(`round ${round}: reading through the Storage Read API`);
        const before = cpuSecondsOf(bigquery.pid);
        const client = await runScript<Used>(
          path.join(import.meta.dirname, 'storage-read-client.ts'),
          [bigquery.grpcAddress, PROJECT, `projects/${PROJECT}/datasets/${DATASET}/tables/${TABLE}`],
          { SLUICE_BENCH_TOKEN: token },
        );
        const serverCpuSeconds = cpuSecondsOf(bigquery.pid) - before;
        requireAll(client.rows);
        const totalCpuSeconds = serverCpuSeconds + client.cpuSeconds;
        if (ours === undefined || totalCpuSeconds < ours.totalCpuSeconds)
          ours = { ...client, serverCpuSeconds, totalCpuSeconds };
      }
      log(`round ${round}: reading column values from the file itself`);
      const direct = await runScript<Used>(path.join(import.meta.dirname, 'column-values.ts'), [
        path.join(dataDir, 'projects', `${PROJECT}.duckdb`),
        'id,email,country,ltv,updated_at',
      ]);
      requireAll(direct.rows);
      if (reference === undefined || direct.cpuSeconds < reference.cpuSeconds) reference = direct;
    }
    const ratio = ours!.totalCpuSeconds / reference!.cpuSeconds;
    yield {
      case: storageRead.name,
      ours: {
        cpuSeconds: ours!.totalCpuSeconds,
        serverCpuSeconds: ours!.serverCpuSeconds,
        clientCpuSeconds: ours!.cpuSeconds,
        wallSeconds: ours!.wallSeconds,
        arrowMB: (ours!.bytes ?? 0) / 1e6,
      },
      reference: { cpuSeconds: reference!.cpuSeconds, wallSeconds: reference!.wallSeconds },
      ratio,
      aim: `at most ${AIM} times the CPU of reading the column values in one JavaScript process`,
      ok: ratio <= AIM,
    };
  },
};

function requireAll(rows: number): void {
  if (rows !== ROWS) throw new Error(`${rows} rows were read instead of ${ROWS}.`);
}

// Start of the server on a data directory with 10,000 stored tables, from the command to the
// first list of tables (and the token for it). The reference: the same start on the same
// directory before the tables were made.
import { cpuSecondsOf, DATASET, PROJECT, type BigQueryCase } from './case.ts';

const TABLES = 10_000;
const AT_ONCE = 8;
const AIM_SECONDS = 5;

export const restart: BigQueryCase = {
  name: 'restart-10k-tables',
  prepare: async () => undefined,
  async *measure({ start, log }) {
    const tables = `/bigquery/v2/projects/${PROJECT}/datasets/${DATASET}/tables`;
    const timed = async (): Promise<{ seconds: number; cpuSeconds: number; total: number }> => {
      const before = performance.now();
      await using bigquery = await start();
      const list = (await bigquery.call('GET', `${tables}?maxResults=1`)) as { totalItems?: unknown };
      return {
        seconds: (performance.now() - before) / 1000,
        cpuSeconds: cpuSecondsOf(bigquery.pid),
        total: Number(list.totalItems),
      };
    };
    const empty = await timed();
    {
      await using bigquery = await start();
      log(`making ${TABLES} tables`);
      let next = 0;
      const maker = async (): Promise<void> => {
        while (next < TABLES) await bigquery.call('POST', tables, tableNamed(`t${next++}`));
      };
      await Promise.all(Array.from({ length: AT_ONCE }, maker));
    }
    const full = await timed();
    if (full.total !== TABLES) throw new Error(`${full.total} tables instead of ${TABLES}`);
    yield {
      case: restart.name,
      ours: { startSeconds: full.seconds, serverCpuSeconds: full.cpuSeconds },
      reference: { startSeconds: empty.seconds, serverCpuSeconds: empty.cpuSeconds },
      ratio: full.seconds / empty.seconds,
      aim: `below ${AIM_SECONDS} s`,
      ok: full.seconds < AIM_SECONDS,
    };
  },
};

function tableNamed(tableId: string): Record<string, unknown> {
  return {
    tableReference: { projectId: PROJECT, datasetId: DATASET, tableId },
    schema: {
      fields: [
        { name: 'id', type: 'INTEGER' },
        { name: 'name', type: 'STRING' },
      ],
    },
  };
}

// `SELECT 1` by jobs.query, 1,000 times one after the other: once answered from the cache of
// query results, once as a new query. In turn with a bare server that gives the same text to
// DuckDB, hundred by hundred. The first hundred of each is not counted: it compiles code.
//
// Whether calls get slower shows in the wall time and in the server's CPU time per call; other
// work on the machine moves the first, so that the smaller of the two growths is judged.
import { issueUserToken } from '@sluice/bigquery-local';
import { startBareServer } from './bare-server.ts';
import { cpuSecondsOf, OWNER, PROJECT, type BigQueryCase } from './case.ts';
import { KeepAliveClient } from './keep-alive-client.ts';
import { medianOf } from './median.ts';

const HUNDREDS = 10;
const AIM_MS = 10;
const AIM_GROWTH = 1.1;

type Hundred = { readonly wallMs: readonly number[]; readonly cpuMs: number };

export const smallQuery: BigQueryCase = {
  name: 'small-query',
  prepare: async () => undefined,
  async *measure({ dataDir, start, log }) {
    await using bigquery = await start();
    await using bare = await startBareServer();
    const token = await issueUserToken({ dataDir, email: OWNER });
    using client = new KeepAliveClient(token);
    using bareClient = new KeepAliveClient();
    const url = `${bigquery.restUrl}/bigquery/v2/projects/${PROJECT}/queries`;
    const query = (useQueryCache: boolean) => {
      const body = JSON.stringify({ query: 'SELECT 1', useLegacySql: false, useQueryCache });
      return async (): Promise<void> => {
        const { rows } = JSON.parse(await client.send('POST', url, body)) as { rows?: unknown };
        if (JSON.stringify(rows) !== '[{"f":[{"v":"1"}]}]') throw new Error('SELECT 1 did not answer 1');
      };
    };
    const runs = {
      cached: { call: query(true), pid: bigquery.pid, hundreds: [] as Hundred[] },
      new: { call: query(false), pid: bigquery.pid, hundreds: [] as Hundred[] },
      bare: {
        call: async () => void (await bareClient.send('POST', bare.url, 'SELECT 1')),
        pid: bare.pid,
        hundreds: [] as Hundred[],
      },
    };
    for (let round = 0; round <= HUNDREDS; round++) {
      log(`hundred ${round} of ${HUNDREDS}`);
      for (const run of Object.values(runs)) {
        const measured = await hundred(run.call, run.pid);
        if (round > 0) run.hundreds.push(measured);
      }
    }
    const reference = figures(runs.bare.hundreds);
    for (const kind of ['cached', 'new'] as const) {
      const ours = figures(runs[kind].hundreds);
      const growth = Math.min(ours.growth, ours.cpuGrowth);
      yield {
        case: `small-query-${kind}`,
        ours,
        reference,
        ratio: ours.medianMs / reference.medianMs,
        aim: `median at most ${AIM_MS} ms; the last hundred at most ${AIM_GROWTH} times the first`,
        ok: ours.medianMs <= AIM_MS && growth <= AIM_GROWTH,
      };
    }
  },
};

async function hundred(call: () => Promise<void>, pid: number): Promise<Hundred> {
  const wallMs: number[] = [];
  const cpuBefore = cpuSecondsOf(pid);
  for (let i = 0; i < 100; i++) {
    const before = performance.now();
    await call();
    wallMs.push(performance.now() - before);
  }
  return { wallMs, cpuMs: (cpuSecondsOf(pid) - cpuBefore) * 1000 };
}

function figures(
  hundreds: readonly Hundred[],
): Record<'medianMs' | 'p99Ms' | 'cpuMsPerCall' | 'growth' | 'cpuGrowth', number> {
  const all = hundreds.flatMap(({ wallMs }) => wallMs).toSorted((a, b) => a - b);
  const first = hundreds[0]!;
  const last = hundreds.at(-1)!;
  return {
    medianMs: medianOf(all),
    p99Ms: all[Math.floor(all.length * 0.99)]!,
    cpuMsPerCall: hundreds.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / all.length,
    growth: medianOf(last.wallMs) / medianOf(first.wallMs),
    cpuGrowth: last.cpuMs / first.cpuMs,
  };
}

// Resident memory of `sluice bigquery start` once it is ready and nobody asks it anything: the
// server and the analyser's process together. The reference: a Node process with nothing but
// HTTP and DuckDB.
import { setTimeout as sleep } from 'node:timers/promises';
import { startBareServer } from './bare-server.ts';
import type { BigQueryCase } from './case.ts';
import { residentMemory } from './memory.ts';

const AIM_MB = 250;
const SETTLE_MS = 5_000;

export const idleMemory: BigQueryCase = {
  name: 'idle-memory',
  prepare: async () => undefined,
  async *measure({ start, log }) {
    await using bigquery = await start();
    await using bare = await startBareServer();
    log(`${SETTLE_MS / 1000} seconds of rest`);
    await sleep(SETTLE_MS);
    const ours = residentMemory(bigquery.pid);
    const reference = residentMemory(bare.pid);
    yield {
      case: idleMemory.name,
      ours: { residentMB: ours.totalMB, serverMB: ours.ownMB, analyserMB: ours.totalMB - ours.ownMB },
      reference: { residentMB: reference.totalMB },
      ratio: ours.totalMB / reference.totalMB,
      aim: `below ${AIM_MB} MB, analyser included`,
      ok: ours.totalMB < AIM_MB,
    };
  },
};

// Rows of expired partitions go: a partition lives for `expirationMs` from its beginning.
// Source: "Set the partition expiration".
import { nameOf, type Table } from '../catalog/tables.ts';
import type { Services } from '../services.ts';
import { olderPartitionSql } from '../storage/partition-id.ts';
import { changeInPlace, StaleTable } from './write-table.ts';

const TIMEOUT_MS = 120_000;

/** One pass over all tables with an expiration of partitions. A table that another job changes waits for the next pass. */
export async function expirePartitions(services: Services, signal: AbortSignal): Promise<void> {
  for (const table of services.tables.withPartitionExpiration()) {
    if (signal.aborted) return;
    await services.lock.hold(nameOf(table.ref), signal, () => expire(services, table, signal));
  }
}

async function expire(services: Services, found: Table, signal: AbortSignal): Promise<void> {
  const table = services.tables.get(found.ref);
  const lifeMs = Number(table?.properties.timePartitioning?.expirationMs ?? 0);
  if (table === undefined || table.physicalId === undefined || table.kind !== 'TABLE' || !(lifeMs > 0)) return;
  const expired = olderPartitionSql(table.properties, services.clock() - lifeMs);
  if (expired === undefined) return;
  try {
    await changeInPlace(
      { services, signal, timeoutMs: TIMEOUT_MS },
      {
        ref: table.ref,
        expected: table,
        body: async (session, name) => {
          const [row] = await session.rows(`DELETE FROM ${name} WHERE ${expired}`);
          return { changed: Number(row?.[0] ?? 0), outcome: { statistics: {} } };
        },
      },
    );
  } catch (error) {
    if (!(error instanceof StaleTable)) throw error;
  }
}

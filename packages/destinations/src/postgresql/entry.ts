// The PostgreSQL destination for the registry.
import { AppError, messageOf } from '@sluice/core';
import type { AuthenticationResult, ConnectionSpec, DestinationSpec, OpenDestination } from '@sluice/destination-kit';
import { openSession, sessionColumns } from '@sluice/destination-kit';
import pg from 'pg';
import type { DestinationEntry } from '../entry.ts';
import { authenticationOf } from './errors.ts';
import { PostgresSession } from './session.ts';
import { poolConfig, targetOf, targetProblems, withRow } from './settings.ts';
import { postgresShape } from './shape.ts';
import { describeTable } from './table.ts';

/** Two writers: one fills its staging table while the other's statement runs. */
const CONCURRENCY = 2;
const STATEMENT_TIMEOUT_MS = 300_000;
const TEST_TIMEOUT_MS = 10_000;

export const postgresEntry: DestinationEntry = {
  type: postgresShape.slug,
  name: postgresShape.name,
  origin: 'native',
  shape: () => postgresShape,
  check: targetProblems,
  columns: (spec) => sessionColumns(postgresShape, withRow(spec)),
  open,
  testAuthentication,
};

async function open(spec: DestinationSpec): Promise<OpenDestination> {
  const target = targetOf(spec);
  const pool = new pg.Pool({ ...poolConfig(spec, STATEMENT_TIMEOUT_MS), max: CONCURRENCY });
  // Connections that break while nobody uses them are replaced by the pool.
  pool.on('error', () => undefined);
  // One that breaks in use is noticed by the query that is under way.
  pool.on('connect', (client) => void client.on('error', () => undefined));
  try {
    const client = await connected(pool, spec);
    try {
      const table = await describeTable(client, target);
      const batch = postgresShape.actions[spec.action]?.batch ?? { maxRows: 1000, maxBytes: 4_000_000 };
      const session = new PostgresSession(pool, target, table);
      return openSession(postgresShape, withRow(spec), session, { batching: { ...batch, concurrency: CONCURRENCY } });
    } finally {
      client.release();
    }
  } catch (error) {
    await pool.end();
    throw error;
  }
}

async function connected(pool: pg.Pool, spec: DestinationSpec): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (thrown) {
    const refused = authenticationOf(thrown);
    const { user, host, port, database } = poolConfig(spec, STATEMENT_TIMEOUT_MS);
    const where = `${user}@${host}:${port}/${database}`;
    throw new AppError(`PostgreSQL cannot be used as ${where}: ${messageOf(thrown)}`, {
      code: 'code' in refused ? refused.code : 'NOT_REACHED',
      kind: refused.result === 'invalid' ? 'unauthenticated' : 'unavailable',
      origin: 'destination',
      where: 'settings',
      fix: 'check host, port, database, user, password and ssl of the destination, and that the server accepts this machine',
      cause: thrown,
    });
  }
}

async function testAuthentication(spec: ConnectionSpec): Promise<AuthenticationResult> {
  const client = new pg.Client(poolConfig(spec, TEST_TIMEOUT_MS));
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return { result: 'valid' };
  } catch (error) {
    return authenticationOf(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

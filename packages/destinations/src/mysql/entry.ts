// The MySQL destination for the registry.
import { AppError } from '@sluice/core';
import type { AuthenticationResult, ConnectionSpec, DestinationSpec, OpenDestination } from '@sluice/destination-kit';
import { openSession, sessionColumns } from '@sluice/destination-kit';
import { createConnection, createPool } from 'mysql2/promise';
import type { Pool, PoolConnection } from 'mysql2/promise';
import { fixedRowColumns } from '../connection-settings.ts';
import type { DestinationEntry, OpenOptions } from '../entry.ts';
import { authenticationOf } from './errors.ts';
import { MysqlSession, maxPacketBytes } from './session.ts';
import { connectionOptions, targetOf, targetProblems, withRow } from './settings.ts';
import { mysqlShape } from './shape.ts';
import { describeTable } from './table.ts';

/** Two writers: one encodes its rows while the other's statement runs. */
const CONCURRENCY = 2;

export const mysqlEntry: DestinationEntry = {
  type: mysqlShape.slug,
  name: mysqlShape.name,
  origin: 'native',
  shape: () => mysqlShape,
  check: targetProblems,
  columns: (spec) => sessionColumns(mysqlShape, withRow(spec)),
  open,
  testAuthentication,
};

async function open(spec: DestinationSpec): Promise<OpenDestination> {
  const target = targetOf(spec);
  const pool = createPool({ ...connectionOptions(spec), connectionLimit: CONCURRENCY });
  try {
    const connection = await connected(pool, spec);
    try {
      const table = await describeTable(connection, target, fixedRowColumns(spec.fields));
      const batch = mysqlShape.actions[spec.action]?.batch ?? { maxRows: 1000, maxBytes: 4_000_000 };
      const session = new MysqlSession(pool, target, table, await maxPacketBytes(connection));
      return openSession(mysqlShape, withRow(spec), session, { batching: { ...batch, concurrency: CONCURRENCY } });
    } finally {
      connection.release();
    }
  } catch (error) {
    await pool.end();
    throw error;
  }
}

async function connected(pool: Pool, spec: DestinationSpec): Promise<PoolConnection> {
  try {
    return await pool.getConnection();
  } catch (thrown) {
    const { result, code, message } = authenticationOf(thrown);
    const { user, host, port, database } = connectionOptions(spec);
    throw new AppError(`MySQL cannot be used as ${user}@${host}:${port}/${database}: ${message}`, {
      code,
      kind: result === 'invalid' ? 'unauthenticated' : 'unavailable',
      origin: 'destination',
      where: 'settings',
      fix: 'check host, port, database, user, password and ssl of the destination, and that the server accepts this machine',
      cause: thrown,
    });
  }
}

async function testAuthentication(
  spec: ConnectionSpec,
  _options: OpenOptions,
  signal: AbortSignal,
): Promise<AuthenticationResult> {
  try {
    signal.throwIfAborted();
    const connection = await createConnection(connectionOptions(spec));
    connection.destroy();
    return { result: 'valid' };
  } catch (error) {
    return authenticationOf(error);
  }
}

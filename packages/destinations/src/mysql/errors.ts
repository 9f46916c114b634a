// What an error of MySQL or MariaDB means for the batch that met it
// (https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html).
import { messageOf } from '@sluice/core';
import type { AuthenticationResult, BatchResult } from '@sluice/destination-kit';

type Failure = Extract<BatchResult, { kind: 'failed' }>;

type ServerError = Error & { readonly errno: number; readonly sqlState: string; readonly code?: string };

/** By SQLSTATE, which says little: most errors share HY000. */
const BY_STATE: readonly (readonly [prefix: string, cause: Failure['cause']])[] = [
  ['22', 'rows'], // data exception
  ['23', 'rows'], // constraint
  ['44', 'rows'], // WITH CHECK OPTION
  ['45', 'rows'], // raised by a trigger
  ['40', 'later'], // deadlock
  ['08', 'later'], // connection
  ['70100', 'later'], // query was killed
];

const BY_NUMBER: ReadonlyMap<number, Failure['cause']> = new Map([
  // Of the data.
  ...[1118, 1153, 1263, 1264, 1265, 1292, 1300, 1301, 1366, 1367, 1369, 1406, 1411, 1526, 1644, 1690, 1748].map(
    (errno) => [errno, 'rows'] as const,
  ),
  ...[3140, 3141, 3143, 3156, 3819, 4025].map((errno) => [errno, 'rows'] as const),
  // Of the moment: disk, memory, connections, shutdown, locks, limits of time.
  ...[1021, 1030, 1037, 1038, 1040, 1041, 1053, 1077, 1078, 1079, 1114, 1158, 1159, 1160, 1161].map(
    (errno) => [errno, 'later'] as const,
  ),
  ...[1203, 1205, 1206, 1213, 1226, 1317, 1412, 1637, 1969, 3024, 3058, 3572].map((errno) => [errno, 'later'] as const),
  // A column without a default that the mapping leaves out.
  [1364, 'stop'],
]);

/** Undefined for what the server did not say: sockets, time-outs, defects. */
export function failureOf(error: unknown): Failure | undefined {
  if (!isServerError(error)) return undefined;
  const { errno, sqlState, code, message } = error;
  const cause = BY_NUMBER.get(errno) ?? BY_STATE.find(([prefix]) => sqlState.startsWith(prefix))?.[1] ?? 'stop';
  return { kind: 'failed', cause, code: code ?? String(errno), message };
}

/** The row of a multi-row INSERT that the server could not take: its position, from 0. */
export function insertRowOf(error: unknown): number | undefined {
  if (!isServerError(error)) return undefined;
  const row = / at row (\d+)$/.exec(error.message)?.[1];
  return row === undefined ? undefined : Number(row) - 1;
}

export function authenticationOf(error: unknown): Exclude<AuthenticationResult, { result: 'valid' | 'untested' }> {
  const failure = failureOf(error);
  if (failure !== undefined)
    return {
      result: failure.cause === 'later' ? 'unavailable' : 'invalid',
      code: failure.code,
      message: failure.message,
    };
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'NOT_REACHED';
  return { result: 'unavailable', code, message: messageOf(error) };
}

function isServerError(error: unknown): error is ServerError {
  return (
    error instanceof Error &&
    'errno' in error &&
    typeof error.errno === 'number' &&
    'sqlState' in error &&
    typeof error.sqlState === 'string' &&
    error.sqlState !== ''
  );
}

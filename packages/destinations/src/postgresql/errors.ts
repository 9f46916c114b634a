// What an error of PostgreSQL means for the batch that met it
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
import type { AuthenticationResult, BatchResult } from '@sluice/destination-kit';
import pg from 'pg';

type Failure = Extract<BatchResult, { kind: 'failed' }>;

/** By SQLSTATE, the longest prefix first. */
const CAUSES: readonly (readonly [prefix: string, cause: Failure['cause']])[] = [
  ['40', 'later'], // serialization failure, deadlock
  ['53', 'later'], // no memory, no disk, too many connections
  ['57014', 'later'], // statement_timeout
  ['57P', 'later'], // shutdown, cannot connect now
  ['55P03', 'later'], // lock not available
  ['08', 'later'], // connection
  ['58', 'later'], // the server's own input and output
  ['XX', 'later'],
  ['25006', 'stop'], // read-only
  ['22', 'rows'], // data exception
  ['23', 'rows'], // constraint
  ['21000', 'rows'], // ON CONFLICT would touch a row twice
  ['54', 'rows'], // program limit exceeded: a value too large
  ['P0', 'rows'], // raised by a trigger
  ['44', 'rows'], // WITH CHECK OPTION
];

/** Undefined for what PostgreSQL did not say: sockets, time-outs, defects. */
export function failureOf(error: unknown): Failure | undefined {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return undefined;
  const { code } = error;
  const cause = CAUSES.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 'stop';
  return { kind: 'failed', cause, code, message: messageOf(error) };
}

/** The row of a COPY that the server could not parse: its position in the input, from 0. */
export function copyLineOf(error: unknown): number | undefined {
  if (!(error instanceof pg.DatabaseError)) return undefined;
  const line = /^COPY \S+, line (\d+)/.exec(error.where ?? '')?.[1];
  return line === undefined ? undefined : Number(line) - 1;
}

export function authenticationOf(error: unknown): AuthenticationResult {
  const failure = failureOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (failure === undefined) {
    const code =
      error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'NOT_REACHED';
    return { result: 'unavailable', code, message };
  }
  return {
    result: failure.cause === 'later' ? 'unavailable' : 'invalid',
    code: failure.code,
    message: failure.message,
  };
}

export function messageOf(error: InstanceType<typeof pg.DatabaseError>): string {
  return [error.message, error.detail].filter((each) => each !== undefined && each !== '').join(': ');
}

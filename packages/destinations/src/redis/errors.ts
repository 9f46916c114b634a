// What an error reply of Redis means for the row whose command met it. The first word of
// a reply is its code (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors);
// inside a script older servers put it behind words of their own.
import type { AuthenticationResult, BatchResult } from '@sluice/destination-kit';
import { messageOf } from '@sluice/core';
import { ErrorReply } from 'redis';

export type Verdict = {
  readonly cause: Extract<BatchResult, { kind: 'failed' }>['cause'];
  readonly code: string;
  readonly message: string;
};

const CAUSES: Readonly<Record<string, Verdict['cause']>> = {
  OOM: 'later',
  LOADING: 'later',
  BUSY: 'later',
  TRYAGAIN: 'later',
  CLUSTERDOWN: 'later',
  MASTERDOWN: 'later',
  NOREPLICAS: 'later',
  MISCONF: 'later',
  NOSCRIPT: 'later',
  // After a failover the address leads to the new master.
  READONLY: 'later',
  NOAUTH: 'stop',
  NOPERM: 'stop',
  WRONGPASS: 'stop',
  MOVED: 'stop',
  ASK: 'stop',
  CROSSSLOT: 'stop',
};
const KNOWN = new RegExp(String.raw`\b(${[...Object.keys(CAUSES), 'WRONGTYPE'].join('|')})\b`);

/** Undefined for what the server did not say: sockets and time-outs. */
export function verdictOf(error: unknown): Verdict | undefined {
  if (!(error instanceof ErrorReply)) return undefined;
  const { message } = error;
  const code = KNOWN.exec(message)?.[1] ?? /^[A-Z][A-Z0-9_]*(?= )/.exec(message)?.[0] ?? 'ERR';
  if (code === 'MOVED' || code === 'ASK')
    return {
      cause: 'stop',
      code,
      message: `the server is part of a Redis Cluster, which is not supported: ${message}; name a server that holds all keys`,
    };
  return { cause: CAUSES[code] ?? 'rows', code, message };
}

export function authenticationOf(error: unknown): Exclude<AuthenticationResult, { result: 'valid' | 'untested' }> {
  const verdict = verdictOf(error);
  if (verdict !== undefined)
    return {
      result: verdict.cause === 'later' ? 'unavailable' : 'invalid',
      code: verdict.code,
      message: verdict.message,
    };
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'NOT_REACHED';
  return { result: 'unavailable', code, message: messageOf(error) };
}

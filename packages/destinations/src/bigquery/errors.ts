// What an error of BigQuery means for the batch that met it
// (https://cloud.google.com/bigquery/docs/error-messages).
import { messageOf } from '@sluice/core';
import type { AuthenticationResult, BatchResult } from '@sluice/destination-kit';

type Failure = Extract<BatchResult, { kind: 'failed' }>;

const LATER = new Set([
  'backendError',
  'internalError',
  'jobBackendError',
  'jobInternalError',
  'jobRateLimitExceeded',
  'rateLimitExceeded',
  'quotaExceeded',
  'tableUnavailable',
  'timeout',
  'stopped',
]);
const STOP = new Set(['accessDenied', 'notFound', 'billingNotEnabled', 'blocked', 'authError', 'responseTooLarge']);

/** Undefined for what BigQuery did not say: sockets and time-outs. */
export function failureOf(thrown: unknown): Failure | undefined {
  const { code, errors, reason, status } = (thrown ?? {}) as {
    code?: unknown;
    status?: unknown;
    reason?: unknown;
    errors?: readonly { readonly reason?: string; readonly message?: string }[];
  };
  const http = [code, status].map(Number).find((each) => Number.isInteger(each) && each >= 300 && each < 600);
  const why = typeof reason === 'string' ? reason : errors?.[0]?.reason;
  if (http === undefined && why === undefined) return undefined;
  const message = messageOf(thrown);
  const label = why ?? `HTTP_${http}`;
  const failed = (cause: Failure['cause']): Failure => ({ kind: 'failed', cause, code: label, message });
  if (LATER.has(label)) return failed('later');
  if (STOP.has(label)) return failed('stop');
  if (http === 401 || http === 403 || http === 404) return failed('stop');
  if (http === 408 || http === 429 || (http ?? 0) >= 500) return failed('later');
  return failed('rows');
}

/** Of a job that ended with an error. */
export class JobFailed extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
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
  // A private key that is none.
  const result = code.startsWith('ERR_OSSL') ? 'invalid' : 'unavailable';
  return {
    result,
    code,
    message: result === 'invalid' ? 'the private key of the credentials cannot be used' : messageOf(error),
  };
}

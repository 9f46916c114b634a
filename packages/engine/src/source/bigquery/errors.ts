// From BigQuery's error envelope to an AppError: kind, origin, and whether trying
// again can help. Source: "Troubleshoot errors", reasons table, BigQuery documentation.
import { AppError, messageOf } from '@sluice/core';
import type { ErrorKind } from '@sluice/core';

const RETRYABLE_REASONS = new Set([
  'backendError',
  'internalError',
  'jobBackendError',
  'jobInternalError',
  'jobRateLimitExceeded',
  // Also of quotas that are counted in seconds; one that is used up for the day stays an error.
  'quotaExceeded',
  'rateLimitExceeded',
  'tableUnavailable',
]);
const RETRYABLE_STATUS = new Set([408, 429, 500, 502, 503, 504]);
const RETRYABLE_CODES = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENOTFOUND',
  'EHOSTUNREACH',
]);

/** Our own reason for an answer without BigQuery's error envelope. */
const NOT_BIGQUERY = 'notBigQuery';

/** The location is none of BigQuery's: about the source, whatever was asked. */
export const LOCATION_UNKNOWN = 'SOURCE_LOCATION_UNKNOWN';

/** What a failed call told about itself. */
export type Failure = {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly network: boolean;
};

/** Reads the error that the Google client (or the network) threw. */
export function failureOf(thrown: unknown): Failure {
  const error = thrown as { code?: unknown; errors?: { reason?: string; message?: string }[]; message?: string };
  const status =
    typeof error.code === 'number' ? error.code : /^\d{3}$/.test(String(error.code)) ? Number(error.code) : 0;
  const first = error.errors?.[0];
  // A page of another server: the client makes several lines of it.
  const foreign =
    first?.reason === undefined && status > 0 && /<html|Multiple errors occurred/i.test(messageOf(thrown));
  return {
    status,
    reason: foreign ? NOT_BIGQUERY : (first?.reason ?? ''),
    message: foreign ? `the answer is not BigQuery’s (HTTP ${status})` : (first?.message ?? messageOf(thrown)),
    network: status === 0 && RETRYABLE_CODES.has(String(error.code)),
  };
}

export function isRetryable(failure: Failure): boolean {
  if (failure.network) return true;
  // Two DML statements met on one table; BigQuery asks to try again.
  if (/could not serialize access|due to concurrent update/i.test(failure.message)) return true;
  if (failure.status === 403) return RETRYABLE_REASONS.has(failure.reason);
  if (RETRYABLE_REASONS.has(failure.reason)) return true;
  return RETRYABLE_STATUS.has(failure.status);
}

/** The same question about an error that `sourceError` made. */
export function isRetryableError(thrown: unknown): boolean {
  if (!(thrown instanceof AppError)) return false;
  const { status, reason } = thrown.details;
  return isRetryable({
    status: typeof status === 'number' ? status : 0,
    reason: typeof reason === 'string' ? reason : '',
    message: thrown.message,
    network: false,
  });
}

const KIND_BY_STATUS: Readonly<Record<number, ErrorKind>> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  412: 'conflict',
  429: 'limited',
};

/**
 * An AppError with BigQuery's own text. `what` says what Sluice was doing, `where` the
 * thing, `grant` what would allow it, where that is known better than the text tells.
 */
export function sourceError(failure: Failure, what: string, where: string, grant?: string): AppError {
  const kind: ErrorKind = failure.network
    ? 'unavailable'
    : (KIND_BY_STATUS[failure.status] ?? (failure.status >= 500 ? 'unavailable' : 'internal'));
  const quota = failure.reason === 'quotaExceeded' || failure.reason === 'rateLimitExceeded';
  const fix = quota ? 'A quota is used up; wait or raise it.' : (grant ?? fixFor(kind, failure));
  const said = failure.network ? 'BigQuery cannot be reached' : what;
  return new AppError(`${said}: ${failure.message}`, {
    code: codeFor(kind, failure),
    kind: quota ? 'limited' : kind,
    origin: 'source',
    where,
    ...(fix === undefined ? {} : { fix }),
    details: { status: failure.status, reason: failure.reason, bigquery: failure.message },
  });
}

function codeFor(kind: ErrorKind, failure: Failure): string {
  if (unknownLocation(failure)) return LOCATION_UNKNOWN;
  if (failure.reason === NOT_BIGQUERY) return 'SOURCE_ENDPOINT';
  if (failure.reason === 'invalidQuery') return 'QUERY_INVALID';
  if (failure.reason === 'bytesBilledLimitExceeded') return 'BYTES_LIMIT_EXCEEDED';
  return `SOURCE_${kind.toUpperCase()}`;
}

function unknownLocation(failure: Failure): boolean {
  return failure.status === 400 && /invalid value for location/i.test(failure.message);
}

function fixFor(kind: ErrorKind, failure: Failure): string | undefined {
  if (unknownLocation(failure))
    return 'Correct the location of the source (its Data Location): the one of the datasets that the models read, for example US or EU.';
  if (failure.reason === NOT_BIGQUERY)
    return 'Check the endpoint of the source: another server, or another path, answers there.';
  if (/was not found in location/i.test(failure.message))
    return 'Check the name, and whether the location of the source is the location of that dataset.';
  if (kind === 'unavailable')
    return 'Check that the service can be reached, then run the command again; nothing was lost.';
  if (kind === 'unauthenticated') return 'Check the service account key.';
  if (kind === 'forbidden') {
    const permission = /bigquery\.[a-z]+\.[a-zA-Z]+/.exec(failure.message)?.[0];
    return permission === undefined
      ? 'Grant the service account access to the resource that the message names (for a table to read: roles/bigquery.dataViewer on its dataset).'
      : `Grant the service account a role with ${permission} on the resource that the message names.`;
  }
  if (failure.reason === 'bytesBilledLimitExceeded')
    return 'Raise guards.maxBytesBilled of the mapping, or make the query read less.';
  return undefined;
}

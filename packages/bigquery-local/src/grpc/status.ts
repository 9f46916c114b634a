// BigQuery's errors as gRPC statuses (google.rpc.Code).
import { status } from '@grpc/grpc-js';
import type { BigQueryError } from '../bigquery-error.ts';
import { presentable } from '../rest/error-envelope.ts';

const CODE_OF_REASON: Readonly<Record<string, status>> = {
  accessDenied: status.PERMISSION_DENIED,
  authError: status.UNAUTHENTICATED,
  backendError: status.UNAVAILABLE,
  conditionNotMet: status.FAILED_PRECONDITION,
  forbidden: status.PERMISSION_DENIED,
  insufficientPermissions: status.PERMISSION_DENIED,
  internalError: status.INTERNAL,
  notFound: status.NOT_FOUND,
  notImplemented: status.UNIMPLEMENTED,
  quotaExceeded: status.RESOURCE_EXHAUSTED,
  rateLimitExceeded: status.RESOURCE_EXHAUSTED,
  required: status.UNAUTHENTICATED,
  resourcesExceeded: status.RESOURCE_EXHAUSTED,
  stopped: status.CANCELLED,
  timeout: status.DEADLINE_EXCEEDED,
};

export type StatusError = { readonly code: status; readonly details: string };

/** What is not ours becomes INTERNAL without its text. */
export function statusOf(thrown: unknown): StatusError {
  const error: BigQueryError = presentable(thrown);
  return { code: CODE_OF_REASON[error.reason] ?? status.INVALID_ARGUMENT, details: error.message };
}

// What an error of the producer means for the batch that met it
// (https://kafka.apache.org/protocol.html#protocol_error_codes).
import { GenericError, MultipleErrors } from '@platformatic/kafka';
import { messageOf } from '@sluice/core';
import type { AuthenticationResult, BatchResult } from '@sluice/destination-kit';

type Failure = Extract<BatchResult, { kind: 'failed' }>;

const ROWS = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'CORRUPT_MESSAGE',
  'INVALID_TIMESTAMP',
]);
const STOP = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
  'SECURITY_DISABLED',
  'UNSUPPORTED_VERSION',
  'POLICY_VIOLATION',
]);

/** `sent`: the messages may have reached a broker. */
export function failureOf(error: unknown, sent: boolean): Failure {
  const errors = flattened(error);
  // The producer has words of its own for a topic that the cluster does not name.
  const ids = errors
    .map(({ apiId, message: text }) => (text.startsWith('Unknown topic ') ? 'UNKNOWN_TOPIC_OR_PARTITION' : apiId))
    .filter((id) => id !== undefined);
  const message = [...new Set(errors.map(({ message: text }) => text))].join('; ') || messageOf(error);
  const stop = ids.find((id) => STOP.has(id));
  if (stop !== undefined) return { kind: 'failed', cause: 'stop', code: stop, message };
  if (errors.some(({ code }) => code === 'PLT_KFK_AUTHENTICATION'))
    return { kind: 'failed', cause: 'stop', code: 'SASL_AUTHENTICATION_FAILED', message };
  const rows = ids.find((id) => ROWS.has(id));
  if (rows !== undefined) return { kind: 'failed', cause: 'rows', code: rows, message };
  const socket = errors
    .map(({ code }) => code)
    .find((code) => code !== undefined && /^(E[A-Z]{4,}|[A-Z_]*CERT[A-Z_]*)$/.test(code));
  if (socket !== undefined && !/^E[A-Z]+$/.test(socket))
    return { kind: 'failed', cause: 'stop', code: socket, message };
  const code = ids[0] ?? socket ?? errors[0]?.code ?? 'KAFKA_ERROR';
  return { kind: 'failed', cause: 'later', code, message, ...(sent ? { maybeDelivered: true } : {}) };
}

export function authenticationOf(error: unknown): Exclude<AuthenticationResult, { result: 'valid' | 'untested' }> {
  const { cause, code, message } = failureOf(error, false);
  return { result: cause === 'stop' ? 'invalid' : 'unavailable', code, message };
}

type Part = { readonly code?: string; readonly apiId?: string; readonly message: string };

/** An error, the errors that it gathers and their causes; the innermost say most. */
function flattened(error: unknown, depth = 0): Part[] {
  if (!(error instanceof Error) || depth > 8) return [];
  const { code, apiId } = error as Error & { code?: string; apiId?: string };
  const inner = [
    ...(MultipleErrors.isGenericError(error) && error instanceof AggregateError ? (error.errors as unknown[]) : []),
    error.cause,
  ].flatMap((each) => flattened(each, depth + 1));
  const own: Part = {
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof apiId === 'string' ? { apiId } : {}),
  };
  // A wrapper tells no more than what it wraps.
  return inner.length > 0 && GenericError.isGenericError(error) && apiId === undefined
    ? [...inner, { message: inner[0]?.message ?? own.message, ...(own.code === undefined ? {} : { code: own.code }) }]
    : [own, ...inner];
}

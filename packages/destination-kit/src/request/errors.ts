// Why a request got no usable answer. Messages name the host but never headers, bodies,
// user info or queries, where secrets live.
import { AppError } from '@sluice/core';

export type RequestFailure =
  /** Nothing was sent: refused, unresolvable, connect time-out, TLS. */
  | 'not_sent'
  /** Sent, or perhaps sent, and no complete answer. */
  | 'no_answer'
  | 'timeout'
  | 'cancelled'
  | 'answer_too_large'
  /** The request itself cannot be made: a bad URL, method or header. */
  | 'bad_request'
  /** The server's certificate is not trusted. */
  | 'untrusted';

export class RequestError extends AppError {
  readonly failure: RequestFailure;

  constructor(failure: RequestFailure, message: string, cause?: unknown) {
    super(message, {
      code: `REQUEST_${failure.toUpperCase()}`,
      kind: failure === 'bad_request' ? 'invalid' : 'unavailable',
      origin: failure === 'bad_request' ? 'caller' : 'destination',
      cause,
    });
    this.failure = failure;
  }
}

const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EMFILE',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_MAX_ORIGINS_REACHED',
]);
const BAD_REQUEST = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'ERR_INVALID_URL', 'ERR_INVALID_CHAR']);
const UNTRUSTED = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT)/;

/** Sorts an error of undici, Node's sockets or TLS. */
export function requestErrorOf(thrown: unknown, target: string): RequestError {
  if (thrown instanceof RequestError) return thrown;
  const code = codeOf(thrown);
  const refusedByProxy = /Proxy response \((\d+)\)/.exec(thrown instanceof Error ? thrown.message : '')?.[1];
  if (refusedByProxy !== undefined) {
    return new RequestError('not_sent', `the HTTP proxy answered ${refusedByProxy} for ${target}`, thrown);
  }
  if (NOT_SENT.has(code)) return new RequestError('not_sent', `cannot connect to ${target} (${code})`, thrown);
  if (BAD_REQUEST.has(code)) {
    return new RequestError(
      'bad_request',
      `the request to ${target} cannot be made: a header, the method or the URL is not valid`,
      thrown,
    );
  }
  if (UNTRUSTED.test(code)) {
    return new RequestError('untrusted', `the certificate of ${target} is not trusted (${code})`, thrown);
  }
  return new RequestError('no_answer', `${target} gave no complete answer (${code || 'connection lost'})`, thrown);
}

// Several addresses of one host fail together as an AggregateError without a code.
function codeOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return '';
  if ('code' in thrown && typeof thrown.code === 'string') return thrown.code;
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return codeOf(thrown.errors[0]);
  return thrown.cause === undefined ? '' : codeOf(thrown.cause);
}

// The retry table: what an error or a status of a destination means for the rows of a
// batch. There is no second place that decides this.
import type { BatchResult, RowOutcome } from '../destination.ts';
import type { Redactor } from '../redact.ts';
import { RequestError, requestErrorOf } from '../request/errors.ts';
import type { RequestFailure } from '../request/errors.ts';
import { ClientResponse } from '../request/response.ts';
import { segmentCore } from '../segment/core.ts';

type Verdict = {
  /** See `BatchResult`. `done` is a success. */
  readonly cause: 'done' | 'rows' | 'later' | 'stop';
  readonly maybeDelivered: boolean;
};

const MAX_MESSAGE = 500;
/** How much of an answer is searched for secrets and a reason; far more than is shown. */
const MAX_EXCERPT = 8192;

const BY_FAILURE: Readonly<Record<RequestFailure, Verdict>> = {
  not_sent: { cause: 'later', maybeDelivered: false },
  no_answer: { cause: 'later', maybeDelivered: true },
  timeout: { cause: 'later', maybeDelivered: true },
  cancelled: { cause: 'later', maybeDelivered: true },
  answer_too_large: { cause: 'later', maybeDelivered: true },
  bad_request: { cause: 'rows', maybeDelivered: false },
  untrusted: { cause: 'stop', maybeDelivered: false },
};

/** Statuses with a meaning of their own; the rest goes by the hundreds. */
const BY_STATUS: ReadonlyMap<number, Verdict['cause']> = new Map([
  [401, 'stop'],
  [407, 'stop'],
  [408, 'later'],
  [423, 'later'],
  [425, 'later'],
  [429, 'later'],
  // The server says that it cannot do this at all.
  [501, 'rows'],
]);

export function verdictOfStatus(status: number): Verdict {
  const cause = BY_STATUS.get(status) ?? causeByHundreds(status);
  // A gateway's time-out and an internal error leave open what happened behind them.
  return { cause, maybeDelivered: cause === 'later' && (status >= 500 || status === 408) };
}

function causeByHundreds(status: number): Verdict['cause'] {
  if (status >= 500) return 'later';
  if (status >= 400) return 'rows';
  // A redirect that is not followed: the address in the configuration is not the right one.
  if (status >= 300) return 'stop';
  return status >= 200 ? 'done' : 'later';
}

/** What an answer with this status says about the whole batch; undefined for a success. */
export function failureOfResponse(
  response: ClientResponse,
  redact: Redactor,
): Extract<BatchResult, { kind: 'failed' }> | undefined {
  const { cause, maybeDelivered } = verdictOfStatus(response.status);
  if (cause === 'done') return undefined;
  return {
    kind: 'failed',
    cause,
    code: codeOfStatus(response.status),
    message: describeResponse(response, redact),
    ...(maybeDelivered ? { maybeDelivered } : {}),
  };
}

/** What a throw of `perform` or `performBatch` says about the whole batch. */
export function failureOfThrown(thrown: unknown, redact: Redactor): Extract<BatchResult, { kind: 'failed' }> {
  const response = responseOf(thrown);
  if (response !== undefined) {
    return (
      failureOfResponse(response, redact) ?? {
        kind: 'failed',
        cause: 'later',
        code: 'UNEXPECTED_ANSWER',
        message: cut(redact(`${describeResponse(response, redact)}: ${textOf(thrown)}`)),
        maybeDelivered: true,
      }
    );
  }
  const { verdict, code } = verdictOfThrown(thrown);
  return {
    kind: 'failed',
    cause: verdict.cause === 'done' ? 'later' : verdict.cause,
    code,
    message: cut(redact(textOf(thrown))),
    ...(verdict.maybeDelivered ? { maybeDelivered: true } : {}),
  };
}

/** One entry of a MultiStatus answer. */
export function outcomeOfNode(node: unknown, redact: Redactor): RowOutcome {
  const { status, errortype, errormessage } = (node ?? {}) as {
    status?: unknown;
    errortype?: unknown;
    errormessage?: unknown;
  };
  if (typeof status !== 'number') return UNKNOWN_OUTCOME;
  const { cause } = verdictOfStatus(status);
  if (cause === 'done') return { outcome: 'delivered' };
  const code = typeof errortype === 'string' && errortype !== '' ? errortype : codeOfStatus(status);
  const message = cut(
    redact(typeof errormessage === 'string' && errormessage !== '' ? errormessage : `status ${status}`),
  );
  // Wrong credentials are nobody's row; the next batch fails as a whole and stops the sync.
  return { outcome: cause === 'rows' ? 'rejected' : 'retry', code, message };
}

/** No answer for this row: it may have been delivered, so it is not sent again in this sync. */
export const UNKNOWN_OUTCOME: RowOutcome = {
  outcome: 'rejected',
  code: 'OUTCOME_UNKNOWN',
  message: 'the destination gave no answer for this row; it may have been delivered',
};

function verdictOfThrown(thrown: unknown): { verdict: Verdict; code: string } {
  if (thrown instanceof RequestError) return { verdict: BY_FAILURE[thrown.failure], code: thrown.code };
  const { name, code, status } = (thrown ?? {}) as { name?: unknown; code?: unknown; status?: unknown };
  const label = typeof code === 'string' && code !== '' ? code : undefined;
  if (thrown instanceof segmentCore.RetryableError) {
    return { verdict: { cause: 'later', maybeDelivered: true }, code: label ?? 'RETRYABLE_ERROR' };
  }
  if (name === 'AggregateAjvError') {
    return { verdict: { cause: 'rows', maybeDelivered: false }, code: 'PAYLOAD_VALIDATION_FAILED' };
  }
  if (typeof status === 'number' && status >= 300) {
    return { verdict: verdictOfStatus(status), code: label ?? codeOfStatus(status) };
  }
  // Sockets of drivers and SDKs, sorted as those of our own client.
  if (
    label !== undefined &&
    /^(E[A-Z]{3,}|UND_ERR_\w+|CERT_\w+|DEPTH_ZERO\w+|SELF_SIGNED\w+|UNABLE_TO_\w+)$/.test(label)
  ) {
    const { failure } = requestErrorOf(thrown, 'the destination');
    return { verdict: BY_FAILURE[failure], code: label };
  }
  // A defect of the definition, or an SDK's own error: worth a few tries, no more.
  return { verdict: { cause: 'later', maybeDelivered: true }, code: label ?? 'DESTINATION_ERROR' };
}

/** The answer inside an `HTTPError`, thrown or returned. */
export function responseOf(value: unknown): ClientResponse | undefined {
  if (!(value instanceof segmentCore.HTTPError)) return undefined;
  const { response } = value as { response?: unknown };
  return response instanceof ClientResponse ? response : undefined;
}

/** The HTTP status that a throw stands for, where it has one. */
export function statusOfThrown(thrown: unknown): number | undefined {
  const response = responseOf(thrown);
  if (response !== undefined) return response.status;
  const { status } = (thrown ?? {}) as { status?: unknown };
  return typeof status === 'number' ? status : undefined;
}

function codeOfStatus(status: number): string {
  const code = segmentCore.getErrorCodeFromHttpStatus(status);
  return code === 'UNKNOWN_ERROR' ? `HTTP_${status}` : code;
}

function describeResponse(response: ClientResponse, redact: Redactor): string {
  const host = URL.parse(response.url)?.host ?? 'the destination';
  const status = `${response.status} ${response.statusText}`.trim();
  const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
  if (location !== null) {
    const target = URL.parse(location, response.url);
    const place = target === null ? 'another address' : `${target.origin}${target.pathname}`;
    return cut(
      redact(`${host} answered ${status} and points to ${place}, which is not followed; use that address itself`),
    );
  }
  const body = response.content.slice(0, MAX_EXCERPT).replaceAll(/\s+/g, ' ').trim();
  return cut(redact(body === '' ? `${host} answered ${status}` : `${host} answered ${status}: ${body}`));
}

function textOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text === '' ? 'the destination failed without a message' : text;
}

// After redaction: a secret that is cut in two would no longer be found.
function cut(text: string): string {
  return text.length <= MAX_MESSAGE ? text : `${text.slice(0, MAX_MESSAGE)}…`;
}

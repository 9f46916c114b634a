// Google's JSON error envelope ("Error messages" of BigQuery, google.rpc.Status).
import { BigQueryError } from '../bigquery-error.ts';

const STATUS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ALREADY_EXISTS',
  412: 'FAILED_PRECONDITION',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
};

export function errorEnvelope(error: BigQueryError): { error: Record<string, unknown> } {
  const { location, locationType, details, innerMessage } = error.options;
  return {
    error: {
      code: error.httpStatus,
      message: error.message,
      errors: [
        {
          message: innerMessage ?? error.message,
          domain: 'global',
          reason: error.reason,
          ...(location === undefined ? {} : { location }),
          ...(locationType === undefined ? {} : { locationType }),
        },
      ],
      status: error.reason === 'aborted' ? 'ABORTED' : (STATUS[error.httpStatus] ?? 'UNKNOWN'),
      ...(details === undefined ? {} : { details }),
    },
  };
}

/** Anything that was thrown, as an error that may be shown. What is not ours becomes a 500 without its text. */
export function presentable(thrown: unknown): BigQueryError {
  if (thrown instanceof BigQueryError) return thrown;
  const code = (thrown as { code?: unknown }).code;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new BigQueryError('invalid', 'Request payload size exceeds the limit.', { httpStatus: 413 });
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new BigQueryError('badRequest', 'The content type of the request is not supported: send application/json.');
  const statusCode = (thrown as { statusCode?: unknown }).statusCode;
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new BigQueryError('badRequest', (thrown as Error).message, { httpStatus: statusCode });
  }
  return new BigQueryError(
    'internalError',
    'An internal error occurred and the request could not be completed. The log of the server says more.',
    { cause: thrown },
  );
}

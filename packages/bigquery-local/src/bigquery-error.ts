// The one error of the local BigQuery: BigQuery's own status, reason and text.
// Sources: Google's "Error messages" page (reason → HTTP status) and the REST error envelope.

/** BigQuery's error reasons that this server uses, with their HTTP status. */
const HTTP_STATUS = {
  accessDenied: 403,
  authError: 401,
  backendError: 503,
  bytesBilledLimitExceeded: 400,
  conditionNotMet: 412,
  duplicate: 409,
  insufficientPermissions: 403,
  internalError: 500,
  invalid: 400,
  invalidQuery: 400,
  notFound: 404,
  notImplemented: 501,
  quotaExceeded: 403,
  rateLimitExceeded: 403,
  required: 401,
  resourceInUse: 400,
  resourcesExceeded: 400,
  responseTooLarge: 403,
  stopped: 200,
  timeout: 400,
} as const;

export type Reason = keyof typeof HTTP_STATUS;

export type BigQueryErrorOptions = {
  readonly location?: string;
  readonly locationType?: string;
  /** `google.rpc` details, for example an ErrorInfo. */
  readonly details?: readonly Record<string, unknown>[];
  /** `errors[0].message` where it differs from the message (401 bodies). */
  readonly innerMessage?: string;
  /** Overrides the status of the reason (IAM's 409 `aborted`, for example). */
  readonly httpStatus?: number;
  readonly cause?: unknown;
};

export class BigQueryError extends Error {
  override readonly name = 'BigQueryError';
  readonly reason: string;
  readonly httpStatus: number;
  readonly options: BigQueryErrorOptions;

  constructor(
    reason: Reason | 'aborted' | 'alreadyExists' | 'badRequest' | 'forbidden',
    message: string,
    options: BigQueryErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.httpStatus = options.httpStatus ?? (HTTP_STATUS as Record<string, number>)[reason] ?? 400;
    this.options = options;
  }
}

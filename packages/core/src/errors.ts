// The one error class of the product. It says what went wrong, whose fault it is,
// whether trying again can help, and where the user can mend it. Never put a secret
// into `message` or `details`: both are shown and logged.

/** What sort of failure it is; decides the HTTP status and the exit code. */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'limited'
  | 'unavailable'
  | 'internal';

/** Who has to act: the caller (configuration, input), the source, the destination or Sluice. */
export type ErrorOrigin = 'caller' | 'source' | 'destination' | 'platform';

export type AppErrorOptions = {
  /** Stable, upper-case word with underscores, for example `MISSING_ENV`. */
  readonly code: string;
  readonly kind: ErrorKind;
  readonly origin?: ErrorOrigin;
  /** The thing and the place: `sluice.yaml:12:5`, `dataset p.d`, `model airports`. */
  readonly where?: string;
  /** What the user can do about it, as a sentence or a command. */
  readonly fix?: string;
  /** Safe for JSON, without secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
};

export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: string;
  readonly kind: ErrorKind;
  readonly origin: ErrorOrigin;
  readonly where: string | undefined;
  readonly fix: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, options: AppErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.kind = options.kind;
    this.origin = options.origin ?? 'caller';
    this.where = options.where;
    this.fix = options.fix;
    this.details = options.details ?? {};
  }
}

/** The text of anything that was thrown, without its stack. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

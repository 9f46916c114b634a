export { AppError, messageOf } from './errors.ts';
export type { AppErrorOptions, ErrorKind, ErrorOrigin } from './errors.ts';
export { OPERATIONS } from './change.ts';
export type { Change, Operation, Outcome } from './change.ts';
export type { JsonObject, JsonValue } from './json.ts';

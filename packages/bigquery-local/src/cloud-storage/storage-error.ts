// The errors of Cloud Storage: status, reason and text as its JSON API gives them ("HTTP
// status and error codes for JSON"; texts from public reports of Google's clients).
import type { Permission, Principal } from '../access/decision.ts';

export type StorageReason =
  | 'badRequest'
  | 'conditionNotMet'
  | 'conflict'
  | 'forbidden'
  | 'invalid'
  | 'internalError'
  | 'notFound'
  | 'notImplemented'
  | 'rateLimitExceeded'
  | 'required'
  | 'uploadBrokenConnection'
  | 'uploadTooLarge';

export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly httpStatus: number;
  readonly reason: StorageReason;

  constructor(httpStatus: number, reason: StorageReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.httpStatus = httpStatus;
    this.reason = reason;
  }
}

/** The 403: names the permission and the kind of resource, never whether it exists. */
export function storageDenied(principal: Principal, permission: Permission): StorageError {
  const on =
    permission === 'storage.buckets.create' || permission === 'storage.buckets.list'
      ? 'Google Cloud project'
      : permission.startsWith('storage.objects.') && permission !== 'storage.objects.list'
        ? 'Google Cloud Storage object'
        : 'Google Cloud Storage bucket';
  return new StorageError(
    403,
    'forbidden',
    `${principal.email} does not have ${permission} access to the ${on}. Permission '${permission}' denied on resource (or it may not exist).`,
  );
}

export function noSuchBucket(): StorageError {
  return new StorageError(404, 'notFound', 'The specified bucket does not exist.');
}

export function noSuchObject(bucket: string, object: string): StorageError {
  return new StorageError(404, 'notFound', `No such object: ${bucket}/${object}`);
}

export function conditionNotMet(): StorageError {
  return new StorageError(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.');
}

export function notSupported(what: string): StorageError {
  return new StorageError(501, 'notImplemented', `${what} is not supported by the local Cloud Storage.`);
}

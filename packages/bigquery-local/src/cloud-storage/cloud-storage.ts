// What the operations of Cloud Storage work with, and who calls them.
import type { AccessControl, Permission, Principal, Resource } from '../access/decision.ts';
import type { Identity } from '../auth/identity.ts';
import type { Bucket, Buckets } from '../catalog/buckets.ts';
import type { CatalogDatabase } from '../catalog/database.ts';
import type { ObjectFiles } from './object-files.ts';
import { noSuchBucket, storageDenied } from './storage-error.ts';

export type CloudStorage = {
  readonly db: CatalogDatabase;
  readonly identity: Identity;
  readonly buckets: Buckets;
  readonly files: ObjectFiles;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
};

/** Somebody who wants something: a request's caller, or the creator of a job. */
export type Caller = {
  readonly principal: Principal;
  may(permission: Permission, resource: Resource): boolean;
};

/** The creator of a job as a caller. */
export function callerOf(access: AccessControl, principal: Principal): Caller {
  return { principal, may: (permission, resource) => access.decide(principal, permission, resource).allowed };
}

/** Throws 403 when the caller lacks a permission on the project. */
export function authorizeProject(caller: Caller, permission: Permission, projectId: string): void {
  if (!caller.may(permission, { kind: 'project', projectId })) throw storageDenied(caller.principal, permission);
}

/**
 * The bucket, for a caller who has the permission on it. A bucket that does not exist is
 * in no project, so only who has the permission in every project learns of that (404);
 * everybody else gets the same 403 as for one that exists.
 */
export function authorizedBucket(
  storage: CloudStorage,
  caller: Caller,
  permission: Permission,
  name: string,
  object?: string,
): Bucket {
  const on = (projectId: string): Resource => ({
    kind: 'bucket',
    projectId,
    bucket: name,
    ...(object === undefined ? {} : { object }),
  });
  const bucket = storage.buckets.find(name);
  if (bucket === undefined) {
    const everywhere = storage.identity.projects.list().every(({ projectId }) => caller.may(permission, on(projectId)));
    throw everywhere ? noSuchBucket() : storageDenied(caller.principal, permission);
  }
  if (!caller.may(permission, on(bucket.projectId))) throw storageDenied(caller.principal, permission);
  return bucket;
}

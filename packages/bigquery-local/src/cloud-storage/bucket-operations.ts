// buckets.insert, get, list, patch, update, delete of the JSON API, as the server's own
// operations: who may, what is allowed, and the change in the catalog.
import type { Bucket } from '../catalog/buckets.ts';
import { canonicalLocation } from '../catalog/dataset-changes.ts';
import { defaultBindings, isPublic } from './bucket-policy.ts';
import { authorizedBucket, authorizeProject, type Caller, type CloudStorage } from './cloud-storage.ts';
import { bucketProperties } from './metadata.ts';
import { checkBucketName } from './names.ts';
import { checkPreconditions, type Preconditions } from './preconditions.ts';
import { StorageError } from './storage-error.ts';

type Body = Readonly<Record<string, unknown>>;

/** 409 `conflict` when the name is taken: the names of buckets are shared by all projects. */
export function createBucket(storage: CloudStorage, caller: Caller, projectId: string, body: Body): Bucket {
  authorizeProject(caller, 'storage.buckets.create', projectId);
  const { name, location = 'US' } = body;
  if (typeof name !== 'string' || name === '') throw new StorageError(400, 'required', 'Required parameter: name');
  checkBucketName(name);
  if (typeof location !== 'string')
    throw new StorageError(400, 'invalid', 'Invalid value for location: it must be text');
  const created = storage.buckets.create({
    name,
    projectId,
    location: locationOf(location),
    createdMs: storage.clock(),
    properties: bucketProperties(body, undefined),
    policy: { bindings: defaultBindings(projectId) },
  });
  if (!created) {
    const own = storage.buckets.find(name)?.projectId === projectId;
    throw new StorageError(
      409,
      'conflict',
      own
        ? 'Your previous request to create the named bucket succeeded and you already own it.'
        : 'The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.',
    );
  }
  return storage.buckets.find(name)!;
}

export function getBucket(storage: CloudStorage, caller: Caller, name: string, conditions: Preconditions): Bucket {
  const bucket = authorizedBucket(storage, caller, 'storage.buckets.get', name);
  checkPreconditions(conditions, bucket, { reading: true });
  return bucket;
}

export type BucketPage = { readonly buckets: readonly Bucket[]; readonly nextAfter: string | undefined };

export function listBuckets(
  storage: CloudStorage,
  caller: Caller,
  projectId: string,
  options: { readonly prefix: string; readonly after: string; readonly limit: number },
): BucketPage {
  authorizeProject(caller, 'storage.buckets.list', projectId);
  const found = storage.buckets.list(projectId, { ...options, limit: options.limit + 1 });
  const buckets = found.slice(0, options.limit);
  return { buckets, nextAfter: found.length > options.limit ? buckets.at(-1)?.name : undefined };
}

export function patchBucket(
  storage: CloudStorage,
  caller: Caller,
  name: string,
  body: Body,
  conditions: Preconditions,
): Bucket {
  const bucket = authorizedBucket(storage, caller, 'storage.buckets.update', name);
  checkPreconditions(conditions, bucket);
  const { location } = body;
  if (location !== undefined && (typeof location !== 'string' || locationOf(location) !== bucket.location))
    throw new StorageError(400, 'invalid', 'The location of a bucket cannot be changed.');
  const properties = bucketProperties(body, bucket.properties);
  const open = bucket.policy.bindings.some(({ members }) => members.some(isPublic));
  if (open && properties.publicAccessPrevention === 'enforced')
    throw new StorageError(
      412,
      'conditionNotMet',
      'Public access prevention cannot be enforced while the policy of the bucket names allUsers or allAuthenticatedUsers.',
    );
  return storage.buckets.update(name, properties, storage.clock());
}

export function deleteBucket(storage: CloudStorage, caller: Caller, name: string, conditions: Preconditions): void {
  const bucket = authorizedBucket(storage, caller, 'storage.buckets.delete', name);
  checkPreconditions(conditions, bucket);
  if (!storage.buckets.isEmpty(name))
    throw new StorageError(409, 'conflict', 'The bucket you tried to delete is not empty.');
  storage.buckets.delete(name);
}

/** In capitals, as Cloud Storage returns them. */
function locationOf(location: string): string {
  if (/^(asia|nam4|eur4|eur5|eur7|eur8|asia1)$/i.test(location)) return location.toUpperCase();
  try {
    return canonicalLocation(location).toUpperCase();
  } catch (cause) {
    throw new StorageError(
      400,
      'invalid',
      `The specified location constraint is not valid: ${location.slice(0, 100)}`,
      { cause },
    );
  }
}

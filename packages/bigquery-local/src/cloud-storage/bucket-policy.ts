// IAM policies of buckets: the one that a new bucket gets, and what one may hold (Cloud
// Storage's "IAM roles for Cloud Storage" and buckets.setIamPolicy).
import type { Binding } from '../access/policy.ts';
import { PREDEFINED_ROLES } from '../access/roles.ts';
import type { Bucket } from '../catalog/buckets.ts';
import { requireGrantee } from '../rest/bigquery/iam-grantable.ts';
import { parsePolicy } from '../rest/iam/policy.ts';
import { authorizedBucket, type Caller, type CloudStorage } from './cloud-storage.ts';
import { conditionNotMet, StorageError } from './storage-error.ts';

/** Of a bucket with uniform bucket-level access: the holders of the project's basic roles. */
export function defaultBindings(projectId: string): readonly Binding[] {
  const writers = [`projectEditor:${projectId}`, `projectOwner:${projectId}`];
  const readers = [`projectViewer:${projectId}`];
  return [
    { role: 'roles/storage.legacyBucketOwner', members: writers },
    { role: 'roles/storage.legacyBucketReader', members: readers },
    { role: 'roles/storage.legacyObjectOwner', members: writers },
    { role: 'roles/storage.legacyObjectReader', members: readers },
  ];
}

export function getPolicy(storage: CloudStorage, caller: Caller, name: string): Bucket {
  return authorizedBucket(storage, caller, 'storage.buckets.getIamPolicy', name);
}

/** Throws 412 when `etag` is of an earlier policy. */
export function setPolicy(
  storage: CloudStorage,
  caller: Caller,
  name: string,
  policy: Readonly<Record<string, unknown>>,
): Bucket {
  const bucket = authorizedBucket(storage, caller, 'storage.buckets.setIamPolicy', name);
  const { etag } = policy;
  if (typeof etag === 'string' && etag !== '' && etag !== policyEtag(bucket)) throw conditionNotMet();
  const bindings = checkedBindings(storage, bucket, policy);
  return storage.buckets.setPolicy(name, bindings, storage.clock());
}

/** Changes with every change of the bucket: Google says only that it is opaque. */
export function policyEtag(bucket: Bucket): string {
  return bucket.etag;
}

/** A bucket that does not exist has no permissions: the answer does not tell the two apart. */
export function testPermissions(
  storage: CloudStorage,
  caller: Caller,
  name: string,
  permissions: readonly string[],
): string[] {
  const wrong = permissions.find((permission) => !/^storage\.[A-Za-z]+\.[A-Za-z]+$/.test(permission));
  if (wrong !== undefined || permissions.length > 100)
    throw new StorageError(
      400,
      'invalid',
      `Invalid argument: permission ${wrong?.slice(0, 200) ?? 'list of over 100'}`,
    );
  const projectId = storage.buckets.find(name)?.projectId;
  if (projectId === undefined) return [];
  return permissions.filter((permission) => caller.may(permission, { kind: 'bucket', projectId, bucket: name }));
}

function checkedBindings(
  storage: CloudStorage,
  bucket: Bucket,
  policy: Readonly<Record<string, unknown>>,
): readonly Binding[] {
  const { bindings } = parsePolicy(policy, { bindings: bucket.policy.bindings, etag: policyEtag(bucket) });
  const before = new Set(bucket.policy.bindings.flatMap(({ members }) => members));
  for (const { role, members } of bindings) {
    requireGrantable(storage, bucket, role);
    for (const member of members) {
      if (isPublic(member)) requirePublicAllowed(bucket);
      else requireGrantee(storage.identity, member, before);
    }
  }
  return bindings;
}

export function isPublic(member: string): boolean {
  return member === 'allUsers' || member === 'allAuthenticatedUsers';
}

function requirePublicAllowed(bucket: Bucket): void {
  if (bucket.properties.publicAccessPrevention !== 'enforced') return;
  throw new StorageError(
    412,
    'conditionNotMet',
    'The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is enforced.',
  );
}

function requireGrantable(storage: CloudStorage, bucket: Bucket, role: string): void {
  if (PREDEFINED_ROLES.has(role) && role.startsWith('roles/storage.')) return;
  if (PREDEFINED_ROLES.has(role) || !role.startsWith(`projects/${bucket.projectId}/roles/`))
    throw invalid(`Role ${role} is not supported for this resource.`);
  if (storage.identity.customRoles.find(role) === undefined)
    throw invalid(`Role (${role}) does not exist in the resource's hierarchy.`);
}

function invalid(message: string): StorageError {
  return new StorageError(400, 'invalid', message);
}

// IAM policies of buckets: the one that a new bucket gets, and what one may hold (Cloud
// Storage's "IAM roles for Cloud Storage" and buckets.setIamPolicy).
import { isServiceAccountEmail, normalMember } from '../access/members.ts';
import type { Binding } from '../access/policy.ts';
import { PREDEFINED_ROLES } from '../access/roles.ts';
import type { Bucket } from '../catalog/buckets.ts';
import { conditionNotMet, notSupported, StorageError } from './storage-error.ts';
import { authorizedBucket, type Caller, type CloudStorage } from './cloud-storage.ts';

/** Google's limit of members in one policy. */
const MAX_MEMBERS = 1500;

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
  const sent = policy['bindings'] ?? [];
  if (!Array.isArray(sent)) throw invalid('Invalid argument: bindings must be a list.');
  const before = new Set(bucket.policy.bindings.flatMap(({ members }) => members));
  const merged = new Map<string, Set<string>>();
  let count = 0;
  for (const item of sent as readonly unknown[]) {
    const { role, members = [], condition } = (typeof item === 'object' ? (item ?? {}) : {}) as Record<string, unknown>;
    if (typeof role !== 'string') throw invalid('Invalid argument: a binding needs a role.');
    if (condition !== undefined && condition !== null) throw notSupported('A condition in the policy of a bucket');
    if (!Array.isArray(members) || !members.every((member) => typeof member === 'string'))
      throw invalid(`Invalid argument: the members of ${role} must be a list of strings.`);
    requireGrantable(storage, bucket, role);
    const known = merged.get(role) ?? new Set();
    merged.set(role, known);
    for (const member of members.map(normalMember)) {
      requireMember(storage, bucket, member, before);
      known.add(member);
      if (++count > MAX_MEMBERS) throw invalid(`A policy has at most ${MAX_MEMBERS} members.`);
    }
  }
  return [...merged]
    .filter(([, members]) => members.size > 0)
    .map(([role, members]) => ({ role, members: [...members] }));
}

function requireGrantable(storage: CloudStorage, bucket: Bucket, role: string): void {
  if (PREDEFINED_ROLES.has(role) && role.startsWith('roles/storage.')) return;
  if (PREDEFINED_ROLES.has(role) || !role.startsWith(`projects/${bucket.projectId}/roles/`))
    throw invalid(`Role ${role} is not supported for this resource.`);
  if (storage.identity.customRoles.find(role) === undefined)
    throw invalid(`Role (${role}) does not exist in the resource's hierarchy.`);
}

function requireMember(storage: CloudStorage, bucket: Bucket, member: string, before: ReadonlySet<string>): void {
  if (member === 'allUsers' || member === 'allAuthenticatedUsers') {
    if (bucket.properties.publicAccessPrevention !== 'enforced') return;
    throw new StorageError(
      412,
      'conditionNotMet',
      'The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is enforced.',
    );
  }
  const colon = member.indexOf(':');
  const kind = member.slice(0, Math.max(colon, 0));
  const name = member.slice(colon + 1);
  switch (kind) {
    case 'user':
      if (isEmail(name) && !isServiceAccountEmail(name)) return;
      break;
    case 'group':
      if (isEmail(name)) return;
      break;
    case 'serviceAccount':
      if (storage.identity.serviceAccounts.find(name)?.email === name) return;
      throw invalid(`Service account ${name} does not exist.`);
    case 'domain':
      if (/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(name)) return;
      break;
    case 'projectViewer':
    case 'projectEditor':
    case 'projectOwner':
      if (storage.identity.projects.find(name)?.projectId === name) return;
      break;
    case 'deleted':
      // Only what the policy already had may stay.
      if (before.has(member)) return;
      break;
    default:
  }
  throw invalid(`Invalid argument: the member ${member.slice(0, 300)} is of an unknown type or does not exist.`);
}

function isEmail(text: string): boolean {
  return /^[^\s@:/]+@[^\s@:/]+$/.test(text);
}

function invalid(message: string): StorageError {
  return new StorageError(400, 'invalid', message);
}

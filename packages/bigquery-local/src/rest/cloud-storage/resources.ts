// Bucket, Object and Policy resources as the Cloud Storage JSON API returns them.
import type { Bucket, StoredObject } from '../../catalog/buckets.ts';
import { policyEtag } from '../../cloud-storage/bucket-policy.ts';
import { policyResource } from '../iam/policy.ts';

type Resource = Readonly<Record<string, unknown>>;

const LOCK_AFTER_MS = 90 * 24 * 60 * 60 * 1000;

export function bucketResource(bucket: Bucket, projectNumber: string, baseUrl: string): Resource {
  const { name, properties, location } = bucket;
  const uniform = { enabled: true, lockedTime: time(bucket.createdMs + LOCK_AFTER_MS) };
  return {
    kind: 'storage#bucket',
    id: name,
    selfLink: `${baseUrl}/storage/v1/b/${name}`,
    projectNumber,
    name,
    timeCreated: time(bucket.createdMs),
    updated: time(bucket.updatedMs),
    metageneration: String(bucket.metageneration),
    location,
    locationType: location.includes('-') ? 'region' : 'multi-region',
    storageClass: properties.storageClass,
    etag: bucket.etag,
    ...(properties.labels === undefined || Object.keys(properties.labels).length === 0
      ? {}
      : { labels: properties.labels }),
    iamConfiguration: {
      bucketPolicyOnly: uniform,
      uniformBucketLevelAccess: uniform,
      publicAccessPrevention: properties.publicAccessPrevention,
    },
  };
}

export function objectResource(object: StoredObject, baseUrl: string): Resource {
  const { bucket, name, properties } = object;
  const path = `b/${bucket}/o/${encodeURIComponent(name)}`;
  const generation = String(object.generation);
  return {
    kind: 'storage#object',
    id: `${bucket}/${name}/${generation}`,
    selfLink: `${baseUrl}/storage/v1/${path}`,
    mediaLink: `${baseUrl}/download/storage/v1/${path}?generation=${generation}&alt=media`,
    name,
    bucket,
    generation,
    metageneration: String(object.metageneration),
    storageClass: 'STANDARD',
    ...properties,
    size: String(object.size),
    md5Hash: object.md5,
    crc32c: object.crc32c,
    etag: objectEtag(object),
    timeCreated: time(object.createdMs),
    updated: time(object.updatedMs),
    timeStorageClassUpdated: time(object.createdMs),
    timeFinalized: time(object.createdMs),
  };
}

export function objectEtag(object: StoredObject): string {
  return Buffer.from(`${object.generation}/${object.metageneration}`).toString('base64');
}

/** In the version that was asked for: conditions are shown from version 3 on. */
export function bucketPolicyResource(bucket: Bucket, maxVersion: 1 | 3): Resource {
  return {
    kind: 'storage#policy',
    resourceId: `projects/_/buckets/${bucket.name}`,
    ...policyResource({ bindings: bucket.policy.bindings, etag: policyEtag(bucket) }, maxVersion),
  };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

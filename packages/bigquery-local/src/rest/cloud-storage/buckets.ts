// storage.buckets.*: insert, get, list, patch, delete, getIamPolicy, setIamPolicy,
// testIamPermissions.
import type { Bucket } from '../../catalog/buckets.ts';
import {
  createBucket,
  deleteBucket,
  getBucket,
  listBuckets,
  patchBucket,
} from '../../cloud-storage/bucket-operations.ts';
import { getPolicy, setPolicy, testPermissions } from '../../cloud-storage/bucket-policy.ts';
import type { CloudStorage } from '../../cloud-storage/cloud-storage.ts';
import { optionalNumber, preconditionsOf } from '../../cloud-storage/preconditions.ts';
import { notSupported, StorageError } from '../../cloud-storage/storage-error.ts';
import type { RequestContext } from '../route.ts';
import { pageSize } from './page-size.ts';
import { bucketPolicyResource, bucketResource } from './resources.ts';
import type { StorageRoute } from './storage-route.ts';

export function bucketRoutes(storage: CloudStorage): StorageRoute[] {
  const shown = (context: RequestContext, bucket: Bucket): unknown =>
    bucketResource(bucket, storage.identity.projects.find(bucket.projectId)?.projectNumber ?? '', context.baseUrl);
  const name = (context: RequestContext): string => context.params['bucket'] ?? '';
  return [
    {
      method: 'POST',
      path: '/b',
      operation: 'storage.buckets.insert',
      handle({ context, json }) {
        refuseAcl(context);
        return shown(context, createBucket(storage, context, projectOf(storage, context), json));
      },
    },
    {
      method: 'GET',
      path: '/b',
      operation: 'storage.buckets.list',
      handle({ context }) {
        const { buckets, nextAfter } = listBuckets(storage, context, projectOf(storage, context), {
          prefix: context.query['prefix'] ?? '',
          after: Buffer.from(context.query['pageToken'] ?? '', 'base64url').toString(),
          limit: pageSize(context.query),
        });
        return {
          kind: 'storage#buckets',
          ...(buckets.length === 0 ? {} : { items: buckets.map((bucket) => shown(context, bucket)) }),
          ...(nextAfter === undefined ? {} : { nextPageToken: Buffer.from(nextAfter).toString('base64url') }),
        };
      },
    },
    {
      method: 'GET',
      path: '/b/:bucket',
      operation: 'storage.buckets.get',
      handle: ({ context }) =>
        shown(context, getBucket(storage, context, name(context), preconditionsOf(context.query))),
    },
    {
      method: 'PATCH',
      path: '/b/:bucket',
      operation: 'storage.buckets.patch',
      handle({ context, json }) {
        refuseAcl(context);
        return shown(context, patchBucket(storage, context, name(context), json, preconditionsOf(context.query)));
      },
    },
    {
      method: 'DELETE',
      path: '/b/:bucket',
      operation: 'storage.buckets.delete',
      handle({ context }) {
        deleteBucket(storage, context, name(context), preconditionsOf(context.query));
      },
    },
    {
      method: 'GET',
      path: '/b/:bucket/iam',
      operation: 'storage.buckets.getIamPolicy',
      handle({ context }) {
        const version = optionalNumber(context.query, 'optionsRequestedPolicyVersion');
        return bucketPolicyResource(getPolicy(storage, context, name(context)), version === 3 ? 3 : 1);
      },
    },
    {
      method: 'PUT',
      path: '/b/:bucket/iam',
      operation: 'storage.buckets.setIamPolicy',
      handle: ({ context, json }) => bucketPolicyResource(setPolicy(storage, context, name(context), json), 3),
    },
    {
      method: 'GET',
      path: '/b/:bucket/iam/testPermissions',
      operation: 'storage.buckets.testIamPermissions',
      signedIn: true,
      handle({ context }) {
        // A repeated parameter arrives joined with commas.
        const asked = (context.query['permissions'] ?? '').split(',').filter((permission) => permission !== '');
        const permissions = testPermissions(storage, context, name(context), asked);
        return {
          kind: 'storage#testIamPermissionsResponse',
          ...(permissions.length === 0 ? {} : { permissions }),
        };
      },
    },
  ];
}

/** The id of the project in `project`, which may be its number; one that is unknown is left to the decision. */
function projectOf(storage: CloudStorage, context: RequestContext): string {
  const project = context.query['project'];
  if (project === undefined || project === '') throw new StorageError(400, 'required', 'Required parameter: project');
  return storage.identity.projects.find(project)?.projectId ?? project;
}

function refuseAcl(context: RequestContext): void {
  for (const name of ['predefinedAcl', 'predefinedDefaultObjectAcl'])
    if (context.query[name] !== undefined) throw notSupported(`The parameter ${name} (object ACLs)`);
}

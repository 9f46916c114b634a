// storage.objects.*: get, list, patch, update, delete, copy, rewrite. Inserting one is in
// uploads.ts.
import type { StoredObject } from '../../catalog/buckets.ts';
import type { CloudStorage } from '../../cloud-storage/cloud-storage.ts';
import { listObjects } from '../../cloud-storage/listing.ts';
import {
  copyObject,
  deleteObject,
  getObject,
  patchObject,
  type ObjectName,
} from '../../cloud-storage/object-operations.ts';
import { optionalNumber, preconditionsOf } from '../../cloud-storage/preconditions.ts';
import { notSupported } from '../../cloud-storage/storage-error.ts';
import type { RequestContext } from '../route.ts';
import { sendObject } from './download.ts';
import { pageSize } from './page-size.ts';
import { objectResource } from './resources.ts';
import type { StorageRequest, StorageRoute } from './storage-route.ts';

export function objectRoutes(storage: CloudStorage): StorageRoute[] {
  const path = '/b/:bucket/o/:object';
  return [
    {
      method: 'GET',
      path: '/b/:bucket/o',
      operation: 'storage.objects.list',
      handle: ({ context }) => list(storage, context),
    },
    {
      method: 'GET',
      path,
      operation: 'storage.objects.get',
      handle: (request) =>
        request.context.query['alt'] === 'media'
          ? sendObject(storage, request, nameOf(request.context))
          : objectResource(found(storage, request.context), request.context.baseUrl),
    },
    {
      method: 'GET',
      path: '/download/storage/v1/b/:bucket/o/:object',
      operation: 'storage.objects.get',
      kind: 'download',
      handle: (request) => sendObject(storage, request, nameOf(request.context)),
    },
    { method: 'PATCH', path, operation: 'storage.objects.patch', handle: (request) => change(storage, request, false) },
    { method: 'PUT', path, operation: 'storage.objects.update', handle: (request) => change(storage, request, true) },
    {
      method: 'DELETE',
      path,
      operation: 'storage.objects.delete',
      async handle({ context }) {
        await deleteObject(storage, context, nameOf(context), {
          generation: optionalNumber(context.query, 'generation'),
          conditions: preconditionsOf(context.query),
        });
      },
    },
    {
      method: 'POST',
      path: `${path}/copyTo/b/:targetBucket/o/:targetObject`,
      operation: 'storage.objects.copy',
      handle: async (request) => objectResource(await copy(storage, request), request.context.baseUrl),
    },
    {
      method: 'POST',
      path: `${path}/rewriteTo/b/:targetBucket/o/:targetObject`,
      operation: 'storage.objects.rewrite',
      async handle(request) {
        const copied = await copy(storage, request);
        const size = String(copied.size);
        return {
          kind: 'storage#rewriteResponse',
          totalBytesRewritten: size,
          objectSize: size,
          done: true,
          resource: objectResource(copied, request.context.baseUrl),
        };
      },
    },
  ];
}

function nameOf(context: RequestContext): ObjectName {
  return { bucket: context.params['bucket'] ?? '', name: context.params['object'] ?? '' };
}

function found(storage: CloudStorage, context: RequestContext): StoredObject {
  return getObject(storage, context, nameOf(context), {
    generation: optionalNumber(context.query, 'generation'),
    conditions: preconditionsOf(context.query),
  });
}

function change(storage: CloudStorage, { context, json }: StorageRequest, replace: boolean): unknown {
  const changed = patchObject(storage, context, nameOf(context), json, {
    generation: optionalNumber(context.query, 'generation'),
    conditions: preconditionsOf(context.query),
    replace,
  });
  return objectResource(changed, context.baseUrl);
}

function copy(storage: CloudStorage, { context, json }: StorageRequest): Promise<StoredObject> {
  const { query, params } = context;
  const source = {
    ...nameOf(context),
    generation: optionalNumber(query, 'sourceGeneration'),
    conditions: preconditionsOf(query, 'ifSource'),
  };
  const target = {
    bucket: params['targetBucket'] ?? '',
    name: params['targetObject'] ?? '',
    conditions: preconditionsOf(query),
  };
  return copyObject(storage, context, source, target, json);
}

function list(storage: CloudStorage, context: RequestContext): unknown {
  const { query, params, baseUrl } = context;
  for (const name of ['matchGlob', 'softDeleted', 'filter'])
    if (query[name] !== undefined && query[name] !== 'false')
      throw notSupported(`The parameter ${name} of objects.list`);
  const { items, prefixes, nextPageToken } = listObjects(storage, context, params['bucket'] ?? '', {
    prefix: query['prefix'] ?? '',
    delimiter: query['delimiter'] ?? '',
    includeTrailingDelimiter: query['includeTrailingDelimiter'] === 'true',
    startOffset: query['startOffset'] ?? '',
    endOffset: query['endOffset'] ?? '',
    pageToken: query['pageToken'] === '' ? undefined : query['pageToken'],
    limit: pageSize(query),
  });
  return {
    kind: 'storage#objects',
    ...(prefixes.length === 0 ? {} : { prefixes }),
    ...(items.length === 0 ? {} : { items: items.map((item) => objectResource(item, baseUrl)) }),
    ...(nextPageToken === undefined ? {} : { nextPageToken }),
  };
}

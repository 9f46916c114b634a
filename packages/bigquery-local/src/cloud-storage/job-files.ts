// Cloud Storage for jobs: `gs://` URIs to local files that a load reads, and local files
// to objects that an extract writes, both with the rights of the job's creator. Errors
// are the job's: BigQuery's, which quote Cloud Storage's.
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BigQueryError } from '../bigquery-error.ts';
import type { StoredObject } from '../catalog/buckets.ts';
import { authorizedBucket, type Caller, type CloudStorage } from './cloud-storage.ts';
import { endOfPrefix } from './names.ts';
import { commitObject, getObject, requireWritable, withFile, type ObjectName } from './object-operations.ts';
import { StorageError } from './storage-error.ts';

export type GsUri = { readonly uri: string; readonly bucket: string; readonly name: string };

/** `name` is its URI; `path` is readable until the list is disposed of, whatever becomes of the object. */
export type JobFile = { readonly name: string; readonly path: string; readonly size: number };

/** "Maximum number of source URIs in job configuration" of BigQuery's quotas. */
const MAX_URIS = 10_000;
/** Of all patterns of one job together. */
const MAX_FILES = 10_000;

/** Throws `invalid`: the scheme must be gs, and at most one `*` may stand behind the bucket's name. */
export function parseGsUri(uri: string): GsUri {
  const match = /^gs:\/\/([^/*]+)\/(.+)$/s.exec(uri);
  if (match === null)
    throw new BigQueryError('invalid', `Source URI must be a Google Cloud Storage location: ${uri.slice(0, 1100)}`);
  const [, bucket = '', name = ''] = match;
  if (name.indexOf('*') !== name.lastIndexOf('*'))
    throw new BigQueryError('invalid', `Only one wildcard is allowed in a Cloud Storage URI: ${uri.slice(0, 1100)}`);
  return { uri, bucket, name };
}

/** Throws `invalid` for anything but a list of such URIs. */
export function parseGsUris(value: unknown, field: string): readonly GsUri[] {
  if (!Array.isArray(value) || value.length === 0 || !value.every((uri) => typeof uri === 'string'))
    throw new BigQueryError('invalid', `Invalid value for ${field}: it must be a list of gs:// URIs.`);
  if (value.length > MAX_URIS) throw new BigQueryError('invalid', `${field} has more than ${MAX_URIS} URIs.`);
  return value.map(parseGsUri);
}

/**
 * The objects of the URIs as files in `directory`. Takes `storage.objects.get` on each, and
 * `storage.objects.list` on the bucket for a wildcard. Throws accessDenied and notFound.
 */
export async function openObjects(
  storage: CloudStorage,
  caller: Caller,
  uris: readonly GsUri[],
  directory: string,
): Promise<{ readonly files: readonly JobFile[] } & AsyncDisposable> {
  await using opened = new AsyncDisposableStack();
  const files: JobFile[] = [];
  for (const uri of uris) {
    for (const { bucket, name } of namesOf(storage, caller, uri)) {
      if (files.length >= MAX_FILES)
        throw new BigQueryError('invalid', `The URIs of the job match more than ${MAX_FILES} files.`);
      const path = join(directory, `object-${randomUUID()}`);
      opened.defer(() => rm(path, { force: true }));
      const own = `gs://${bucket}/${name}`;
      // Each is asked for by itself: nothing may be read because it was listed.
      const size = await withFile(
        () => asJobError(own, `File ${own}`, () => getObject(storage, caller, { bucket, name })),
        async (object) => {
          await storage.files.linkTo(object.file, path);
          return object.size;
        },
      );
      files.push({ name: own, path, size });
    }
  }
  const owned = opened.move();
  return { files, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function namesOf(storage: CloudStorage, caller: Caller, { uri, bucket, name }: GsUri): readonly ObjectName[] {
  const star = name.indexOf('*');
  if (star < 0) return [{ bucket, name }];
  asJobError(uri, 'BigQuery BigQuery: Permission denied while globbing file pattern', () =>
    authorizedBucket(storage, caller, 'storage.objects.list', bucket),
  );
  const prefix = name.slice(0, star);
  const suffix = name.slice(star + 1);
  const found: StoredObject[] = [];
  let from = prefix;
  for (;;) {
    const page = storage.buckets.objects(bucket, from, endOfPrefix(prefix), 1_000);
    found.push(...page.filter((object) => object.name.length >= name.length - 1 && object.name.endsWith(suffix)));
    if (page.length < 1_000 || found.length > MAX_FILES) break;
    from = `${page.at(-1)!.name}\u0001`;
  }
  if (found.length === 0) throw new BigQueryError('notFound', `Not found: Uris ${uri}`);
  return found;
}

/** 403 unless the caller may write the object, also over the one that is there. */
export function requireDestination(storage: CloudStorage, caller: Caller, { uri, bucket, name }: GsUri): void {
  asJobError(uri, 'BigQuery BigQuery: Permission denied while writing data', () =>
    requireWritable(storage, caller, { bucket, name }, {}),
  );
}

/** Copies a local file to an object. Takes `storage.objects.create`, and `delete` to overwrite. */
export async function writeObject(
  storage: CloudStorage,
  caller: Caller,
  destination: GsUri,
  file: { readonly path: string; readonly contentType: string },
  signal: AbortSignal,
): Promise<StoredObject> {
  requireDestination(storage, caller, destination);
  const writer = storage.files.begin();
  let written;
  try {
    await writer.append(createReadStream(file.path) as AsyncIterable<Buffer>, signal);
    written = await writer.finish();
  } catch (error) {
    await writer.discard();
    throw storageErrorAsJobs(destination.uri, 'BigQuery BigQuery', error);
  }
  const { bucket, name } = destination;
  try {
    const properties = { contentType: file.contentType };
    return await commitObject(storage, caller, { bucket, name, properties, written }, {});
  } catch (error) {
    throw storageErrorAsJobs(destination.uri, 'BigQuery BigQuery: Permission denied while writing data', error);
  }
}

function asJobError<T>(uri: string, what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw storageErrorAsJobs(uri, what, error);
  }
}

function storageErrorAsJobs(uri: string, what: string, error: unknown): unknown {
  if (!(error instanceof StorageError)) return error;
  switch (error.httpStatus) {
    case 403: {
      const joint = what.includes('denied') ? '.' : ':';
      return new BigQueryError('accessDenied', `Access Denied: ${what}${joint} ${error.message}`, { cause: error });
    }
    case 404:
      return new BigQueryError('notFound', `Not found: URI ${uri}`, { cause: error });
    default:
      return new BigQueryError('invalid', `Error while accessing ${uri}: ${error.message}`, { cause: error });
  }
}

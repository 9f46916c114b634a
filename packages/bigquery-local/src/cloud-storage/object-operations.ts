// objects.insert, get, patch, delete, copy of the JSON API, as the server's own
// operations. The catalog's transaction decides: preconditions and the right to overwrite
// are asked for before the bytes are taken, and again when the object is committed.
import type { ObjectProperties, StoredObject } from '../catalog/buckets.ts';
import { authorizedBucket, type Caller, type CloudStorage } from './cloud-storage.ts';
import { objectProperties } from './metadata.ts';
import { checkObjectName } from './names.ts';
import type { WrittenFile } from './object-files.ts';
import { checkPreconditions, type Preconditions } from './preconditions.ts';
import { noSuchObject } from './storage-error.ts';

type Body = Readonly<Record<string, unknown>>;

export type ObjectName = { readonly bucket: string; readonly name: string };

/**
 * 403 unless the caller may create the object; to replace one takes `storage.objects.delete`
 * too. 412 when a precondition does not hold.
 */
export function requireWritable(
  storage: CloudStorage,
  caller: Caller,
  { bucket, name }: ObjectName,
  conditions: Preconditions,
): StoredObject | undefined {
  authorizedBucket(storage, caller, 'storage.objects.create', bucket, name);
  checkObjectName(name);
  const old = storage.buckets.object(bucket, name);
  checkPreconditions(conditions, old);
  if (old !== undefined) authorizedBucket(storage, caller, 'storage.objects.delete', bucket, name);
  return old;
}

/** The file is the object's from here on, or is removed when the commit is refused. */
export async function commitObject(
  storage: CloudStorage,
  caller: Caller,
  object: ObjectName & { readonly properties: ObjectProperties; readonly written: WrittenFile },
  conditions: Preconditions,
): Promise<StoredObject> {
  const { bucket, name, properties, written } = object;
  let old: StoredObject | undefined;
  let stored: StoredObject;
  try {
    stored = storage.db.transaction(() => {
      old = requireWritable(storage, caller, object, conditions);
      const now = storage.clock();
      return storage.buckets.putObject({ bucket, name, ...written, createdMs: now, updatedMs: now, properties });
    });
  } catch (error) {
    await storage.files.remove(written.file);
    throw error;
  }
  if (old !== undefined) await storage.files.remove(old.file);
  return stored;
}

/** 404 when there is none, or none of this generation. */
export function getObject(
  storage: CloudStorage,
  caller: Caller,
  object: ObjectName,
  options: { readonly generation?: number | undefined; readonly conditions?: Preconditions } = {},
): StoredObject {
  authorizedBucket(storage, caller, 'storage.objects.get', object.bucket, object.name);
  const stored = existing(storage, object, options.generation);
  checkPreconditions(options.conditions ?? {}, stored, { reading: true });
  return stored;
}

/** Uses an object's file. One that is replaced meanwhile loses its file before it is opened: then looks again. */
export async function withFile<T>(find: () => StoredObject, use: (object: StoredObject) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const object = find();
    try {
      return await use(object);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 10) throw error;
    }
  }
}

/** `replace`: what the body leaves out goes (objects.update). */
export function patchObject(
  storage: CloudStorage,
  caller: Caller,
  object: ObjectName,
  body: Body,
  options: { readonly generation?: number | undefined; readonly conditions: Preconditions; readonly replace: boolean },
): StoredObject {
  authorizedBucket(storage, caller, 'storage.objects.update', object.bucket, object.name);
  const stored = existing(storage, object, options.generation);
  checkPreconditions(options.conditions, stored);
  const properties = objectProperties(body, options.replace ? {} : stored.properties);
  return storage.buckets.updateObject(stored, properties, storage.clock());
}

export async function deleteObject(
  storage: CloudStorage,
  caller: Caller,
  object: ObjectName,
  options: { readonly generation?: number | undefined; readonly conditions: Preconditions },
): Promise<void> {
  authorizedBucket(storage, caller, 'storage.objects.delete', object.bucket, object.name);
  const stored = existing(storage, object, options.generation);
  checkPreconditions(options.conditions, stored);
  storage.buckets.deleteObject(stored);
  await storage.files.remove(stored.file);
}

/** A body with metadata takes the place of the source's. */
export async function copyObject(
  storage: CloudStorage,
  caller: Caller,
  source: ObjectName & { readonly generation?: number | undefined; readonly conditions: Preconditions },
  target: ObjectName & { readonly conditions: Preconditions },
  body: Body,
): Promise<StoredObject> {
  const given = Object.keys(body).length === 0 ? undefined : objectProperties(body);
  const copied = await withFile(
    () => {
      const from = getObject(storage, caller, source, source);
      requireWritable(storage, caller, target, target.conditions);
      return from;
    },
    async ({ file, size, md5, crc32c, properties }) => ({
      written: { file: await storage.files.copy(file), size, md5, crc32c },
      properties: given ?? properties,
    }),
  );
  return commitObject(storage, caller, { bucket: target.bucket, name: target.name, ...copied }, target.conditions);
}

function existing(storage: CloudStorage, { bucket, name }: ObjectName, generation: number | undefined): StoredObject {
  const stored = storage.buckets.object(bucket, name);
  if (stored === undefined || (generation !== undefined && generation !== stored.generation))
    throw noSuchObject(bucket, name);
  return stored;
}

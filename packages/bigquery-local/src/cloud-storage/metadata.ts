// Reads the settable parts of Bucket and Object resources from request bodies. What the
// local Cloud Storage does not do is refused by name, so that nothing is silently ignored.
import type { BucketProperties, ObjectProperties } from '../catalog/buckets.ts';
import { notSupported, StorageError } from './storage-error.ts';

type Body = Readonly<Record<string, unknown>>;

const STORAGE_CLASSES: ReadonlySet<string> = new Set([
  'STANDARD',
  'NEARLINE',
  'COLDLINE',
  'ARCHIVE',
  'MULTI_REGIONAL',
  'REGIONAL',
  'DURABLE_REDUCED_AVAILABILITY',
]);

const TEXT_FIELDS = [
  'contentType',
  'contentEncoding',
  'contentDisposition',
  'contentLanguage',
  'cacheControl',
  'customTime',
] as const;

/** "Custom metadata": at most 8 KiB for all keys and values together. */
const MAX_METADATA_BYTES = 8 * 1024;

const UNSUPPORTED_OF_BUCKETS = [
  'acl',
  'defaultObjectAcl',
  'lifecycle',
  'cors',
  'website',
  'logging',
  'encryption',
  'retentionPolicy',
  'objectRetention',
  'autoclass',
  'hierarchicalNamespace',
  'customPlacementConfig',
  'ipFilter',
] as const;

const UNSUPPORTED_OF_OBJECTS = [
  'acl',
  'retention',
  'temporaryHold',
  'eventBasedHold',
  'kmsKeyName',
  'contexts',
] as const;

/** `before` is what the bucket has now: a field that is left out stays. */
export function bucketProperties(body: Body, before: BucketProperties | undefined): BucketProperties {
  refuse(body, UNSUPPORTED_OF_BUCKETS, 'bucket');
  for (const name of ['versioning', 'billing', 'softDeletePolicy'] as const) {
    const value = body[name];
    if (isSet(value) && Object.values(value as object).some((part) => isSet(part) && part !== '0'))
      throw notSupported(`The bucket property ${name}`);
  }
  const iam = objectOf(body['iamConfiguration'], 'iamConfiguration');
  for (const name of ['uniformBucketLevelAccess', 'bucketPolicyOnly']) {
    if (objectOf(iam[name], name)['enabled'] === false)
      throw notSupported('A bucket with object ACLs (uniform bucket-level access disabled)');
  }
  const prevention = iam['publicAccessPrevention'] ?? before?.publicAccessPrevention ?? 'inherited';
  if (prevention !== 'inherited' && prevention !== 'enforced' && prevention !== 'unspecified')
    throw invalid('iamConfiguration.publicAccessPrevention', prevention);
  const labels = mergedTexts(body['labels'], before?.labels, 'labels');
  return {
    storageClass: storageClass(body['storageClass']) ?? before?.storageClass ?? 'STANDARD',
    publicAccessPrevention: prevention === 'unspecified' ? 'inherited' : prevention,
    ...(labels === undefined ? {} : { labels }),
  };
}

/** `before` is what the object has now: a field that is left out stays, one that is null goes. */
export function objectProperties(body: Body, before: ObjectProperties = {}): ObjectProperties {
  refuse(body, UNSUPPORTED_OF_OBJECTS, 'object');
  const properties: { -readonly [Name in keyof ObjectProperties]: ObjectProperties[Name] } = { ...before };
  for (const name of TEXT_FIELDS) {
    const value = body[name];
    if (value === undefined) continue;
    if (value === null || value === '') delete properties[name];
    // These travel as HTTP headers.
    else if (typeof value === 'string' && value.length <= 1024 && /^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      properties[name] = value;
    else throw invalid(name, value);
  }
  const own = storageClass(body['storageClass']);
  if (own !== undefined) properties.storageClass = own;
  const metadata = mergedTexts(body['metadata'], before.metadata, 'metadata');
  if (metadata === undefined) delete properties.metadata;
  else properties.metadata = metadata;
  return properties;
}

/** Checksums that the sender states: in the metadata, or in the header `x-goog-hash`. Throws 400 on a difference. */
export function checkChecksums(
  stated: Body,
  header: string | undefined,
  found: { readonly md5: string; readonly crc32c: string },
): void {
  const inHeader = new Map(
    (header ?? '').split(',').map((pair) => {
      const [name = '', ...value] = pair.trim().split('=');
      return [name, value.join('=')];
    }),
  );
  const md5 = stated['md5Hash'] ?? inHeader.get('md5');
  const crc32c = stated['crc32c'] ?? inHeader.get('crc32c');
  if (isSet(md5) && md5 !== found.md5)
    throw new StorageError(
      400,
      'invalid',
      `Provided MD5 hash ${show(md5)} doesn't match calculated MD5 hash "${found.md5}".`,
    );
  if (isSet(crc32c) && crc32c !== found.crc32c)
    throw new StorageError(
      400,
      'invalid',
      `Provided CRC32C ${show(crc32c)} doesn't match calculated CRC32C "${found.crc32c}".`,
    );
}

function storageClass(value: unknown): string | undefined {
  if (!isSet(value) || value === '') return undefined;
  if (typeof value === 'string' && STORAGE_CLASSES.has(value.toUpperCase())) return value.toUpperCase();
  throw invalid('storageClass', value);
}

/** A map of texts; null for a key removes it, null for all removes all. */
function mergedTexts(
  value: unknown,
  before: Readonly<Record<string, string>> | undefined,
  name: string,
): Readonly<Record<string, string>> | undefined {
  if (value === undefined) return before;
  if (value === null) return undefined;
  const merged = new Map(Object.entries(before ?? {}));
  for (const [key, text] of Object.entries(objectOf(value, name))) {
    if (text === null) merged.delete(key);
    else if (typeof text === 'string') merged.set(key, text);
    else throw invalid(`${name}.${key.slice(0, 100)}`, text);
  }
  if ([...merged].reduce((sum, [key, text]) => sum + Buffer.byteLength(key + text), 0) > MAX_METADATA_BYTES)
    throw new StorageError(400, 'invalid', `The ${name} are larger than ${MAX_METADATA_BYTES} bytes.`);
  return Object.fromEntries(merged);
}

function refuse(body: Body, names: readonly string[], kind: string): void {
  for (const name of names) {
    const value = body[name];
    if (!isSet(value) || value === false || (Array.isArray(value) && value.length === 0)) continue;
    if (kind === 'bucket' && typeof value === 'object' && Object.values(value!).every((part) => !isSet(part))) continue;
    throw notSupported(`The ${kind} property ${name}`);
  }
}

function objectOf(value: unknown, name: string): Body {
  if (!isSet(value)) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(name, value);
  return value as Body;
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'undefined').slice(0, 100);
}

function invalid(name: string, value: unknown): StorageError {
  return new StorageError(400, 'invalid', `Invalid value for ${name}: ${show(value)}`);
}

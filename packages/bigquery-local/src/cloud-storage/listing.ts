// objects.list: the names under a prefix in pages, with the "folders" that a delimiter
// makes of them. Reads no more rows than a page needs, however many a folder holds.
import type { StoredObject } from '../catalog/buckets.ts';
import { authorizedBucket, type Caller, type CloudStorage } from './cloud-storage.ts';
import { endOfPrefix } from './names.ts';
import { StorageError } from './storage-error.ts';

export type ListOptions = {
  readonly prefix: string;
  /** Empty: no folders. */
  readonly delimiter: string;
  /** A name that ends in the only delimiter behind the prefix is an item too, beside its folder. */
  readonly includeTrailingDelimiter: boolean;
  /** Inclusive; empty = from the first. */
  readonly startOffset: string;
  /** Exclusive; empty = to the last. */
  readonly endOffset: string;
  readonly pageToken: string | undefined;
  /** Of items and folders together. */
  readonly limit: number;
};

export type ObjectPage = {
  readonly items: readonly StoredObject[];
  readonly prefixes: readonly string[];
  readonly nextPageToken: string | undefined;
};

const ROWS_AT_ONCE = 1_000;

export function listObjects(storage: CloudStorage, caller: Caller, bucket: string, options: ListOptions): ObjectPage {
  authorizedBucket(storage, caller, 'storage.objects.list', bucket);
  const { prefix, delimiter, limit } = options;
  const last = endOfPrefix(prefix);
  const to = options.endOffset === '' ? last : last === undefined ? options.endOffset : least(last, options.endOffset);
  const start = greatest(prefix, options.startOffset);
  let from = options.pageToken === undefined ? start : greatest(start, decodeToken(options.pageToken));
  const items: StoredObject[] = [];
  const prefixes: string[] = [];
  for (;;) {
    const rows = storage.buckets.objects(bucket, from, to, Math.min(ROWS_AT_ONCE, limit + 1));
    let next: string | undefined;
    for (const row of rows) {
      if (items.length + prefixes.length >= limit) return { items, prefixes, nextPageToken: encodeToken(row.name) };
      const cut = delimiter === '' ? -1 : row.name.indexOf(delimiter, prefix.length);
      if (cut < 0) {
        items.push(row);
        continue;
      }
      const folder = row.name.slice(0, cut + delimiter.length);
      prefixes.push(folder);
      if (options.includeTrailingDelimiter && folder === row.name) items.push(row);
      // On behind everything in this folder.
      next = endOfPrefix(folder);
      if (next === undefined) return { items, prefixes, nextPageToken: undefined };
      break;
    }
    if (next === undefined && rows.length < Math.min(ROWS_AT_ONCE, limit + 1))
      return { items, prefixes, nextPageToken: undefined };
    // The least name behind the last one that was read.
    from = next ?? `${rows.at(-1)!.name}\u0001`;
  }
}

function encodeToken(name: string): string {
  return Buffer.from(JSON.stringify({ from: name })).toString('base64url');
}

function decodeToken(token: string): string {
  try {
    const value = JSON.parse(Buffer.from(token, 'base64url').toString()) as { from?: unknown } | null;
    if (typeof value?.from === 'string' && value.from.isWellFormed()) return value.from;
  } catch {
    // Refused below.
  }
  throw new StorageError(400, 'invalid', 'Invalid argument: pageToken is not a token of this server.');
}

function least(a: string, b: string): string {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) <= 0 ? a : b;
}

function greatest(a: string, b: string): string {
  return least(a, b) === a ? b : a;
}

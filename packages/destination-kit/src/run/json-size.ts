// The size of a value as JSON, without writing the JSON: batches are cut by it, once per
// row. `jsonSize` is the same number as `Buffer.byteLength(JSON.stringify(value))`;
// `jsonSizeBound` is never less than that, and costs a fifth.
import type { JsonObject } from '@sluice/core';

/** Texts that stand in JSON as they are: printable ASCII without quote and backslash. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const MAX_KEYS_KEPT = 10_000;

/** Sizes of property names, which repeat in every row. */
const keySizes = new Map<string, number>();

/**
 * Sizes rows for batches of at most `maxRows` and `maxBytes`. A row that is small enough for
 * a full batch of its like is not looked at closely: a bound of its size is enough to know
 * that the number of rows, and not their size, ends its batch.
 */
export function rowSizer({ maxRows, maxBytes }: { readonly maxRows: number; readonly maxBytes: number }) {
  const share = maxBytes / Math.max(1, maxRows);
  return (payload: JsonObject): number => {
    const bound = jsonSizeBound(payload);
    return bound <= share ? bound : jsonSize(payload);
  };
}

/** No less than `jsonSize`: a character takes at most six bytes (`\u001f`), a number 25. Infinite for what writes itself. */
export function jsonSizeBound(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return value.length * 6 + 2;
    case 'number':
      return 25;
    case 'object':
      break;
    default:
      return 5;
  }
  if (value === null) return 4;
  let bound = 2;
  if (Array.isArray(value)) {
    for (const item of value) bound += jsonSizeBound(item) + 1;
    return bound;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return Infinity;
  const object = value as Record<string, unknown>;
  // What `in` finds in the prototype is no JSON, but may add to the bound.
  for (const key in object) {
    if (key === 'toJSON') return Infinity;
    bound += key.length * 6 + 4 + jsonSizeBound(object[key]);
  }
  return bound;
}

/** In bytes of UTF-8; 0 for what JSON leaves out (`undefined`, functions). */
export function jsonSize(value: unknown): number {
  if (typeof value === 'string') return textSize(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value).length : 4;
  if (typeof value === 'boolean') return value ? 4 : 5;
  if (value === null) return 4;
  if (Array.isArray(value)) return arraySize(value);
  if (typeof value === 'object' && isPlain(value)) return objectSize(value);
  return Buffer.byteLength(JSON.stringify(value) ?? '');
}

function textSize(text: string): number {
  return PLAIN.test(text) ? text.length + 2 : Buffer.byteLength(JSON.stringify(text));
}

function arraySize(items: readonly unknown[]): number {
  let size = 2 + Math.max(0, items.length - 1);
  // JSON writes null in the place of what it leaves out elsewhere.
  for (const item of items) size += jsonSize(item) || 4;
  return size;
}

function objectSize(object: Record<string, unknown>): number {
  let size = 2;
  let members = 0;
  for (const key of Object.keys(object)) {
    const member = jsonSize(object[key]);
    if (member === 0) continue;
    members += 1;
    size += keySize(key) + 1 + member;
  }
  return size + Math.max(0, members - 1);
}

function keySize(key: string): number {
  let size = keySizes.get(key);
  if (size === undefined) {
    size = textSize(key);
    if (keySizes.size < MAX_KEYS_KEPT) keySizes.set(key, size);
  }
  return size;
}

/** Anything else may write itself (`toJSON`). */
function isPlain(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !('toJSON' in value);
}

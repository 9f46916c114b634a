// The size of a value as JSON, without writing the JSON: batches are cut by it, once per
// row. Promise: the same number as `Buffer.byteLength(JSON.stringify(value))`.

/** Texts that stand in JSON as they are: printable ASCII without quote and backslash. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const MAX_KEYS_KEPT = 10_000;

/** Sizes of property names, which repeat in every row. */
const keySizes = new Map<string, number>();

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

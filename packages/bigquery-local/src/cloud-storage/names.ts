// Names of buckets and objects, by Cloud Storage's rules ("About Cloud Storage buckets":
// bucket naming requirements; "About Cloud Storage objects": naming requirements). Names
// are only ever keys of the catalog; no file path is made of one.
import { StorageError } from './storage-error.ts';

/** Throws 400 `invalid`. */
export function checkBucketName(name: string): void {
  const valid =
    name.length >= 3 &&
    name.length <= (name.includes('.') ? 222 : 63) &&
    /^[a-z0-9][a-z0-9._-]*[a-z0-9]$/.test(name) &&
    name.split('.').every((part) => part.length > 0 && part.length <= 63 && !/^-|-$/.test(part)) &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name) &&
    !name.startsWith('goog') &&
    !/g[o0]{2}gle/.test(name);
  if (!valid) throw new StorageError(400, 'invalid', `Invalid bucket name: '${name.slice(0, 300)}'`);
}

/** Throws 400 `required` or `invalid`. */
export function checkObjectName(name: string): void {
  if (name === '') throw new StorageError(400, 'required', 'Required parameter: name');
  const problem = !name.isWellFormed()
    ? 'it is not valid Unicode'
    : Buffer.byteLength(name) > 1024
      ? 'it is longer than 1024 bytes in UTF-8'
      : name === '.' || name === '..'
        ? "it must not be '.' or '..'"
        : name.startsWith('.well-known/acme-challenge/')
          ? "it must not begin with '.well-known/acme-challenge/'"
          : /[\0\r\n]/.test(name)
            ? 'it must not contain NUL, carriage return or line feed'
            : undefined;
  if (problem !== undefined) throw new StorageError(400, 'invalid', `Invalid object name: ${problem}.`);
}

/** The first name, in the order of UTF-8 bytes, behind all that begin with `prefix`; undefined = none is. */
export function endOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10_ffff) continue;
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}

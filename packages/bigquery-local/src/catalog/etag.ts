import { createHash } from 'node:crypto';

/** Opaque tag of a resource's state, unquoted base64 as BigQuery returns it. */
export function etagOf(...parts: readonly (string | number)[]): string {
  return createHash('md5').update(JSON.stringify(parts)).digest('base64');
}

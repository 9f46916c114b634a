import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, JsonValue } from '@sluice/core';

/** How what a tool holds differs from a model's rows; each row is one JSON text. Empty when it does not. */
export function differences(
  rows: readonly (readonly JsonValue[])[],
  key: string,
  held: ReadonlyMap<string, JsonObject>,
): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  for (const [text] of rows) {
    // Twice through JSON: a negative zero, which a model may hold, is sent as 0.
    const record = JSON.parse(JSON.stringify(JSON.parse(typeof text === 'string' ? text : 'null'))) as JsonObject;
    const id = record[key];
    if (typeof id !== 'string') throw new TypeError(`${key} of a row is not a text`);
    seen.add(id);
    const other = held.get(id);
    if (other === undefined) found.push(`${id} is missing`);
    else if (!isDeepStrictEqual(record, other))
      found.push(`${id} is ${JSON.stringify(other)}, not ${JSON.stringify(record)}`);
  }
  for (const id of held.keys()) if (!seen.has(id)) found.push(`${id} should be gone`);
  return found;
}

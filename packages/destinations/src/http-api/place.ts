// Places inside JSON, as `data.results[0].id`, with an optional `$.` before it.
import type { JsonObject, JsonValue } from '@sluice/core';

const PLACE = /^(\$\.?)?([^.[\]\s]+|\[\d+\])?(\.[^.[\]\s]+|\[\d+\])*$/;
/** Names that would reach the prototype of an object. */
const UNSAFE = new Set(['__proto__', 'constructor', 'prototype']);

export function isPlace(text: string): boolean {
  return PLACE.test(text) && !keysOf(text).some((key) => UNSAFE.has(key));
}

/** Undefined when there is nothing at that place; `$` is the value itself. */
export function valueAt(value: unknown, place: string): unknown {
  let found = value;
  for (const key of keysOf(place)) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[key];
  }
  return found;
}

/** A copy of the object with the value put in; objects on the way are made. */
export function withValueAt(target: JsonObject, place: string, value: JsonValue): JsonValue {
  const put = (current: JsonValue | undefined, keys: readonly string[]): JsonValue => {
    const [key, ...rest] = keys;
    if (key === undefined) return value;
    const object = typeof current === 'object' && current !== null && !Array.isArray(current) ? current : {};
    return { ...object, [key]: put(object[key], rest) };
  };
  return put(target, keysOf(place));
}

function keysOf(place: string): string[] {
  return [...place.replace(/^\$\.?/, '').matchAll(/[^.[\]]+/g)].map(([key]) => key);
}

// Paths of mapping-kit (`$.properties.a`, `a[0].b`) as lists of keys. The splitting is
// actions-core's own: a recording proxy is led along the path once, at compile time,
// so that a compiled path can never disagree with it.
import { segmentCore } from '../segment/core.ts';

/** The keys that mapping-kit follows for a `@path` text; empty for the whole event. */
export function pathKeys(path: string): readonly string[] {
  return placeholderKeys(path.replace('$.', ''));
}

/** The same for a `{{ placeholder }}` of a template, where `$.` has no meaning. */
export function placeholderKeys(path: string): readonly string[] {
  const keys: string[] = [];
  const recorder: object = new Proxy(
    {},
    {
      get(_target, key) {
        keys.push(String(key));
        return recorder;
      },
    },
  );
  segmentCore.get(recorder, path);
  return keys;
}

/** Follows the keys as mapping-kit does: a falsy value on the way is the answer. */
export function follow(value: unknown, keys: readonly string[]): unknown {
  let current = value;
  for (const key of keys) {
    if (!current) return current;
    current = (current as Record<string, unknown>)[key];
  }
  return current;
}

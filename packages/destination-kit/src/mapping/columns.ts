// Which parts of an event a mapping reads. The engine uses it to read and compare only
// those columns; validation uses it to find names that no row has. Whenever that is not
// certain, the answer is `all`.
import type { JsonObject } from '@sluice/core';
import { directiveOf, isPlainObject } from './compile.ts';
import { pathKeys, placeholderKeys } from './path.ts';

/** One place of a mapping that reads the event. */
export type Reference = {
  /** Place inside the mapping: `fields.data.name`. */
  readonly at: string;
  /** Keys from the event's root; `all` when they cannot be known. */
  readonly keys: readonly string[] | 'all';
};

/** The columns of the model that the mapping reads. */
export function mappedColumns(fields: JsonObject): ReadonlySet<string> | 'all' {
  const columns = new Set<string>();
  for (const { keys } of mappingReferences(fields)) {
    if (keys === 'all' || keys.length === 0) return 'all';
    if (keys[0] !== 'properties') continue;
    if (keys[1] === undefined) return 'all';
    columns.add(keys[1]);
  }
  return columns;
}

/** True when the mapping may read this part of the event. */
export function readsRoot(fields: JsonObject, root: string): boolean {
  return mappingReferences(fields).some(({ keys }) => keys === 'all' || keys.length === 0 || keys[0] === root);
}

export function mappingReferences(fields: JsonObject): readonly Reference[] {
  if ('__segment_internal_directive' in fields) return [{ at: 'fields.__segment_internal_directive', keys: 'all' }];
  return [...referencesOf(fields, 'fields')];
}

/** True when the value is the same for every row. */
export function isConstant(value: unknown): boolean {
  return referencesOf(value, '').next().done === true;
}

function* referencesOf(node: unknown, at: string): Generator<Reference> {
  if (Array.isArray(node)) {
    for (const [index, item] of node.entries()) yield* referencesOf(item, `${at}[${index}]`);
    return;
  }
  if (!isPlainObject(node)) return;
  const name = directiveOf(node);
  if (name === undefined) {
    for (const [key, item] of Object.entries(node)) yield* referencesOf(item, `${at}.${key}`);
    return;
  }
  yield* directiveReferences(name, node[name], at);
}

function* directiveReferences(name: string, value: unknown, at: string): Generator<Reference> {
  switch (name) {
    case '@path':
      yield { at, keys: typeof value === 'string' ? pathKeys(value) : 'all' };
      return;
    case '@template':
      // With three braces the text of a column may itself hold placeholders.
      if (typeof value !== 'string' || value.includes('{{{')) yield { at, keys: 'all' };
      else
        for (const match of value.matchAll(/\{\{([^}]+)\}\}/g))
          yield { at, keys: placeholderKeys((match[1] ?? '').trim()) };
      return;
    case '@literal':
    case '@excludeWhenNull':
      yield* referencesOf(value, at);
      return;
    case '@if':
    case '@case':
    case '@replace':
    case '@json':
    case '@flatten':
    case '@merge':
      if (!isPlainObject(value)) yield { at, keys: 'all' };
      else for (const item of Object.values(value)) yield* referencesOf(item, at);
      return;
    case '@arrayPath': {
      // The item's shape reads the item, not the event.
      const root: unknown = Array.isArray(value) ? value[0] : undefined;
      if (typeof root === 'string') yield { at, keys: pathKeys(root) };
      else if (isPlainObject(root)) yield* referencesOf(root, at);
      else yield { at, keys: 'all' };
      return;
    }
    case '@transform':
      // `mapping` reads the result of `apply`, not the event.
      if (isPlainObject(value)) yield* referencesOf(value['apply'], at);
      else yield { at, keys: 'all' };
      return;
    default:
      yield { at, keys: 'all' };
  }
}

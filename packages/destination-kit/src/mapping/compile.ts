// Compiles a mapping (Segment's mapping-kit directives) once per sync into closures.
// Promise: the same result, or an error where there is an error, as mapping-kit's own
// `transform`; `compile.prop.test.ts` holds it to that. Directives that are rare or
// intricate are handed to `transform` itself. A result shares nothing with the event or
// the mapping, because validation changes payloads in place.
import type { JsonObject } from '@sluice/core';
import { mappingKit, validateDirectives } from '../segment/core.ts';
import { follow, pathKeys, placeholderKeys } from './path.ts';

type Resolver = (event: unknown) => unknown;

const ROOT_DIRECTIVE = '__segment_internal_directive';

/** Throws when the mapping is malformed, with the place inside it. */
export function compileMapping(fields: JsonObject): (event: unknown) => JsonObject {
  // `transform` writes defaults into the mapping it is given.
  const mapping = structuredClone(fields);
  if (ROOT_DIRECTIVE in mapping) {
    return (event) => mappingKit.transform(structuredClone(mapping), event) as JsonObject;
  }
  validateDirectives(mapping);
  return compileNode(mapping) as (event: unknown) => JsonObject;
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** The name of a directive object's directive, or undefined for any other value. */
export function directiveOf(value: unknown): string | undefined {
  if (!isPlainObject(value)) return undefined;
  const keys = Object.keys(value);
  const name = keys.find((key) => key.startsWith('@'));
  return name !== undefined && keys.every((key) => key.startsWith('@') || key === '_metadata') ? name : undefined;
}

function compileNode(node: unknown): Resolver {
  if (Array.isArray(node)) {
    const items = node.map(compileNode);
    return (event) => items.map((item) => item(event));
  }
  if (!isPlainObject(node)) return () => node;
  const directive = directiveOf(node);
  return directive === undefined ? compileObject(node) : (compileDirective(directive, node) ?? interpreted(node));
}

function compileObject(node: Record<string, unknown>): Resolver {
  const entries = Object.keys(node).map((key) => ({ key, resolve: compileNode(node[key]) }));
  return (event) => {
    const result: Record<string, unknown> = {};
    for (const { key, resolve } of entries) {
      const value = resolve(event);
      if (value !== undefined) result[key] = value;
    }
    return result;
  };
}

/** Undefined for what is left to mapping-kit. */
function compileDirective(name: string, node: Record<string, unknown>): Resolver | undefined {
  const value = node[name];
  switch (name) {
    case '@path':
      return typeof value === 'string' ? compilePath(value) : undefined;
    case '@template':
      return typeof value === 'string' ? compileTemplate(value) : undefined;
    case '@literal':
      return compileNode(value);
    case '@if':
      return isPlainObject(value) ? compileIf(value) : undefined;
    case '@case':
      return isPlainObject(value) ? compileCase(value) : undefined;
    case '@excludeWhenNull': {
      const resolve = compileNode(value);
      return (event) => withoutNulls(resolve(event));
    }
    default:
      return undefined;
  }
}

function compilePath(path: string): Resolver {
  const keys = pathKeys(path);
  return (event) => detached(follow(event, keys));
}

// Three braces are replaced in a first pass whose output the second pass reads again.
function compileTemplate(template: string): Resolver | undefined {
  if (template.includes('{{{')) return undefined;
  // `split` with a capture group: texts at even places, placeholders at odd ones.
  const parts = template.split(/\{\{([^}]+)\}\}/g);
  const texts = parts.filter((_, index) => index % 2 === 0);
  const places = parts.filter((_, index) => index % 2 === 1).map((place) => placeholderKeys(place.trim()));
  return (event) => {
    let result = texts[0] ?? '';
    for (const [index, keys] of places.entries()) {
      // As mapping-kit does: an object becomes `[object Object]`.
      // oxlint-disable-next-line typescript/no-base-to-string
      result += String(follow(event, keys) ?? '') + (texts[index + 1] ?? '');
    }
    return result;
  };
}

function compileIf(options: Record<string, unknown>): Resolver | undefined {
  const { exists, blank, then, else: otherwise } = options;
  if (!exists && !blank) return undefined;
  const subject = compileNode(exists === undefined ? blank : exists);
  const emptyIsFalse = exists === undefined;
  const onTrue = then === undefined ? () => undefined : compileNode(then);
  const onFalse = otherwise ? compileNode(otherwise) : () => undefined;
  return (event) => {
    const value = subject(event);
    let condition = value !== undefined && value !== null;
    // mapping-kit compares loosely: 0, false and [] are blank as well.
    // oxlint-disable-next-line eqeqeq
    if (condition && emptyIsFalse) condition = value != '';
    return condition ? onTrue(event) : onFalse(event);
  };
}

function compileCase({ operator, value }: Record<string, unknown>): Resolver | undefined {
  if (operator !== 'lower' && operator !== 'upper') return undefined;
  if (!value) return () => undefined;
  const resolve = compileNode(value);
  return (event) => {
    const text = resolve(event);
    if (typeof text !== 'string') return text;
    return operator === 'lower' ? text.toLowerCase() : text.toUpperCase();
  };
}

// Inside an array, `transform` resolves a node as it is, without checking it as a
// top-level field first; the compiled root was checked already.
function interpreted(node: unknown): Resolver {
  const mapping = { value: [node] } as JsonObject;
  return (event) => (mappingKit.transform(mapping, event) as { value: unknown[] }).value[0];
}

function withoutNulls(value: unknown): unknown {
  if (value === null) return undefined;
  if (!isPlainObject(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item !== null) result[key] = isPlainObject(item) ? withoutNulls(item) : item;
  }
  return result;
}

/** A deep copy without undefined members; mapping-kit cleans its results in this way. */
function detached(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(detached);
  if (!isPlainObject(value)) return value;
  // Copied in one go, then mended: most members are texts and numbers, and all are there.
  const result: Record<string, unknown> = { ...value };
  for (const key in result) {
    const item = result[key];
    if (item === undefined) delete result[key];
    else if (typeof item === 'object' && item !== null) result[key] = detached(item);
  }
  return result;
}

// Compiles a mapping (Segment's mapping-kit directives) once per sync into closures.
// Promise: the same result, or an error where there is an error, as mapping-kit's own
// `transform`; `compile.prop.test.ts` holds it to that. Only `@liquid` and what is malformed
// are handed to `transform` itself. A result shares nothing with the event or the mapping,
// because validation changes payloads in place.
import type { JsonObject } from '@sluice/core';
import { mappingKit, segmentCore, validateDirectives } from '../segment/core.ts';
import {
  compileArrayPath,
  compileFlatten,
  compileJson,
  compileMerge,
  compileReplace,
  compileTransform,
} from './compile-objects.ts';
import type { Resolver } from './compile-objects.ts';
import { follow, pathKeys, placeholderKeys } from './path.ts';
import { isPlainObject } from './plain-object.ts';

export { isPlainObject } from './plain-object.ts';

const ROOT_DIRECTIVE = '__segment_internal_directive';

/** Throws when the mapping is malformed, with the place inside it. */
export function compileMapping(fields: JsonObject): (event: unknown) => JsonObject {
  // `transform` writes defaults into the mapping it is given.
  const mapping = structuredClone(fields);
  if (ROOT_DIRECTIVE in mapping) return compileRoot(mapping);
  validateDirectives(mapping);
  return compileNode(mapping) as (event: unknown) => JsonObject;
}

/** One directive that gets all fields as its `mapping`; what is wrong with it shows with each row. */
function compileRoot(fields: JsonObject): (event: unknown) => JsonObject {
  const whole = (event: unknown): JsonObject => mappingKit.transform(structuredClone(fields), event) as JsonObject;
  const { [ROOT_DIRECTIVE]: root, ...mapping } = fields;
  if (!isPlainObject(root)) return whole;
  const [name, ...others] = Object.keys(root);
  const options = name === undefined ? undefined : root[name];
  if (name === undefined || others.length > 0 || !isPlainObject(options)) return whole;
  const node = { [name]: { ...options, mapping } };
  try {
    validateDirectives(node);
  } catch {
    return whole;
  }
  return compileNode(node) as (event: unknown) => JsonObject;
}

/** The name of a directive object's directive, or undefined for any other value. */
export function directiveOf(value: unknown): string | undefined {
  if (!isPlainObject(value)) return undefined;
  const keys = Object.keys(value);
  const name = keys.find((key) => key.startsWith('@'));
  return name !== undefined && keys.every((key) => key.startsWith('@') || key === '_metadata') ? name : undefined;
}

/** `raw` keeps members that are undefined: `@merge` lets them hide others, as mapping-kit does. */
function compileNode(node: unknown, raw = false): Resolver {
  if (Array.isArray(node)) {
    const items = node.map((item) => compileNode(item, raw));
    return (event) => items.map((item) => item(event));
  }
  if (!isPlainObject(node)) return () => node;
  const directive = directiveOf(node);
  if (directive === undefined) return compileObject(node, raw);
  const compiled = compileDirective(directive, node[directive], raw);
  if (compiled !== undefined) return compiled;
  if (raw && directive !== '@liquid') throw new NotCompiled();
  return interpreted(node);
}

/** Inside `@merge` mapping-kit's own result would come without its undefined members. */
class NotCompiled extends Error {}

function compileObject(node: Record<string, unknown>, raw: boolean): Resolver {
  const entries = Object.keys(node).map((key) => ({ key, resolve: compileNode(node[key], raw) }));
  return (event) => {
    const result: Record<string, unknown> = {};
    for (const { key, resolve } of entries) {
      const value = resolve(event);
      if (raw || value !== undefined) result[key] = value;
    }
    return result;
  };
}

/** Undefined for what is left to mapping-kit. */
function compileDirective(name: string, value: unknown, raw: boolean): Resolver | undefined {
  switch (name) {
    case '@path':
      return typeof value === 'string' ? compilePath(value) : computedPath(compileNode(value, raw));
    case '@template':
      return typeof value === 'string' ? compileTemplate(value) : computedTemplate(compileNode(value, raw));
    case '@literal':
      return compileNode(value, raw);
    case '@if':
      return isPlainObject(value) ? compileIf(value, raw) : undefined;
    case '@case':
      return isPlainObject(value) ? compileCase(value, raw) : undefined;
    case '@excludeWhenNull': {
      const resolve = compileNode(value, raw);
      return (event) => withoutNulls(resolve(event), raw);
    }
    case '@merge': {
      if (raw) return compileMerge(value, (node) => compileNode(node, true));
      try {
        const merge = compileMerge(value, (node) => compileNode(node, true));
        return merge && ((event) => detached(merge(event)));
      } catch (error) {
        if (error instanceof NotCompiled) return undefined;
        throw error;
      }
    }
    case '@flatten': {
      const flatten = compileFlatten(value, (node) => compileNode(node, raw));
      return raw ? flatten : flatten && ((event) => detached(flatten(event)));
    }
    case '@transform':
      return compileTransform(value, ROOT_DIRECTIVE, (node, isApply) => compileNode(node, raw && !isApply));
    case '@replace':
      return compileReplace(value, (node) => compileNode(node, raw));
    case '@json':
      return compileJson(value, (node) => compileNode(node, raw));
    case '@arrayPath':
      return compileArrayPath(value, (node) => compileNode(node, raw), compilePath);
    default:
      return undefined;
  }
}

function compilePath(path: string): Resolver {
  const keys = pathKeys(path);
  return (event) => detached(follow(event, keys));
}

function computedPath(text: Resolver): Resolver {
  return (event) => detached(segmentCore.get(event, textOf('@path', text(event)).replace('$.', '')));
}

function computedTemplate(text: Resolver): Resolver {
  return (event) => render(textOf('@template', text(event)), event);
}

function textOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Error(`${name}: expected string, got ${value === null ? 'null' : typeof value}`);
}

// Three braces are replaced in a first pass whose output the second pass reads again.
function compileTemplate(template: string): Resolver {
  if (template.includes('{{{')) return (event) => render(template, event);
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

function render(template: string, event: unknown): string {
  // oxlint-disable-next-line typescript/no-base-to-string
  const value = (place: string): string => String(segmentCore.get(event, place.trim()) ?? '');
  return template
    .replace(/\{\{\{([^}]+)\}\}\}/g, (_, place: string) => value(place))
    .replace(/\{\{([^}]+)\}\}/g, (_, place: string) => value(place));
}

function compileIf(options: Record<string, unknown>, raw: boolean): Resolver | undefined {
  const { exists, blank, then, else: otherwise } = options;
  if (!exists && !blank) return undefined;
  const subject = compileNode(exists === undefined ? blank : exists, raw);
  const emptyIsFalse = exists === undefined;
  const onTrue = then === undefined ? () => undefined : compileNode(then, raw);
  const onFalse = otherwise ? compileNode(otherwise, raw) : () => undefined;
  return (event) => {
    const value = subject(event);
    let condition = value !== undefined && value !== null;
    // mapping-kit compares loosely: 0, false and [] are blank as well.
    // oxlint-disable-next-line eqeqeq
    if (condition && emptyIsFalse) condition = value != '';
    return condition ? onTrue(event) : onFalse(event);
  };
}

function compileCase({ operator, value }: Record<string, unknown>, raw: boolean): Resolver | undefined {
  if (operator !== 'lower' && operator !== 'upper') return undefined;
  if (!value) return () => undefined;
  const resolve = compileNode(value, raw);
  return (event) => {
    const text = resolve(event);
    if (typeof text !== 'string') return text;
    return operator === 'lower' ? text.toLowerCase() : text.toUpperCase();
  };
}

// As the shape of a list's only item: there `transform` resolves a node as it is, without
// checking it first (the compiled root was), and the event may be of any type.
function interpreted(node: unknown): Resolver {
  const mapping = { value: [{ '@arrayPath': ['events', node] }] } as JsonObject;
  return (event) => (mappingKit.transform(mapping, { events: [event] }) as { value: unknown[][] }).value[0]?.[0];
}

function withoutNulls(value: unknown, raw: boolean): unknown {
  if (value === null) return undefined;
  if (!isPlainObject(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item !== null) result[key] = isPlainObject(item) ? withoutNulls(item, raw) : item;
    else if (raw) result[key] = undefined;
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

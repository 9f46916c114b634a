// JSON_SET and its kin: changes of a JSON value at paths. Values and paths come as lists of texts.
// Source: "JSON functions" of the GoogleSQL reference.
import { jsonPath, type JsonStep } from '../json-path.ts';
import { containsSubstr } from './text.ts';
import { normalJson, readJson, writeJson, type Parsed } from './json.ts';

/** A value that is being changed. */
type Draft = null | boolean | string | { readonly number: string } | Draft[] | Map<string, Draft>;

/** Longest array that a path with an index may make. */
const MAX_ITEMS = 1_000_000;

function draft(value: Parsed): Draft {
  if (Array.isArray(value)) return (value as readonly Parsed[]).map(draft);
  if (value instanceof Map)
    return new Map([...(value as ReadonlyMap<string, Parsed>)].map(([key, item]) => [key, draft(item)]));
  return value as Draft;
}

function stepsOf(path: string, name: string): JsonStep[] {
  let steps: JsonStep[];
  try {
    steps = jsonPath(path);
  } catch (error) {
    throw new Error(`Invalid input to ${name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (steps.some((step) => typeof step === 'number' && step < 0))
    throw new Error(`Invalid input to ${name}: JSONPath with a negative index`);
  return steps;
}

function member(value: Draft, step: JsonStep): Draft | undefined {
  if (typeof step === 'string') return value instanceof Map ? value.get(step) : undefined;
  return Array.isArray(value) ? value[step] : undefined;
}

function put(value: Draft, step: JsonStep, item: Draft): void {
  if (typeof step === 'string') (value as Map<string, Draft>).set(step, item);
  else {
    const list = value as Draft[];
    if (step >= MAX_ITEMS) throw new Error(`Exceeded maximum array size: ${MAX_ITEMS}`);
    while (list.length < step) list.push(null);
    list[step] = item;
  }
}

function fits(value: Draft, step: JsonStep): boolean {
  return typeof step === 'string' ? value instanceof Map : Array.isArray(value);
}

/** The value with `change` done at a path. `make` says whether what is missing on the way is made. */
function changed(
  value: Draft,
  path: readonly JsonStep[],
  make: boolean,
  change: (old: Draft | undefined) => Draft | undefined,
): Draft {
  const [step, ...rest] = path;
  if (step === undefined) {
    const item = change(value);
    return item === undefined ? value : item;
  }
  const container = value === null && make ? (typeof step === 'string' ? new Map<string, Draft>() : []) : value;
  if (!fits(container, step)) return value;
  const old = member(container, step);
  if (old === undefined && !make) return value;
  if (rest.length === 0) {
    const item = change(old);
    if (item === undefined) return value;
    put(container, step, item);
    return container;
  }
  put(container, step, changed(old ?? null, rest, make, change));
  return container;
}

/** `edits`: path, JSON text, path, JSON text, … A NULL among them makes the result NULL. */
export function jsonSet(json: string, edits: readonly (string | null)[], create: boolean): string | null {
  if (edits.includes(null)) return null;
  let value = draft(readJson(json));
  for (let i = 0; i < edits.length; i += 2) {
    const item = draft(normalJson(edits[i + 1]!));
    value = changed(value, stepsOf(edits[i]!, 'JSON_SET'), create, (old) =>
      old === undefined && !create ? undefined : item,
    );
  }
  return writeJson(value);
}

export function jsonRemove(json: string, paths: readonly (string | null)[]): string | null {
  const value = draft(readJson(json));
  for (const path of paths) {
    if (path === null) return null;
    const steps = stepsOf(path, 'JSON_REMOVE');
    const last = steps.pop();
    if (last === undefined) throw new Error("Invalid input to JSON_REMOVE: The JSONPath cannot be '$'");
    const parent = steps.reduce<Draft | undefined>((at, step) => (at === undefined ? at : member(at, step)), value);
    if (typeof last === 'string' && parent instanceof Map) parent.delete(last);
    else if (typeof last === 'number' && Array.isArray(parent) && last < parent.length) parent.splice(last, 1);
  }
  return writeJson(value);
}

/** `edits`: path, JSON text, `each` or `one`, …: whether the elements of an array are taken one by one. */
export function jsonArrayAppend(json: string, edits: readonly (string | null)[]): string | null {
  if (edits.includes(null)) return null;
  let value = draft(readJson(json));
  for (let i = 0; i < edits.length; i += 3) {
    const added = addition(edits[i + 1]!, edits[i + 2]!);
    value = changed(value, stepsOf(edits[i]!, 'JSON_ARRAY_APPEND'), false, (old) => {
      if (old === null) return [...added];
      return Array.isArray(old) ? [...old, ...added] : undefined;
    });
  }
  return writeJson(value);
}

export function jsonArrayInsert(json: string, edits: readonly (string | null)[]): string | null {
  if (edits.includes(null)) return null;
  let value = draft(readJson(json));
  for (let i = 0; i < edits.length; i += 3) {
    const steps = stepsOf(edits[i]!, 'JSON_ARRAY_INSERT');
    const index = steps.pop();
    if (typeof index !== 'number') continue;
    const added = addition(edits[i + 1]!, edits[i + 2]!);
    value = changed(value, steps, false, (old) => {
      const list = old === null ? [] : old;
      if (!Array.isArray(list)) return undefined;
      if (index >= MAX_ITEMS) throw new Error(`Exceeded maximum array size: ${MAX_ITEMS}`);
      const padding = Array.from({ length: Math.max(0, index - list.length) }, () => null);
      return [...list.slice(0, index), ...padding, ...added, ...list.slice(index)];
    });
  }
  return writeJson(value);
}

function addition(json: string, mode: string): Draft[] {
  const value = draft(normalJson(json));
  return mode === 'each' && Array.isArray(value) ? value : [value];
}

/** NULL and, with `removeEmpty`, empty objects and arrays go. */
export function jsonStripNulls(json: string, path: string, includeArrays: boolean, removeEmpty: boolean): string {
  const steps = stepsOf(path, 'JSON_STRIP_NULLS');
  return writeJson(
    changed(draft(readJson(json)), steps, false, (old) =>
      old === undefined ? undefined : (stripped(old, includeArrays, removeEmpty) ?? null),
    ),
  );
}

/** Undefined for what is to go. */
function stripped(value: Draft, includeArrays: boolean, removeEmpty: boolean): Draft | undefined {
  if (value === null) return undefined;
  if (value instanceof Map) {
    const result = new Map<string, Draft>();
    for (const [key, item] of value) {
      const kept = stripped(item, includeArrays, removeEmpty);
      if (kept !== undefined) result.set(key, kept);
    }
    return removeEmpty && result.size === 0 ? undefined : result;
  }
  if (Array.isArray(value)) {
    const items = value.flatMap((item): Draft[] => {
      const kept = stripped(item, includeArrays, removeEmpty);
      if (kept !== undefined) return [kept];
      if (includeArrays) return [];
      return [item === null ? null : Array.isArray(item) ? [] : new Map<string, Draft>()];
    });
    return removeEmpty && items.length === 0 ? undefined : items;
  }
  return value;
}

/** The keys of all objects down to a depth, as paths without `$.`, each once, in order. Modes: strict, lax, lax recursive. */
export function jsonKeys(json: string, depth: bigint, mode: string): string[] {
  if (depth < 1n) throw new Error('Invalid input to JSON_KEYS: max_depth must be positive.');
  const way = mode.toLowerCase();
  if (!['strict', 'lax', 'lax recursive'].includes(way))
    throw new Error(`Invalid input to JSON_KEYS: Invalid JSON mode specified: ${mode}`);
  const found = new Set<string>();
  const visit = (value: Parsed, prefix: string, level: number, inArray: boolean): void => {
    if (value instanceof Map) {
      if (BigInt(level) > depth) return;
      for (const [key, item] of value as ReadonlyMap<string, Parsed>) {
        const name = `${prefix}${prefix === '' ? '' : '.'}${/^\w+$/u.test(key) ? key : `"${key.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`}`;
        found.add(name);
        visit(item, name, level + 1, false);
      }
    } else if (Array.isArray(value) && way !== 'strict' && (!inArray || way === 'lax recursive')) {
      for (const item of value as readonly Parsed[]) visit(item, prefix, level, true);
    }
  };
  visit(readJson(json), '', 1, false);
  return [...found].toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The text with two spaces of indentation for each level; number texts and order stay. */
export function jsonPretty(json: string): string {
  const write = (value: Parsed, indent: string): string => {
    const inner = `${indent}  `;
    if (Array.isArray(value)) {
      if (value.length === 0) return '[]';
      return `[\n${(value as readonly Parsed[]).map((item) => inner + write(item, inner)).join(',\n')}\n${indent}]`;
    }
    if (value instanceof Map) {
      if (value.size === 0) return '{}';
      const lines = [...(value as ReadonlyMap<string, Parsed>)].map(
        ([key, item]) => `${inner}${writeJson(key)}: ${write(item, inner)}`,
      );
      return `{\n${lines.join(',\n')}\n${indent}}`;
    }
    return writeJson(value);
  };
  return write(readJson(json), '');
}

/** The member of an object; null when there is none. */
export function jsonMember(json: string, key: string): string | null {
  const value = readJson(json);
  const found = value instanceof Map ? (value as ReadonlyMap<string, Parsed>).get(key) : undefined;
  return found === undefined ? null : writeJson(found);
}

/** `keys` and `values` in pairs; of a repeated key the first counts. */
export function jsonObject(keys: readonly (string | null)[], values: readonly (string | null)[]): string {
  if (keys.length !== values.length)
    throw new Error('Invalid input to JSON_OBJECT: The number of keys and values must match');
  const result = new Map<string, Parsed>();
  for (const [i, key] of keys.entries()) {
    if (key === null) throw new Error('Invalid input to JSON_OBJECT: A key cannot be NULL');
    if (!result.has(key)) result.set(key, normalJson(values[i]!));
  }
  return writeJson(result);
}

/** The items of an array and of the arrays in it, or the one value that is no array. */
export function jsonFlatten(json: string): string[] {
  const flat = (value: Parsed): Parsed[] =>
    Array.isArray(value) ? (value as readonly Parsed[]).flatMap(flat) : [value];
  return flat(readJson(json)).map(writeJson);
}

/** Whether a text stands in a key or a scalar of the document. Scopes: JSON_VALUES, JSON_KEYS, JSON_KEYS_AND_VALUES. */
export function containsJson(json: string, search: string, scope: string): boolean {
  const wanted = scope.toUpperCase();
  if (!['JSON_VALUES', 'JSON_KEYS', 'JSON_KEYS_AND_VALUES'].includes(wanted))
    throw new Error(`Invalid json_scope: ${scope}`);
  const holds = (text: string): boolean => containsSubstr(text, search) === 'true';
  const found = (value: Parsed): boolean => {
    if (Array.isArray(value)) return (value as readonly Parsed[]).some(found);
    if (value instanceof Map)
      return [...(value as ReadonlyMap<string, Parsed>)].some(
        ([key, item]) => (wanted !== 'JSON_VALUES' && holds(key)) || found(item),
      );
    if (wanted === 'JSON_KEYS' || value === null) return false;
    return holds(typeof value === 'object' ? (value as { number: string }).number : String(value));
  };
  return found(readJson(json));
}

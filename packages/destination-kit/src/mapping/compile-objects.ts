// The directives of mapping-kit that work on whole values, compiled: `@merge`, `@flatten`,
// `@transform`, `@replace`, `@json`, `@arrayPath`. Each gives undefined for options that
// mapping-kit judges when it runs; those are left to it. `compile` compiles what stands inside.
import { validateDirectives } from '../segment/core.ts';
import { isPlainObject } from './plain-object.ts';

export type Resolver = (event: unknown) => unknown;

type Compile = (node: unknown) => Resolver;

/** mapping-kit's limit for patterns and replacements, in characters. */
const MAX_PATTERN = 10;

export function compileMerge(options: unknown, compile: Compile): Resolver | undefined {
  if (!isPlainObject(options)) return undefined;
  const { direction, objects } = options;
  if (typeof direction !== 'string' || direction === '' || !Array.isArray(objects)) return undefined;
  const parts = objects.map(compile);
  const leftWins = direction === 'left';
  return (event) => {
    const values = parts.map((part) => part(event));
    if (leftWins) values.reverse();
    return Object.assign({}, ...values) as unknown;
  };
}

export function compileFlatten(options: unknown, compile: Compile): Resolver | undefined {
  if (!isPlainObject(options)) return undefined;
  const { separator, value, omitArrays } = options;
  if (typeof separator !== 'string' || separator === '') return undefined;
  const resolve = compile(value);
  const keepArrays = Boolean(omitArrays);
  return (event) => {
    const result: Record<string, unknown> = {};
    flatten(resolve(event), '', separator, keepArrays, result);
    return result;
  };
}

function flatten(
  value: unknown,
  prefix: string,
  separator: string,
  keepArrays: boolean,
  into: Record<string, unknown>,
): void {
  if (isPlainObject(value) || (!keepArrays && Array.isArray(value))) {
    for (const [key, item] of Object.entries(value)) {
      flatten(item, prefix === '' ? key : `${prefix}${separator}${key}`, separator, keepArrays, into);
    }
  } else into[prefix] = value;
}

/** `apply` makes a payload of its own, which `mapping` reads. */
export function compileTransform(
  options: unknown,
  rootDirective: string,
  compile: (node: unknown, isApply: boolean) => Resolver,
): Resolver | undefined {
  if (!isPlainObject(options)) return undefined;
  const { apply, mapping } = options;
  if (!mapping || !isPlainObject(apply) || rootDirective in apply) return undefined;
  try {
    validateDirectives(apply);
  } catch {
    return undefined;
  }
  const first = compile(apply, true);
  const second = compile(mapping, false);
  return (event) => {
    // mapping-kit takes an empty object for what is absent.
    const data = event === undefined ? {} : event;
    if (!isPlainObject(data)) throw new Error('data must be an object');
    return second(first(data));
  };
}

export function compileReplace(options: unknown, compile: Compile): Resolver | undefined {
  if (!isPlainObject(options)) return undefined;
  const { pattern, value } = options;
  const { replacement, ignorecase, global, replacement2 } = withDefaults(options);
  const pattern2 = options['pattern2'];
  const texts = [pattern, replacement, ...(pattern2 ? [pattern2, replacement2] : [])];
  if (pattern === '' || typeof ignorecase !== 'boolean' || typeof global !== 'boolean') return undefined;
  if (texts.some((text) => typeof text !== 'string' || text.length > MAX_PATTERN)) return undefined;
  if (!value) return () => undefined;
  const flags = `${global ? 'g' : ''}${ignorecase ? 'i' : ''}`;
  const first = regExpOf(pattern as string, flags);
  const second = pattern2 ? regExpOf(pattern2 as string, flags) : undefined;
  const resolve = compile(value);
  return (event) => {
    const found = resolve(event);
    const text = typeof found === 'boolean' || typeof found === 'number' ? String(found) : found;
    if (typeof text !== 'string') return '';
    const once = text.replace(first, replacement as string);
    return second === undefined ? once : once.replace(second, replacement2 as string);
  };
}

function withDefaults(options: Record<string, unknown>) {
  const { replacement, replacement2, ignorecase, global } = options;
  return {
    replacement: replacement ?? '',
    replacement2: replacement2 ?? '',
    ignorecase: ignorecase ?? false,
    global: global ?? true,
  };
}

/** The pattern is literal text. */
function regExpOf(pattern: string, flags: string): RegExp {
  return new RegExp(pattern.replaceAll(/[-[\]{}()*+?.,\\^$|#\s]/g, '\\$&'), flags);
}

export function compileJson(options: unknown, compile: Compile): Resolver | undefined {
  if (!isPlainObject(options)) return undefined;
  const { mode, value } = options;
  if (!value || (mode !== 'encode' && mode !== 'decode')) return undefined;
  const resolve = compile(value);
  if (mode === 'encode') return (event) => JSON.stringify(resolve(event));
  return (event) => {
    const text = resolve(event);
    if (typeof text !== 'string') return text;
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text;
    }
  };
}

/** Each item of a list, or a single object, through a shape of its own. */
export function compileArrayPath(
  options: unknown,
  compile: Compile,
  compilePath: (path: string) => Resolver,
): Resolver | undefined {
  if (!Array.isArray(options)) return undefined;
  const [path, shape] = options as unknown[];
  const resolve = typeof path === 'string' ? compilePath(path) : compile(path);
  if (!isPlainObject(shape) || Object.keys(shape).length === 0) return resolve;
  const item = compile(shape);
  return (event) => {
    const root = resolve(event);
    if (Array.isArray(root)) return root.map((each) => item(each));
    return isPlainObject(root) ? [item(root)] : root;
  };
}

// PARSE_JSON and the normal form of JSON values: keys in order, no white space, numbers as GoogleSQL keeps them.

import { unexpected } from './json-error.ts';

const MAX_DEPTH = 500;

// eslint-disable-next-line no-control-regex -- JSON forbids control characters in strings.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

/** A JSON value whose numbers keep their digits. */
export type Parsed =
  | null
  | boolean
  | string
  | { readonly number: string }
  | readonly Parsed[]
  | ReadonlyMap<string, Parsed>;

/** A JSON value of the warehouse, which is valid and in its normal form. */
export function readJson(text: string): Parsed {
  return new Reader(text, (source) => source).document();
}

/** A JSON text that is not in its normal form yet; numbers become what GoogleSQL keeps of them. */
export function normalJson(text: string): Parsed {
  return new Reader(text, (source) => numberText(source, false)).document();
}

/** The normal form: keys in order, no white space. */
export function writeJson(value: Parsed): string {
  return write(value, true);
}

/** The compact text of a JSON document; the first of repeated keys wins. `mode` exact refuses numbers that would be rounded. */
export function parseJson(text: string, mode: string): string {
  return write(new Reader(text, (source) => numberText(source, mode === 'exact')).document(), true);
}

/** The part of a document at a path (`$."a"[0]`), its numbers and key order as written; null when there is nothing or no JSON. */
export function jsonQuery(text: string, path: string): string | null {
  const found = at(asWritten(text), path);
  return found === undefined ? null : write(found, false);
}

/** The text of the number at a path, as written. */
export function jsonNumber(text: string, path: string): string | null {
  const found = at(asWritten(text), path);
  return typeof found === 'object' && found !== null && 'number' in found ? found.number : null;
}

/**
 * The part at a path of a text that is no JSON as a whole, read as far as to that part's end: GoogleSQL's functions
 * over STRING read no further, and take single quotes and control characters in strings.
 */
export function jsonFind(text: string, path: string): string | null {
  try {
    const found = new Reader(text, (source) => source, true).find(steps(path));
    return found === undefined ? null : write(found, false);
  } catch {
    return null;
  }
}

function asWritten(text: string): Parsed | undefined {
  try {
    return new Reader(text, (source) => source).document();
  } catch {
    return undefined;
  }
}

/** `$."a"[0]` as `['a', 0]`. */
function steps(path: string): (string | number)[] {
  return [...path.matchAll(/\."([^"]*)"|\[(\d+)\]/g)].map(([, key, index]) => key ?? Number(index));
}

function at(document: Parsed | undefined, path: string): Parsed | undefined {
  let value: Parsed | undefined = document;
  for (const step of steps(path)) {
    if (typeof step === 'string')
      value = value instanceof Map ? (value as ReadonlyMap<string, Parsed>).get(step) : undefined;
    else value = Array.isArray(value) ? (value as readonly Parsed[])[step] : undefined;
  }
  return value;
}

/** Like JSON.parse, but numbers keep their digits and nesting is bounded. */
class Reader {
  readonly #text: string;
  readonly #number: (source: string) => string;
  readonly #lenient: boolean;
  #at = 0;
  /** Where the last string, number or word began. */
  #lastStart = 0;

  constructor(text: string, number: (source: string) => string, lenient = false) {
    this.#text = text;
    this.#number = number;
    this.#lenient = lenient;
  }

  /** The value at a path; what comes after it is not looked at. Undefined where there is none. */
  find(path: readonly (string | number)[]): Parsed | undefined {
    const [step, ...rest] = path;
    if (step === undefined) return this.#value(0);
    this.#space();
    if (this.#match(typeof step === 'string' ? /\{/y : /\[/y) === undefined) return undefined;
    for (let position = 0; ; position++) {
      this.#space();
      if (this.#match(/[}\]]/y) !== undefined) return undefined;
      let key: string | number = position;
      if (typeof step === 'string') {
        key = this.#string();
        this.#space();
        if (this.#match(/:/y) === undefined) this.#fail();
      }
      if (key === step) return this.find(rest);
      this.#value(1);
      this.#space();
      if (this.#match(/,/y) === undefined) return undefined;
    }
  }

  document(): Parsed {
    const value = this.#value(0);
    this.#space();
    if (this.#at !== this.#text.length) this.#fail('value', 'end of input');
    return value;
  }

  /** What stands here in place of what is expected, in the words of the parser of GoogleSQL's JSON functions. */
  #fail(context = 'value', expected = "'[', '{', or a literal"): never {
    this.#space();
    const { found, isToken } = unexpected(this.#text, this.#at, this.#lastStart);
    // The parser names no expectation for what is no token where a value should stand.
    const wanted = isToken || context !== 'value' || expected === 'end of input' ? `; expected ${expected}` : '';
    throw new Error(`Invalid input to PARSE_JSON: syntax error while parsing ${context} - ${found}${wanted}`);
  }

  #space(): void {
    while (this.#at < this.#text.length && ' \t\n\r'.includes(this.#text[this.#at]!)) this.#at++;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    if (match !== undefined) this.#at += match.length;
    return match;
  }

  #value(depth: number): Parsed {
    if (depth > MAX_DEPTH) throw new Error(`Invalid input to PARSE_JSON: max nesting of ${MAX_DEPTH} exceeded`);
    this.#space();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case "'":
        return this.#lenient ? this.#string() : this.#fail();
      default: {
        const start = this.#at;
        const word = this.#match(/true|false|null/y);
        if (word !== undefined) this.#lastStart = start;
        if (word !== undefined) return word === 'null' ? null : word === 'true';
        const number = this.#match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![.eE])/y) ?? this.#fail();
        this.#lastStart = start;
        return { number: this.#number(number) };
      }
    }
  }

  #string(context?: string): string {
    if (this.#lenient) return this.#lenientString();
    const start = this.#at;
    const raw = this.#match(STRING) ?? this.#fail(context, 'string literal');
    this.#lastStart = start;
    return JSON.parse(raw) as string;
  }

  #lenientString(): string {
    const raw =
      this.#match(
        /"(?:[^"\\]|\\(?:["'\\/bfnrt]|u[0-9a-fA-F]{4}))*"|'(?:[^'\\]|\\(?:["'\\/bfnrt]|u[0-9a-fA-F]{4}))*'/y,
      ) ?? this.#fail();
    const body = raw.slice(1, -1).replaceAll(/\\[\s\S]|"|\p{Cc}/gu, (found) => {
      if (found === "\\'") return "'";
      return found.startsWith('\\') ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
    return JSON.parse(`"${body}"`) as string;
  }

  #object(depth: number): Parsed {
    this.#at++;
    const entries = new Map<string, Parsed>();
    this.#space();
    if (this.#match(/\}/y) !== undefined) return entries;
    for (;;) {
      this.#space();
      const key = this.#string('object key');
      this.#space();
      if (this.#match(/:/y) === undefined) this.#fail('object separator', "':'");
      const value = this.#value(depth + 1);
      if (!entries.has(key)) entries.set(key, value);
      this.#space();
      if (this.#match(/\}/y) !== undefined) return entries;
      if (this.#match(/,/y) === undefined) this.#fail('object', "'}'");
    }
  }

  #array(depth: number): Parsed {
    this.#at++;
    const items: Parsed[] = [];
    this.#space();
    if (this.#match(/\]/y) !== undefined) return items;
    for (;;) {
      items.push(this.#value(depth + 1));
      this.#space();
      if (this.#match(/\]/y) !== undefined) return items;
      if (this.#match(/,/y) === undefined) this.#fail('array', "']'");
    }
  }
}

/** Integers of 64 bits stay; others become doubles, which exact mode allows only without loss. */
function numberText(source: string, exact: boolean): string {
  if (/^-?\d+$/.test(source)) {
    const n = BigInt(source);
    if (n >= -(2n ** 63n) && n < 2n ** 64n) return n.toString();
  }
  const value = Number(source);
  if (!Number.isFinite(value)) throw new Error(`Invalid input to PARSE_JSON: number overflow parsing '${source}'`);
  if (exact && significant(source) > 17 && !sameDecimal(source, value)) {
    throw new Error(
      `Invalid input to PARSE_JSON: Input number: ${source} cannot round-trip through string representation`,
    );
  }
  return doubleText(value);
}

function significant(source: string): number {
  return source
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '')
    .replace(/0+$/, '').length;
}

function sameDecimal(source: string, value: number): boolean {
  const digits = (text: string): string =>
    text
      .replace(/[eE].*$/, '')
      .replace(/[-.]/g, '')
      .replace(/^0+/, '')
      .replace(/0+$/, '');
  return digits(source) === digits(value.toExponential(Math.min(100, significant(source) - 1)));
}

/** The shortest text of a double, always with a point or an exponent: `1.0`, `1.5`, `1e+20`. */
function doubleText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const magnitude = Math.abs(value);
  if (magnitude >= 1e15 || magnitude < 1e-4) return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  const text = String(value);
  return text.includes('.') ? text : `${text}.0`;
}

function write(value: Parsed, sorted: boolean): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly Parsed[]).map((item) => write(item, sorted)).join(',')}]`;
  if (value instanceof Map) {
    const entries = [...(value as ReadonlyMap<string, Parsed>)];
    if (sorted) entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${write(item, sorted)}`).join(',')}}`;
  }
  return (value as { readonly number: string }).number;
}

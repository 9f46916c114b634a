// RE2's syntax → a tree, for the calls that DuckDB's RE2 cannot make: patterns over BYTES, positions, and groups that
// may take no part in a match. Errors are RE2's, as GoogleSQL shows them.
// Source: "Syntax" of the RE2 wiki (github.com/google/re2/wiki/Syntax).

export type Assertion = 'begin_text' | 'end_text' | 'begin_line' | 'end_line' | 'word' | 'no_word';

export type Node =
  | { readonly kind: 'empty' }
  /** One code point (or byte), by the source of a JavaScript character class without its brackets. */
  | { readonly kind: 'one'; readonly members: string; readonly negated: boolean; readonly ignoreCase: boolean }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  | { readonly kind: 'group'; readonly index: number; readonly body: Node }
  | { readonly kind: 'sequence' | 'alternatives'; readonly items: readonly Node[] }
  | {
      readonly kind: 'repeat';
      readonly body: Node;
      readonly low: number;
      readonly high: number;
      readonly lazy: boolean;
    };

type Flags = { ignoreCase: boolean; multiLine: boolean; dotAll: boolean; ungreedy: boolean };

/** RE2's own limit of a counted repetition. */
const MAX_REPEAT = 1000;
const MAX_DEPTH = 500;

const PERL: Readonly<Record<string, string>> = { d: '0-9', s: '\\t\\n\\f\\r ', w: '0-9A-Za-z_' };
const POSIX: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\u{0}-\\u{7f}',
  blank: '\\t ',
  cntrl: '\\u{0}-\\u{1f}\\u{7f}',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};
const CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };

function fail(reason: string): never {
  throw new Error(`Cannot parse regular expression: ${reason}`);
}

function member(code: number): string {
  return `\\u{${code.toString(16)}}`;
}

/** All code points but those of a class, as a class: JavaScript has no negated class inside a class. */
function complement(members: string): string {
  const codes = [
    ...members.matchAll(/(?:\\u\{([0-9a-f]+)\}|\\([tnfrv])|\\?(.))(?:-(?:\\u\{([0-9a-f]+)\}|\\?(.)))?/gu),
  ].map(([, hex, control, char, highHex, high]): [number, number] => {
    const low =
      hex === undefined
        ? control === undefined
          ? char!.codePointAt(0)!
          : CONTROLS[control]!
        : Number.parseInt(hex, 16);
    return [low, highHex === undefined ? (high?.codePointAt(0) ?? low) : Number.parseInt(highHex, 16)];
  });
  codes.sort(([a], [b]) => a - b);
  let result = '';
  let next = 0;
  for (const [low, high] of codes) {
    if (low > next) result += `${member(next)}-${member(low - 1)}`;
    next = Math.max(next, high + 1);
  }
  return next <= 0x10ffff ? `${result}${member(next)}-${member(0x10ffff)}` : result;
}

export class PatternParser {
  readonly #pattern: readonly string[];
  #at = 0;
  #depth = 0;
  #flags: Flags = { ignoreCase: false, multiLine: false, dotAll: false, ungreedy: false };
  /** Capturing groups so far. */
  groups = 0;

  constructor(pattern: string) {
    this.#pattern = Array.from(pattern);
  }

  parse(): Node {
    const node = this.#alternatives();
    if (this.#at < this.#pattern.length) fail(`unexpected ): ${this.#pattern.join('')}`);
    return node;
  }

  #peek(): string | undefined {
    return this.#pattern[this.#at];
  }

  #rest(from = this.#at): string {
    return this.#pattern.slice(from).join('');
  }

  #take(text: string): boolean {
    for (const [i, c] of Array.from(text).entries()) if (this.#pattern[this.#at + i] !== c) return false;
    this.#at += Array.from(text).length;
    return true;
  }

  #alternatives(): Node {
    if (++this.#depth > MAX_DEPTH) fail('expression nests too deeply');
    const saved = { ...this.#flags };
    const items = [this.#sequence()];
    while (this.#take('|')) items.push(this.#sequence());
    this.#flags = saved;
    this.#depth--;
    return items.length === 1 ? items[0]! : { kind: 'alternatives', items };
  }

  #sequence(): Node {
    const items: Node[] = [];
    while (this.#at < this.#pattern.length && this.#peek() !== '|' && this.#peek() !== ')') {
      const start = this.#at;
      const c = this.#peek()!;
      if (c === '*' || c === '+' || c === '?') fail(`no argument for repetition operator: ${c}`);
      const atom = this.#atom();
      if (atom !== undefined) items.push(this.#repeated(atom, start));
    }
    if (items.length === 1) return items[0]!;
    return items.length === 0 ? { kind: 'empty' } : { kind: 'sequence', items };
  }

  #repeated(atom: Node, start: number): Node {
    let node = atom;
    let previous: number | undefined;
    for (;;) {
      const from = this.#at;
      const bounds = this.#quantifier();
      if (bounds === undefined) return node;
      const lazy = this.#take('?') !== this.#flags.ungreedy;
      if (previous !== undefined) fail(`bad repetition operator: ${this.#pattern.slice(previous, this.#at).join('')}`);
      previous = from;
      if (start === from) fail(`no argument for repetition operator: ${this.#pattern[from]}`);
      node = { kind: 'repeat', body: node, low: bounds[0], high: bounds[1], lazy };
    }
  }

  #quantifier(): [number, number] | undefined {
    if (this.#take('*')) return [0, Infinity];
    if (this.#take('+')) return [1, Infinity];
    if (this.#take('?')) return [0, 1];
    const match = /^\{(\d+)(,(\d*))?\}/.exec(this.#peek() === '{' ? this.#rest().slice(0, 40) : '');
    if (match === null) return undefined;
    this.#at += match[0].length;
    const low = Number(match[1]);
    const high = match[2] === undefined ? low : match[3] === '' ? Infinity : Number(match[3]);
    if (low > MAX_REPEAT || (high > MAX_REPEAT && high !== Infinity) || low > high)
      fail(`invalid repetition size: ${match[0]}`);
    return [low, high];
  }

  /** Undefined for what only sets flags. */
  #atom(): Node | undefined {
    const c = this.#peek()!;
    switch (c) {
      case '(':
        return this.#group();
      case '[':
        return this.#characterClass();
      case '.':
        this.#at++;
        return this.#one(this.#flags.dotAll ? '' : '\\n', true, false);
      case '^':
        this.#at++;
        return { kind: 'assertion', assertion: this.#flags.multiLine ? 'begin_line' : 'begin_text' };
      case '$':
        this.#at++;
        return { kind: 'assertion', assertion: this.#flags.multiLine ? 'end_line' : 'end_text' };
      case '\\':
        return this.#escape();
      default:
        this.#at++;
        return this.#one(member(c.codePointAt(0)!), false);
    }
  }

  #one(members: string, negated: boolean, ignoreCase = this.#flags.ignoreCase): Node {
    return { kind: 'one', members, negated, ignoreCase };
  }

  #group(): Node | undefined {
    const start = this.#at;
    this.#at++;
    if (!this.#take('?')) return this.#captured();
    const name = /^P?<([^>]*)>/.exec(this.#rest().slice(0, 200));
    if (name !== null) {
      if (!/^\w+$/.test(name[1]!)) fail(`invalid named capture group: (?${name[0]}`);
      this.#at += Array.from(name[0]).length;
      return this.#captured();
    }
    return this.#flagged(start);
  }

  #captured(): Node {
    const index = ++this.groups;
    const body = this.#alternatives();
    if (!this.#take(')')) fail(`missing ): ${this.#rest(0)}`);
    return { kind: 'group', index, body };
  }

  #flagged(start: number): Node | undefined {
    const flags = { ...this.#flags };
    let value = true;
    for (;;) {
      const c = this.#pattern[this.#at++];
      switch (c) {
        case 'i':
          flags.ignoreCase = value;
          break;
        case 'm':
          flags.multiLine = value;
          break;
        case 's':
          flags.dotAll = value;
          break;
        case 'U':
          flags.ungreedy = value;
          break;
        case '-':
          if (!value) fail(`invalid perl operator: ${this.#pattern.slice(start, this.#at).join('')}`);
          value = false;
          break;
        case ')':
          this.#flags = flags;
          return undefined;
        case ':': {
          const saved = this.#flags;
          this.#flags = flags;
          const body = this.#alternatives();
          this.#flags = saved;
          if (!this.#take(')')) fail(`missing ): ${this.#rest(0)}`);
          return body;
        }
        default:
          if (c === undefined) fail(`missing ): ${this.#rest(0)}`);
          fail(`invalid perl operator: ${this.#pattern.slice(start, this.#at).join('')}`);
      }
    }
  }

  #escape(): Node {
    const next = this.#pattern[this.#at + 1];
    const assertion = ({ A: 'begin_text', z: 'end_text', b: 'word', B: 'no_word' } as const)[next ?? ''];
    if (assertion !== undefined) {
      this.#at += 2;
      return { kind: 'assertion', assertion };
    }
    if (next === 'Q') {
      this.#at += 2;
      const items: Node[] = [];
      while (this.#at < this.#pattern.length && !this.#take('\\E'))
        items.push(this.#one(member(this.#pattern[this.#at++]!.codePointAt(0)!), false));
      return { kind: 'sequence', items };
    }
    if (next === 'C') {
      this.#at += 2;
      return this.#one('', true, false);
    }
    const group = this.#classEscape();
    if (group !== undefined) return this.#one(group.members, group.negated);
    return this.#one(member(this.#literalEscape()), false);
  }

  /** `\d`, `\pL`, `\p{Greek}` and their complements. */
  #classEscape(): { members: string; negated: boolean } | undefined {
    const c = this.#pattern[this.#at + 1] ?? '';
    const perl = PERL[c.toLowerCase()];
    if (perl !== undefined) {
      this.#at += 2;
      return { members: perl, negated: c !== c.toLowerCase() };
    }
    if (c !== 'p' && c !== 'P') return undefined;
    const match = /^\\[pP](?:\{(\^?)([^}]*)\}|(.))/su.exec(this.#rest().slice(0, 60));
    if (match === null) return fail(`invalid character class range: ${this.#rest().slice(0, 60)}`);
    const name = match[2] ?? match[3]!;
    this.#at += Array.from(match[0]).length;
    const negated = (c === 'P') !== (match[1] === '^');
    if (name === 'Any') return { members: '\\u{0}-\\u{10ffff}', negated };
    for (const property of /^[A-Z][a-z]?$/.test(name) ? [name, `Script=${name}`] : [`Script=${name}`]) {
      try {
        void new RegExp(`\\p{${property}}`, 'u');
        return { members: `\\p{${property}}`, negated };
      } catch {
        // Not this kind of property.
      }
    }
    return fail(`invalid character class range: ${match[0]}`);
  }

  #literalEscape(): number {
    const start = this.#at;
    this.#at++;
    const c = this.#pattern[this.#at++];
    if (c === undefined) return fail('trailing \\');
    if (CONTROLS[c] !== undefined) return CONTROLS[c];
    const rest = this.#rest().slice(0, 12);
    if (c === 'x') {
      const match = /^(?:\{([0-9a-fA-F]{1,8})\}|([0-9a-fA-F]{2}))/.exec(rest);
      const code = match === null ? Infinity : Number.parseInt(match[1] ?? match[2]!, 16);
      if (match === null || code > 0x10ffff)
        return fail(`invalid escape sequence: ${this.#pattern.slice(start, this.#at + 1).join('')}`);
      this.#at += match[0].length;
      return code;
    }
    const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(c + rest);
    if (octal !== null) {
      this.#at += octal[0].length - 1;
      return Number.parseInt(octal[0], 8);
    }
    if (/^[A-Za-z0-9]$/.test(c)) fail(`invalid escape sequence: \\${c}`);
    return c.codePointAt(0)!;
  }

  #characterClass(): Node {
    const start = this.#at;
    this.#at++;
    const negated = this.#take('^');
    let members = '';
    for (let first = true; ; first = false) {
      if (this.#at >= this.#pattern.length) fail(`missing ]: ${this.#rest(start)}`);
      if (!first && this.#take(']')) break;
      const posix = /^\[:(\^?)(\w+):\]/.exec(this.#rest().slice(0, 20));
      if (posix !== null) {
        const set = POSIX[posix[2]!] ?? fail(`invalid character class range: ${posix[0]}`);
        members += posix[1] === '^' ? complement(set) : set;
        this.#at += posix[0].length;
        continue;
      }
      if (this.#peek() === '\\') {
        const group = this.#classEscape();
        if (group !== undefined) {
          members += !group.negated
            ? group.members
            : group.members.startsWith('\\p')
              ? group.members.replace('\\p', '\\P')
              : complement(group.members);
          continue;
        }
      }
      members += this.#range();
    }
    return this.#one(members, negated);
  }

  #range(): string {
    const start = this.#at;
    const low = this.#classCharacter();
    if (this.#peek() !== '-' || [']', undefined].includes(this.#pattern[this.#at + 1])) return member(low);
    this.#at++;
    const high = this.#classCharacter();
    if (high < low) fail(`invalid character class range: ${this.#pattern.slice(start, this.#at).join('')}`);
    return `${member(low)}-${member(high)}`;
  }

  #classCharacter(): number {
    if (this.#peek() === '\\') return this.#literalEscape();
    return this.#pattern[this.#at++]?.codePointAt(0) ?? fail('missing ]: [');
  }
}

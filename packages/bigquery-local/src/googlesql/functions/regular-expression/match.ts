// A regular expression as a program, run in time linear in the text (no backtracking): leftmost-first matches with
// their groups, as RE2 finds them. Works on code points or on bytes.
// Source: Russ Cox, "Regular Expression Matching: the Virtual Machine Approach" (swtch.com/~rsc/regexp/regexp2.html).
import { PatternParser, type Assertion, type Node } from './parse.ts';

type Instruction =
  | { readonly op: 'one'; readonly test: (code: number) => boolean }
  /** Goes on at `first`, and with less priority at `second`. */
  | { readonly op: 'split'; readonly first: number; readonly second: number }
  | { readonly op: 'jump'; readonly to: number }
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'assertion'; readonly assertion: Assertion }
  | { readonly op: 'match' };

/** Positions of the match and its groups: start and end of each, -1 for a group that took no part. */
export type Match = readonly number[];

const MAX_INSTRUCTIONS = 50_000;
const MAX_KEPT = 100;

export class RegularExpression {
  /** Capturing groups. */
  readonly groups: number;
  readonly #program: readonly Instruction[];

  private constructor(pattern: string, bytes: boolean) {
    const parser = new PatternParser(pattern);
    const tree = parser.parse();
    this.groups = parser.groups;
    const compiler = new Compiler(bytes);
    compiler.emit(tree);
    compiler.program.push({ op: 'match' });
    this.#program = compiler.program;
  }

  static readonly #kept = new Map<string, RegularExpression>();

  /** For BYTES, `pattern` has one character for each byte. Throws with GoogleSQL's text for a pattern that is none. */
  static of(pattern: string, bytes = false): RegularExpression {
    const key = `${bytes ? 'b' : 't'}${pattern}`;
    const known = RegularExpression.#kept.get(key);
    if (known !== undefined) return known;
    const made = new RegularExpression(pattern, bytes);
    if (RegularExpression.#kept.size >= MAX_KEPT) RegularExpression.#kept.clear();
    RegularExpression.#kept.set(key, made);
    return made;
  }

  /** The leftmost match that starts at `from` or later; what lies before still counts for `^` and `\b`. */
  find(text: ArrayLike<number>, from: number): Match | undefined {
    let current: Threads = new Threads(this.#program, text);
    let next: Threads = new Threads(this.#program, text);
    let found: number[] | undefined;
    for (let at = from; at <= text.length; at++) {
      if (found === undefined)
        current.add(
          0,
          at,
          Array.from({ length: 2 * this.groups + 2 }, () => -1),
        );
      if (current.list.length === 0 && found !== undefined) break;
      const code = at < text.length ? text[at]! : -1;
      for (const thread of current.list) {
        const instruction = this.#program[thread.at]!;
        if (instruction.op === 'match') {
          found = thread.slots.with(1, at);
          break;
        }
        if (instruction.op === 'one' && code >= 0 && instruction.test(code))
          next.add(thread.at + 1, at + 1, thread.slots);
      }
      [current, next] = [next, current];
      next.clear();
    }
    return found;
  }
}

type Thread = { readonly at: number; readonly slots: number[] };

class Threads {
  list: Thread[] = [];
  readonly #program: readonly Instruction[];
  readonly #text: ArrayLike<number>;
  readonly #seen: Uint8Array;
  #touched: number[] = [];

  constructor(program: readonly Instruction[], text: ArrayLike<number>) {
    this.#program = program;
    this.#text = text;
    this.#seen = new Uint8Array(program.length);
  }

  clear(): void {
    this.list = [];
    for (const at of this.#touched) this.#seen[at] = 0;
    this.#touched = [];
  }

  /** Follows all instructions that read nothing; a stack of its own, so that long programs do not exhaust JavaScript's. */
  add(start: number, position: number, slots: number[]): void {
    const stack: Thread[] = [{ at: start, slots: start === 0 ? slots.with(0, position) : slots }];
    while (stack.length > 0) {
      const thread = stack.pop()!;
      if (this.#seen[thread.at] === 1) continue;
      this.#seen[thread.at] = 1;
      this.#touched.push(thread.at);
      const instruction = this.#program[thread.at]!;
      switch (instruction.op) {
        case 'jump':
          stack.push({ at: instruction.to, slots: thread.slots });
          break;
        case 'split':
          stack.push({ at: instruction.second, slots: thread.slots }, { at: instruction.first, slots: thread.slots });
          break;
        case 'save':
          stack.push({ at: thread.at + 1, slots: thread.slots.with(instruction.slot, position) });
          break;
        case 'assertion':
          if (holds(instruction.assertion, this.#text, position))
            stack.push({ at: thread.at + 1, slots: thread.slots });
          break;
        default:
          this.list.push(thread);
      }
    }
  }
}

function isWord(code: number | undefined): boolean {
  if (code === undefined) return false;
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);
}

function holds(assertion: Assertion, text: ArrayLike<number>, at: number): boolean {
  switch (assertion) {
    case 'begin_text':
      return at === 0;
    case 'end_text':
      return at === text.length;
    case 'begin_line':
      return at === 0 || text[at - 1] === 10;
    case 'end_line':
      return at === text.length || text[at] === 10;
    case 'word':
    case 'no_word': {
      const before = at > 0 && isWord(text[at - 1]);
      const after = at < text.length && isWord(text[at]);
      return (before !== after) === (assertion === 'word');
    }
  }
}

class Compiler {
  readonly program: Instruction[] = [];
  readonly #bytes: boolean;

  constructor(bytes: boolean) {
    this.#bytes = bytes;
  }

  emit(node: Node): void {
    if (this.program.length > MAX_INSTRUCTIONS)
      throw new Error('Cannot parse regular expression: pattern too large - compile failed');
    switch (node.kind) {
      case 'empty':
        break;
      case 'one':
        this.program.push({ op: 'one', test: tester(node, this.#bytes) });
        break;
      case 'assertion':
        this.program.push({ op: 'assertion', assertion: node.assertion });
        break;
      case 'group':
        this.program.push({ op: 'save', slot: 2 * node.index });
        this.emit(node.body);
        this.program.push({ op: 'save', slot: 2 * node.index + 1 });
        break;
      case 'sequence':
        for (const item of node.items) this.emit(item);
        break;
      case 'alternatives':
        this.#alternatives(node.items);
        break;
      case 'repeat':
        this.#repeat(node);
    }
  }

  #hole(): number {
    return this.program.push({ op: 'match' }) - 1;
  }

  #split(at: number, lazy: boolean, body: number, past: number): void {
    this.program[at] = { op: 'split', first: lazy ? past : body, second: lazy ? body : past };
  }

  #alternatives(items: readonly Node[]): void {
    const jumps: number[] = [];
    for (const [i, item] of items.entries()) {
      const split = i < items.length - 1 ? this.#hole() : undefined;
      this.emit(item);
      if (split === undefined) break;
      jumps.push(this.#hole());
      this.#split(split, false, split + 1, this.program.length);
    }
    for (const jump of jumps) this.program[jump] = { op: 'jump', to: this.program.length };
  }

  #repeat({ body, low, high, lazy }: Extract<Node, { kind: 'repeat' }>): void {
    for (let i = 0; i < low; i++) this.emit(body);
    if (high === Infinity) {
      const split = this.#hole();
      this.emit(body);
      this.program.push({ op: 'jump', to: split });
      this.#split(split, lazy, split + 1, this.program.length);
      return;
    }
    const splits: number[] = [];
    for (let i = low; i < high; i++) {
      splits.push(this.#hole());
      this.emit(body);
    }
    for (const split of splits) this.#split(split, lazy, split + 1, this.program.length);
  }
}

/** Membership of a class, remembered for the first 256 codes. */
function tester(node: Extract<Node, { kind: 'one' }>, bytes: boolean): (code: number) => boolean {
  const { members, negated, ignoreCase } = node;
  if (members === '') return () => negated;
  const pattern = new RegExp(`[${negated ? '^' : ''}${members}]`, `u${ignoreCase ? 'i' : ''}`);
  const known = new Int8Array(256).fill(-1);
  // Case has a meaning for ASCII bytes only.
  const test = (code: number): boolean =>
    bytes && code > 127 && ignoreCase
      ? new RegExp(pattern.source, 'u').test(String.fromCodePoint(code))
      : pattern.test(String.fromCodePoint(code));
  return (code) => {
    if (code >= 256) return test(code);
    if (known[code] === -1) known[code] = test(code) ? 1 : 0;
    return known[code] === 1;
  };
}

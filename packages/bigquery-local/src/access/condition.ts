// IAM conditions: which expressions the local BigQuery enforces, and when they hold. They
// are about the time of the request alone ("Configure temporary access" of the IAM
// documentation): comparisons of `request.time` with `timestamp("…")`, joined by `&&`,
// `||`, `!` and parentheses. Everything else of CEL is refused by name, never ignored.

/** `now` is in milliseconds since 1970. */
export type HoldsAt = (now: number) => boolean;

export type CompiledCondition =
  | { readonly kind: 'condition'; readonly holdsAt: HoldsAt }
  /** `message` names what is not supported or wrong. */
  | { readonly kind: 'unsupported'; readonly message: string };

/** Google's limits are lower for the operators of one expression (12) and higher for none. */
const MAX_LENGTH = 2000;
const MAX_DEPTH = 20;

const TOKEN =
  /\s*(?:(&&|\|\||[<>=!]=|[<>!().,+\-*/%?:[\]{}])|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(\d[\w.]*)|([A-Za-z_]\w*))/y;
/** RFC 3339, as `timestamp()` takes it. */
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

const COMPARISONS: Readonly<Record<string, (left: number, right: number) => boolean>> = {
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
};

class Unsupported extends Error {}

export function compileCondition(expression: string): CompiledCondition {
  try {
    if (expression.length > MAX_LENGTH) throw new Unsupported(`an expression of more than ${MAX_LENGTH} characters`);
    return { kind: 'condition', holdsAt: new Parser(tokensOf(expression)).parse() };
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return { kind: 'unsupported', message: error.message };
  }
}

function tokensOf(expression: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  let end = 0;
  for (let match = TOKEN.exec(expression); match !== null; match = TOKEN.exec(expression)) {
    tokens.push(match[0].trim());
    end = TOKEN.lastIndex;
  }
  const rest = expression.slice(end).trim();
  if (rest !== '') throw new Unsupported(`"${rest.slice(0, 40)}"`);
  return tokens;
}

class Parser {
  readonly #tokens: readonly string[];
  #next = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  parse(): HoldsAt {
    const holdsAt = this.#or(0);
    const rest = this.#tokens[this.#next];
    if (rest !== undefined) throw new Unsupported(`"${rest}"`);
    return holdsAt;
  }

  #or(depth: number): HoldsAt {
    const parts = [this.#and(depth)];
    while (this.#take('||')) parts.push(this.#and(depth));
    return parts.length === 1 ? parts[0]! : (now) => parts.some((holds) => holds(now));
  }

  #and(depth: number): HoldsAt {
    const parts = [this.#term(depth)];
    while (this.#take('&&')) parts.push(this.#term(depth));
    return parts.length === 1 ? parts[0]! : (now) => parts.every((holds) => holds(now));
  }

  #term(depth: number): HoldsAt {
    if (depth > MAX_DEPTH) throw new Unsupported('an expression that is nested so deeply');
    if (this.#take('!')) {
      const inner = this.#term(depth + 1);
      return (now) => !inner(now);
    }
    if (this.#take('(')) {
      const inner = this.#or(depth + 1);
      this.#require(')');
      return inner;
    }
    if (this.#take('true')) return () => true;
    if (this.#take('false')) return () => false;
    const left = this.#operand();
    const operator = this.#tokens[this.#next++];
    const compare = COMPARISONS[operator ?? ''];
    if (compare === undefined)
      throw new Unsupported(operator === undefined ? 'the end of the expression' : `"${operator}"`);
    const right = this.#operand();
    return (now) => compare(left ?? now, right ?? now);
  }

  /** Milliseconds since 1970; undefined is the time of the request. */
  #operand(): number | undefined {
    const start = this.#next;
    const name = this.#attribute();
    if (name === 'request.time') return undefined;
    if (name !== 'timestamp' || !this.#take('(')) throw new Unsupported(`"${name ?? this.#tokens[start] ?? ''}"`);
    const text = this.#tokens[this.#next++] ?? '';
    const value = text.slice(1, -1);
    const time = /^["']/.test(text) && TIMESTAMP.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(time)) throw new Unsupported(`timestamp(${text}) (an RFC 3339 time is expected)`);
    this.#require(')');
    return time;
  }

  /** `request.time`; with all that follows, so that a refusal names the whole of it. */
  #attribute(): string | undefined {
    const first = this.#tokens[this.#next];
    if (first === undefined || !/^[A-Za-z_]/.test(first)) return undefined;
    let name = first;
    this.#next++;
    while (this.#tokens[this.#next] === '.' && /^[A-Za-z_]/.test(this.#tokens[this.#next + 1] ?? '')) {
      name += `.${this.#tokens[this.#next + 1]}`;
      this.#next += 2;
    }
    return name;
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#next] !== token) return false;
    this.#next++;
    return true;
  }

  #require(token: string): void {
    if (this.#take(token)) return;
    const found = this.#tokens[this.#next];
    throw new Unsupported(found === undefined ? `a missing "${token}"` : `"${found}"`);
  }
}

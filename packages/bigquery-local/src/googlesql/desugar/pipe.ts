// GoogleSQL's pipe syntax and queries that begin with FROM, as standard syntax: each operator
// becomes a clause, or a SELECT around what was there. Source: "Pipe query syntax".
import { invalidQuery } from '../analyzer/analyzer-error.ts';
import { made, PipeQuery, type Pieces } from './pipe-query.ts';
import { joined, type Piece, type RewrittenText } from './rewritten-text.ts';
import { follows, pathAt, placeOf, type Token } from './tokens.ts';

const JOINS = new Set(['JOIN', 'INNER', 'LEFT', 'RIGHT', 'FULL', 'CROSS']);
const SET_OPERATORS = new Set(['UNION', 'INTERSECT', 'EXCEPT']);
/** First words of texts that are, or end with, a query. */
const QUERY_BEGINS = new Set(['FROM', 'SELECT', 'WITH', 'CREATE', 'INSERT', 'EXPORT']);
const HAVE_OWN_FROM = new Set(['DELETE', 'UPDATE', 'REVOKE', 'MERGE', 'DISTINCT']);
/** Pipe operators behind which the tables' names mean nothing. */
const NEW_ROWS = new Set(['SELECT', 'AGGREGATE', 'AS', 'DISTINCT', 'PIVOT', 'UNPIVOT']);
/** What follows these is a name that is given, or a table. */
const NAMES_A_TABLE = new Set(['AS', 'FROM', 'JOIN']);

/** Behind a table's name these begin something else than an alias. */
const NO_ALIAS = new Set(
  'JOIN INNER LEFT RIGHT FULL CROSS ON USING WHERE GROUP ORDER LIMIT UNION INTERSECT EXCEPT TABLESAMPLE PIVOT UNPIVOT FOR WITH WINDOW QUALIFY HAVING'.split(
    ' ',
  ),
);

export function pipesRewritten(sql: string, tokens: readonly Token[]): RewrittenText {
  const rewriter = new PipeRewriter(sql, tokens);
  return joined(rewriter.statements());
}

class PipeRewriter {
  readonly #sql: string;
  readonly #tokens: readonly Token[];
  /** For each opening parenthesis the index of the closing one. */
  readonly #closing = new Map<number, number>();
  /** Names of tables that an operator has taken away, within the query being rewritten. */
  #lost = new Set<string>();

  constructor(sql: string, tokens: readonly Token[]) {
    this.#sql = sql;
    this.#tokens = tokens;
    const open: number[] = [];
    tokens.forEach(({ kind, text }, i) => {
      if (kind !== 'symbol') return;
      if (text === '(') open.push(i);
      else if (text === ')') {
        const start = open.pop();
        if (start !== undefined) this.#closing.set(start, i);
      }
    });
  }

  /** The whole text: statements and what is between them. */
  statements(): Pieces {
    const pieces: Piece[] = [];
    let from = 0;
    let done = 0;
    const ends = this.#outer(0, this.#tokens.length).filter((i) => this.#tokens[i]!.text === ';');
    for (const end of [...ends, this.#tokens.length]) {
      if (end > from) {
        const start = this.#tokens[from]!.start;
        pieces.push({ text: this.#sql.slice(done, start), at: done }, ...this.region(from, end));
        done = this.#tokens[end - 1]!.end;
      }
      from = end + 1;
    }
    return [...pieces, { text: this.#sql.slice(done), at: done }];
  }

  /** A statement, or what is between two parentheses. */
  region(from: number, to: number): Pieces {
    const pipes = this.#outer(from, to).filter((i) => this.#tokens[i]!.text === '|>');
    const start = this.#mayBegin(from, pipes.length > 0) ? this.#queryStart(from, pipes[0] ?? to) : undefined;
    if (start === undefined || (pipes.length === 0 && this.#tokens[start]!.upper !== 'FROM'))
      return this.#copy(from, to);
    const lost = this.#lost;
    this.#lost = new Set();
    const query = this.#pipeline(start, pipes, to);
    this.#lost = lost;
    const gap = start > from ? this.#between(start - 1, start) : [];
    return [...this.#copy(from, start), ...gap, ...query];
  }

  /** Indexes of the tokens that stand in no inner parentheses. */
  #outer(from: number, to: number): number[] {
    const found: number[] = [];
    for (let i = from; i < to; i++) {
      found.push(i);
      i = this.#closing.get(i) ?? i;
    }
    return found;
  }

  /**
   * Whether a query may stand here: what is between parentheses may be an expression with a FROM of its own
   * (EXTRACT, IS DISTINCT FROM), and DELETE, UPDATE and REVOKE have one, too.
   */
  #mayBegin(from: number, hasPipes: boolean): boolean {
    const first = this.#tokens[from];
    if (first === undefined) return false;
    if (first.kind === 'symbol') return first.text === '(';
    return first.kind === 'word' && (QUERY_BEGINS.has(first.upper) || hasPipes);
  }

  /** Where the query begins: behind CREATE … AS, INSERT INTO t, WITH …. */
  #queryStart(from: number, to: number): number | undefined {
    let afterAs = true;
    for (const i of this.#outer(from, to)) {
      const { upper, text, kind } = this.#tokens[i]!;
      if (kind === 'word' && (upper === 'FROM' || upper === 'SELECT')) return i;
      if (kind === 'word' && HAVE_OWN_FROM.has(upper)) return undefined;
      // A parenthesised query; the ones of WITH stand behind an AS that follows a name.
      if (kind === 'symbol' && text === '(' && (i === from || (afterAs && !this.#isNamed(from, i)))) {
        const inner = this.#tokens[i + 1]?.upper;
        if (['SELECT', 'FROM', 'WITH', '('].includes(inner ?? '')) return i;
        if (i === from) return undefined;
      }
      afterAs = upper === 'AS';
    }
    return undefined;
  }

  /** Whether the parenthesis at `i` is the body of a WITH entry. */
  #isNamed(from: number, i: number): boolean {
    return this.#outer(from, i).some((j) => this.#tokens[j]!.upper === 'WITH' && this.#tokens[j]!.kind === 'word');
  }

  #pipeline(start: number, pipes: readonly number[], end: number): Pieces {
    const near = this.#tokens[start]!.start;
    const headEnd = pipes[0] ?? end;
    let alias: Pieces | undefined;
    let query: PipeQuery;
    if (this.#tokens[start]!.upper === 'FROM') {
      if (start + 1 >= headEnd) throw this.#refusal('An empty FROM clause', start);
      query = PipeQuery.from(this.#copy(start + 1, headEnd));
      alias = this.#onlyTable(start + 1, headEnd);
      this.#names = alias === undefined ? this.#tableNames(start + 1, headEnd) : [];
    } else {
      query = PipeQuery.whole(this.#copy(start, headEnd));
      this.#names = [];
    }
    for (const [n, pipe] of pipes.entries()) {
      const to = pipes[n + 1] ?? end;
      this.#checkNames(pipe + 1, to);
      alias = this.#apply(query, pipe + 1, to, alias);
    }
    return query.pieces(near);
  }

  /** Names of the tables of a join in FROM. */
  #names: readonly string[] = [];

  #lose(query: PipeQuery): void {
    if (!query.isOpen) return;
    for (const name of this.#names) this.#lost.add(name);
  }

  #checkNames(from: number, to: number): void {
    if (this.#lost.size === 0) return;
    for (let i = from; i < to; i++) {
      const token = this.#tokens[i]!;
      const name = (token.kind === 'quoted' ? token.text.slice(1, -1) : token.text).toLowerCase();
      if (!this.#lost.has(name) || this.#tokens[i + 1]?.text !== '.' || this.#tokens[i - 1]?.text === '.') continue;
      throw this.#refusal(`The name ${token.text} of a joined table behind this pipe operator`, i);
    }
  }

  #apply(query: PipeQuery, at: number, to: number, alias: Pieces | undefined): Pieces | undefined {
    const token = this.#tokens[at];
    if (token === undefined || at >= to) throw this.#refusal('An empty pipe operator', at - 1);
    const near = token.start;
    const words = this.#outer(at, to);
    if (words.some((i) => SET_OPERATORS.has(this.#tokens[i]!.upper) && this.#tokens[i]!.kind === 'word')) {
      this.#setOperation(query, at, to, near);
      return undefined;
    }
    if (JOINS.has(token.upper)) {
      this.#join(query, at, to, near);
      return undefined;
    }
    switch (token.upper) {
      case 'WHERE':
        query.where(this.#copy(at + 1, to), near);
        return alias;
      case 'SELECT':
        this.#lose(query);
        query.select(this.#copy(at + 1, to), near, alias);
        return undefined;
      case 'EXTEND':
      case 'WINDOW':
        return this.#star(query, [made('*, ', near), ...this.#copy(at + 1, to)], at, alias);
      case 'SET':
        return this.#star(query, this.#replacements(at, to), at, alias);
      case 'DROP':
        return this.#star(query, [made('* EXCEPT (', near), ...this.#copy(at + 1, to), made(')', near)], at, alias);
      case 'DISTINCT':
        return this.#star(query, [made('DISTINCT *', near)], at, undefined);
      case 'AS':
        this.#lose(query);
        query.nest(near, this.#copy(at + 1, to));
        return this.#copy(at + 1, to);
      case 'ORDER':
        if (!follows(this.#tokens, at, 'ORDER', 'BY')) break;
        query.orderBy(this.#copy(at + 2, to), near, alias);
        return alias;
      case 'LIMIT':
        query.limit(this.#copy(at, to), near);
        return alias;
      case 'AGGREGATE':
        this.#lose(query);
        this.#aggregate(query, at, to, near);
        return undefined;
      case 'PIVOT':
      case 'UNPIVOT':
      case 'TABLESAMPLE':
        this.#lose(query);
        query.nest(near, token.upper === 'TABLESAMPLE' ? alias : undefined);
        query.extendFrom(this.#copy(at, to), near);
        return token.upper === 'TABLESAMPLE' ? alias : undefined;
      default:
    }
    throw this.#refusal(`Pipe operator ${token.upper}`, at);
  }

  /** `SELECT * …` around the query. A single table keeps its name, but what is a row of it changes. */
  #star(query: PipeQuery, list: Pieces, at: number, alias: Pieces | undefined): Pieces | undefined {
    const near = this.#tokens[at]!.start;
    this.#lose(query);
    query.select(list, near, alias);
    query.nest(near, alias);
    if (alias !== undefined)
      this.#changedRow = alias
        .map(({ text }) => text)
        .join('')
        .replaceAll('`', '')
        .toLowerCase();
    if (this.#changedRow !== undefined) this.#checkRowUse(at);
    return alias;
  }

  #changedRow: string | undefined;

  /**
   * `t.*` and `t` itself would have the new columns here, which they do not have in BigQuery. They are refused up to the
   * end of the operator that makes new rows, or of the query.
   */
  #checkRowUse(at: number): void {
    let depth = 0;
    // The operator that changes them still sees the rows of before.
    let behind = false;
    let last = false;
    for (let i = at + 1; i < this.#tokens.length && depth >= 0; i++) {
      const token = this.#tokens[i]!;
      if (token.text === '(') depth += 1;
      if (token.text === ')') depth -= 1;
      if (token.text === '|>' && depth === 0) {
        if (last) return;
        behind = true;
        last = NEW_ROWS.has(this.#tokens[i + 1]?.upper ?? '');
      }
      if (!behind) continue;
      if (token.kind !== 'word' && token.kind !== 'quoted') continue;
      if (token.text.replaceAll('`', '').toLowerCase() !== this.#changedRow) continue;
      const before = this.#tokens[i - 1];
      if (before?.text === '.' || NAMES_A_TABLE.has(before?.upper ?? '')) continue;
      const next = this.#tokens[i + 1]?.text;
      const star = next === '.' && this.#tokens[i + 2]?.text === '*';
      if (star || (next !== '.' && next !== '('))
        throw this.#refusal(`${token.text}${star ? '.*' : ' as a row'} behind a pipe operator that changes columns`, i);
    }
  }

  #replacements(at: number, to: number): Pieces {
    const near = this.#tokens[at]!.start;
    const items = this.#split(at + 1, to).map(([from, end]): Pieces => {
      const name = this.#tokens[from];
      if (this.#tokens[from + 1]?.text !== '=' || (name?.kind !== 'word' && name?.kind !== 'quoted'))
        throw this.#refusal('|> SET of something else than a column', from);
      return [...this.#copy(from + 2, end), made(' AS ', near), ...this.#copy(from, from + 1)];
    });
    return [made('* REPLACE (', near), ...separated(items, near), made(')', near)];
  }

  #aggregate(query: PipeQuery, at: number, to: number, near: number): void {
    const group = this.#outer(at, to).find((i) => follows(this.#tokens, i, 'GROUP') && i > at);
    const and = group !== undefined && follows(this.#tokens, group, 'GROUP', 'AND', 'ORDER', 'BY');
    if (group !== undefined && !and && !follows(this.#tokens, group, 'GROUP', 'BY'))
      throw this.#refusal('|> AGGREGATE … GROUP without BY', group);
    const keys = group === undefined ? [] : this.#split(group + (and ? 4 : 2), to).map((part) => this.#item(part));
    const values = this.#split(at + 1, group ?? to).map((part) => this.#item(part));
    for (const { from } of keys) {
      const { upper } = this.#tokens[from]!;
      if (['ROLLUP', 'CUBE', 'GROUPING', 'ALL'].includes(upper))
        throw this.#refusal(`|> AGGREGATE … GROUP BY ${upper}`, from);
    }
    const ordered = [...keys, ...values];
    const keyOrder = keys.some(({ order }) => order !== undefined) || and;
    if (keyOrder && values.some(({ order }) => order !== undefined))
      throw this.#refusal('|> AGGREGATE with an order of keys and of aggregates', at);
    const order = ordered.flatMap(({ order: direction }, i) =>
      direction !== undefined || (and && i < keys.length) ? [[made(`${i + 1} ${direction ?? ''}`, near)]] : [],
    );
    const numbers = keys.map((_, i) => String(i + 1)).join(', ');
    query.aggregate(
      separated(
        ordered.map(({ pieces }) => pieces),
        near,
      ),
      numbers === '' ? [] : [made(` GROUP BY ${numbers}`, near)],
      order.length === 0 ? [] : [made(' ORDER BY ', near), ...separated(order, near)],
      near,
    );
  }

  /** An item of AGGREGATE: its direction is taken off. */
  #item([from, to]: readonly [number, number]): { from: number; pieces: Pieces; order: string | undefined } {
    let end = to;
    if (follows(this.#tokens, end - 2, 'NULLS', 'FIRST') || follows(this.#tokens, end - 2, 'NULLS', 'LAST')) end -= 2;
    const direction = this.#tokens[end - 1]?.upper;
    if (direction === 'ASC' || direction === 'DESC') end -= 1;
    else if (end < to) throw this.#refusal('NULLS FIRST or LAST without ASC or DESC', end);
    const order =
      end === to
        ? undefined
        : this.#tokens
            .slice(end, to)
            .map(({ upper }) => upper)
            .join(' ');
    return { from, pieces: this.#copy(from, end), order };
  }

  #join(query: PipeQuery, at: number, to: number, near: number): void {
    const side = this.#tokens[at]!.upper;
    // A condition on the left side may wait until after the join, unless rows without a partner come in from the right.
    if (query.hasWhere && (side === 'RIGHT' || side === 'FULL')) {
      this.#lose(query);
      query.nest(near);
    } else if (query.hasWhere) {
      query.joinBeforeWhere(this.#copy(at, to), near);
      this.#names = [...this.#names, ...this.#tableNames(at, to)];
      return;
    }
    query.extendFrom(this.#copy(at, to), near);
    this.#names = [...this.#names, ...this.#tableNames(at, to)];
  }

  #setOperation(query: PipeQuery, at: number, to: number, near: number): void {
    const open = this.#outer(at, to).find((i) => this.#tokens[i]!.text === '(' && !follows(this.#tokens, i - 1, 'ON'));
    if (open === undefined) throw this.#refusal('A pipe set operator without a query in parentheses', at);
    this.#lose(query);
    const operator = this.#copy(at, open);
    const inputs = this.#split(open, to).map(([from, end]) => this.#copy(from, end));
    const left = query.pieces(near);
    const all = inputs.flatMap((input): Pieces => [made(' ', near), ...operator, made(' ', near), ...input]);
    query.replace([made('(', near), ...left, made(')', near), ...all]);
  }

  /** Parts between commas that stand in no inner parentheses; a last empty one is a trailing comma. */
  #split(from: number, to: number): (readonly [number, number])[] {
    const parts: (readonly [number, number])[] = [];
    let start = from;
    let open = 0;
    for (const i of this.#outer(from, to)) {
      const { text, kind } = this.#tokens[i]!;
      if (kind !== 'symbol') continue;
      if (text === '[') open += 1;
      else if (text === ']') open -= 1;
      else if (text === ',' && open === 0) {
        parts.push([start, i]);
        start = i + 1;
      }
    }
    if (start < to) parts.push([start, to]);
    return parts;
  }

  /** The name by which the only table of a FROM clause is known. */
  #onlyTable(from: number, to: number): Pieces | undefined {
    const near = this.#tokens[from]!.start;
    const closing = this.#closing.get(from);
    const path = closing === undefined ? pathAt(this.#tokens, from) : undefined;
    const behind = closing === undefined ? path?.end : closing + 1;
    if (behind === undefined || behind > to) return undefined;
    const explicit = follows(this.#tokens, behind, 'AS') ? behind + 1 : behind;
    if (explicit === to - 1 && !NO_ALIAS.has(this.#tokens[explicit]!.upper)) return this.#copy(explicit, to);
    const last = path?.path.at(-1)?.split('.').at(-1);
    return behind === to && last !== undefined ? [made(`\`${last}\``, near)] : undefined;
  }

  /** All words that may be names of tables in a FROM clause. */
  #tableNames(from: number, to: number): string[] {
    return this.#outer(from, to).flatMap((i) => {
      const token = this.#tokens[i]!;
      if (token.kind !== 'word' && token.kind !== 'quoted') return [];
      const next = this.#tokens[i + 1];
      if (NO_ALIAS.has(token.upper) || next?.text === '.') return [];
      return [token.text.replaceAll('`', '').split('.').at(-1)!.toLowerCase()];
    });
  }

  /** The tokens as they are written, but for pipe queries in parentheses. */
  #copy(from: number, to: number): Pieces {
    if (from >= to) return [];
    const pieces: Piece[] = [];
    let done = this.#tokens[from]!.start;
    for (let i = from; i < to; i++) {
      const close = this.#closing.get(i);
      if (close === undefined || close >= to || close === i + 1) continue;
      const inner = this.region(i + 1, close);
      pieces.push({ text: this.#sql.slice(done, this.#tokens[i + 1]!.start), at: done }, ...inner);
      done = this.#tokens[close - 1]!.end;
      i = close;
    }
    pieces.push({ text: this.#sql.slice(done, this.#tokens[to - 1]!.end), at: done });
    return pieces;
  }

  /** White space and comments between two tokens. */
  #between(left: number, right: number): Pieces {
    const at = this.#tokens[left]!.end;
    return [{ text: this.#sql.slice(at, this.#tokens[right]!.start), at }];
  }

  #refusal(what: string, i: number): Error {
    const at = this.#tokens[Math.min(i, this.#tokens.length - 1)]?.start ?? 0;
    return invalidQuery(`${what} is not supported by the local BigQuery at [${placeOf(this.#sql, at)}]`);
  }
}

function separated(items: readonly Pieces[], near: number): Pieces {
  return items.flatMap((item, i) => (i === 0 ? item : [made(', ', near), ...item]));
}

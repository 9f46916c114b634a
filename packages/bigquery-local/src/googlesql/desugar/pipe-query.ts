// A pipe query under construction: one SELECT that takes in operators as long as its clauses
// allow, and becomes a subquery of the next one when they do not.
import type { Piece } from './rewritten-text.ts';

export type Pieces = readonly Piece[];

/** Where made-up words stand for: the operator that they are for. */
export function made(text: string, near: number): Piece {
  return { text, near };
}

export class PipeQuery {
  #from: Pieces;
  #where: Pieces = [];
  #list: Pieces | undefined;
  #groupBy: Pieces = [];
  #orderBy: Pieces = [];
  #limit: Pieces = [];
  /** A whole query, while nothing was added to it. */
  #whole: Pieces | undefined;

  private constructor(from: Pieces, whole?: Pieces) {
    this.#from = from;
    this.#whole = whole;
  }

  /** `FROM …`: its tables keep their names until a SELECT list is given. */
  static from(from: Pieces): PipeQuery {
    return new PipeQuery(from);
  }

  static whole(query: Pieces): PipeQuery {
    return new PipeQuery([], query);
  }

  /** Whether its tables are still known by their names. */
  get isOpen(): boolean {
    return this.#whole === undefined && this.#list === undefined && this.#limit.length === 0;
  }

  pieces(near: number): Pieces {
    if (this.#whole !== undefined) return this.#whole;
    return [
      made('SELECT ', near),
      ...(this.#list ?? [made('*', near)]),
      made(' FROM ', near),
      ...this.#from,
      ...this.#where,
      ...this.#groupBy,
      ...this.#orderBy,
      ...this.#limit,
    ];
  }

  where(condition: Pieces, near: number): void {
    if (!this.isOpen || this.#orderBy.length > 0) this.nest(near);
    const word = this.#where.length === 0 ? ' WHERE (' : ' AND (';
    this.#where = [...this.#where, made(word, near), ...condition, made(')', near)];
  }

  /** `alias`: the name of the only table, which it keeps. */
  select(list: Pieces, near: number, alias?: Pieces): void {
    // The keys of an order are columns of before, also where the list gives their names to others.
    if (!this.isOpen || this.#orderBy.length > 0) this.nest(near, alias);
    this.#list = list;
  }

  aggregate(list: Pieces, groupBy: Pieces, orderBy: Pieces, near: number): void {
    if (!this.isOpen || this.#orderBy.length > 0) this.nest(near);
    this.#list = list;
    this.#groupBy = groupBy;
    this.#orderBy = orderBy;
  }

  orderBy(keys: Pieces, near: number, alias?: Pieces): void {
    if (!this.isOpen) this.nest(near, alias);
    this.#orderBy = [made(' ORDER BY ', near), ...keys];
  }

  limit(clause: Pieces, near: number): void {
    if (this.#whole !== undefined || this.#limit.length > 0) this.nest(near);
    this.#limit = [made(' ', near), ...clause];
  }

  /** Adds to the FROM clause: a join, PIVOT. */
  extendFrom(more: Pieces, near: number): void {
    if (!this.isOpen || this.#orderBy.length > 0 || this.#where.length > 0) this.nest(near);
    this.#from = [...this.#from, made(' ', near), ...more];
  }

  /** A join whose condition may be met before those of WHERE: the rows are the same. */
  joinBeforeWhere(join: Pieces, near: number): void {
    this.#from = [...this.#from, made(' ', near), ...join];
  }

  /** Another query in its place. */
  replace(query: Pieces): void {
    this.nest(0);
    this.#whole = query;
  }

  /** Makes it a subquery, under a name if one is given. */
  nest(near: number, alias?: Pieces): void {
    const inner = this.pieces(near);
    this.#from = [
      made('(', near),
      ...inner,
      made(')', near),
      ...(alias === undefined ? [] : [made(' AS ', near), ...alias]),
    ];
    this.#where = [];
    this.#list = undefined;
    this.#groupBy = [];
    this.#orderBy = [];
    this.#limit = [];
    this.#whole = undefined;
  }

  get hasWhere(): boolean {
    return this.#where.length > 0;
  }
}

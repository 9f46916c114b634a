// What the resolution of one analysed text shares: column ids made unique across the
// statement and the views in it, the tables by their catalog number, parameters, reads.
import { invalidQuery } from '../analyzer/analyzer-error.ts';
import { typeFromProto } from '../analyzer/type-proto.ts';
import type { AggregateExpr, Column, Computed, Expr, QueryPlan, Relation } from '../ir.ts';
import type { TableInfo } from '../statement.ts';
import type { GType, TypedValue } from '../types.ts';
import { columnCollation, type Collation } from './collation.ts';
import { text, type Message } from './message.ts';

/** A table as the analyser's catalog has it. Its place in the list is its serialization id. */
export type CatalogTable = {
  readonly info: TableInfo;
  readonly columns: readonly { readonly name: string; readonly type: GType; readonly collation?: Collation }[];
  /** The plan of a view, in place of which it is read. */
  readonly view?: QueryPlan;
  /** Thrown where its rows are read. */
  readonly unreadable?: unknown;
};

export type Parameters = {
  readonly named: ReadonlyMap<string, TypedValue>;
  readonly positional: readonly TypedValue[];
  /** Of a script, by names in lower case. */
  readonly variables?: ReadonlyMap<string, TypedValue>;
  /** By paths in lower case. */
  readonly system?: ReadonlyMap<string, TypedValue>;
};

/** Resolves a scan; expressions come to the scans of their subqueries through it. */
export type ScanResolver = (scope: Scope, value: unknown) => Relation;

/** Puts the bodies of routines in the place of their calls; undefined for what is no call of a routine. */
export interface RoutineExpander {
  scalar(fields: Message, resolve: (value: unknown) => Expr): Expr | undefined;
  table(fields: Message, resolve: (value: unknown) => Expr, columns: readonly Column[]): Relation | undefined;
  aggregate(
    fields: Message,
    resolve: (value: unknown) => Expr,
  ): { readonly aggregates: readonly Computed<AggregateExpr>[]; readonly expr: Expr } | undefined;
}

/** Of a text that calls routines, or is the body of one. */
export type RoutineScope = {
  readonly calls: RoutineExpander;
  /** By name in lower case. */
  readonly arguments: ReadonlyMap<string, Expr>;
};

export type ReadRecorder = (table: CatalogTable, columns: readonly string[]) => void;

/** Hands out ids that no other text of the same statement uses. */
export class IdSource {
  #next = 1;

  take(count: number): number {
    const first = this.#next;
    this.#next += count;
    return first;
  }
}

export class Scope {
  readonly #resolveScan: ScanResolver;
  readonly #ids: IdSource;
  readonly #tables: readonly CatalogTable[];
  readonly #parameters: Parameters;
  readonly #read: ReadRecorder;
  readonly #arguments: RoutineScope['arguments'] | undefined;
  /** The routines that the text may call. */
  readonly routines: RoutineExpander | undefined;
  readonly #columns = new Map<string, Column>();
  readonly #withNames = new Map<string, string>();
  /** Names of the recursive WITH entries around the scan being resolved, innermost last. */
  readonly recursion: string[] = [];
  /** Query parameters resolved so far, as written: `@name` or `?`. What is stored as text may hold none. */
  readonly usedParameters: string[] = [];

  constructor(
    resolveScan: ScanResolver,
    ids: IdSource,
    tables: readonly CatalogTable[],
    parameters: Parameters,
    read: ReadRecorder,
    routines?: RoutineScope,
  ) {
    this.#resolveScan = resolveScan;
    this.#ids = ids;
    this.#tables = tables;
    this.#parameters = parameters;
    this.#read = read;
    this.routines = routines?.calls;
    this.#arguments = routines?.arguments;
  }

  column(proto: Message): Column {
    const id = text(proto, 'columnId');
    let column = this.#columns.get(id);
    if (column === undefined) {
      const collation = columnCollation(proto);
      column = {
        ...this.newColumn(text(proto, 'name'), typeFromProto(proto['type'])),
        ...(collation === undefined ? {} : { collation }),
      };
      this.#columns.set(id, column);
    }
    return column;
  }

  scan(value: unknown): Relation {
    return this.#resolveScan(this, value);
  }

  /** A column that the analyser does not know of. */
  newColumn(name: string, type: GType): Column {
    return { id: this.#ids.take(1), name, type };
  }

  /** A name for a WITH entry that no text inside a view can clash with. */
  withName(name: string): string {
    let mine = this.#withNames.get(name.toLowerCase());
    if (mine === undefined) {
      mine = `w${this.#ids.take(1)}`;
      this.#withNames.set(name.toLowerCase(), mine);
    }
    return mine;
  }

  table(ref: Message): CatalogTable {
    const table = this.#tables[Number(ref['serializationId']) - 1];
    if (table === undefined)
      throw new Error(`The analyser named a table that is not in its catalog: ${text(ref, 'name')}`);
    return table;
  }

  recordRead(table: CatalogTable, columns: readonly string[]): void {
    this.#read(table, columns);
  }

  /** The value of an argument of the routine whose body this is. */
  argument(name: string): Expr {
    const value = this.#arguments?.get(name.toLowerCase());
    if (value === undefined) throw new Error(`The argument ${name} has no value.`);
    return value;
  }

  /** Named parameters match in any case; positions count from 1. */
  parameter(name: string, position: number): TypedValue {
    this.usedParameters.push(name === '' ? '?' : `@${name}`);
    const value =
      name === '' ? this.#parameters.positional[position - 1] : this.#parameters.named.get(name.toLowerCase());
    if (value === undefined)
      throw invalidQuery(
        name === '' ? 'Query parameter number ' + position + ' is missing' : `Query parameter '${name}' not found`,
      );
    return value;
  }

  /** The value of a script's variable; of a system variable where the name has `@@` before it. */
  variable(name: string): TypedValue {
    this.usedParameters.push(name);
    const key = name.toLowerCase();
    const { variables, system } = this.#parameters;
    const value = key.startsWith('@@') ? system?.get(key.slice(2)) : variables?.get(key);
    if (value === undefined) throw invalidQuery(`Unrecognized name: ${name}`);
    return value;
  }
}

// What the compilation of one statement knows and notes down.
import type { Column, Relation } from '../ir.ts';
import type { TypedValue } from '../types.ts';

/** How expressions compile the subqueries in them; relations in turn compile expressions. */
export interface SubqueryCompiler {
  relation(context: CompileContext, relation: Relation): string;
  /** ARRAY(subquery). */
  list(context: CompileContext, relation: Relation, column: Column): string;
}

/** Above all ids of the analysis. */
const FIRST_OWN_ID = 1_000_000_000;

export class CompileContext {
  readonly subqueries: SubqueryCompiler;
  /** The statement's one time: every CURRENT_… in it gives this moment. */
  readonly now: TypedValue;
  readonly sessionUser: TypedValue;
  /** Counts calls of random functions: a WITH entry with one is evaluated once only. */
  volatileCalls = 0;
  /** Subquery expressions around the one being compiled. */
  subqueryDepth = 0;
  /** Whether tables that require a filter over their partitions are held to it: not in the definition of a view. */
  requiresPartitionFilters = true;
  /** False once the statement uses the time, the caller or chance. */
  deterministic = true;

  #nextId = FIRST_OWN_ID;

  constructor(subqueries: SubqueryCompiler, nowMicros: bigint, sessionUser: string) {
    this.subqueries = subqueries;
    this.now = { type: { kind: 'TIMESTAMP' }, value: nowMicros };
    this.sessionUser = { type: { kind: 'STRING' }, value: sessionUser };
  }

  /** An id that no column of the statement has. */
  freshId(): number {
    this.#nextId += 1;
    return this.#nextId;
  }
}

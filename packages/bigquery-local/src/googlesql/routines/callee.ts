// The words that finding the routines of a statement and expanding their calls share.
import type { RoutineProperties } from '../../catalog/routines.ts';
import type { Expr } from '../ir.ts';
import type { Message } from '../resolve/message.ts';
import type { Scope } from '../resolve/scope.ts';
import type { ReadVia, RoutineRef } from '../statement.ts';
import type { GType } from '../types.ts';

/** Where a text stands: in which view or routine, and within which others. */
export type TextOrigin = {
  readonly via: ReadVia | undefined;
  /** Views and routines around it. */
  readonly depth: number;
  /** Keys of the routines around it. */
  readonly stack: readonly string[];
};

/** A routine that a text calls. Without `ref`: a temporary function. */
export type Callee = {
  readonly key: string;
  /** As messages name it. */
  readonly name: string;
  readonly ref?: RoutineRef;
  readonly properties: RoutineProperties;
};

/** An analysed CREATE FUNCTION, whose arguments are given when it is resolved. */
export type AnalyzedBody = {
  readonly fields: Message;
  scopeFor(args: ReadonlyMap<string, Expr>): Scope;
  /** It names tables that the caller may read through views and routines only. */
  readonly hidesRows: boolean;
};

/** All bodies of a statement, and what is noted down of their calls. */
export interface RoutineStore {
  body(callee: Callee, types: readonly GType[], origin: TextOrigin): Promise<AnalyzedBody>;
  /** Called when a call is put in the place of its body. Throws when there are more than `limit` in all. */
  recordCall(callee: Callee, via: ReadVia | undefined, limit: number): void;
}

export function bodyKey(callee: Callee, types: readonly GType[]): string {
  return JSON.stringify([callee.key, types]);
}

// What the compilation of one statement knows and notes down.
import type { TypedValue } from '../types.ts';

export class CompileContext {
  /** The statement's one time: every CURRENT_… in it gives this moment. */
  readonly now: TypedValue;
  readonly sessionUser: TypedValue;
  /** Counts calls of random functions: a WITH entry with one is evaluated once only. */
  volatileCalls = 0;
  /** False once the statement uses the time, the caller or chance. */
  deterministic = true;

  constructor(nowMicros: bigint, sessionUser: string) {
    this.now = { type: { kind: 'TIMESTAMP' }, value: nowMicros };
    this.sessionUser = { type: { kind: 'STRING' }, value: sessionUser };
  }
}

// The words of a plan and of its delivery: what changed, and what became of it.
import type { JsonObject } from './json.ts';

export const OPERATIONS = ['added', 'updated', 'deleted'] as const;

/** What a change does to a record, seen from what was last sent. */
export type Operation = (typeof OPERATIONS)[number];

/** One row of a plan. */
export type Change = {
  /** Position in the plan, from 0; the unit of checkpoints. */
  readonly ordinal: number;
  readonly operation: Operation;
  /** The model's unique identifier, as text. */
  readonly recordId: string;
  /** Checksum of the columns that the mapping uses and of the mapping's version. */
  readonly checksum: string;
  /** The model's columns as JSON values; all null for a deleted record. */
  readonly columns: JsonObject;
};

/** What became of one change. Exactly one per change. */
export type Outcome =
  | { readonly outcome: 'delivered' }
  | { readonly outcome: 'rejected'; readonly code: string; readonly message: string }
  | { readonly outcome: 'deferred'; readonly code: string; readonly message: string }
  | { readonly outcome: 'skipped' };

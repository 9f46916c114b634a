// Segment's sync modes: which changes a mapping sends, and how the destination is to write
// them. The destination reads the mode from the mapping's `__segment_internal_sync_mode`.
// Source: "Which records are sent", Segment's documentation of Reverse ETL.
import type { JsonObject, Operation } from '@sluice/core';

export const SYNC_MODE_FIELD = '__segment_internal_sync_mode';

const OPERATIONS_OF = {
  add: ['added'],
  update: ['updated'],
  upsert: ['added', 'updated'],
  delete: ['deleted'],
  mirror: ['added', 'updated', 'deleted'],
} as const satisfies Record<string, readonly Operation[]>;

export type SyncMode = keyof typeof OPERATIONS_OF;

export const SYNC_MODES = ['add', 'update', 'upsert', 'delete', 'mirror'] as const satisfies readonly SyncMode[];

/** The kinds of changes that a mode sends. */
export function modeOperations(mode: SyncMode): readonly Operation[] {
  return OPERATIONS_OF[mode];
}

/** The mode that a field mapping names; undefined for none, or one that Segment does not have. */
export function modeOf(fields: JsonObject): SyncMode | undefined {
  const mode = fields[SYNC_MODE_FIELD];
  return SYNC_MODES.find((each) => each === mode);
}

import type { Guards } from '@sluice/engine';
import type { MappingEntry } from './schema.ts';

/** The guards of a mapping in the engine's names; what is absent keeps the engine's default. */
export function guardsOf(entry: MappingEntry['guards']): Guards {
  return {
    ...(entry.allow_empty_model === undefined ? {} : { allowEmptyModel: entry.allow_empty_model }),
    ...(entry.max_deleted_share === undefined ? {} : { maxDeletedShare: entry.max_deleted_share }),
    ...(entry.min_deleted_rows === undefined ? {} : { minDeletedRows: entry.min_deleted_rows }),
    ...(entry.max_changes === undefined ? {} : { maxChanges: entry.max_changes }),
    ...(entry.max_bytes_billed === undefined ? {} : { maxBytesBilled: entry.max_bytes_billed }),
  };
}

// The guards, limits and rate limits of sluice.yaml in the engine's names; what is absent
// keeps the engine's default.
import type { Guards, Limits, MappingConfig } from '@sluice/engine';
import type { LimitsEntry, MappingEntry, RateLimitEntry } from './schema.ts';

const GUARDS = {
  allow_empty_model: 'allowEmptyModel',
  max_deleted_share: 'maxDeletedShare',
  min_deleted_rows: 'minDeletedRows',
  max_deleted_rows: 'maxDeletedRows',
  max_changed_share: 'maxChangedShare',
  min_changed_rows: 'minChangedRows',
  max_changes: 'maxChanges',
  max_invalid_share: 'maxInvalidShare',
  min_invalid_rows: 'minInvalidRows',
  max_bytes_billed: 'maxBytesBilled',
} as const satisfies Record<keyof MappingEntry['guards'], keyof Guards>;

const LIMITS = {
  query_characters: 'queryCharacters',
  key_characters: 'keyCharacters',
  columns: 'columns',
  column_name_characters: 'columnNameCharacters',
  record_bytes: 'recordBytes',
  column_bytes: 'columnBytes',
  records_per_sync: 'recordsPerSync',
} as const satisfies Record<keyof LimitsEntry, keyof Limits>;

export function guardsOf(entry: MappingEntry['guards']): Guards {
  return renamed(entry, GUARDS);
}

export function limitsOf(entry: LimitsEntry): Partial<Limits> {
  return renamed(entry, LIMITS);
}

export function rateLimitOf(entry: RateLimitEntry): NonNullable<MappingConfig['destination']['rateLimit']> {
  const { requests_per_second: requestsPerSecond, burst = Math.max(1, Math.ceil(requestsPerSecond)) } = entry;
  return { requestsPerSecond, burst };
}

function renamed(entry: object, names: Readonly<Record<string, string>>): Record<string, unknown> {
  const given = Object.entries(entry).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [names[name] ?? name, value as unknown]));
}

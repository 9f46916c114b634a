// The version of a mapping: changes when what is sent for the same row changes.
import { createHash } from 'node:crypto';
import type { JsonValue } from '@sluice/core';
import type { MappingConfig } from '../run/api.ts';

/** Hash of the action, its field mapping and its audience; the order of keys does not matter. Never of credentials. */
export function mappingVersion(mapping: MappingConfig): string {
  const { type, action, fields, audience } = mapping.destination;
  const more = audience === undefined ? [] : [audience.key, audience.externalId ?? null, audience.settings ?? {}];
  return createHash('sha256')
    .update(canonicalJson([type, action, mapping.model.key, fields, ...more]))
    .digest('hex')
    .slice(0, 16);
}

export function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.keys(value)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as JsonValue)}`);
  return `{${entries.join(',')}}`;
}

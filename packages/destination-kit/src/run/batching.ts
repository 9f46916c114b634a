// How an action wants its batches, from its definition and the mapping's `enable_batching`,
// `batch_size`, `batch_bytes` and `batch_keys`
// (https://segment.com/docs/connections/reverse-etl/manage-retl/).
import type { JsonObject, JsonValue } from '@sluice/core';
import type { BatchPolicy } from '../destination.ts';
import { isConstant, mappingReferences } from '../mapping/columns.ts';
import { isPlainObject } from '../mapping/compile.ts';
import type { ActionDefinition, InputField } from '../segment/definition.ts';

const DEFAULT_ROWS = 1000;
const DEFAULT_BYTES = 4_000_000;
const MAX_ROWS = 10_000;
/** More requests at once than this help no destination and hurt many. */
const CONCURRENT_BATCHES = 4;
const CONCURRENT_ROWS = 16;

/**
 * The mapping with the action's fixed defaults filled in. Defaults that are directives expect
 * event streams, but for those that read the audience, when the mapping keeps one.
 */
export function withLiteralDefaults(
  action: Pick<ActionDefinition, 'fields'>,
  fields: JsonObject,
  keepsAudience = false,
): JsonObject {
  const result: JsonObject = { ...fields };
  for (const [name, field] of Object.entries(action.fields)) {
    if (name in result || !hasUsableDefault(field, keepsAudience)) continue;
    result[name] = field.default ?? null;
  }
  return result;
}

/** The settings with the fixed defaults of their fields filled in. */
export function withSettingDefaults(
  fields: Readonly<Record<string, InputField>> | undefined,
  settings: JsonObject,
): JsonObject {
  const result: JsonObject = { ...settings };
  for (const [name, field] of Object.entries(fields ?? {})) {
    const value = result[name];
    if ((value === undefined || value === null || value === '') && hasUsableDefault(field, false)) {
      result[name] = field.default ?? null;
    }
  }
  return result;
}

/** True when a mapping may leave the field out because its default applies. */
export function hasUsableDefault(field: InputField, keepsAudience: boolean): boolean {
  if (field.default === undefined) return false;
  if (isConstant(field.default)) return isAmongChoices(field);
  return (
    keepsAudience &&
    mappingReferences({ value: field.default }).every(
      ({ keys }) => keys !== 'all' && keys[0] === 'context' && keys[1] === 'personas',
    )
  );
}

// Some definitions have a default that is none of their choices.
function isAmongChoices({ default: value, choices }: InputField): boolean {
  if (choices === undefined || value === undefined || isPlainObject(value)) return true;
  const known = choices.map((choice) => (typeof choice === 'string' ? choice : choice.value));
  return [value].flat().every((each) => known.includes(each));
}

/**
 * One row per request when the action has no `performBatch`, the mapping says
 * `enable_batching: false`, or the action declares a batch size of 0 (off by default, as
 * the webhook does) and the mapping does not ask for batches.
 */
export function batchPolicyOf(action: ActionDefinition, fields: JsonObject): BatchPolicy {
  const rateLimit = action.rateLimit === undefined ? {} : { rateLimit: action.rateLimit };
  const single: BatchPolicy = { maxRows: 1, maxBytes: DEFAULT_BYTES, concurrency: CONCURRENT_ROWS, ...rateLimit };
  if (action.performBatch === undefined || fields['enable_batching'] === false) return single;
  const declared = numberOf(action.fields['batch_size']?.default);
  const asked = numberOf(fields['batch_size']);
  if (declared === 0 && fields['enable_batching'] !== true && !(asked !== undefined && asked > 0)) return single;
  const usual = declared === undefined || declared <= 0 ? DEFAULT_ROWS : declared;
  // A declared size is the destination's limit unless the field states another.
  const limit = action.fields['batch_size']?.maximum ?? (declared === undefined || declared <= 0 ? MAX_ROWS : declared);
  const rows = Math.min(asked !== undefined && asked > 0 ? asked : usual, limit, MAX_ROWS);
  const bytes = numberOf(fields['batch_bytes']) ?? numberOf(action.fields['batch_bytes']?.default) ?? DEFAULT_BYTES;
  return {
    maxRows: Math.max(1, Math.floor(rows)),
    maxBytes: Math.max(1, Math.min(bytes, DEFAULT_BYTES)),
    concurrency: CONCURRENT_BATCHES,
    ...rateLimit,
  };
}

/** Rows with different keys must not share a request: definitions read the first row's values only. */
export function batchKeyOf(action: ActionDefinition, fields: JsonObject): (payload: JsonObject) => string {
  const declared = fields['batch_keys'] ?? action.fields['batch_keys']?.default;
  const names = Array.isArray(declared) ? declared.filter((name) => typeof name === 'string') : [];
  const varying = names.filter((name) => !isConstant(fields[name]));
  if (varying.length === 0) return () => '';
  return (payload) => canonical(varying.map((name) => payload[name] ?? null));
}

/** JSON with sorted keys: equal values have equal texts. */
function canonical(value: JsonValue): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    isPlainObject(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

// One change as one command of Redis. A command does all or nothing of its change.
import type { JsonObject, JsonValue } from '@sluice/core';
import type { Prepared } from '@sluice/destination-kit';
import type { Target } from './settings.ts';
import { ID_PLACEHOLDER } from './shape.ts';

export class UnfitRow extends Error {}

/** A script may hand no more arguments than this to a command (Lua's stack). */
const MAX_HASH_FIELDS = 3500;

/**
 * Writes a hash: KEYS[1]; ARGV: mode, milliseconds to live or 0, number of pairs, the pairs, names to
 * remove. A key of another type fails at the first command, before anything is changed.
 */
export const HASH_SCRIPT = `
if ARGV[1] ~= 'upsert' then
  local there = redis.call('EXISTS', KEYS[1])
  if (ARGV[1] == 'add' and there == 1) or (ARGV[1] == 'update' and there == 0) then return 0 end
end
local last = 3 + 2 * tonumber(ARGV[3])
if last > 3 then redis.call('HSET', KEYS[1], unpack(ARGV, 4, last)) end
if #ARGV > last then redis.call('HDEL', KEYS[1], unpack(ARGV, last + 1)) end
if ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`;

/** Undefined when the mode leaves the change alone. `script` names the loaded `HASH_SCRIPT`. Throws `UnfitRow`. */
export function commandOf({ store, key: template, mode }: Target, row: Prepared, script: string): string[] | undefined {
  const { change, payload } = row;
  const { operation, recordId } = change;
  if (store === 'set') return [operation === 'deleted' ? 'SREM' : 'SADD', template, wellFormed('identifier', recordId)];
  if (store === 'stream') return streamCommand(template, row);
  const key = template.replaceAll(ID_PLACEHOLDER, () => wellFormed('identifier', recordId));
  if (operation === 'deleted') return mode === 'mirror' || mode === 'delete' ? ['UNLINK', key] : undefined;
  if (mode === 'delete') return undefined;
  const ttl = payload['ttl_seconds'];
  const ttlMs = typeof ttl === 'number' ? String(ttl * 1000) : '0';
  const scriptMode = mode === 'add' || mode === 'update' ? mode : 'upsert';
  if (store === 'hash') {
    const [pairs, removed] = hashFields(rowOf(payload));
    if (pairs.length === 0 && removed.length === 0) throw new UnfitRow('the row has no columns');
    return ['EVALSHA', script, '1', key, scriptMode, ttlMs, String(pairs.length / 2), ...pairs, ...removed];
  }
  const value = store === 'json' ? JSON.stringify(rowOf(payload)) : payload['value'];
  if (value === null || value === undefined) return ['UNLINK', key];
  return [
    'SET',
    key,
    wellFormed(store === 'json' ? 'row' : 'value', textOf(value)),
    ...(ttlMs === '0' ? [] : ['PX', ttlMs]),
    ...(mode === 'add' ? ['NX'] : mode === 'update' ? ['XX'] : []),
  ];
}

function streamCommand(key: string, { change, payload }: Prepared): string[] {
  const length = payload['max_length'];
  const [pairs] = hashFields(rowOf(payload));
  return [
    'XADD',
    key,
    ...(typeof length === 'number' ? ['MAXLEN', '~', String(length)] : []),
    '*',
    '_operation',
    change.operation,
    '_record_id',
    wellFormed('identifier', change.recordId),
    ...pairs,
  ];
}

/** Names and values in turn, and the names whose value is null. */
function hashFields(row: JsonObject): [pairs: string[], removed: string[]] {
  const pairs: string[] = [];
  const removed: string[] = [];
  for (const [name, value] of Object.entries(row)) {
    wellFormed('name of a column', name);
    if (value === null) removed.push(name);
    else pairs.push(name, wellFormed(`column "${name}"`, textOf(value)));
  }
  if (pairs.length / 2 + removed.length > MAX_HASH_FIELDS)
    throw new UnfitRow(`the row has more than ${MAX_HASH_FIELDS} columns`);
  return [pairs, removed];
}

function rowOf({ row }: JsonObject): JsonObject {
  return typeof row === 'object' && row !== null && !Array.isArray(row) ? row : {};
}

function textOf(value: Exclude<JsonValue, null>): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

// Written as UTF-8 it would come back as another text.
function wellFormed(what: string, text: string): string {
  if (!text.isWellFormed()) throw new UnfitRow(`${what}: half of a surrogate pair is no Unicode text`);
  return text;
}

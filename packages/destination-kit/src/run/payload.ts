// From a mapped row to a valid payload, as Segment's `Action.execute` does it: empty
// values are taken out by the schema, the rest is validated and coerced.
import type { JsonObject, JsonValue } from '@sluice/core';
import { isPlainObject } from '../mapping/compile.ts';
import type { JsonSchema } from '../segment/core.ts';
import { segmentCore } from '../segment/core.ts';
import type { ActionDefinition } from '../segment/definition.ts';
import { RESERVED_KEYS } from '../segment/definition.ts';

/** Makes one payload; throws with all its errors when the row is not valid. */
export type PayloadMaker = (mapped: JsonObject) => JsonObject;

/**
 * The schema is registered as `slug:action`, because actions-core's own key, made of the
 * display names, is no valid URI for many destinations and fails every row.
 * `single` is for `perform`, which drops empty texts at the top level; `performBatch` keeps them.
 */
export function createPayloadMaker(
  slug: string,
  actionKey: string,
  action: ActionDefinition,
  single: boolean,
): PayloadMaker {
  if (Object.keys(action.fields).length === 0) return withoutReserved;
  const schema = segmentCore.fieldsToJsonSchema(action.fields);
  const schemaKey = `${slug}:${actionKey}`;
  return (mapped) => {
    const payload = withoutEmpty(mapped, schema, single) as JsonObject;
    segmentCore.validateSchema(payload, schema, { schemaKey, exempt: ['dynamicAuthSettings'] });
    return payload;
  };
}

function withoutReserved(mapped: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(mapped).filter(([key]) => !RESERVED_KEYS.has(key)));
}

/**
 * Null goes unless the field allows null; an empty text goes unless the field is a text.
 * Undefined when the value itself goes; the value itself, not a copy, when nothing does.
 */
export function withoutEmpty(value: JsonValue, schema: JsonSchema | undefined, root = false): JsonValue | undefined {
  if (value !== null && value !== '' && typeof value !== 'object') return value;
  if (schema?.type === undefined && schema?.enum === undefined) return value;
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? value : value.filter((item) => withoutEmpty(item, items) !== undefined);
  }
  if (isPlainObject(value)) {
    const { properties } = schema;
    if (properties === undefined) return value;
    let copy: JsonObject | undefined;
    const keys = Object.keys(value);
    for (const [index, key] of keys.entries()) {
      const item = value[key] as JsonValue;
      const kept = withoutEmpty(item, properties[key]);
      const goes = kept === undefined || (root && kept === '');
      if (copy === undefined) {
        if (kept === item && !goes) continue;
        copy = Object.fromEntries(keys.slice(0, index).map((name) => [name, value[name] as JsonValue]));
      }
      if (!goes) copy[key] = kept;
    }
    return copy ?? value;
  }
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (value === null && !types.includes('null')) return undefined;
  return value === '' && !types.includes('string') ? undefined : value;
}

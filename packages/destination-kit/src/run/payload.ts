// From a row to a valid payload, as Segment's `Action.execute` does it: the mapping is
// resolved, empty values are taken out by the schema, the rest is validated and coerced.
// What a mapping says alike for every row is resolved and validated once.
import type { JsonObject, JsonValue } from '@sluice/core';
import { isConstant } from '../mapping/columns.ts';
import { compileMapping, isPlainObject } from '../mapping/compile.ts';
import type { JsonSchema } from '../segment/core.ts';
import { segmentCore } from '../segment/core.ts';
import type { ActionDefinition } from '../segment/definition.ts';
import { RESERVED_KEYS } from '../segment/definition.ts';

/** Makes one payload of what was mapped; throws with all its errors when the row is not valid. */
export type PayloadMaker = (mapped: JsonObject) => JsonObject;

/** The two steps of one row; each throws for reasons of its own. */
export type RowPayloads = {
  readonly map: (event: unknown) => JsonObject;
  readonly makePayload: PayloadMaker;
};

/** Keywords of schemas whose fields can be judged one by one; conditions between fields are others. */
const SEPARABLE = new Set(['$schema', 'type', 'properties', 'required', 'additionalProperties']);

/** The mapping must be well-formed: see `compileMapping`. */
export function createRowPayloads(
  slug: string,
  actionKey: string,
  action: ActionDefinition,
  mapping: JsonObject,
  single: boolean,
): RowPayloads {
  return (
    splitPayloads(slug, actionKey, action, mapping, single) ?? {
      map: compileMapping(mapping),
      makePayload: createPayloadMaker(slug, actionKey, action, single),
    }
  );
}

/** Undefined when the fields cannot be told apart, or the constant ones are not valid by themselves. */
function splitPayloads(
  slug: string,
  actionKey: string,
  action: ActionDefinition,
  mapping: JsonObject,
  single: boolean,
): RowPayloads | undefined {
  if ('__segment_internal_directive' in mapping) return undefined;
  if (!Object.keys(segmentCore.fieldsToJsonSchema(action.fields)).every((keyword) => SEPARABLE.has(keyword)))
    return undefined;
  const names = Object.keys(mapping).filter((name) => isConstant(mapping[name]));
  if (names.length === 0) return undefined;
  const constant = new Set(names);
  const part = (kept: (name: string) => boolean, label: string) => {
    const fields = Object.fromEntries(Object.entries(action.fields).filter(([name]) => kept(name)));
    const key = `${actionKey}:${label}:${names.map(encodeURIComponent).sort().join(',')}`;
    return {
      map: compileMapping(Object.fromEntries(Object.entries(mapping).filter(([name]) => kept(name)))),
      makePayload: createPayloadMaker(slug, key, { ...action, fields }, single),
    };
  };
  let fixed: JsonObject;
  try {
    const { map, makePayload } = part((name) => constant.has(name), 'constant');
    fixed = makePayload(map({}));
  } catch {
    return undefined; // each row then says what is wrong
  }
  const { map, makePayload } = part((name) => !constant.has(name), 'varying');
  const order = Object.keys(mapping);
  return {
    map,
    makePayload: (mapped) => {
      const varying = makePayload(mapped);
      const payload: JsonObject = {};
      for (const name of order) {
        const value = constant.has(name) ? fixed[name] : varying[name];
        // Definitions may change their payloads.
        if (value !== undefined)
          payload[name] = typeof value === 'object' && constant.has(name) ? structuredClone(value) : value;
      }
      return payload;
    },
  };
}

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

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
  // In the mapping's order; undefined stands for what each row says itself.
  const order = Object.keys(mapping)
    .filter((name) => !constant.has(name) || fixed[name] !== undefined)
    .map((name) => ({ name, value: constant.has(name) ? fixed[name] : undefined }));
  return {
    map,
    makePayload: (mapped) => {
      const varying = makePayload(mapped);
      const payload: JsonObject = {};
      for (const { name, value } of order) {
        if (value !== undefined) payload[name] = copyOf(value);
        else if (varying[name] !== undefined) payload[name] = varying[name];
      }
      return payload;
    },
  };
}

/** Definitions may change their payloads. (`structuredClone` takes as long as all else of a row.) */
function copyOf(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyOf(item)]));
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
  const isAnyObjects = anyObjectsOnly(schema);
  return (mapped) => {
    if (isAnyObjects(mapped)) return mapped;
    const payload = withoutEmpty(mapped, schema, single) as JsonObject;
    segmentCore.validateSchema(payload, schema, { schemaKey, exempt: ['dynamicAuthSettings'] });
    return payload;
  };
}

/** Keywords that say nothing about a value. */
const ANNOTATIONS = new Set(['type', 'title', 'description', 'default']);

/** True of a row that has all fields, and in each an object of which the schema says nothing more: it is valid as it is. */
function anyObjectsOnly(schema: JsonSchema): (mapped: JsonObject) => boolean {
  const { properties = {} } = schema;
  const names = new Set(Object.keys(properties));
  const open =
    names.size > 0 &&
    Object.keys(schema).every((keyword) => SEPARABLE.has(keyword)) &&
    Object.values(properties).every(
      (field) => field?.type === 'object' && Object.keys(field).every((keyword) => ANNOTATIONS.has(keyword)),
    );
  if (!open) return () => false;
  return (mapped) => {
    let members = 0;
    for (const name in mapped) {
      if (!names.has(name) || !isPlainObject(mapped[name])) return false;
      members += 1;
    }
    return members === names.size;
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

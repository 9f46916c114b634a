// Query parameters of the REST API (`QueryParameter`: `parameterType`, `parameterValue`) → typed values.
// Source: QueryParameter, QueryParameterType and QueryParameterValue of the BigQuery REST v2 reference.
import { BigQueryError } from '../../bigquery-error.ts';
import { typeName, type GType, type TypedValue, type Value } from '../types.ts';
import { BIGNUMERIC_SCALE, parseBignumeric } from './bignumeric.ts';
import { storedGeography } from './geography.ts';
import { parseInterval } from './interval.ts';
import { decimalText } from './text.ts';
import { rangeElement, scalarKind } from './type-names.ts';

type Json = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 15;

/** Throws `invalid`, naming the parameter, for a type or value that BigQuery would not take. */
export function parseParameter(parameter: unknown): TypedValue {
  const body = object(parameter, 'Query parameter');
  const label =
    typeof body['name'] === 'string' && body['name'] !== '' ? `Query parameter '${body['name']}'` : 'Query parameter';
  if (body['parameterType'] === undefined) throw new BigQueryError('invalid', `${label} has no parameterType`);
  const type = parseType(body['parameterType'], label, 0);
  return { type, value: parseValue(body['parameterValue'], type, label) };
}

function parseType(json: unknown, label: string, depth: number): GType {
  if (depth > MAX_DEPTH) throw new BigQueryError('invalid', `${label} is nested more than ${MAX_DEPTH} levels deep`);
  const body = object(json, `${label}: parameterType`);
  const name = typeof body['type'] === 'string' ? body['type'].toUpperCase() : '';
  if (name === 'ARRAY') {
    const element = parseType(body['arrayType'], label, depth + 1);
    if (element.kind === 'ARRAY') throw new BigQueryError('invalid', `${label}: an array cannot hold arrays`);
    return { kind: 'ARRAY', element };
  }
  if (name === 'STRUCT' || name === 'RECORD') {
    const fields = Array.isArray(body['structTypes']) ? (body['structTypes'] as readonly unknown[]) : [];
    if (fields.length === 0) throw new BigQueryError('invalid', `${label}: a struct needs structTypes`);
    return {
      kind: 'STRUCT',
      fields: fields.map((field) => {
        const entry = object(field, `${label}: structTypes`);
        return {
          name: typeof entry['name'] === 'string' ? entry['name'] : '',
          type: parseType(entry['type'], label, depth + 1),
        };
      }),
    };
  }
  if (name === 'RANGE') {
    const given = object(body['rangeElementType'], `${label}: rangeElementType`);
    const element = rangeElement(given['type']);
    if (element === undefined)
      throw new BigQueryError('invalid', `${label}: a RANGE is of DATE, DATETIME or TIMESTAMP`);
    return { kind: 'RANGE', element };
  }
  const kind = scalarKind(name);
  if (kind === undefined)
    throw new BigQueryError(
      'invalid',
      `${label}: Invalid value for type: ${String(body['type'])} is not a valid value`,
    );
  return { kind };
}

/** Of a RANGE; Google's clients write `UNBOUNDED` for no bound. */
function parseBound(json: unknown, type: GType, label: string): Value {
  const text = (json as { readonly value?: unknown } | null | undefined)?.value;
  return typeof text === 'string' && /^(?:unbounded|null)$/i.test(text) ? null : parseValue(json, type, label);
}

function parseValue(json: unknown, type: GType, label: string): Value {
  if (json === undefined || json === null) return null;
  const body = object(json, `${label}: parameterValue`);
  if (type.kind === 'ARRAY') {
    const items = body['arrayValues'];
    if (items === undefined || items === null) return body['value'] === undefined ? [] : null;
    if (!Array.isArray(items)) throw new BigQueryError('invalid', `${label}: arrayValues must be a list`);
    return items.map((item) => parseValue(item, type.element, label));
  }
  if (type.kind === 'STRUCT') {
    const values = body['structValues'];
    if (values === undefined || values === null) return null;
    const entries = object(values, `${label}: structValues`);
    return type.fields.map((field) => parseValue(entries[field.name], field.type, label));
  }
  if (type.kind === 'RANGE') {
    if (body['rangeValue'] === undefined || body['rangeValue'] === null) return null;
    const range = object(body['rangeValue'], `${label}: rangeValue`);
    const bounds = [parseBound(range['start'], type.element, label), parseBound(range['end'], type.element, label)];
    const [start, end] = bounds;
    if (start !== null && end !== null && start! >= end!)
      throw new BigQueryError('invalid', `${label}: Range start element must be smaller than range end element`);
    return bounds;
  }
  const text = body['value'];
  if (text === undefined || text === null) return null;
  if (typeof text !== 'string' && typeof text !== 'number' && typeof text !== 'boolean') {
    throw new BigQueryError('invalid', `${label}: the value of a ${typeName(type)} must be a string`);
  }
  const value = scalarValue(String(text), type);
  if (value === undefined)
    throw new BigQueryError(
      'invalid',
      `Invalid value for type ${typeName(type)} in ${label[0]!.toLowerCase()}${label.slice(1)}: '${String(text).slice(0, 100)}'`,
    );
  return value;
}

const DATETIME = /^(\d{4}-\d{1,2}-\d{1,2})(?:[ Tt](\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d{1,6})?))?$/;

/** Undefined for text that is no value of the type. */
function scalarValue(text: string, type: GType): Value | undefined {
  switch (type.kind) {
    case 'INT64': {
      if (!/^\s*[+-]?\d+\s*$/.test(text)) return undefined;
      const n = BigInt(text.trim().replace(/^\+/, ''));
      return n < -(2n ** 63n) || n >= 2n ** 63n ? undefined : n;
    }
    case 'FLOAT64': {
      const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text.trim());
      if (special !== null)
        return special[2]!.toLowerCase() === 'nan' ? Number.NaN : special[1] === '-' ? -Infinity : Infinity;
      return /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : undefined;
    }
    case 'BOOL':
      return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : undefined;
    case 'STRING':
      return text;
    case 'JSON':
      return isJson(text) ? text : undefined;
    case 'BYTES':
      return /^[A-Za-z0-9+/_-]*={0,2}$/.test(text) ? new Uint8Array(Buffer.from(text, 'base64')) : undefined;
    case 'DATE':
      return dayText(text);
    case 'TIME':
      return clockText(text);
    case 'DATETIME': {
      const match = DATETIME.exec(text.trim());
      const day = match === null ? undefined : dayText(match[1]!);
      const clock = clockText(match?.[2] ?? '0:0:0');
      return day === undefined || clock === undefined ? undefined : `${day} ${clock}`;
    }
    case 'TIMESTAMP':
      // Google's Node client writes nanoseconds; BigQuery keeps microseconds.
      return timestampMicros(text.trim().replace(/(\.\d{6})\d{1,3}/, '$1'));
    case 'NUMERIC':
      return /^\s*[+-]?(\d{1,29}\.?\d*|\.\d+)(e[+-]?\d{1,2})?\s*$/i.test(text) ? text.trim() : undefined;
    case 'BIGNUMERIC': {
      const unscaled = parseBignumeric(text);
      return unscaled === undefined ? undefined : decimalText(unscaled, BIGNUMERIC_SCALE);
    }
    case 'INTERVAL':
      return parseInterval(text);
    case 'GEOGRAPHY':
      return storedGeography(text);
    default:
      return undefined;
  }
}

function dayText(text: string): string | undefined {
  const match = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text.trim());
  if (match === null) return undefined;
  const canonical = `${match[1]}-${match[2]!.padStart(2, '0')}-${match[3]!.padStart(2, '0')}`;
  const date = new Date(`${canonical}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(canonical) && match[1] !== '0000'
    ? canonical
    : undefined;
}

function clockText(text: string): string | undefined {
  const match = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d{1,6})?$/.exec(text.trim());
  if (match === null || Number(match[1]) > 23 || Number(match[2]) > 59 || Number(match[3]) > 59) return undefined;
  return `${match
    .slice(1, 4)
    .map((part) => part.padStart(2, '0'))
    .join(':')}${match[4] ?? ''}`;
}

/** Microseconds since 1970 of `2020-01-01 10:00:00.123456+00:00`, `…T…Z`, `… UTC` or without a zone (UTC). */
function timestampMicros(text: string): bigint | undefined {
  const match = /^(.*?)\s*(Z|UTC|[+-]\d{1,2}(?::?\d{2})?)?$/i.exec(text);
  // A bare date also ends like an offset (-02): the date comes first.
  const whole = DATETIME.exec(text);
  const body = whole === null ? DATETIME.exec(match?.[1] ?? '') : whole;
  if (body === null) return undefined;
  const zone = whole === null ? (match?.[2] ?? 'Z') : 'Z';
  const day = dayText(body[1]!);
  const clock = clockText(body[2] ?? '0:0:0');
  if (day === undefined || clock === undefined) return undefined;
  const [seconds = '', fraction = ''] = clock.split('.');
  const offset = /^([+-])(\d{1,2}):?(\d{2})?$/.exec(zone);
  const minutes =
    offset === null ? 0 : (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3] ?? 0));
  const millis = Date.parse(`${day}T${seconds}Z`) - minutes * 60_000;
  return BigInt(millis) * 1000n + BigInt(fraction.padEnd(6, '0') || '0');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function object(json: unknown, what: string): Json {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new BigQueryError('invalid', `${what} must be an object`);
  return json as Json;
}

// Values as BigQuery's load jobs take them in newline-delimited JSON
// (https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json), and the check that
// the column's type holds them whole: a load job refuses a file for one bad value, and rounds
// some without a word.
import type { JsonObject, JsonValue } from '@sluice/core';
import type { FieldSchema } from './client.ts';

export class UnfitValue extends Error {}

type Present = Exclude<JsonValue, null>;
export type Encoder = (value: JsonValue | undefined) => JsonValue;

const INT64_MAX = 2n ** 63n - 1n;
const NUMBER = /^([+-]?)0*(\d*)(?:\.(\d*?)0*)?$/;
const DATE = String.raw`(\d{4})-(\d\d)-(\d\d)`;
const TIME = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?`;
const DATE_ONLY = new RegExp(`^${DATE}$`);
const TIME_ONLY = new RegExp(`^${TIME}$`);
const DATETIME = new RegExp(`^${DATE}[T ]${TIME}$`);
const TIMESTAMP = new RegExp(`^${DATE}[T ]${TIME}(?:Z|[+-]\\d\\d:\\d\\d)$`);

const ALIASES: Readonly<Record<string, string>> = {
  INTEGER: 'INT64',
  FLOAT: 'FLOAT64',
  BOOLEAN: 'BOOL',
  RECORD: 'STRUCT',
  DECIMAL: 'NUMERIC',
  BIGDECIMAL: 'BIGNUMERIC',
};

export function typeOf({ type }: FieldSchema): string {
  return ALIASES[type] ?? type;
}

/**
 * JSON is staged as text and parsed by the statement, so that a text and a value stay apart. What else
 * the column has (a default, a description) is the target's affair.
 */
export function stagedField(field: FieldSchema): FieldSchema {
  const { name, mode, fields, maxLength, precision, scale } = field;
  return {
    name,
    type: typeOf(field) === 'JSON' ? 'STRING' : field.type,
    mode: mode === 'REPEATED' ? mode : 'NULLABLE',
    ...(fields === undefined ? {} : { fields: fields.map(stagedField) }),
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(precision === undefined ? {} : { precision }),
    ...(scale === undefined ? {} : { scale }),
  };
}

/** Undefined for a type that cannot be written. */
export function encoderFor(field: FieldSchema, path = field.name): Encoder | undefined {
  const one = scalarEncoder(field, path);
  if (one === undefined) return undefined;
  if (field.mode === 'REPEATED') {
    // A JSON inside a list could not be told from its text.
    if (typeOf(field) === 'JSON') return undefined;
    return (value) => {
      if (value === null || value === undefined) return [];
      if (!Array.isArray(value)) throw new UnfitValue(`"${path}" is an ARRAY and wants a list`);
      return value.map((item) => {
        if (item === null) throw new UnfitValue(`"${path}" is an ARRAY, which cannot hold null`);
        return one(item);
      });
    };
  }
  const required = field.mode === 'REQUIRED';
  return (value) => {
    if (value !== null && value !== undefined) return one(value);
    if (required) throw new UnfitValue(`"${path}" is REQUIRED and cannot be null`);
    return null;
  };
}

function scalarEncoder(field: FieldSchema, path: string): ((value: Present) => JsonValue) | undefined {
  const type = typeOf(field);
  const wrong = (value: Present, wanted: string): UnfitValue =>
    new UnfitValue(`"${path}" is ${type} and wants ${wanted}, not ${shown(value)}`);
  const matching =
    (pattern: RegExp, wanted: string): ((value: Present) => string) =>
    (value) => {
      const found = typeof value === 'string' ? pattern.exec(value) : null;
      if (found === null || !isDay(found)) throw wrong(value, wanted);
      return found[0];
    };
  switch (type) {
    case 'INT64':
      return (value) => {
        const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
        if (!/^[+-]?\d{1,40}$/.test(text)) throw wrong(value, 'a whole number');
        const big = BigInt(text.replace('+', ''));
        if (big > INT64_MAX || big < -INT64_MAX - 1n) throw wrong(value, 'a number of 64 bits');
        return big.toString();
      };
    case 'FLOAT64':
      return (value) => {
        if (typeof value === 'number') return value;
        if (typeof value === 'string' && /^(NaN|-?Infinity|[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)$/i.test(value))
          return value;
        throw wrong(value, 'a number');
      };
    case 'NUMERIC':
    case 'BIGNUMERIC':
      return (value) => decimal(field, type, value, wrong);
    case 'BOOL':
      return (value) => {
        if (typeof value === 'boolean') return value;
        if (value === 'true' || value === 'false') return value === 'true';
        throw wrong(value, 'true or false');
      };
    case 'STRING':
      return (value) => {
        const text = wellFormed(path, plainText(value));
        // Counted as BigQuery counts: in code points.
        if (field.maxLength !== undefined && Array.from(text).length > Number(field.maxLength))
          throw new UnfitValue(`"${path}" is STRING(${field.maxLength}), and the text is longer`);
        return text;
      };
    case 'BYTES':
      return (value) => {
        if (typeof value !== 'string' || !/^(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2,3}={0,2})?$/.test(value))
          throw wrong(value, 'base64');
        const bytes = Buffer.from(value, 'base64');
        if (field.maxLength !== undefined && bytes.length > Number(field.maxLength))
          throw new UnfitValue(`"${path}" is BYTES(${field.maxLength}), and the value is longer`);
        return bytes.toString('base64');
      };
    case 'DATE':
      return matching(DATE_ONLY, 'YYYY-MM-DD');
    case 'TIME':
      return matching(TIME_ONLY, 'HH:MM:SS with at most six digits behind');
    case 'DATETIME':
      return matching(DATETIME, 'YYYY-MM-DDTHH:MM:SS with at most six digits behind');
    case 'TIMESTAMP':
      return matching(TIMESTAMP, 'YYYY-MM-DDTHH:MM:SSZ with at most six digits behind');
    case 'JSON':
      return (value) => wellFormed(path, JSON.stringify(value));
    case 'GEOGRAPHY':
    case 'INTERVAL':
      return (value) => wellFormed(path, plainText(value));
    case 'STRUCT':
      return structEncoder(field, path);
    default:
      return undefined;
  }
}

function structEncoder(field: FieldSchema, path: string): ((value: Present) => JsonObject) | undefined {
  const parts = new Map<string, Encoder>();
  for (const inner of field.fields ?? []) {
    const encode = typeOf(inner) === 'JSON' ? undefined : encoderFor(inner, `${path}.${inner.name}`);
    if (encode === undefined) return undefined;
    parts.set(inner.name, encode);
  }
  return (value) => {
    if (typeof value !== 'object' || Array.isArray(value))
      throw new UnfitValue(`"${path}" is a STRUCT and wants an object`);
    const unknown = Object.keys(value).find((name) => !parts.has(name));
    if (unknown !== undefined) throw new UnfitValue(`"${path}" has no field "${unknown}"`);
    return Object.fromEntries([...parts].map(([name, encode]) => [name, encode(value[name])]));
  };
}

function decimal(
  { precision, scale }: FieldSchema,
  type: 'NUMERIC' | 'BIGNUMERIC',
  value: Present,
  wrong: (value: Present, wanted: string) => UnfitValue,
): string {
  const text = typeof value === 'number' || typeof value === 'string' ? plainDigits(String(value)) : undefined;
  const [, sign = '', whole = '', fraction = ''] = NUMBER.exec(text ?? '-') ?? [];
  if (text === undefined || !/\d/.test(text)) throw wrong(value, 'a decimal number');
  const maxFraction = precision === undefined ? (type === 'NUMERIC' ? 9 : 38) : Number(scale ?? 0);
  const maxWhole = precision === undefined ? (type === 'NUMERIC' ? 29 : 38) : Number(precision) - maxFraction;
  // BigQuery would round the rest away.
  if (fraction.length > maxFraction || whole.length > maxWhole)
    throw wrong(value, `at most ${maxWhole} digits before and ${maxFraction} behind the point`);
  return `${sign === '-' ? '-' : ''}${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Without an exponent. Undefined for what is no number. */
function plainDigits(text: string): string | undefined {
  const [, sign, whole, fraction = '', exponent] = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d{1,3}))?$/i.exec(text) ?? [];
  if (sign === undefined || whole === undefined) return undefined;
  if (exponent === undefined) return text;
  const shift = Number(exponent);
  const digits = whole + fraction;
  const point = whole.length + shift;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.slice(0, point).padEnd(point, '0')}.${digits.slice(point)}`;
}

/** Whether the captured year, month and day, where there are any, are a day. */
function isDay([, year, month, day]: RegExpExecArray): boolean {
  if (year === undefined || month === undefined || day === undefined) return true;
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return year !== '0000' && !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(day);
}

function plainText(value: Present): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function wellFormed(path: string, text: string): string {
  if (!text.isWellFormed()) throw new UnfitValue(`"${path}": half of a surrogate pair is no Unicode text`);
  return text;
}

function shown(value: Present): string {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

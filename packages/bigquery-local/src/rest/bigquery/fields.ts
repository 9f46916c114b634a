// Reads fields of request bodies and query strings; a value of the wrong form is a 400
// that names the field.
import { BigQueryError } from '../../bigquery-error.ts';

type Body = Readonly<Record<string, unknown>>;

export function invalidField(name: string, expected: string): BigQueryError {
  return new BigQueryError('invalid', `Invalid value for ${name}: ${expected}`);
}

export function optionalText(body: Body, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalidField(name, 'expected a string');
  return value;
}

/** Google's APIs write 64-bit integers as text and read both forms. */
export function optionalInteger(body: Body, name: string): number | undefined {
  const value = body[name];
  if (value === undefined || value === null || value === '') return undefined;
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw invalidField(name, 'expected an integer');
  return number;
}

/** A size or an index: not negative. */
export function optionalCount(body: Body, name: string): number | undefined {
  const value = optionalInteger(body, name);
  if (value !== undefined && value < 0) throw invalidField(name, 'must not be negative');
  return value;
}

export function optionalFlag(body: Body, name: string): boolean | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  // Google's Python client writes True and False into query strings.
  const text = typeof value === 'string' ? value.toLowerCase() : value;
  if (text === true || text === 'true') return true;
  if (text === false || text === 'false') return false;
  throw invalidField(name, 'expected true or false');
}

export function optionalObject(body: Body, name: string): Body | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) throw invalidField(name, 'expected an object');
  return value as Body;
}

export function optionalList(body: Body, name: string): readonly unknown[] | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw invalidField(name, 'expected a list');
  return value;
}

const LABEL_KEY = /^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u;
const LABEL_VALUE = /^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u;

/** "Requirements for labels": at most 64; lowercase letters, digits, _ and -, at most 63 each. */
export function optionalLabels(body: Body, name = 'labels'): Readonly<Record<string, string>> | undefined {
  const labels = optionalObject(body, name);
  if (labels === undefined) return undefined;
  const entries = Object.entries(labels).filter(([, value]) => value !== null);
  if (entries.length > 64) throw invalidField(name, 'at most 64 labels are allowed');
  for (const [key, value] of entries) {
    if (!LABEL_KEY.test(key)) throw new BigQueryError('invalid', `Label key "${key}" has invalid characters.`);
    if (typeof value !== 'string') throw invalidField(`${name}.${key}`, 'expected a text');
    if (!LABEL_VALUE.test(value)) throw new BigQueryError('invalid', `Label value "${value}" has invalid characters.`);
  }
  return Object.fromEntries(entries) as Record<string, string>;
}

/** Opaque position of a list: a page token holds nothing but where to go on. */
export function encodeToken(position: string): string {
  return Buffer.from(position).toString('base64url');
}

export function decodeToken(token: string | undefined): string | undefined {
  if (token === undefined || token === '') return undefined;
  const position = Buffer.from(token, 'base64url').toString();
  if (encodeToken(position) !== token) throw invalidField('pageToken', 'not a token of this server');
  return position;
}

// Values as literals of MySQL. The server parses quoted texts into the column's type, so that
// INT64, NUMERIC and timestamps lose nothing on the way; what it would round or cut without
// an error is refused here.
import type { JsonValue } from '@sluice/core';
import { escape } from 'mysql2';
import type { Column } from './table.ts';

/** The literal of one value in its column. Throws `UnfitValue` for what the type cannot hold. */
export type Encoder = (value: JsonValue | undefined) => string;

export class UnfitValue extends Error {}

type Present = Exclude<JsonValue, null>;

const INTEGERS = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'year', 'bit']);
const DECIMALS = new Set(['decimal', 'float', 'double']);
const BYTES = new Set(['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob']);
/** Types without a literal that would mean the same everywhere: axis order and formats differ. */
const REFUSED = new Set([
  'geometry',
  'point',
  'linestring',
  'polygon',
  'multipoint',
  'multilinestring',
  'multipolygon',
  'geometrycollection',
  'geomcollection',
  'vector',
]);
const TIMESTAMP = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?$/;

export function isWritableType(type: string): boolean {
  return !REFUSED.has(type);
}

export function encoderFor(column: Column): Encoder {
  const literal = literalOf(column);
  return (value) => (value === null || value === undefined ? 'NULL' : literal(value));
}

function literalOf({ name, type, isJson }: Column): (value: Present) => string {
  if (isJson) return (value) => quotedText(name, JSON.stringify(value));
  if (INTEGERS.has(type)) return (value) => integer(name, type, value);
  if (DECIMALS.has(type)) return (value) => decimal(name, type, value);
  if (BYTES.has(type)) return (value) => bytes(name, type, value);
  if (type === 'datetime' || type === 'timestamp') return (value) => quotedText(name, utcText(plainText(value)));
  if (type === 'date') return (value) => date(name, value);
  if (type === 'set')
    return (value) => quotedText(name, Array.isArray(value) ? value.map(itemText).join(',') : plainText(value));
  return (value) => quotedText(name, plainText(value));
}

function integer(name: string, type: string, value: Present): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  const text = plainText(value);
  // MySQL would round 1.5 without a word.
  if (!/^[+-]?\d+$/.test(text))
    throw new UnfitValue(`"${name}" is ${type} and wants a whole number, not ${shown(text)}`);
  return text;
}

function decimal(name: string, type: string, value: Present): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  const text = plainText(value);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text))
    throw new UnfitValue(`"${name}" is ${type} and wants a number, not ${shown(text)}`);
  // As a text an exponent stays a decimal and digits stay exact.
  return `'${text}'`;
}

/** BigQuery's BYTES arrive as base64. */
function bytes(name: string, type: string, value: Present): string {
  if (typeof value !== 'string' || !/^(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2,3}={0,2})?$/.test(value))
    throw new UnfitValue(`"${name}" is ${type} and wants base64`);
  return `x'${Buffer.from(value, 'base64').toString('hex')}'`;
}

function date(name: string, value: Present): string {
  const text = plainText(value);
  // MySQL would cut the time of day off.
  if (!/^\d{4}-\d\d-\d\d$/.test(text))
    throw new UnfitValue(`"${name}" is date and wants YYYY-MM-DD, not ${shown(text)}`);
  return `'${text}'`;
}

/** The session's zone is UTC; MySQL knows no `Z`, and offsets only since 8.0.19. */
function utcText(text: string): string {
  const [, day = '', time = '', fraction = '', zone = ''] = TIMESTAMP.exec(text) ?? [];
  if (day === '') return text;
  if (zone === '' || zone === 'Z') return `${day} ${time}${fraction}`;
  const offset = zone.includes(':') ? zone : `${zone.slice(0, 3)}:${zone.slice(3)}`;
  const moment = new Date(`${day}T${time}${offset}`);
  if (Number.isNaN(moment.getTime())) return text;
  return `${moment.toISOString().slice(0, 19).replace('T', ' ')}${fraction}`;
}

function itemText(item: JsonValue): string {
  return item === null ? '' : plainText(item);
}

function plainText(value: Present): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function quotedText(name: string, text: string): string {
  if (!text.isWellFormed()) throw new UnfitValue(`"${name}": half of a surrogate pair is no Unicode text`);
  return escape(text);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

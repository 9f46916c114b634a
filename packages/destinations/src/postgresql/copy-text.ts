// Values as the text format of PostgreSQL's COPY (https://www.postgresql.org/docs/current/sql-copy.html,
// "Text Format"). The server parses them into the column's type, so that INT64, NUMERIC
// and timestamps lose nothing on the way.
import type { JsonValue } from '@sluice/core';
import type { Column } from './table.ts';

/** The text of one value in its column. Throws `UnfitValue` for what the type cannot hold. */
export type Encoder = (value: JsonValue | undefined) => string;

export class UnfitValue extends Error {}

const NULL = '\\N';
const SPECIAL = /[\\\n\r\t]/;
/** Texts that are right as they are, by far the most: printable ASCII without a backslash. */
const PLAIN = /^[\x20-\x5b\x5d-\x7e]*$/;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

export function encoderFor(column: Column): Encoder {
  const text = textOf(column);
  return (value) => {
    if (value === null || value === undefined) return NULL;
    const written = text(value);
    if (PLAIN.test(written)) return written;
    if (written.includes('\0')) throw new UnfitValue(`"${column.name}": PostgreSQL has no text with a zero character`);
    if (!written.isWellFormed()) throw new UnfitValue(`"${column.name}": half of a surrogate pair is no Unicode text`);
    return SPECIAL.test(written) ? written.replaceAll(/[\\\n\r\t]/g, (each) => ESCAPES[each] ?? each) : written;
  };
}

/** Before COPY's escapes. */
function textOf({ name, type, baseType, category }: Column): (value: Exclude<JsonValue, null>) => string {
  if (baseType === 'json' || baseType === 'jsonb') return jsonText;
  if (baseType === 'bytea') return (value) => hexOf(name, value);
  if (category === 'A') {
    const ofBytes = baseType === 'bytea[]';
    const ofJson = baseType === 'json[]' || baseType === 'jsonb[]';
    return (value) => {
      if (!Array.isArray(value)) throw new UnfitValue(`"${name}" is ${type} and wants a list`);
      return arrayText(value, (item) => (ofBytes ? hexOf(name, item) : ofJson ? jsonText(item) : plainText(item)));
    };
  }
  return plainText;
}

/** BigQuery's JSON columns arrive as the value itself; a text is a JSON text. */
function jsonText(value: Exclude<JsonValue, null>): string {
  return JSON.stringify(value);
}

function plainText(value: Exclude<JsonValue, null>): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** BigQuery's BYTES arrive as base64. */
function hexOf(name: string, value: JsonValue): string {
  if (typeof value !== 'string' || !/^(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2,3}={0,2})?$/.test(value))
    throw new UnfitValue(`"${name}" is bytea and wants base64`);
  return `\\x${Buffer.from(value, 'base64').toString('hex')}`;
}

function arrayText(items: readonly JsonValue[], itemText: (item: Exclude<JsonValue, null>) => string): string {
  const texts = items.map((item) => {
    if (item === null) return 'NULL';
    if (Array.isArray(item)) return arrayText(item, itemText);
    return `"${itemText(item).replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  });
  return `{${texts.join(',')}}`;
}

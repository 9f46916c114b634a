// Decodes BigQuery's REST rows (`{f:[{v}]}`, everything as text) into JSON values
// without loss. Decoders are built once per schema and are the hot path of delivery.
//
//   INT64      number when safe, otherwise the decimal text
//   FLOAT64    number; "NaN", "Infinity", "-Infinity" as text, which JSON numbers lack
//   NUMERIC    decimal text          BYTES      base64 text
//   TIMESTAMP  ISO 8601 in UTC, milliseconds, or microseconds when there are any
//   DATE, TIME, DATETIME, INTERVAL, GEOGRAPHY, RANGE: BigQuery's text
//   STRUCT     object                ARRAY      array         JSON   the value itself
import { AppError } from '@sluice/core';
import type { JsonObject, JsonValue } from '@sluice/core';
import type { Column } from '../../run/api.ts';
import { parseJson } from '../json.ts';

export type FieldSchema = {
  readonly name: string;
  readonly type: string;
  readonly mode?: string;
  readonly fields?: readonly FieldSchema[];
  /** Of a RANGE. */
  readonly rangeElementType?: { readonly type: string };
};

export type WireRow = { readonly f: readonly { readonly v: unknown }[] };

type Decode = (wire: unknown) => JsonValue;

const STANDARD_NAMES: Readonly<Record<string, string>> = {
  INTEGER: 'INT64',
  FLOAT: 'FLOAT64',
  BOOLEAN: 'BOOL',
  RECORD: 'STRUCT',
};

/** GoogleSQL's name of a field's type, for example `ARRAY<STRUCT<a INT64>>`. */
export function typeText(field: FieldSchema): string {
  const base = STANDARD_NAMES[field.type] ?? field.type;
  const text =
    base === 'STRUCT'
      ? `STRUCT<${(field.fields ?? []).map((inner) => `${inner.name} ${typeText(inner)}`).join(', ')}>`
      : base;
  return field.mode === 'REPEATED' ? `ARRAY<${text}>` : text;
}

export function columnsOf(fields: readonly FieldSchema[]): Column[] {
  return fields.map((field) => ({ name: field.name, type: typeText(field) }));
}

/** Like `compileRowDecoder`, with the columns of a name prefix gathered, without it, in one object `columns`. */
export function compileNestingDecoder(fields: readonly FieldSchema[], prefix: string): (row: WireRow) => JsonObject {
  const outer = fields.filter((field) => !field.name.startsWith(prefix));
  const inner = fields
    .filter((field) => field.name.startsWith(prefix))
    .map((field) => ({ ...field, name: field.name.slice(prefix.length) }));
  const positions = (wanted: readonly FieldSchema[], cut: string): number[] =>
    wanted.map((field) => fields.findIndex((candidate) => candidate.name === cut + field.name));
  const decodeOuter = compileRowDecoder(outer, positions(outer, ''));
  const decodeInner = compileRowDecoder(inner, positions(inner, prefix));
  return (row) => {
    const out = decodeOuter(row);
    out['columns'] = decodeInner(row);
    return out;
  };
}

/** Builds the decoder of a whole row; `positions` are the fields' places in the wire row. */
export function compileRowDecoder(
  fields: readonly FieldSchema[],
  positions: readonly number[] = fields.map((_field, index) => index),
): (row: WireRow) => JsonObject {
  const names = fields.map((field) => field.name);
  const decoders = fields.map(compileField);
  const width = names.length;
  return (row) => {
    const cells = row.f;
    const out: JsonObject = {};
    for (let i = 0; i < width; i += 1) {
      const wire = cells[positions[i] as number]?.v;
      out[names[i] as string] = wire === null || wire === undefined ? null : (decoders[i] as Decode)(wire);
    }
    return out;
  };
}

function compileField(field: FieldSchema): Decode {
  const one = compileScalarOrStruct(field);
  if (field.mode !== 'REPEATED') return one;
  return (wire) =>
    (wire as { v: unknown }[]).map((element) =>
      element.v === null || element.v === undefined ? null : one(element.v),
    );
}

function compileScalarOrStruct(field: FieldSchema): Decode {
  const type = STANDARD_NAMES[field.type] ?? field.type;
  switch (type) {
    case 'INT64':
      return integer;
    case 'FLOAT64':
      return float;
    case 'BOOL':
      return (wire) => wire === 'true' || wire === true;
    case 'TIMESTAMP':
      return timestamp;
    case 'JSON':
      return (wire) => parseJson(String(wire));
    case 'STRUCT': {
      const decodeRow = compileRowDecoder(field.fields ?? []);
      return (wire) => decodeRow(wire as WireRow);
    }
    default:
      return (wire) => (typeof wire === 'string' ? wire : String(wire));
  }
}

function integer(wire: unknown): JsonValue {
  const value = Number(wire);
  return Number.isSafeInteger(value) ? value : String(wire);
}

function float(wire: unknown): JsonValue {
  const text = String(wire);
  const value = Number(text);
  if (Number.isFinite(value) && text !== '') return value;
  const lower = text.toLowerCase();
  if (lower === 'nan') return 'NaN';
  return lower.startsWith('-') ? '-Infinity' : 'Infinity';
}

/** The wire value is int64 microseconds since the epoch (`formatOptions.useInt64Timestamp`). */
function timestamp(wire: unknown): JsonValue {
  const micros = Number(wire);
  // Years 1 to 9999 in microseconds do not all fit a double exactly; BigInt does the rest.
  if (!Number.isSafeInteger(micros)) {
    if (!/^-?\d+$/.test(String(wire))) {
      throw new AppError(`BigQuery sent the timestamp ${String(wire)}, which is not a count of microseconds`, {
        code: 'SOURCE_PROTOCOL',
        kind: 'internal',
        origin: 'source',
      });
    }
    const big = BigInt(String(wire));
    const rest = Number(((big % 1000n) + 1000n) % 1000n);
    return isoOf(Number((big - BigInt(rest)) / 1000n), rest);
  }
  const rest = ((micros % 1000) + 1000) % 1000;
  return isoOf((micros - rest) / 1000, rest);
}

function isoOf(millis: number, restMicros: number): string {
  const iso = new Date(millis).toISOString();
  return restMicros === 0 ? iso : `${iso.slice(0, -1)}${String(restMicros).padStart(3, '0')}Z`;
}

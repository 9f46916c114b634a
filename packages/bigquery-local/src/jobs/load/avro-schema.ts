// Avro's types as BigQuery loads them, and their values as newline-delimited JSON.
// Source: "Loading Avro data": primitive, logical and complex types.
import { BigQueryError } from '../../bigquery-error.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import { datetimeText } from '../../googlesql/values/text.ts';
import { decimalType } from './detected-type.ts';
import type { DecimalType } from './load-configuration.ts';

export type AvroOptions = {
  /** `useAvroLogicalTypes`: without it a logical type is loaded as what it is stored as. */
  readonly avroLogicalTypes: boolean;
  readonly decimalTypes: readonly DecimalType[];
};

/** `text` gives the JSON of a value as `avsc` decodes it, with unions wrapped and 64-bit integers as bigint. */
export type AvroField = { readonly field: FieldSchema; readonly text: (value: unknown) => string };

type Schema = string | readonly Schema[] | { readonly type: Schema; readonly [attribute: string]: unknown };
type Typed = { readonly type: string; readonly fields?: readonly FieldSchema[] } & {
  readonly text: (value: unknown) => string;
};

/** `named`: named types that were defined before. Throws `invalid`, naming the field, for a type that has no counterpart. */
export function avroField(name: string, schema: unknown, options: AvroOptions, named: Map<string, unknown>): AvroField {
  const given = schema as Schema;
  if (isUnion(given)) return unionField(name, given, options, named);
  const repeated = repeatedField(name, given, options, named);
  if (repeated !== undefined) return repeated;
  const { text, ...typed } = scalar(name, given, options, named);
  return { field: { name, mode: 'REQUIRED', ...typed }, text };
}

function isUnion(schema: Schema): schema is readonly Schema[] {
  return Array.isArray(schema);
}

/** `["null", T]` is a NULLABLE T. */
function unionField(
  name: string,
  branches: readonly Schema[],
  options: AvroOptions,
  named: Map<string, unknown>,
): AvroField {
  const others = branches.filter((branch) => typeOf(branch) !== 'null');
  if (others.length !== 1)
    throw new BigQueryError(
      'notImplemented',
      `Field ${name}: an Avro union of several types is not supported by the local BigQuery.`,
    );
  const inner = avroField(name, others[0], options, named);
  const unwrapped = (value: unknown): string =>
    value === null ? 'null' : inner.text(branches.length === 1 ? value : Object.values(value as object)[0]);
  const mode = inner.field.mode === 'REQUIRED' && others.length < branches.length ? 'NULLABLE' : inner.field.mode!;
  return {
    field: { ...inner.field, mode },
    text: inner.field.mode === 'REPEATED' ? (value) => (value === null ? '[]' : unwrapped(value)) : unwrapped,
  };
}

function repeatedField(
  name: string,
  schema: Schema,
  options: AvroOptions,
  named: Map<string, unknown>,
): AvroField | undefined {
  const type = typeOf(schema);
  if (type === 'array') {
    const item = avroField(name, (schema as { items?: unknown }).items, options, named);
    if (item.field.mode === 'REPEATED')
      throw new BigQueryError('invalid', `Field ${name}: an array of arrays cannot be loaded.`);
    return {
      field: { ...item.field, mode: 'REPEATED' },
      text: (value) => `[${(value as unknown[]).map(item.text).join(',')}]`,
    };
  }
  if (type !== 'map') return undefined;
  const item = avroField('value', (schema as { values?: unknown }).values, options, named);
  const fields: FieldSchema[] = [{ name: 'key', type: 'STRING', mode: 'REQUIRED' }, item.field];
  return {
    field: { name, type: 'RECORD', mode: 'REPEATED', fields },
    text: (value) => {
      const entries = Object.entries(value as Record<string, unknown>);
      return `[${entries.map(([key, one]) => `{"key":${JSON.stringify(key)},"value":${item.text(one)}}`).join(',')}]`;
    },
  };
}

function typeOf(schema: Schema): string {
  if (typeof schema === 'string') return schema;
  return isUnion(schema) ? 'union' : typeof schema.type === 'string' ? schema.type : typeOf(schema.type);
}

const PRIMITIVES: Readonly<Record<string, Typed>> = {
  boolean: { type: 'BOOLEAN', text: (value) => String(value) },
  int: { type: 'INTEGER', text: (value) => String(value) },
  long: { type: 'INTEGER', text: (value) => String(value) },
  float: { type: 'FLOAT', text: numberText },
  double: { type: 'FLOAT', text: numberText },
  bytes: { type: 'BYTES', text: bytesText },
  fixed: { type: 'BYTES', text: bytesText },
  string: { type: 'STRING', text: (value) => JSON.stringify(value) },
  enum: { type: 'STRING', text: (value) => JSON.stringify(value) },
};

function numberText(value: unknown): string {
  return Number.isFinite(value) ? String(value) : JSON.stringify(String(value));
}

function bytesText(value: unknown): string {
  return JSON.stringify(Buffer.from(value as Uint8Array).toString('base64'));
}

function scalar(name: string, schema: Schema, options: AvroOptions, named: Map<string, unknown>): Typed {
  const attributes = typeof schema === 'string' || isUnion(schema) ? {} : schema;
  const type = typeOf(schema);
  const own = (attributes as { name?: unknown }).name;
  if (typeof own === 'string') {
    named.set(own, schema);
    const { namespace } = attributes as { namespace?: unknown };
    if (typeof namespace === 'string') named.set(`${namespace}.${own}`, schema);
  }
  if (type === 'record') return record(attributes, options, named);
  const plain = PRIMITIVES[type];
  if (plain === undefined) {
    const known = named.get(type) as Schema | undefined;
    if (known !== undefined && typeOf(known) !== 'record') return scalar(name, known, options, named);
    throw new BigQueryError(
      'invalid',
      `Field ${name}: the Avro type ${type} cannot be loaded${known === undefined ? '' : ': a record within itself, or used twice, is not supported by the local BigQuery'}.`,
    );
  }
  const sqlType = (attributes as { sqlType?: unknown }).sqlType;
  if (type === 'string' && (sqlType === 'JSON' || sqlType === 'GEOGRAPHY'))
    return sqlType === 'GEOGRAPHY' ? { ...plain, type: sqlType } : { type: sqlType, text: (value) => String(value) };
  return (options.avroLogicalTypes ? logical(name, attributes, options) : undefined) ?? plain;
}

function record(
  attributes: { readonly [attribute: string]: unknown },
  options: AvroOptions,
  named: Map<string, unknown>,
): Typed {
  const fields = (attributes['fields'] as readonly { name: string; type: unknown }[]).map((field) =>
    avroField(field.name, field.type, options, named),
  );
  return {
    type: 'RECORD',
    fields: fields.map(({ field }) => field),
    text: (value) => rowText(fields, value as Record<string, unknown>),
  };
}

/** One record as a line of JSON, without its end. */
export function rowText(fields: readonly AvroField[], row: Record<string, unknown>): string {
  return `{${fields.map(({ field, text }) => `${JSON.stringify(field.name)}:${text(row[field.name])}`).join(',')}}`;
}

function logical(
  name: string,
  attributes: { readonly [attribute: string]: unknown },
  { decimalTypes }: AvroOptions,
): Typed | undefined {
  const text = (make: (value: unknown) => string) => (value: unknown) => JSON.stringify(make(value));
  const micros = (perUnit: bigint) => (value: unknown) => datetimeText(BigInt(value as number | bigint) * perUnit);
  const clock = (perUnit: bigint) => (value: unknown) => micros(perUnit)(value).slice('1970-01-01T'.length);
  switch (attributes['logicalType']) {
    case 'date':
      return {
        type: 'DATE',
        text: text((days) => datetimeText(BigInt(days as number) * 86_400_000_000n).slice(0, 10)),
      };
    case 'time-millis':
      return { type: 'TIME', text: text(clock(1000n)) };
    case 'time-micros':
      return { type: 'TIME', text: text(clock(1n)) };
    case 'timestamp-millis':
      return { type: 'TIMESTAMP', text: text((value) => `${micros(1000n)(value)}Z`) };
    case 'timestamp-micros':
      return { type: 'TIMESTAMP', text: text((value) => `${micros(1n)(value)}Z`) };
    case 'local-timestamp-millis':
      return { type: 'DATETIME', text: text(micros(1000n)) };
    case 'local-timestamp-micros':
      return { type: 'DATETIME', text: text(micros(1n)) };
    case 'datetime':
      return { type: 'DATETIME', text: (value) => JSON.stringify(value) };
    case 'decimal': {
      const scale = Number(attributes['scale'] ?? 0);
      const type = decimalType(name, Number(attributes['precision']), scale, decimalTypes);
      return { type, text: text((value) => decimalText(value as Uint8Array, scale)) };
    }
    default:
      return undefined;
  }
}

/** Two's complement, the highest byte first. */
function decimalText(bytes: Uint8Array, scale: number): string {
  const hex = Buffer.from(bytes).toString('hex');
  const value = hex === '' ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`));
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return value < 0n ? `-${text}` : text;
}

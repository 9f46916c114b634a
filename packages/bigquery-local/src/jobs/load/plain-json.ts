// The quick way for large files of flat records: DuckDB's reader converts what JSON itself types,
// where one look over all rows has shown that it makes the same values as `jsonSource`: every
// field holds a scalar of a fitting JSON type, and no row has a field that the schema lacks.
// Rows that are all written like the first one, as a program writes them, are looked at by one
// regular expression; others are taken apart.
import { open } from 'node:fs/promises';
import type { FieldSchema } from '../../catalog/schema.ts';
import type { GType } from '../../googlesql/types.ts';
import { typeOfField } from '../../googlesql/values/schema.ts';
import { parametersOfField } from '../../googlesql/values/type-parameters.ts';
import { identifier, literal, type Session } from '../../storage/duckdb.ts';
import { textToValue, type TextFiles, type TimeFormats } from './source.ts';

/** Below this the look costs more than it saves. */
const LARGE_BYTES = 1_000_000;

/** Kinds of rows (fields given, types of their values) that are looked at; more are not worth it. */
const MAX_SHAPES = 200;

/** Types of JSON values, in DuckDB's words, that its reader converts as BigQuery's loader does. */
const NATIVE: Partial<Record<GType['kind'], { readonly reads: string; readonly from: readonly string[] }>> = {
  INT64: { reads: 'BIGINT', from: ['BIGINT', 'UBIGINT'] },
  FLOAT64: { reads: 'DOUBLE', from: ['DOUBLE', 'BIGINT', 'UBIGINT'] },
  BOOL: { reads: 'BOOLEAN', from: ['BOOLEAN'] },
};

export type PlainJson = {
  /** Arguments of DuckDB's JSON readers. */
  readonly reader: string;
  readonly text: TextFiles;
  readonly fields: readonly FieldSchema[];
  readonly ignoresUnknown: boolean;
  readonly formats: TimeFormats | undefined;
};

/** SELECT of the fields, in order; undefined where the data asks for the careful way. */
export async function plainSelect(session: Session, json: PlainJson): Promise<string | undefined> {
  const { text, fields } = json;
  const bytes = text.files.reduce((sum, { size }) => sum + size, 0);
  if (bytes < LARGE_BYTES || fields.length === 0) return undefined;
  const types = fields.map(typeOfField);
  if (types.some(({ kind }) => ['ARRAY', 'STRUCT', 'JSON', 'RANGE'].includes(kind))) return undefined;
  const alike = await areAlike(session, json);
  if (alike !== undefined) return select(json, (i) => alike.get(fields[i]!.name) ?? 'VARCHAR');
  const seen = await typesSeen(session, json);
  if (seen === undefined) return undefined;
  return select(json, (i) => {
    const native = NATIVE[types[i]!.kind];
    return native !== undefined && [...seen[i]!].every((type) => native.from.includes(type)) ? native.reads : 'VARCHAR';
  });
}

/** `reads` gives the DuckDB type that the reader makes of a field: its own, or text to be converted. */
function select({ reader, fields, formats }: PlainJson, reads: (index: number) => string): string {
  const columns = fields.map((field, i) => `${literal(field.name)}: '${reads(i)}'`);
  const values = fields.map((field, i) => {
    const name = identifier(field.name);
    const type = typeOfField(field);
    const value = reads(i) === 'VARCHAR' ? textToValue(name, type, false, parametersOfField(field), formats) : name;
    return `${value} AS v${i}`;
  });
  return `SELECT ${values.join(', ')} FROM read_json(${reader}, columns = {${columns.join(', ')}})`;
}

const NUMBER = String.raw`-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?`;
const SCALAR = String.raw`(?:"(?:[^"\\]|\\.)*"|${NUMBER}|true|false|null)`;
const DAY = String.raw`(?:[1-9]\d{3}|0[1-9]\d\d|00[1-9]\d|000[1-9])-\d\d-\d\d`;

/** Texts of JSON values that the reader converts as BigQuery's loader does, and what it then makes of them. */
const ALIKE: Partial<Record<GType['kind'], { readonly reads: string; readonly value: string }>> = {
  INT64: { reads: 'BIGINT', value: String.raw`-?\d{1,18}` },
  FLOAT64: { reads: 'DOUBLE', value: NUMBER },
  BOOL: { reads: 'BOOLEAN', value: 'true|false' },
  DATE: { reads: 'DATE', value: `"${DAY}"` },
  TIMESTAMP: {
    reads: 'TIMESTAMP WITH TIME ZONE',
    value: String.raw`"${DAY}[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z?"`,
  },
};

const FIRST_LINE_BYTES = 64 * 1024;

/** What to read each field as, by name, where every row has the fields of the first one, in its order. */
async function areAlike(
  session: Session,
  { reader, text, fields, formats }: PlainJson,
): Promise<ReadonlyMap<string, string> | undefined> {
  const names = await firstNames(text.files[0]!.path);
  const byName = new Map(fields.map((field) => [field.name, field]));
  if (names === undefined || names.length === 0 || names.some((name) => !byName.has(name))) return undefined;
  const reads = new Map<string, string>();
  const members = names.map((name) => {
    const { kind } = typeOfField(byName.get(name)!);
    const alike = formats === undefined || (kind !== 'DATE' && kind !== 'TIMESTAMP') ? ALIKE[kind] : undefined;
    if (alike !== undefined) reads.set(name, alike.reads);
    const key = JSON.stringify(name).replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
    return ` ?${key} ?: ?${alike === undefined ? SCALAR : `(?:${alike.value}|null)`} ?`;
  });
  const pattern = String.raw`\{${members.join(',')}\}`;
  try {
    const [row] = await session.rows(
      `SELECT bool_and(regexp_full_match(CAST(json AS VARCHAR), ${literal(pattern)})) FROM read_ndjson_objects(${reader})`,
    );
    return row?.[0] === true ? reads : undefined;
  } catch {
    return undefined;
  }
}

/** Names of the first record's fields, as they stand there; undefined when one comes twice, or the line is long. */
async function firstNames(path: string): Promise<readonly string[] | undefined> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(FIRST_LINE_BYTES), 0, FIRST_LINE_BYTES, 0);
  const end = buffer.subarray(0, bytesRead).indexOf(0x0a);
  if (end < 0) return undefined;
  try {
    const record: unknown = JSON.parse(buffer.toString('utf8', 0, end));
    if (typeof record !== 'object' || record === null || Array.isArray(record)) return undefined;
    return Object.keys(record);
  } catch {
    return undefined;
  }
}

/** Types of the values of each field, without NULL. Undefined when a row is not flat, or has other fields. */
async function typesSeen(
  session: Session,
  { reader, fields, ignoresUnknown }: PlainJson,
): Promise<readonly ReadonlySet<string>[] | undefined> {
  const paths = fields.map(({ name }) => literal(`$."${name}"`)).join(', ');
  const keys = ignoresUnknown ? '0' : 'len(json_keys(json))';
  let shapes: readonly (readonly unknown[])[];
  try {
    shapes = await session.rows(
      `SELECT json_type(json, [${paths}]), ${keys}, bool_and(json_type(json) = 'OBJECT') FROM read_ndjson_objects(${reader}) GROUP BY 1, 2 LIMIT ${MAX_SHAPES + 1}`,
    );
  } catch {
    // Malformed: the careful way says where.
    return undefined;
  }
  if (shapes.length > MAX_SHAPES) return undefined;
  const seen = fields.map(() => new Set<string>());
  for (const [types, count, areObjects] of shapes as [(string | null)[], unknown, boolean | null][]) {
    if (areObjects !== true || types.some((type) => type === 'OBJECT' || type === 'ARRAY')) return undefined;
    if (!ignoresUnknown && Number(count) !== types.filter((type) => type !== null).length) return undefined;
    types.forEach((type, i) => {
      if (type !== null && type !== 'NULL') seen[i]!.add(type);
    });
  }
  return seen;
}

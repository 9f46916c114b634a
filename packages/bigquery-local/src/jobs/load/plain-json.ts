// The quick way for large files of flat records: DuckDB's reader converts what JSON itself types,
// where one look over all rows has shown that it makes the same values as `jsonSource`: every
// field holds a scalar of a fitting JSON type, and no row has a field that the schema lacks.
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
  const { reader, text, fields, formats } = json;
  const bytes = text.files.reduce((sum, { size }) => sum + size, 0);
  if (bytes < LARGE_BYTES || fields.length === 0) return undefined;
  const types = fields.map(typeOfField);
  if (types.some(({ kind }) => ['ARRAY', 'STRUCT', 'JSON', 'RANGE'].includes(kind))) return undefined;
  const seen = await typesSeen(session, json);
  if (seen === undefined) return undefined;
  const columns: string[] = [];
  const values: string[] = [];
  fields.forEach((field, i) => {
    const native = NATIVE[types[i]!.kind];
    const isNative = native !== undefined && [...seen[i]!].every((type) => native.from.includes(type));
    columns.push(`${literal(field.name)}: '${isNative ? native.reads : 'VARCHAR'}'`);
    const name = identifier(field.name);
    values.push(`${isNative ? name : textToValue(name, types[i]!, false, parametersOfField(field), formats)} AS v${i}`);
  });
  return `SELECT ${values.join(', ')} FROM read_json(${reader}, columns = {${columns.join(', ')}})`;
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

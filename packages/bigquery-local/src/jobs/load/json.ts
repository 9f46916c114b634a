// Newline-delimited JSON ("Loading JSON data"): every line is one record; scalars are
// read as text and then converted, records and repeated fields field by field.
import { BigQueryError } from '../../bigquery-error.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import type { GType } from '../../googlesql/types.ts';
import { fieldOf, typeOfField } from '../../googlesql/values/schema.ts';
import { duckdbType } from '../../googlesql/values/physical.ts';
import { bind, raise } from '../../googlesql/values/sql-text.ts';
import { parametersOfField, type TypeParameters } from '../../googlesql/values/type-parameters.ts';
import { literal, type Session } from '../../storage/duckdb.ts';
import { columnNames } from './column-names.ts';
import { badCells } from './csv.ts';
import { detectedType } from './detected-type.ts';
import type { LoadConfiguration } from './load-configuration.ts';
import { plainSelect } from './plain-json.ts';
import { pathsSql, rowLimit, textToValue, type LoadSource, type TextFiles, type TimeFormats } from './source.ts';

export async function jsonSource(
  session: Session,
  configuration: Pick<LoadConfiguration, 'autodetect' | 'ignoreUnknownValues' | 'maxBadRecords'>,
  text: TextFiles,
  schema: readonly FieldSchema[] | undefined,
  formats?: TimeFormats,
): Promise<LoadSource> {
  const reader = `${pathsSql(text.files)}, format = 'newline_delimited', maximum_object_size = ${rowLimit(text)}, compression = 'uncompressed'`;
  let fields = schema;
  if (fields === undefined) {
    if (!configuration.autodetect) throw new BigQueryError('invalid', 'No schema specified on job or table.');
    fields = await detect(session, reader);
  }
  const types = fields.map(typeOfField);
  const parameters = fields.map(parametersOfField);
  const structure = JSON.stringify(Object.fromEntries(fields.map((field, i) => [field.name, structureOf(types[i]!)])));
  const from = `(SELECT row_number() OVER () AS n, json AS j, json_transform(json, ${literal(structure)}) AS s FROM read_ndjson_objects(${reader}, ignore_errors = ${configuration.maxBadRecords > 0}))`;
  const column = (name: string): string => `struct_extract(s, ${literal(name)})`;
  const values = (safe: boolean): string =>
    fields
      .map((field, i) => `${valueOf(column(field.name), types[i]!, safe, 0, parameters[i], formats)} AS v${i}`)
      .join(', ');
  const failing = fields.map(
    (field, i) => `(${bad(column(field.name), types[i]!, 0, parameters[i], formats)} OR ${misshapen(field)})`,
  );
  const known = `[${fields.map((field) => literal(field.name)).join(', ')}]`;
  const unknown = `list_filter(json_keys(j), lambda k: NOT list_contains(CAST(${known} AS VARCHAR[]), k))`;
  const noObject = `coalesce(json_type(j) <> 'OBJECT', true)`;
  const strict = configuration.ignoreUnknownValues ? 'false' : `len(${unknown}) > 0`;
  // What json_transform would turn into NULL, or leave out, must fail instead.
  const guards = [
    `WHEN ${noObject} THEN error('row ' || n || ' is not a JSON object')`,
    ...(configuration.ignoreUnknownValues
      ? []
      : [`WHEN ${strict} THEN error('no such field: ' || (${unknown})[1] || ' (row ' || n || ')')`]),
    `WHEN ${fields.map((field) => misshapen(field)).join(' OR ')} THEN error('a field has a value of another shape than its type (row ' || n || ')')`,
  ];
  const lenient = configuration.maxBadRecords > 0;
  const plain = lenient
    ? undefined
    : await plainSelect(session, { reader, text, fields, ignoresUnknown: configuration.ignoreUnknownValues, formats });
  return {
    fields,
    select: () => plain ?? `SELECT ${values(false)} FROM ${from} WHERE CASE ${guards.join(' ')} ELSE true END`,
    selectGood: `SELECT ${values(true)} FROM ${from} WHERE NOT (${[noObject, strict, ...failing].join(' OR ')})`,
    async badRows(reading, limit) {
      const texts = fields.map(
        (field) => `left(CAST(json_extract(j, ${literal(`$."${field.name}"`)}) AS VARCHAR), 100)`,
      );
      const rows = await reading.rows(
        `SELECT n, ${failing.map((sql) => `CASE WHEN ${sql} THEN 1 ELSE 0 END`).join(', ')}, ${texts.join(', ')} FROM ${from} WHERE ${failing.join(' OR ')} ORDER BY n LIMIT ${limit}`,
      );
      const found = rows.flatMap((row) => badCells(row, fields, types, 0));
      const odd = await reading.rows(
        `SELECT n, left(CAST(j AS VARCHAR), 100) FROM ${from} WHERE ${noObject} ORDER BY n LIMIT ${limit}`,
      );
      found.push(
        ...odd.map((row) => ({
          row: Number(row[0]),
          column: 'the line',
          value: (row[1] as string | null) ?? 'malformed JSON',
          type: 'a JSON object',
        })),
      );
      if (configuration.ignoreUnknownValues) return found;
      const extra = await reading.rows(
        `SELECT n, (${unknown})[1] FROM ${from} WHERE NOT ${noObject} AND ${strict} ORDER BY n LIMIT ${limit}`,
      );
      return [
        ...found,
        ...extra.map((row) => ({
          row: Number(row[0]),
          column: String(row[1]),
          value: 'no such field',
          type: 'a field of the schema',
        })),
      ];
    },
  };
}

/** DuckDB's structure for json_transform: text at the leaves, JSON where JSON is wanted. */
function structureOf(type: GType): unknown {
  if (type.kind === 'ARRAY') return [structureOf(type.element)];
  if (type.kind === 'STRUCT')
    return Object.fromEntries(type.fields.map((field) => [field.name, structureOf(field.type)]));
  if (type.kind === 'RANGE') return { start: 'VARCHAR', end: 'VARCHAR' };
  return type.kind === 'JSON' ? 'JSON' : 'VARCHAR';
}

function valueOf(
  sql: string,
  type: GType,
  safe: boolean,
  depth: number,
  parameters: TypeParameters | undefined,
  formats: TimeFormats | undefined,
): string {
  if (type.kind === 'ARRAY') {
    const item = `x${depth}`;
    return `list_transform(${sql}, lambda ${item}: ${valueOf(item, type.element, safe, depth + 1, parameters?.children?.[0], formats)})`;
  }
  if (type.kind === 'STRUCT') {
    const entries = type.fields.map(
      (field, i) =>
        `f${i} := ${valueOf(`struct_extract(${sql}, ${literal(field.name)})`, field.type, safe, depth, parameters?.children?.[i], formats)}`,
    );
    return `CASE WHEN ${sql} IS NULL THEN NULL ELSE struct_pack(${entries.join(', ')}) END`;
  }
  if (type.kind === 'RANGE') return rangeValue(sql, type.element, safe);
  return type.kind === 'JSON' ? sql : textToValue(sql, type, safe, parameters, formats);
}

/** `{"start": …, "end": …}`; what is left out is unbounded. */
function rangeValue(sql: string, element: GType, safe: boolean): string {
  const bound = (name: 'start' | 'end', infinity: string): string => {
    const text = `struct_extract(${sql}, '${name}')`;
    return `CASE WHEN ${text} IS NULL THEN CAST('${infinity}' AS ${duckdbType(element)}) ELSE ${textToValue(text, element, safe)} END`;
  };
  return bind([bound('start', '-infinity'), bound('end', 'infinity')], (start, end) => {
    const wrong = safe ? 'NULL' : raise("'Range start element must be smaller than range end element'");
    return `(CASE WHEN ${sql} IS NULL OR ${start} IS NULL OR ${end} IS NULL THEN NULL WHEN ${start} >= ${end} THEN ${wrong} ELSE struct_pack(f0 := ${start}, f1 := ${end}) END)`;
  });
}

/** Whether some text in the value does not convert. */
function bad(
  sql: string,
  type: GType,
  depth: number,
  parameters: TypeParameters | undefined,
  formats: TimeFormats | undefined,
): string {
  if ((type.kind === 'STRING' && parameters === undefined) || type.kind === 'JSON') return 'false';
  if (type.kind === 'ARRAY') {
    const item = `y${depth}`;
    return `coalesce(list_bool_or(list_transform(${sql}, lambda ${item}: ${bad(item, type.element, depth + 1, parameters?.children?.[0], formats)})), false)`;
  }
  if (type.kind === 'STRUCT')
    return `(${type.fields.map((field, i) => bad(`struct_extract(${sql}, ${literal(field.name)})`, field.type, depth, parameters?.children?.[i], formats)).join(' OR ')})`;
  return `(${sql} IS NOT NULL AND (${valueOf(sql, type, true, depth, parameters, formats)}) IS NULL)`;
}

/** Whether a value, or one within it, is of another shape (object, array, scalar) than its field. */
function misshapen(field: FieldSchema, parent = '$', many = false): string {
  const path = `${parent}."${field.name}"`;
  const repeated = field.mode === 'REPEATED';
  const items = repeated ? `${path}[*]` : path;
  const checks = [
    ...(repeated ? [shapeFails(path, many, "NOT IN ('ARRAY', 'NULL')")] : []),
    ...(field.type === 'JSON' ? [] : [shapeFails(items, many || repeated, shapesRefused(field))]),
    ...(field.fields ?? []).map((inner) => misshapen(inner, items, many || repeated)),
  ];
  return checks.length === 0 ? 'false' : checks.join(' OR ');
}

function shapesRefused(field: FieldSchema): string {
  return field.type === 'RECORD' || field.type === 'RANGE' ? "NOT IN ('OBJECT', 'NULL')" : "IN ('OBJECT', 'ARRAY')";
}

/** `many`: the path names a list of values. */
function shapeFails(path: string, many: boolean, refused: string): string {
  return many
    ? `len(list_filter(json_extract(j, ${literal(path)}), lambda value: json_type(value) ${refused})) > 0`
    : `coalesce(json_type(j, ${literal(path)}) ${refused}, false)`;
}

async function detect(session: Session, reader: string): Promise<readonly FieldSchema[]> {
  let columns;
  try {
    columns = await session.columns(
      `SELECT * FROM read_json(${reader}, sample_size = 20480, map_inference_threshold = -1)`,
    );
  } catch (cause) {
    throw new BigQueryError(
      'invalid',
      'Error while reading data, error message: Failed to detect schema: the file is not newline-delimited JSON.',
      { cause },
    );
  }
  const names = columnNames(columns.map(({ name }) => name));
  return columns.map((column, i) => {
    if (names[i] !== column.name)
      throw new BigQueryError('invalid', `Invalid field name "${column.name}" in the data.`);
    return fieldOf({ name: column.name, type: asDetected(detectedType(column.name, column.type)) });
  });
}

/**
 * BigQuery detects TIMESTAMP where DuckDB sees a timestamp without a zone, and STRING where it
 * gives JSON: for a field that is null in every row, or holds scalars of several types.
 */
function asDetected(type: GType): GType {
  if (type.kind === 'DATETIME') return { kind: 'TIMESTAMP' };
  if (type.kind === 'JSON') return { kind: 'STRING' };
  if (type.kind === 'ARRAY') return { kind: 'ARRAY', element: asDetected(type.element) };
  if (type.kind === 'STRUCT')
    return { kind: 'STRUCT', fields: type.fields.map((field) => ({ name: field.name, type: asDetected(field.type) })) };
  return type;
}

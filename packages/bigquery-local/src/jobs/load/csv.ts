// CSV files ("Loading CSV data"): every field is read as text and then converted, so that
// a value that does not fit is found with its row and column.
import { BigQueryError } from '../../bigquery-error.ts';
import type { FieldSchema } from '../../catalog/schema.ts';
import { typeName, type GType } from '../../googlesql/types.ts';
import { typeOfField } from '../../googlesql/values/schema.ts';
import { parametersOfField, type TypeParameters } from '../../googlesql/values/type-parameters.ts';
import { literal, type Session } from '../../storage/duckdb.ts';
import { columnNames } from './column-names.ts';
import type { LoadConfiguration } from './load-configuration.ts';
import type { Encoding } from './prepare-files.ts';
import {
  pathsSql,
  rowLimit,
  textToValue,
  type BadRow,
  type LoadFile,
  type LoadSource,
  type TextFiles,
  type TimeFormats,
} from './source.ts';

export async function csvSource(
  session: Session,
  configuration: LoadConfiguration,
  text: TextFiles,
  schema: readonly FieldSchema[] | undefined,
  formats?: TimeFormats,
): Promise<LoadSource> {
  const { csv } = configuration;
  let fields = schema;
  let delimiter = csv.delimiter ?? ',';
  let skip = csv.skipLeadingRows ?? 0;
  if (fields === undefined) {
    if (!configuration.autodetect) throw new BigQueryError('invalid', 'No schema specified on job or table.');
    const detected = await detect(session, configuration, text.files[0]!);
    ({ fields, delimiter, skip } = detected);
  }
  for (const field of fields) {
    const type = typeOfField(field);
    if (type.kind === 'ARRAY' || type.kind === 'STRUCT')
      throw new BigQueryError(
        'invalid',
        `CSV does not support nested or repeated data: field ${field.name} is ${field.mode === 'REPEATED' ? 'REPEATED' : 'RECORD'}.`,
      );
  }
  const options = readCsv(configuration, text, fields.length, delimiter, skip);
  return sourceOf({ fields, options, skip, lenient: configuration.maxBadRecords > 0, formats });
}

function readCsv(
  configuration: LoadConfiguration,
  text: TextFiles,
  columns: number,
  delimiter: string,
  skip: number,
): string {
  const { csv } = configuration;
  const names = Array.from({ length: columns }, (_, i) => `'c${i}': 'VARCHAR'`);
  const options = [
    pathsSql(text.files),
    'auto_detect = false',
    'header = false',
    `skip = ${skip}`,
    `columns = {${names.join(', ')}}`,
    `delim = ${literal(delimiter)}`,
    `quote = ${literal(csv.quote)}`,
    `escape = ${literal(csv.quote)}`,
    `nullstr = ${nullTexts(csv.nullMarkers)}`,
    'allow_quoted_nulls = false',
    `null_padding = ${csv.allowJaggedRows}`,
    // NOTE: never `parallel = false`: DuckDB 1.5 then drops a row with an unterminated quote in silence.
    `max_line_size = ${rowLimit(text)}`,
    `buffer_size = ${Math.max(2 * rowLimit(text), BUFFER_BYTES)}`,
    `encoding = ${literal(readAs(csv.encoding))}`,
    "compression = 'none'",
  ];
  return options.join(', ');
}

/** Of what the reader sees: other encodings have been decoded on the way. */
function readAs(encoding: Encoding): string {
  return encoding === 'latin-1' ? 'latin-1' : 'utf-8';
}

function nullTexts(markers: readonly string[]): string {
  return `[${markers.map(literal).join(', ')}]`;
}

type Reading = {
  readonly fields: readonly FieldSchema[];
  readonly options: string;
  readonly skip: number;
  readonly lenient: boolean;
  readonly formats: TimeFormats | undefined;
};

function sourceOf({ fields, options, skip, lenient, formats }: Reading): LoadSource {
  const from = `read_csv(${options}, ignore_errors = ${lenient})`;
  const types = fields.map(typeOfField);
  const parameters = fields.map(parametersOfField);
  const values = (safe: boolean): string =>
    types.map((type, i) => `${textToValue(`c${i}`, type, safe, parameters[i], formats)} AS v${i}`).join(', ');
  const fails = types.map((type, i) => conversionFails(`c${i}`, type, parameters[i], formats));
  return {
    fields,
    select: () => `SELECT ${values(false)} FROM ${from}`,
    selectGood: `SELECT ${values(true)} FROM ${from} WHERE NOT (${fails.join(' OR ')})`,
    async badRows(session, limit) {
      const noted = lenient
        ? `read_csv(${options}, store_rejects = true, rejects_table = 'rejected', rejects_scan = 'rejected_scan')`
        : from;
      const numbered = `(SELECT row_number() OVER () AS n, * FROM ${noted})`;
      if (lenient) await dropRejected(session);
      const rows = await session.rows(
        `SELECT n, ${fails.map((sql) => `CASE WHEN ${sql} THEN 1 ELSE 0 END`).join(', ')}, ${types.map((_, i) => `left(c${i}, 100)`).join(', ')} FROM ${numbered} WHERE ${fails.join(' OR ')} ORDER BY n LIMIT ${limit}`,
      );
      const bad = rows.flatMap((row) => badCells(row, fields, types, skip));
      return lenient ? [...bad, ...(await rejectedRows(session, limit))] : bad;
    },
  };
}

/** DuckDB's notes of the lines that it left out; temporary tables of the connection. */
async function dropRejected(session: Session): Promise<void> {
  await session.run('DROP TABLE IF EXISTS rejected; DROP TABLE IF EXISTS rejected_scan');
}

/** Lines that are no rows: too few or too many values, quotes that do not end. */
async function rejectedRows(session: Session, limit: number): Promise<BadRow[]> {
  const rows = await session.rows(
    `SELECT line, any_value(left(csv_line, 100)), any_value(error_message) FROM rejected GROUP BY line ORDER BY line LIMIT ${limit}`,
  );
  await dropRejected(session);
  return rows.map(([line, text, why]) => ({
    row: Number(line),
    column: `the line (${String(why)})`,
    value: String(text),
    type: 'a row',
  }));
}

/** Rows of: number, one flag per field, one text per field. */
export function badCells(
  row: readonly unknown[],
  fields: readonly FieldSchema[],
  types: readonly GType[],
  skip: number,
): BadRow[] {
  const cells: BadRow[] = [];
  fields.forEach((field, i) => {
    if (Number(row[1 + i]) !== 1) return;
    cells.push({
      row: Number(row[0]) + skip,
      column: field.name,
      value: String(row[1 + fields.length + i]),
      type: typeName(types[i]!),
    });
  });
  return cells;
}

function conversionFails(
  column: string,
  type: GType,
  parameters: TypeParameters | undefined,
  formats: TimeFormats | undefined,
): string {
  return type.kind === 'STRING' && parameters === undefined
    ? 'false'
    : `(${column} IS NOT NULL AND (${textToValue(column, type, true, parameters, formats)}) IS NULL)`;
}

/** What a reader takes at least: small loads are many at once. */
const BUFFER_BYTES = 8 * 1024 * 1024;

type Detected = { readonly fields: readonly FieldSchema[]; readonly delimiter: string; readonly skip: number };

const DETECTED_TYPES: Readonly<Record<string, string>> = {
  BOOLEAN: 'BOOLEAN',
  BIGINT: 'INTEGER',
  DOUBLE: 'FLOAT',
  DATE: 'DATE',
  TIME: 'TIME',
  TIMESTAMP: 'TIMESTAMP',
  'TIMESTAMP WITH TIME ZONE': 'TIMESTAMP',
  VARCHAR: 'STRING',
};

/**
 * Schema auto-detection. With `skipLeadingRows` N > 0, row N is the header or is skipped;
 * otherwise the first row is a header when it differs in type from the rest.
 */
async function detect(session: Session, configuration: LoadConfiguration, file: LoadFile): Promise<Detected> {
  const { csv } = configuration;
  const given = csv.skipLeadingRows ?? 0;
  const before = Math.max(given - 1, 0);
  const options = [
    literal(file.path),
    'sample_size = 20480',
    `skip = ${before}`,
    ...(csv.delimiter === undefined ? [] : [`delim = ${literal(csv.delimiter)}`]),
    `quote = ${literal(csv.quote)}`,
    `nullstr = ${nullTexts(csv.nullMarkers)}`,
    "auto_type_candidates = ['BOOLEAN', 'BIGINT', 'DOUBLE', 'TIME', 'DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE', 'VARCHAR']",
    `encoding = ${literal(readAs(csv.encoding))}`,
  ];
  let row: readonly unknown[] | undefined;
  try {
    [row] = await session.rows(
      `SELECT Delimiter, HasHeader, list_transform(Columns, lambda c: c.name), list_transform(Columns, lambda c: c.type) FROM sniff_csv(${options.join(', ')})`,
    );
  } catch (cause) {
    throw new BigQueryError(
      'invalid',
      'Error while reading data, error message: Failed to detect schema: the file does not look like CSV.',
      { cause },
    );
  }
  const [delimiter, hasHeader, names, types] = row as [string, boolean, string[], string[]];
  const read = hasHeader
    ? columnNames(names, configuration.nameMap)
    : types.map(
        (type, i) =>
          `${(DETECTED_TYPES[type] ?? 'STRING').toLowerCase().replace('integer', 'int64').replace('float', 'double').replace('boolean', 'bool')}_field_${i}`,
      );
  const fields = read.map((name, i): FieldSchema => ({
    name,
    type: DETECTED_TYPES[types[i]!] ?? 'STRING',
    mode: 'NULLABLE',
  }));
  return { fields, delimiter, skip: hasHeader || given > 0 ? before + 1 : before };
}

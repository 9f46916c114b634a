// What makes a model usable: one query, within the limits, with its identifier column.
// Checked by a dry run of exactly the user's text, so that BigQuery's line and column
// are those of the user's file.
import { AppError } from '@sluice/core';
import type { Column, Limits, ModelConfig } from '../run/api.ts';
import type { Source, TableRef } from '../source/source.ts';
import { firstSemicolon, isBlank, withoutStringsAndComments } from './statement.ts';

/** Limits of Segment Reverse ETL; see "Reverse ETL system", Segment's documentation. */
export const LIMITS: Limits = {
  queryCharacters: 65_535,
  keyCharacters: 191,
  columns: 512,
  columnNameCharacters: 128,
  recordBytes: 512 * 1024,
  columnBytes: 128 * 1024,
  recordsPerSync: 150_000_000,
};

/** The limits that hold for a model; its own go before the usual ones. */
export function limitsOf(model: ModelConfig): Limits {
  return { ...LIMITS, ...model.limits };
}

export type ValidModel = {
  /** The query without a closing semicolon. */
  readonly sql: string;
  readonly columns: readonly Column[];
  /** The identifier column as the query spells it. */
  readonly key: Column;
  /** The column by which an incremental model is read. */
  readonly timestamp: Column | undefined;
  readonly referencedTables: readonly TableRef[];
  readonly bytesProcessed: number;
  /** The text calls nothing whose answer changes while the tables do not. */
  readonly deterministic: boolean;
};

/** Throws an AppError that names the model, the place and the fix. */
export async function validateModel(source: Source, model: ModelConfig, signal?: AbortSignal): Promise<ValidModel> {
  const sql = singleStatement(model);
  if (model.key === '')
    throw modelError(
      model,
      'MODEL_KEY_MISSING',
      'the unique identifier column is not set',
      'Set "key" to a column of the query.',
    );
  const { keyCharacters } = limitsOf(model);
  for (const [name, what] of [
    [model.key, 'identifier'],
    [model.timestamp ?? '', 'timestamp'],
  ] as const) {
    if (name.length <= keyCharacters) continue;
    throw modelError(
      model,
      'MODEL_LIMIT',
      `the name of the ${what} column has ${name.length} characters; at most ${keyCharacters} are allowed`,
      'Give the column a shorter alias.',
    );
  }
  const dryRun = await source.dryRun(sql, signal).catch((thrown: unknown): never => {
    throw placed(thrown, model);
  });
  if (dryRun.statementType !== 'SELECT') {
    throw modelError(
      model,
      'MODEL_NOT_A_QUERY',
      `it is a ${dryRun.statementType} statement`,
      'A model is one query: SELECT …, or WITH … SELECT ….',
    );
  }
  checkColumns(model, dryRun.columns);
  const key = columnOf(model, dryRun.columns, model.key, 'MODEL_KEY_UNKNOWN', 'to be the unique identifier');
  if (/^(ARRAY|STRUCT|RANGE)\b|^(JSON|GEOGRAPHY|INTERVAL)$/.test(key.type)) {
    throw modelError(
      model,
      'MODEL_KEY_TYPE',
      `the identifier column "${key.name}" has the type ${key.type}, which cannot identify a record`,
      'Use a column that is text or a number, or CAST it to STRING in the query.',
    );
  }
  return {
    sql,
    columns: dryRun.columns,
    key,
    timestamp: timestampOf(model, dryRun.columns),
    referencedTables: dryRun.referencedTables,
    bytesProcessed: dryRun.bytesProcessed,
    deterministic: isDeterministic(sql),
  };
}

function columnOf(model: ModelConfig, columns: readonly Column[], name: string, code: string, purpose: string): Column {
  const found =
    columns.find((column) => column.name === name) ??
    columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  const names = columns.map((column) => column.name);
  const shown = names.slice(0, 20).join(', ') + (names.length > 20 ? ', …' : '');
  throw modelError(model, code, `the query has no column "${name}" ${purpose}`, `Its columns are: ${shown}.`);
}

function timestampOf(model: ModelConfig, columns: readonly Column[]): Column | undefined {
  if (model.timestamp === undefined) return undefined;
  const found = columnOf(model, columns, model.timestamp, 'MODEL_TIMESTAMP_UNKNOWN', 'to be the timestamp');
  if (/^(TIMESTAMP|DATETIME|DATE)$/.test(found.type)) return found;
  throw modelError(
    model,
    'MODEL_TIMESTAMP_TYPE',
    `the timestamp column "${found.name}" has the type ${found.type}`,
    'Use a column of the type TIMESTAMP, DATETIME or DATE, or CAST it to TIMESTAMP in the query.',
  );
}

/** Codes of `sourceError` that no change of the query mends. */
const ABOUT_THE_SOURCE: ReadonlySet<string> = new Set(['SOURCE_LOCATION_UNKNOWN', 'SOURCE_ENDPOINT']);
const ABOUT_THE_QUERY: ReadonlySet<string> = new Set(['invalid', 'forbidden', 'not_found']);

/** BigQuery's error about the user's own text, with the line and column in the user's file. */
export function placed(thrown: unknown, model: ModelConfig): unknown {
  if (!(thrown instanceof AppError)) return thrown;
  const text = thrown.details['bigquery'];
  // Anything else (a key, a token, the network) is not about the query.
  if (typeof text !== 'string' || !ABOUT_THE_QUERY.has(thrown.kind)) return thrown;
  if (ABOUT_THE_SOURCE.has(thrown.code)) return thrown;
  const position = /\[(\d+):(\d+)\]/.exec(text);
  const where = placeOf(model) + (position === null ? '' : `:${position[1]}:${position[2]}`);
  return new AppError(`Model ${model.name}: ${text}`, {
    code: thrown.code,
    kind: thrown.kind,
    origin: thrown.kind === 'invalid' ? 'caller' : thrown.origin,
    where,
    fix: thrown.fix ?? 'Correct the query; it runs in the BigQuery console with the same answer.',
    details: thrown.details,
    cause: thrown,
  });
}

/** One query without its closing semicolon; line and column of every character are kept. */
export function singleStatement(model: ModelConfig): string {
  const { queryCharacters } = limitsOf(model);
  if (model.sql.length > queryCharacters) {
    throw modelError(
      model,
      'MODEL_LIMIT',
      `the query has ${model.sql.length} characters; at most ${queryCharacters} are allowed`,
      'Move a part of the query into a view.',
    );
  }
  if (isBlank(model.sql)) throw modelError(model, 'MODEL_EMPTY', 'the query is empty', 'Write a SELECT statement.');
  const semicolon = firstSemicolon(model.sql);
  if (semicolon < 0) return model.sql;
  if (!isBlank(model.sql.slice(semicolon))) {
    const line = model.sql.slice(0, semicolon).split('\n').length;
    throw modelError(
      model,
      'MODEL_NOT_ONE_STATEMENT',
      `more than one statement: text follows the semicolon of line ${line}`,
      'Keep exactly one query.',
      line,
    );
  }
  return model.sql.slice(0, semicolon);
}

function checkColumns(model: ModelConfig, columns: readonly Column[]): void {
  const limits = limitsOf(model);
  if (columns.length > limits.columns) {
    throw modelError(
      model,
      'MODEL_LIMIT',
      `the query has ${columns.length} columns; at most ${limits.columns} are allowed`,
      'Select fewer columns.',
    );
  }
  for (const [index, column] of columns.entries()) {
    if (/^f\d+_$/.test(column.name)) {
      throw modelError(
        model,
        'MODEL_COLUMN_UNNAMED',
        `column ${index + 1} has no name`,
        'Give the expression a name: … AS my_name.',
      );
    }
    if (column.name.length > limits.columnNameCharacters) {
      throw modelError(
        model,
        'MODEL_LIMIT',
        `the column name "${column.name.slice(0, 40)}…" has more than ${limits.columnNameCharacters} characters`,
        'Give the column a shorter alias.',
      );
    }
  }
}

const CHANGING_WORDS =
  /\b(RAND|GENERATE_UUID|CURRENT_DATE|CURRENT_TIME|CURRENT_TIMESTAMP|CURRENT_DATETIME|SESSION_USER|EXTERNAL_QUERY|TABLESAMPLE|SYSTEM_TIME|INFORMATION_SCHEMA|KEYS\.NEW_KEYSET|ML|AI|APPENDS|CHANGES|_TABLE_SUFFIX)\b|ANY_VALUE|APPROX_|\*`/i;

function isDeterministic(sql: string): boolean {
  return !CHANGING_WORDS.test(withoutStringsAndComments(sql));
}

function placeOf(model: ModelConfig): string {
  return model.place ?? `model ${model.name}`;
}

function modelError(model: ModelConfig, code: string, what: string, fix: string, line?: number): AppError {
  return new AppError(`Model ${model.name}: ${what}`, {
    code,
    kind: 'invalid',
    where: placeOf(model) + (line === undefined ? '' : `:${line}`),
    fix,
  });
}

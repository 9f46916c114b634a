// What makes a model usable: one query, within the limits, with its identifier column.
// Checked by a dry run of exactly the user's text, so that BigQuery's line and column
// are those of the user's file.
import { AppError } from '@sluice/core';
import type { Column, ModelConfig } from '../run/api.ts';
import type { Source, TableRef } from '../source/source.ts';
import { firstSemicolon, isBlank, withoutStringsAndComments } from './statement.ts';

/** Limits of Segment Reverse ETL; see "Reverse ETL system", Segment's documentation. */
export const LIMITS = { queryCharacters: 65_535, keyCharacters: 191, columns: 512, columnNameCharacters: 128 } as const;

export type ValidModel = {
  /** The query without a closing semicolon. */
  readonly sql: string;
  readonly columns: readonly Column[];
  /** The identifier column as the query spells it. */
  readonly key: Column;
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
  if (model.key.length > LIMITS.keyCharacters) {
    throw modelError(
      model,
      'MODEL_LIMIT',
      `the name of the identifier column has more than ${LIMITS.keyCharacters} characters`,
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
  const key =
    dryRun.columns.find((column) => column.name === model.key) ??
    dryRun.columns.find((column) => column.name.toLowerCase() === model.key.toLowerCase());
  if (key === undefined) {
    const names = dryRun.columns.map((column) => column.name);
    const shown = names.slice(0, 20).join(', ') + (names.length > 20 ? ', …' : '');
    throw modelError(
      model,
      'MODEL_KEY_UNKNOWN',
      `the query has no column "${model.key}" to be the unique identifier`,
      `Its columns are: ${shown}.`,
    );
  }
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
    referencedTables: dryRun.referencedTables,
    bytesProcessed: dryRun.bytesProcessed,
    deterministic: isDeterministic(sql),
  };
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
  if (model.sql.length > LIMITS.queryCharacters) {
    throw modelError(
      model,
      'MODEL_LIMIT',
      `the query has ${model.sql.length} characters; at most ${LIMITS.queryCharacters} are allowed`,
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
  if (columns.length > LIMITS.columns) {
    throw modelError(
      model,
      'MODEL_LIMIT',
      `the query has ${columns.length} columns; at most ${LIMITS.columns} are allowed`,
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
    if (column.name.length > LIMITS.columnNameCharacters) {
      throw modelError(
        model,
        'MODEL_LIMIT',
        `the column name "${column.name.slice(0, 40)}…" has more than ${LIMITS.columnNameCharacters} characters`,
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

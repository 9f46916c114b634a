// Errors of a script: where they happened, as BigQuery's texts and `@@error` tell it.
// Source: "BEGIN...EXCEPTION...END" and "System variables" of the procedural language.
import { BigQueryError, type Reason } from '../../bigquery-error.ts';
import type { TypedValue } from '../../googlesql/types.ts';

export type TracePlace = {
  readonly line: number;
  readonly column: number;
  /** `project.dataset.procedure`; undefined in the script itself. */
  readonly location: string | undefined;
};

/** An error of one statement, with where it stands. The message is the one that the job shows. */
export class ScriptFailure extends BigQueryError {
  /** `@@error.message`. */
  readonly errorMessage: string;
  readonly statementText: string;
  /** Innermost first. */
  readonly trace: readonly TracePlace[];

  constructor(
    error: BigQueryError,
    where: { readonly message: string; readonly statementText: string; readonly trace: readonly TracePlace[] },
  ) {
    super(error.reason as Reason, where.message, {
      location: 'query',
      httpStatus: error.httpStatus,
      ...(error.options.details === undefined ? {} : { details: error.options.details }),
      cause: error,
    });
    this.errorMessage = where.message;
    this.statementText = where.statementText;
    this.trace = where.trace;
  }
}

/** RAISE USING MESSAGE: its text stands in `@@error.message` as it is. */
export class RaisedError extends BigQueryError {
  constructor(message: string) {
    super('invalidQuery', message, { location: 'query' });
  }
}

const TRACE_FIELDS = [
  { name: 'line', type: { kind: 'INT64' } },
  { name: 'column', type: { kind: 'INT64' } },
  { name: 'filename', type: { kind: 'STRING' } },
  { name: 'location', type: { kind: 'STRING' } },
] as const;

/** The `@@error` variables in a handler, by path in lower case. */
export function errorVariables(failure: ScriptFailure): [string, TypedValue][] {
  const text = (value: string): TypedValue => ({ type: { kind: 'STRING' }, value });
  const formatted = failure.trace
    .map(({ line, column, location }) => `At ${location ?? ''}[${line}:${column}]\n`)
    .join('');
  return [
    ['error.message', text(failure.cause instanceof RaisedError ? failure.cause.message : failure.errorMessage)],
    ['error.statement_text', text(failure.statementText)],
    ['error.formatted_stack_trace', text(formatted)],
    [
      'error.stack_trace',
      {
        type: { kind: 'ARRAY', element: { kind: 'STRUCT', fields: TRACE_FIELDS } },
        value: failure.trace.map(({ line, column, location }) => [
          BigInt(line),
          BigInt(column),
          null,
          location ?? null,
        ]),
      },
    ],
  ];
}

const PLACE = / at \[(\d+):(\d+)\]/g;

/** Where the text that was analysed begins in its script, and how much was put before its first line. */
export type TextOrigin = { readonly line: number; readonly column: number; readonly before: number };

/** Places in an error's text, moved from the statement's text to the script's. */
export function relocated(message: string, origin: TextOrigin, location: string | undefined): string {
  const prefix = location === undefined ? '' : `${location}:`;
  return message.replaceAll(PLACE, (_, line: string, column: string) => {
    const first = Number(line) === 1;
    const moved = first ? origin.column + Math.max(Number(column) - 1 - origin.before, 0) : Number(column);
    return ` at [${prefix}${origin.line + Number(line) - 1}:${moved}]`;
  });
}

export function hasPlace(message: string): boolean {
  return message.search(PLACE) >= 0;
}

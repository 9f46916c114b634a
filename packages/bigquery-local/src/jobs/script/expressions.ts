// The expressions of a script: analysed with its variables, coerced to the type that is
// asked for, and evaluated.
import { BigQueryError } from '../../bigquery-error.ts';
import type { Span } from '../../googlesql/script/script.ts';
import type { OutputColumn } from '../../googlesql/statement.ts';
import { typeName, type GType, type TypedValue, type Value } from '../../googlesql/types.ts';
import type { QueryConfiguration } from '../query-configuration.ts';
import type { StatementContext } from '../statement-context.ts';
import type { Child, ChildJobs, QueryRows } from './child-jobs.ts';
import { parametersFor, stackOf, textOf, type Frame } from './frame.ts';
import { hasPlace, relocated } from './script-failure.ts';
import { placeOf } from '../../googlesql/script/script.ts';

export const EXPRESSION_PREFIX = 'SELECT ';

/** Rows that FOR…IN goes over: they wait in memory. */
const MAX_LOOP_ROWS = 100_000;

export type Surroundings = {
  readonly children: ChildJobs;
  readonly configuration: QueryConfiguration;
  /** Of a statement in this frame. */
  context(frame: Frame): StatementContext;
  /** What a child has from the script's state. */
  inherited(): Pick<Child, 'temporaryRoutines' | 'labels'> & Pick<QueryConfiguration, 'defaultDataset'>;
};

/** The child job of a part of a script's text; `sql` is what is run in its place. */
export function childOf(
  around: Surroundings,
  frame: Frame,
  span: Span,
  given: {
    readonly sql?: string;
    readonly evaluationKind?: Child['evaluationKind'];
    readonly outputTypes?: readonly GType[];
  },
): Child {
  const { defaultDataset, ...inherited } = around.inherited();
  const context = around.context(frame);
  return {
    ...inherited,
    configuration: {
      ...around.configuration,
      sql: given.sql ?? textOf(frame, span),
      defaultDataset,
      parameters: parametersFor(frame, span),
      useQueryCache: false,
    },
    evaluationKind: given.evaluationKind ?? 'STATEMENT',
    frames: () => stackOf(frame, span),
    context: given.outputTypes === undefined ? context : { ...context, outputTypes: given.outputTypes },
  };
}

/** The value of an expression; of `type`, when one is given, if the expression can be coerced to it. */
export async function evaluate(
  around: Surroundings,
  frame: Frame,
  span: Span,
  type?: GType,
  sql = textOf(frame, span),
): Promise<TypedValue> {
  const child = childOf(around, frame, span, {
    sql: `${EXPRESSION_PREFIX}${sql}`,
    evaluationKind: 'EXPRESSION',
    ...(type === undefined ? {} : { outputTypes: [type] }),
  });
  let result: QueryRows;
  try {
    result = await around.children.rows(child, 1);
  } catch (error) {
    if (!(error instanceof BigQueryError)) throw error;
    const { line, column } = placeOf(frame.script.text, span.start);
    const mismatch = /^Query column 1 has type .* which cannot be coerced to target type (.*?)( at \[|$)/.exec(
      error.message,
    );
    const message =
      mismatch === null || type === undefined
        ? relocated(error.message, { line, column, before: EXPRESSION_PREFIX.length }, frame.procedure)
        : coercionText(sql, type, frame, span);
    throw located(error, message);
  }
  const [{ type: found } = { type: { kind: 'INT64' } as GType }] = result.columns;
  return { type: type ?? found, value: result.rows[0]?.[0] ?? null };
}

function coercionText(sql: string, type: GType, frame: Frame, span: Span): string {
  const { line, column } = placeOf(frame.script.text, span.start);
  const location = frame.procedure === undefined ? '' : `${frame.procedure}:`;
  return `Cannot coerce expression ${sql} to type ${typeName(type)} at [${location}${line}:${column}]`;
}

/** An error whose text names its place in the script already. */
class LocatedError extends BigQueryError {}

export function located(error: BigQueryError, message: string): BigQueryError {
  return new LocatedError(error.reason as 'invalidQuery', message, {
    ...error.options,
    httpStatus: error.httpStatus,
    cause: error,
  });
}

/** TRUE; FALSE also for NULL. */
export async function condition(around: Surroundings, frame: Frame, span: Span): Promise<boolean> {
  const { value } = await evaluate(around, frame, span, { kind: 'BOOL' });
  return value === true;
}

/** `operand = value`, TRUE or not, of a CASE statement: both texts in one expression, so that types are checked together. */
export async function equal(around: Surroundings, frame: Frame, operand: TypedValue, span: Span): Promise<boolean> {
  const name = '__case_operand';
  const context = around.context(frame);
  const variables = new Map(context.variables).set(name, operand);
  const bound: Surroundings = { ...around, context: () => ({ ...context, variables }) };
  const { value } = await evaluate(bound, frame, span, { kind: 'BOOL' }, `${name} = (${textOf(frame, span)}\n)`);
  return value === true;
}

/** A value as another type, by BigQuery's implicit coercion. */
export async function coerced(
  around: Surroundings,
  frame: Frame,
  span: Span,
  value: TypedValue,
  type: GType,
): Promise<TypedValue> {
  const name = '__coerced';
  const context = around.context(frame);
  const variables = new Map(context.variables).set(name, value);
  return evaluate({ ...around, context: () => ({ ...context, variables }) }, frame, span, type, name);
}

/** The rows of FOR…IN, each as a STRUCT. */
export async function loopRows(
  around: Surroundings,
  frame: Frame,
  span: Span,
): Promise<{ readonly type: GType; readonly rows: readonly Value[] }> {
  const result = await around.children.rows(childOf(around, frame, span, {}), MAX_LOOP_ROWS);
  if (result.rows.length > MAX_LOOP_ROWS)
    throw new BigQueryError(
      'resourcesExceeded',
      `Resources exceeded: FOR…IN over more than ${MAX_LOOP_ROWS} rows is not supported by the local BigQuery.`,
    );
  return { type: structOf(result.columns), rows: result.rows };
}

function structOf(columns: readonly OutputColumn[]): GType {
  return { kind: 'STRUCT', fields: columns.map(({ name, type }) => ({ name, type })) };
}

/** The text of an error of a statement, with the place in the script. */
export function placed(error: BigQueryError, frame: Frame, statement: Span): string {
  const { line, column } = placeOf(frame.script.text, statement.start);
  const atAll = / at \[([^\]]+:)?\d+:\d+\]/.test(error.message);
  if (atAll && error instanceof LocatedError) return error.message;
  if (hasPlace(error.message)) return relocated(error.message, { line, column, before: 0 }, frame.procedure);
  const location = frame.procedure === undefined ? '' : `${frame.procedure}:`;
  return `${error.message} at [${location}${line}:${column}]`;
}

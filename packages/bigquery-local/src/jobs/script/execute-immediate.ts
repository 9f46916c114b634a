// EXECUTE IMMEDIATE: the statement that a string holds, with parameters, its row into variables.
// Source: "EXECUTE IMMEDIATE" of the procedural language.
import { BigQueryError } from '../../bigquery-error.ts';
import type { Script, ScriptStatement, Span } from '../../googlesql/script/script.ts';
import type { TypedValue } from '../../googlesql/types.ts';
import { childOf, evaluate } from './expressions.ts';
import type { Frame, Parameters } from './frame.ts';
import { ScriptFailure } from './script-failure.ts';
import type { ScriptRun } from './script-run.ts';
import { transactionStatement } from './transaction-statement.ts';

type ExecuteImmediate = Extract<ScriptStatement, { readonly kind: 'execute_immediate' }>;

const ALLOWED = new Set(['sql', 'begin_transaction', 'commit', 'rollback']);

export async function executeImmediate(run: ScriptRun, statement: ExecuteImmediate, frame: Frame): Promise<void> {
  const { services } = run.options.execution;
  const { value: sql } = await evaluate(run.around, frame, statement.sql, { kind: 'STRING' });
  if (typeof sql !== 'string') throw invalid('EXECUTE IMMEDIATE sql string cannot be NULL');
  const parameters = await parametersOf(run, statement, frame);
  let script: Script;
  try {
    script = await services.sql.script(sql, frame.variables.visible().keys());
  } catch (error) {
    if (error instanceof BigQueryError && error.reason === 'invalidQuery') throw invalidSql(sql, error.message);
    throw error;
  }
  const [only, ...more] = script.statements;
  if (only === undefined || more.length > 0) throw invalidSql(sql, 'it must hold exactly one statement');
  if (!ALLOWED.has(only.kind))
    throw invalidSql(sql, `${only.kind.replaceAll('_', ' ').toUpperCase()} cannot be executed dynamically`);
  try {
    await runDynamic(run, statement, frame, { ...frame, script, parameters }, only);
  } catch (error) {
    // The place in the string; that of the statement itself follows.
    if (error instanceof BigQueryError && !(error instanceof ScriptFailure))
      throw new BigQueryError(
        error.reason as 'invalidQuery',
        error.message.replaceAll(/ at \[(\d+:\d+)\]/g, ' [at $1]'),
        {
          ...error.options,
          httpStatus: error.httpStatus,
          cause: error,
        },
      );
    throw error;
  }
}

async function runDynamic(
  run: ScriptRun,
  statement: ExecuteImmediate,
  frame: Frame,
  dynamic: Frame,
  only: ScriptStatement,
): Promise<void> {
  const whole: Span = { start: only.start, end: only.end };
  const child = {
    ...childOf(run.around, dynamic, whole, {}),
    frames: childOf(run.around, frame, statement, {}).frames,
  };
  if (only.kind === 'begin_transaction' || only.kind === 'commit' || only.kind === 'rollback')
    return transactionStatement(run, only.kind, child);
  if (only.kind !== 'sql') return;
  if (statement.into.length === 0) return run.sql(child, only.node);
  const types = statement.into.map((name) => run.typeOf(frame, name));
  const { children, state } = run.options;
  const columns = await children.columns(child);
  if (columns === undefined) throw invalid('EXECUTE IMMEDIATE with an INTO clause requires a query');
  if (columns.length !== types.length)
    throw invalid(
      `The query has ${columns.length} column(s), but the INTO clause of EXECUTE IMMEDIATE names ${types.length} variable(s)`,
    );
  const { rows } = await children.rows({ ...child, context: { ...child.context, outputTypes: types } }, 1);
  state.lastJobId = children.lastJobId;
  if (rows.length > 1) throw invalid('The query of EXECUTE IMMEDIATE with an INTO clause returned more than one row');
  statement.into.forEach(({ name }, i) => {
    frame.variables.set(name, { type: types[i]!, value: rows[0]?.[i] ?? null });
  });
}

async function parametersOf(run: ScriptRun, statement: ExecuteImmediate, frame: Frame): Promise<Parameters> {
  const { using } = statement;
  if (using.length === 0) return undefined;
  const named = using.filter(({ alias }) => alias !== undefined);
  if (named.length > 0 && named.length < using.length)
    throw invalid('Cannot mix named and positional parameters in the USING clause of EXECUTE IMMEDIATE');
  const values: TypedValue[] = [];
  for (const { value } of using) values.push(await evaluate(run.around, frame, value));
  if (named.length === 0) return { mode: 'POSITIONAL', values };
  const byName = new Map<string, TypedValue>();
  using.forEach(({ alias = '' }, i) => {
    if (byName.has(alias.toLowerCase()))
      throw invalid(`Duplicate parameter ${alias} in the USING clause of EXECUTE IMMEDIATE`);
    byName.set(alias.toLowerCase(), values[i]!);
  });
  return { mode: 'NAMED', values: byName };
}

function invalidSql(sql: string, why: string): BigQueryError {
  const shown = sql.length > 200 ? `${sql.slice(0, 200)}…` : sql;
  return invalid(`Invalid EXECUTE IMMEDIATE sql string \`${shown}\`, ${why.replace(/ at \[(\d+:\d+)\]$/, ' [at $1]')}`);
}

function invalid(message: string): BigQueryError {
  return new BigQueryError('invalidQuery', message, { location: 'query' });
}

// CALL: a procedure of the catalogue runs with variables of its own; OUT and INOUT
// parameters go back into the caller's variables.
// Source: "CALL" and "CREATE PROCEDURE" of the GoogleSQL reference for BigQuery.
import { accessDenied } from '../../access/denied.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import { routineNameOf, type RoutineArgument } from '../../catalog/routines.ts';
import { typeOfDataType } from '../../googlesql/routines/data-types.ts';
import type { CallArgument, ScriptStatement } from '../../googlesql/script/script.ts';
import type { RoutineRef } from '../../googlesql/statement.ts';
import type { GType } from '../../googlesql/types.ts';
import { mayUseRoutine, routineResource } from '../routine-access.ts';
import { mayKnowDataset } from '../table-lookup.ts';
import { coerced, evaluate } from './expressions.ts';
import { depthOf, type Frame } from './frame.ts';
import type { ScriptRun } from './script-run.ts';
import { VariableScope } from './variable-scope.ts';

/** BigQuery: procedures call procedures at most 50 deep. */
const MAX_DEPTH = 50;

type Call = Extract<ScriptStatement, { readonly kind: 'call' }>;

export async function callProcedure(run: ScriptRun, statement: Call, frame: Frame): Promise<void> {
  const path = statement.procedure.flatMap((part) => part.split('.'));
  if (path.length === 2 && path[0]!.toUpperCase() === 'BQ') return systemProcedure(run, path[1]!, statement, frame);
  const { services } = run.options.execution;
  const ref = resolve(run, path);
  const routine = visibleProcedure(run, ref);
  const { properties } = routine;
  const name = `${ref.projectId}.${ref.datasetId}.${ref.routineId}`;
  if (properties.language !== 'SQL')
    throw invalid(`A procedure in ${properties.language} is not supported by the local BigQuery`);
  const formal = properties.arguments;
  if (formal.length !== statement.arguments.length)
    throw invalid(
      `Number of arguments (${statement.arguments.length}) does not match the procedure's signature: ${name} has ${formal.length}`,
    );
  if (depthOf(frame) >= MAX_DEPTH)
    throw new BigQueryError(
      'resourcesExceeded',
      `Out of stack space: procedures may call each other at most ${MAX_DEPTH} deep.`,
    );
  const variables = new VariableScope();
  const outputs: { readonly argument: RoutineArgument; readonly variable: string; readonly type: GType }[] = [];
  for (const [i, argument] of formal.entries()) {
    const given = statement.arguments[i]!;
    const declared = argument.dataType === undefined ? undefined : typeOfDataType(argument.dataType, argument.name);
    const mode = argument.mode ?? 'IN';
    if (mode !== 'IN') {
      const target = variableOf(frame, given, argument, mode);
      outputs.push({ argument, variable: target.name, type: target.type });
      if (mode === 'OUT') {
        variables.declare(argument.name, { type: declared ?? target.type, value: null });
        continue;
      }
    }
    variables.declare(argument.name, await evaluate(run.around, frame, given, declared));
  }
  const script = await services.sql.script(
    bodyOf(properties.definitionBody),
    formal.map((argument) => argument.name),
  );
  const body: Frame = { script, procedure: name, variables, parameters: undefined, caller: { frame, statement } };
  await run.block(script.statements, body);
  for (const { argument, variable, type } of outputs) {
    const value = variables.get(argument.name)!;
    frame.variables.set(variable, await coerced(run.around, frame, statement, value, type));
  }
}

async function systemProcedure(run: ScriptRun, name: string, statement: Call, frame: Frame): Promise<void> {
  if (name.toUpperCase() !== 'ABORT_SESSION')
    throw invalid(`Procedure BQ.${name.toUpperCase()} is not supported by the local BigQuery`);
  const [given, ...more] = statement.arguments;
  if (more.length > 0) throw invalid('BQ.ABORT_SESSION takes one argument at most: the id of a session');
  const sessionId =
    given === undefined ? undefined : (await evaluate(run.around, frame, given, { kind: 'STRING' })).value;
  await run.options.abortSession(typeof sessionId === 'string' ? sessionId : undefined);
}

function resolve(run: ScriptRun, path: readonly string[]): RoutineRef {
  const { projectId } = run.options.execution;
  const routineId = path.at(-1)!;
  if (path.length > 2) return { projectId: path.slice(0, -2).join('.'), datasetId: path.at(-2)!, routineId };
  if (path.length === 2) return { projectId, datasetId: path[0]!, routineId };
  const { defaultDataset } = run.around.inherited();
  if (defaultDataset === undefined)
    throw invalid(`Procedure "${routineId}" must be qualified with a dataset (e.g. dataset.procedure).`);
  return { ...defaultDataset, routineId };
}

/** 403 before 404: who may not see the procedure does not learn whether it exists. */
function visibleProcedure(run: ScriptRun, ref: RoutineRef): NonNullable<ReturnType<typeof find>> {
  const { services, principal } = run.options.execution;
  const dataset = services.datasets.get(ref.projectId, ref.datasetId);
  if (!mayUseRoutine(services, principal, { ref })) {
    if (dataset === undefined && mayKnowDataset(services, principal, ref.projectId, ref.datasetId))
      throw new BigQueryError('notFound', `Not found: Dataset ${ref.projectId}:${ref.datasetId}`);
    throw accessDenied('bigquery.routines.get', routineResource(ref));
  }
  if (dataset === undefined)
    throw new BigQueryError('notFound', `Not found: Dataset ${ref.projectId}:${ref.datasetId}`);
  const routine = find(run, ref);
  if (routine === undefined) throw new BigQueryError('notFound', `Procedure not found: ${routineNameOf(ref)}`);
  return routine;
}

function find(run: ScriptRun, ref: RoutineRef) {
  const routine = run.options.execution.services.routines.get(ref);
  return routine?.properties.routineType === 'PROCEDURE' ? routine : undefined;
}

/** Places in a procedure count from its BEGIN. One that was made by routines.insert may come without. */
function bodyOf(definition: string): string {
  const text = definition.trim();
  return /^BEGIN\b/i.test(text) && /\bEND\s*;?$/i.test(text) ? text : `BEGIN\n${text}\nEND`;
}

function variableOf(
  frame: Frame,
  given: CallArgument,
  argument: RoutineArgument,
  mode: 'OUT' | 'INOUT',
): { readonly name: string; readonly type: GType } {
  const { variable } = given;
  const type = variable === undefined ? undefined : frame.variables.typeOf(variable);
  if (variable === undefined || type === undefined)
    throw invalid(`${mode} argument ${argument.name} must be given a variable that is declared`);
  return { name: variable, type };
}

function invalid(message: string): BigQueryError {
  return new BigQueryError('invalidQuery', message, { location: 'query' });
}

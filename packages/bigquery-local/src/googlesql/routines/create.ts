// CREATE and DROP of functions, table functions and procedures: what is stored, after the body was resolved and
// compiled for its errors and refusals ("Data definition language", "User-defined functions").
import type { RoutineArgument, RoutineProperties, RoutineType, StandardSqlField } from '../../catalog/routines.ts';
import { invalidQuery, unsupported } from '../analyzer/analyzer-error.ts';
import { typeFromProto } from '../analyzer/type-proto.ts';
import { compileAggregate } from '../compile/aggregate.ts';
import type { CompileContext } from '../compile/context.ts';
import { compileExpr } from '../compile/expression.ts';
import { compileQuery } from '../compile/query.ts';
import type { ConstantEvaluator } from '../constant.ts';
import type { Expr } from '../ir.ts';
import { resolveAggregate, resolveExpr } from '../resolve/expression.ts';
import { flag, has, isMessage, items, part, parts, text, type Message } from '../resolve/message.ts';
import { resolveQuery } from '../resolve/query.ts';
import type { Scope } from '../resolve/scope.ts';
import type { AnalyzeRequest, RoutineRef, Statement } from '../statement.ts';
import { targetTable, unqualifiedTable } from '../table-path.ts';
import type { AnalyzedText, TextAnalysis } from '../text-analysis.ts';
import type { Value } from '../types.ts';
import { dataTypeOf } from './data-types.ts';
import { checkScriptType } from './javascript/call.ts';

/** "Quotas and limits": length of the text of a function. */
const MAX_BODY = 256 * 1024;
const MAX_ARGUMENTS = 256;

const MODES: Readonly<Record<string, 'or_replace' | 'if_not_exists'>> = {
  CREATE_OR_REPLACE: 'or_replace',
  CREATE_IF_NOT_EXISTS: 'if_not_exists',
};

type Inputs = {
  readonly analyzed: AnalyzedText;
  readonly analysis: TextAnalysis;
  readonly request: AnalyzeRequest;
  readonly context: CompileContext;
  readonly constants: ConstantEvaluator;
};

/** Undefined for every other statement. */
export async function routineStatement(inputs: Inputs): Promise<Statement | undefined> {
  const { kind, fields } = inputs.analyzed.statement;
  switch (kind) {
    case 'resolvedCreateFunctionStmtNode':
      return createFunction(inputs, fields);
    case 'resolvedCreateTableFunctionStmtNode':
      return createTableFunction(inputs, fields);
    case 'resolvedCreateProcedureStmtNode':
      return createProcedure(inputs, fields);
    case 'resolvedDropFunctionStmtNode':
      return dropped('DROP_FUNCTION', inputs.request, fields);
    case 'resolvedDropTableFunctionStmtNode':
      return dropped('DROP_TABLE_FUNCTION', inputs.request, fields);
    case 'resolvedDropStmtNode':
      return text(fields, 'objectType') === 'PROCEDURE' ? dropped('DROP_PROCEDURE', inputs.request, fields) : undefined;
    default:
      return undefined;
  }
}

function dropped(
  kind: 'DROP_FUNCTION' | 'DROP_TABLE_FUNCTION' | 'DROP_PROCEDURE',
  request: AnalyzeRequest,
  fields: Message,
): Statement {
  return { kind, target: targetRoutine(fields, request), ifExists: flag(fields, 'isIfExists') };
}

async function createFunction(inputs: Inputs, fields: Message): Promise<Statement> {
  const { request } = inputs;
  const aggregate = flag(fields, 'isAggregate');
  const routineType = aggregate ? 'AGGREGATE_FUNCTION' : 'SCALAR_FUNCTION';
  const language = text(fields, 'language').toUpperCase();
  if (isMessage(fields['connection']) || flag(fields, 'isRemote')) throw unsupported('A remote function');
  if (language !== 'SQL' && language !== 'JS') throw unsupported(`LANGUAGE ${language}`);
  if (aggregate && language === 'JS') throw unsupported('A JavaScript aggregate function');
  const base = await propertiesOf(inputs, fields, routineType, ['description']);
  const level = text(fields, 'determinismLevel');
  const returnsType = flag(fields, 'hasExplicitReturnType') || language === 'JS';
  const properties: RoutineProperties = {
    ...base,
    language: language === 'JS' ? 'JAVASCRIPT' : 'SQL',
    ...(returnsType ? { returnType: dataTypeOf(typeFromProto(fields['returnType'])) } : {}),
    ...(level === 'DETERMINISM_DETERMINISTIC' ? { determinismLevel: 'DETERMINISTIC' as const } : {}),
    ...(level === 'DETERMINISM_NOT_DETERMINISTIC' ? { determinismLevel: 'NOT_DETERMINISTIC' as const } : {}),
  };
  if (language === 'JS') checkScript(fields);
  else if (isMessage(fields['functionExpression'])) checkExpression(inputs, fields, properties);
  const mode = modeOf(fields);
  if (text(fields, 'createScope') !== 'CREATE_TEMP') {
    requireStorable(inputs);
    return { kind: 'CREATE_FUNCTION', target: targetRoutine(fields, request), mode, properties };
  }
  const path = items(fields, 'namePath').map(String);
  const name = path.join('.');
  if (path.length !== 1 || name.includes('.'))
    throw invalidQuery(`Temporary function ${name} must have a name without a dataset`);
  return { kind: 'CREATE_TEMP_FUNCTION', mode, routine: { name, properties } };
}

async function createTableFunction(inputs: Inputs, fields: Message): Promise<Statement> {
  if (text(fields, 'createScope') === 'CREATE_TEMP') throw unsupported('CREATE TEMP TABLE FUNCTION');
  const base = await propertiesOf(inputs, fields, 'TABLE_VALUED_FUNCTION', ['description']);
  const properties: RoutineProperties = {
    ...base,
    language: 'SQL',
    ...(flag(fields, 'hasExplicitReturnSchema') ? { returnTableType: { columns: declaredColumns(fields) } } : {}),
  };
  if (isMessage(fields['query'])) {
    const scope = bodyScope(inputs, properties, fields);
    const plan = resolveQuery(scope, fields);
    if (plan.valueTable) throw unsupported('A table function of a value table');
    for (const [i, { name }] of plan.outputs.entries())
      if (name === '' || name.startsWith('$'))
        throw invalidQuery(`CREATE TABLE FUNCTION columns must be named, but column ${i + 1} has no name`);
    compileQuery(inputs.context, plan);
    refuseParameters(scope);
  }
  requireStorable(inputs);
  const target = targetRoutine(fields, inputs.request);
  return { kind: 'CREATE_TABLE_FUNCTION', target, mode: modeOf(fields), properties };
}

async function createProcedure(inputs: Inputs, fields: Message): Promise<Statement> {
  if (text(fields, 'createScope') === 'CREATE_TEMP') throw unsupported('CREATE TEMP PROCEDURE');
  if (text(fields, 'language') !== '') throw unsupported(`A procedure in ${text(fields, 'language').toUpperCase()}`);
  const options = await optionsOf(inputs, fields, ['description', 'strict_mode']);
  const strictMode = options.get('strict_mode');
  const description = options.get('description');
  const properties: RoutineProperties = {
    routineType: 'PROCEDURE',
    language: 'SQL',
    arguments: argumentsOf(fields, 'PROCEDURE'),
    definitionBody: text(fields, 'procedureBody'),
    ...(typeof description === 'string' ? { description } : {}),
    ...(typeof strictMode === 'boolean' ? { strictMode } : {}),
  };
  const target = targetRoutine(fields, inputs.request);
  return { kind: 'CREATE_PROCEDURE', target, mode: modeOf(fields), properties };
}

async function propertiesOf(
  inputs: Inputs,
  fields: Message,
  routineType: RoutineType,
  allowed: readonly string[],
): Promise<Pick<RoutineProperties, 'routineType' | 'arguments' | 'definitionBody' | 'description'>> {
  const description = (await optionsOf(inputs, fields, allowed)).get('description');
  const definitionBody = text(fields, 'code');
  if (definitionBody.length > MAX_BODY) throw invalidQuery(`The body of a function has at most ${MAX_BODY} characters`);
  return {
    routineType,
    arguments: argumentsOf(fields, routineType),
    definitionBody,
    ...(typeof description === 'string' ? { description } : {}),
  };
}

async function optionsOf(
  { analyzed, context, constants }: Inputs,
  fields: Message,
  allowed: readonly string[],
): Promise<ReadonlyMap<string, Value>> {
  const values = new Map<string, Value>();
  for (const option of parts(fields, 'optionList')) {
    const name = text(option, 'name').toLowerCase();
    if (!allowed.includes(name)) throw unsupported(`Option ${name} of a routine`);
    values.set(name, await constants.evaluate(context, resolveExpr(analyzed.scope, option['value'])));
  }
  return values;
}

function argumentsOf(fields: Message, routineType: RoutineType): RoutineArgument[] {
  const args = parts(part(fields, 'signature'), 'argument');
  if (args.length > MAX_ARGUMENTS) throw invalidQuery(`A routine has at most ${MAX_ARGUMENTS} arguments`);
  return args.map((argument): RoutineArgument => {
    const options = has(argument, 'options') ? part(argument, 'options') : {};
    const name = text(options, 'argumentName');
    const kind = text(argument, 'kind');
    if (kind === 'ARG_TYPE_RELATION') throw unsupported('A table argument of a routine');
    if (kind !== 'ARG_TYPE_FIXED' && kind !== 'ARG_TYPE_ARBITRARY') throw unsupported(`Argument ${name} of this type`);
    if (isMessage(options['defaultValue'])) throw unsupported('A default value of an argument');
    const mode = text(options, 'procedureArgumentMode');
    return {
      name,
      ...(kind === 'ARG_TYPE_ARBITRARY'
        ? { argumentKind: 'ANY_TYPE' as const }
        : { argumentKind: 'FIXED_TYPE' as const, dataType: dataTypeOf(typeFromProto(argument['type'])) }),
      ...(routineType === 'PROCEDURE' ? { mode: mode === 'OUT' || mode === 'INOUT' ? mode : ('IN' as const) } : {}),
      ...(routineType === 'AGGREGATE_FUNCTION' && flag(options, 'isNotAggregate') ? { isAggregate: false } : {}),
    };
  });
}

function declaredColumns(fields: Message): StandardSqlField[] {
  const schema = part(part(part(part(fields, 'signature'), 'returnType'), 'options'), 'relationInputSchema');
  return parts(schema, 'column').map((column) => ({
    name: text(column, 'name'),
    type: dataTypeOf(typeFromProto(column['type'])),
  }));
}

/** Compiled for its refusals: a function that cannot run is not made. */
function checkExpression(inputs: Inputs, fields: Message, properties: RoutineProperties): void {
  const { context } = inputs;
  const scope = bodyScope(inputs, properties, fields);
  for (const entry of parts(fields, 'aggregateExpressionList')) {
    scope.column(part(entry, 'column'));
    compileAggregate(context, resolveAggregate(scope, entry['expr']));
  }
  compileExpr(context, resolveExpr(scope, fields['functionExpression']));
  refuseParameters(scope);
}

/** The arguments as columns of no table: good for compiling, not for running. */
function bodyScope({ analyzed }: Inputs, properties: RoutineProperties, fields: Message): Scope {
  const types = parts(part(fields, 'signature'), 'argument').map((argument) => argument['type']);
  const values = properties.arguments.map(({ name }, i): [string, Expr] => {
    const column = analyzed.scope.newColumn(name, typeFromProto(types[i]));
    return [name.toLowerCase(), { kind: 'column', column, type: column.type }];
  });
  return analyzed.scopeFor(new Map(values));
}

function checkScript(fields: Message): void {
  if (!flag(fields, 'hasExplicitReturnType')) throw invalidQuery('A JavaScript function must have a RETURNS clause');
  for (const argument of parts(part(fields, 'signature'), 'argument')) {
    if (text(argument, 'kind') !== 'ARG_TYPE_FIXED')
      throw unsupported('ANY TYPE as an argument of a JavaScript function');
    checkScriptType(typeFromProto(argument['type']), 'argument');
  }
  checkScriptType(typeFromProto(fields['returnType']), 'result');
}

/** What is stored is read later, by statements with other default datasets, temporary functions and parameters. */
export function requireStorable({ analysis }: Pick<Inputs, 'analysis'>): void {
  if (analysis.unqualified[0] !== undefined) throw unqualifiedTable(analysis.unqualified[0]);
  const [name] = analysis.routines.ofThisStatement;
  if (name !== undefined)
    throw invalidQuery(`Function ${name} must be qualified with a dataset, and not be temporary, in what is stored`);
}

function refuseParameters(scope: Scope): void {
  const [parameter] = scope.usedParameters;
  if (parameter !== undefined)
    throw invalidQuery(`Query parameter ${parameter} cannot be used in the body of a routine`);
}

function modeOf(fields: Message): 'default' | 'or_replace' | 'if_not_exists' {
  return MODES[text(fields, 'createMode')] ?? 'default';
}

function targetRoutine(fields: Message, request: AnalyzeRequest): RoutineRef {
  const path = items(fields, 'namePath').map(String);
  if (path.join('.').split('.').length === 1 && request.defaultDataset === undefined)
    throw invalidQuery(`Routine name "${path[0]}" missing dataset while no default dataset is set in the request.`);
  const { projectId, datasetId, tableId } = targetTable(path, request);
  return { projectId, datasetId, routineId: tableId };
}

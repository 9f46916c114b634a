// The Routine resource of the BigQuery REST v2 reference: from request bodies to the catalog and back.
import { BigQueryError } from '../../bigquery-error.ts';
import type {
  Routine,
  RoutineArgument,
  RoutineProperties,
  RoutineType,
  StandardSqlDataType,
  StandardSqlField,
} from '../../catalog/routines.ts';
import { checkScriptType } from '../../googlesql/routines/javascript/call.ts';
import { dataTypeOf, typeOfDataType } from '../../googlesql/routines/data-types.ts';
import { invalidField, optionalFlag, optionalList, optionalObject, optionalText } from './fields.ts';

type Body = Readonly<Record<string, unknown>>;

const TYPES: readonly RoutineType[] = ['SCALAR_FUNCTION', 'AGGREGATE_FUNCTION', 'TABLE_VALUED_FUNCTION', 'PROCEDURE'];
const LEVELS = ['DETERMINISTIC', 'NOT_DETERMINISTIC'] as const;
/** Fields of the resource that mean something that this server does not do. */
const REFUSED = [
  'remoteFunctionOptions',
  'sparkOptions',
  'pythonOptions',
  'externalRuntimeOptions',
  'dataGovernanceType',
];
const MAX_ARGUMENTS = 256;

/** Checked for form only: what the body says is the analyser's. */
export function parseRoutine(body: Body): RoutineProperties {
  for (const field of REFUSED)
    if (body[field] !== undefined && body[field] !== null)
      throw new BigQueryError('notImplemented', `routine.${field} is not supported by the local BigQuery.`);
  if ((optionalList(body, 'importedLibraries') ?? []).length > 0)
    throw new BigQueryError('notImplemented', 'routine.importedLibraries is not supported by the local BigQuery.');
  const routineType = TYPES.find((type) => type === optionalText(body, 'routineType'));
  if (routineType === undefined) throw invalidField('routineType', `expected one of ${TYPES.join(', ')}`);
  const definitionBody = optionalText(body, 'definitionBody') ?? '';
  if (definitionBody.trim() === '') throw new BigQueryError('invalid', 'Required parameter is missing: definitionBody');
  const language = optionalText(body, 'language') ?? 'SQL';
  if (language !== 'SQL' && language !== 'JAVASCRIPT' && language !== 'LANGUAGE_UNSPECIFIED')
    throw new BigQueryError('notImplemented', `Routines in ${language} are not supported by the local BigQuery.`);
  const script = language === 'JAVASCRIPT';
  if (script && routineType !== 'SCALAR_FUNCTION')
    throw new BigQueryError('notImplemented', `A ${routineType} in JavaScript is not supported by the local BigQuery.`);
  const returnType = optionalType(body, 'returnType');
  const returnTableType = columnsOf(optionalObject(body, 'returnTableType'));
  const level = LEVELS.find((known) => known === optionalText(body, 'determinismLevel'));
  const description = optionalText(body, 'description');
  const strictMode = optionalFlag(body, 'strictMode');
  const properties: RoutineProperties = {
    routineType,
    language: script ? 'JAVASCRIPT' : 'SQL',
    arguments: argumentsOf(body, routineType),
    ...(returnType === undefined ? {} : { returnType }),
    ...(returnTableType === undefined ? {} : { returnTableType }),
    definitionBody,
    ...(description === undefined ? {} : { description }),
    ...(level === undefined ? {} : { determinismLevel: level }),
    ...(strictMode === undefined ? {} : { strictMode }),
  };
  if (script) checkScriptTypes(properties);
  return properties;
}

function checkScriptTypes({ arguments: args, returnType }: RoutineProperties): void {
  if (returnType === undefined) throw invalidField('returnType', 'a JavaScript function must have one');
  checkScriptType(typeOfDataType(returnType, 'returnType'), 'result');
  for (const [i, argument] of args.entries()) {
    if (argument.argumentKind === 'ANY_TYPE')
      throw invalidField(`arguments[${i}].argumentKind`, 'a JavaScript function has no arguments of any type');
    checkScriptType(typeOfDataType(argument.dataType, `arguments[${i}].dataType`), 'argument');
  }
}

function argumentsOf(body: Body, routineType: RoutineType): RoutineArgument[] {
  const list = optionalList(body, 'arguments') ?? [];
  if (list.length > MAX_ARGUMENTS) throw invalidField('arguments', `at most ${MAX_ARGUMENTS} are allowed`);
  const names = new Set<string>();
  return list.map((item, i): RoutineArgument => {
    const where = `arguments[${i}]`;
    if (typeof item !== 'object' || item === null || Array.isArray(item))
      throw invalidField(where, 'expected an object');
    const argument = item as Body;
    const name = optionalText(argument, 'name') ?? '';
    if (!/^[A-Za-z_]\w{0,127}$/.test(name)) throw invalidField(`${where}.name`, `"${name}" is not a name`);
    if (names.has(name.toLowerCase())) throw invalidField(`${where}.name`, `there are two arguments ${name}`);
    names.add(name.toLowerCase());
    const kind = optionalText(argument, 'argumentKind') ?? 'FIXED_TYPE';
    if (kind !== 'ANY_TYPE' && kind !== 'FIXED_TYPE' && kind !== 'ARGUMENT_KIND_UNSPECIFIED')
      throw new BigQueryError('notImplemented', `Arguments of kind ${kind} are not supported by the local BigQuery.`);
    const mode = optionalText(argument, 'mode');
    if (mode !== undefined && !['MODE_UNSPECIFIED', 'IN', 'OUT', 'INOUT'].includes(mode))
      throw invalidField(`${where}.mode`, 'expected IN, OUT or INOUT');
    const type = kind === 'ANY_TYPE' ? undefined : requiredType(argument, 'dataType', `${where}.dataType`);
    return {
      name,
      ...(type === undefined
        ? { argumentKind: 'ANY_TYPE' as const }
        : { argumentKind: 'FIXED_TYPE' as const, dataType: type }),
      ...(routineType === 'PROCEDURE' ? { mode: mode === 'OUT' || mode === 'INOUT' ? mode : ('IN' as const) } : {}),
      ...(routineType === 'AGGREGATE_FUNCTION' && optionalFlag(argument, 'isAggregate') === false
        ? { isAggregate: false }
        : {}),
    };
  });
}

function optionalType(body: Body, name: string): StandardSqlDataType | undefined {
  return optionalObject(body, name) === undefined ? undefined : requiredType(body, name, name);
}

/** In the form in which this server writes it. */
function requiredType(body: Body, name: string, where: string): StandardSqlDataType {
  return dataTypeOf(typeOfDataType(optionalObject(body, name) as StandardSqlDataType | undefined, where));
}

function columnsOf(table: Body | undefined): { columns: StandardSqlField[] } | undefined {
  if (table === undefined) return undefined;
  const columns = optionalList(table, 'columns') ?? [];
  return {
    columns: columns.map((item, i): StandardSqlField => {
      const where = `returnTableType.columns[${i}]`;
      if (typeof item !== 'object' || item === null) throw invalidField(where, 'expected an object');
      const column = item as Body;
      const name = optionalText(column, 'name') ?? '';
      if (name === '') throw invalidField(`${where}.name`, 'a column must have a name');
      return { name, type: requiredType(column, 'type', `${where}.type`) };
    }),
  };
}

export function routineResource({ ref, etag, createdMs, modifiedMs, properties }: Routine): Record<string, unknown> {
  const { arguments: args, ...rest } = properties;
  return {
    etag,
    routineReference: ref,
    ...rest,
    creationTime: String(createdMs),
    lastModifiedTime: String(modifiedMs),
    ...(args.length === 0 ? {} : { arguments: args.map(argumentResource) }),
  };
}

/** FIXED_TYPE is left out, as the default. */
function argumentResource({ argumentKind, ...argument }: RoutineArgument): Record<string, unknown> {
  return { ...argument, ...(argumentKind === 'ANY_TYPE' ? { argumentKind } : {}) };
}

/** What routines.list shows without a readMask. */
export function routineListItem({ ref, etag, createdMs, modifiedMs, properties }: Routine): Record<string, unknown> {
  return {
    etag,
    routineReference: ref,
    routineType: properties.routineType,
    language: properties.language,
    creationTime: String(createdMs),
    lastModifiedTime: String(modifiedMs),
  };
}

// Functions as the analyser's catalog has them. One whose types are known is no more than a signature; one
// with ANY TYPE arguments and no declared result carries its body, from which the analyser infers the result.
import type { RoutineProperties } from '../../catalog/routines.ts';
import type { Message } from '../analyzer/client.ts';
import { typeToProto } from '../analyzer/type-proto.ts';
import type { GType } from '../types.ts';
import { typeOfDataType } from './data-types.ts';

/** A function of the analyser's catalog, under the path that the text writes. */
export type AnalyzerRoutine = {
  readonly path: readonly string[];
  readonly kind: 'function' | 'table_function';
  readonly proto: Message;
};

export type TableColumn = { readonly name: string; readonly type: GType };

/** What a call gives: a type, or the columns of a table function. Undefined where it depends on the arguments. */
export type ResultShape =
  | { readonly kind: 'value'; readonly type: GType }
  | { readonly kind: 'table'; readonly columns: readonly TableColumn[] }
  | undefined;

/** Functions with signatures only. */
export const ROUTINE_GROUP = 'routine';
/** Functions that the analyser infers the result of; the name is ZetaSQL's. */
export const TEMPLATED_GROUP = 'Templated_SQL_Function';

const REQUIRED = { cardinality: 'REQUIRED' };
const OPTIONS = { supportsSafeErrorMode: false, usesUpperCaseSqlName: false };

export function isTemplated(properties: RoutineProperties): boolean {
  return properties.arguments.some(({ argumentKind }) => argumentKind === 'ANY_TYPE');
}

/** The result where it is declared; undefined where it follows from the body. */
export function declaredShape({ returnType, returnTableType }: RoutineProperties): ResultShape {
  if (returnType !== undefined) return { kind: 'value', type: typeOfDataType(returnType, 'returnType') };
  if (returnTableType === undefined) return undefined;
  const columns = returnTableType.columns.map((column, i) => ({
    name: column.name ?? '',
    type: typeOfDataType(column.type, `returnTableType.columns[${i}].type`),
  }));
  return { kind: 'table', columns };
}

export function analyzerRoutine(
  path: readonly string[],
  properties: RoutineProperties,
  shape: ResultShape,
): AnalyzerRoutine {
  const names = properties.arguments.map(({ name }) => name);
  const args = properties.arguments.map((argument, i) => ({
    ...(argument.argumentKind === 'ANY_TYPE'
      ? { kind: 'ARG_TYPE_ARBITRARY' }
      : { kind: 'ARG_TYPE_FIXED', type: typeToProto(typeOfDataType(argument.dataType, `arguments[${i}].dataType`)) }),
    numOccurrences: -1,
    options: { ...REQUIRED, ...(argument.isAggregate === false ? { isNotAggregate: true } : {}) },
  }));
  const body = { parseResumeLocation: { input: properties.definitionBody, bytePosition: 0 } };
  if (properties.routineType === 'TABLE_VALUED_FUNCTION') {
    const columns = shape?.kind === 'table' ? shape.columns : undefined;
    const schema =
      columns === undefined
        ? {}
        : { relationInputSchema: { column: columns.map(({ name, type }) => ({ name, type: typeToProto(type) })) } };
    const returnType = { kind: 'ARG_TYPE_RELATION', numOccurrences: -1, options: { ...REQUIRED, ...schema } };
    const proto = {
      namePath: path,
      signature: { argument: args, returnType },
      options: { usesUpperCaseSqlName: false },
      ...(columns === undefined
        ? { type: 'TEMPLATED_SQL_TVF', argumentName: names, ...body }
        : { type: 'FIXED_OUTPUT_SCHEMA_TVF' }),
    };
    return { path, kind: 'table_function', proto };
  }
  const type = shape?.kind === 'value' ? shape.type : undefined;
  const returnType = {
    ...(type === undefined ? { kind: 'ARG_TYPE_ARBITRARY' } : { kind: 'ARG_TYPE_FIXED', type: typeToProto(type) }),
    numOccurrences: -1,
    options: REQUIRED,
  };
  const proto = {
    namePath: path,
    group: type === undefined ? TEMPLATED_GROUP : ROUTINE_GROUP,
    mode: properties.routineType === 'AGGREGATE_FUNCTION' ? 'AGGREGATE' : 'SCALAR',
    signature: [{ argument: args, returnType }],
    options: OPTIONS,
    ...(type === undefined ? { ...body, templatedSqlFunctionArgumentName: names } : {}),
  };
  return { path, kind: 'function', proto };
}

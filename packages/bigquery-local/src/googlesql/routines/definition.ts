// The text of the statement that makes a routine, as the analyser is asked about it: of a body with the
// types of one call, or of a routine that is given over REST.
import type { RoutineArgument, RoutineProperties } from '../../catalog/routines.ts';
import type { GType } from '../types.ts';
import { quotedName, typeOfDataType, typeText } from './data-types.ts';

/** `types`, where given, stand in the place of the arguments' own: those of one call. */
export function definitionText(properties: RoutineProperties, types?: readonly GType[]): string {
  const args = properties.arguments.map((argument, i) => argumentText(argument, i, types?.[i])).join(', ');
  const kind =
    properties.routineType === 'TABLE_VALUED_FUNCTION'
      ? 'TABLE FUNCTION'
      : properties.routineType === 'AGGREGATE_FUNCTION'
        ? 'TEMP AGGREGATE FUNCTION'
        : 'TEMP FUNCTION';
  if (properties.routineType === 'PROCEDURE')
    return `CREATE PROCEDURE dataset.routine(${args})\n${properties.definitionBody}`;
  const name = properties.routineType === 'TABLE_VALUED_FUNCTION' ? 'dataset.routine' : 'routine';
  // On lines of its own: the body may end with a comment.
  return `CREATE ${kind} ${name}(${args}) ${returnsText(properties)} AS (\n${properties.definitionBody}\n)`;
}

function argumentText(argument: RoutineArgument, index: number, type: GType | undefined): string {
  const text =
    type !== undefined
      ? typeText(type)
      : argument.argumentKind === 'ANY_TYPE'
        ? 'ANY TYPE'
        : typeText(typeOfDataType(argument.dataType, `arguments[${index}].dataType`));
  const mode = argument.mode === undefined ? '' : `${argument.mode} `;
  return `${mode}${quotedName(argument.name)} ${text}${argument.isAggregate === false ? ' NOT AGGREGATE' : ''}`;
}

function returnsText({ returnType, returnTableType }: RoutineProperties): string {
  if (returnType !== undefined) return `RETURNS ${typeText(typeOfDataType(returnType, 'returnType'))}`;
  if (returnTableType === undefined) return '';
  const columns = returnTableType.columns.map(
    (column, i) =>
      `${quotedName(column.name ?? '')} ${typeText(typeOfDataType(column.type, `returnTableType.columns[${i}].type`))}`,
  );
  return `RETURNS TABLE<${columns.join(', ')}>`;
}

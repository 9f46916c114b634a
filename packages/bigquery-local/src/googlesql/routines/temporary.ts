// Temporary functions from one statement of a list or script to the next.
import { BigQueryError } from '../../bigquery-error.ts';
import type { Statement, TemporaryRoutine } from '../statement.ts';

/** The functions that there are after the statement. Throws `duplicate` where it makes one that there is. */
export function withTemporary(before: readonly TemporaryRoutine[], statement: Statement): readonly TemporaryRoutine[] {
  if (statement.kind !== 'CREATE_TEMP_FUNCTION') return before;
  const { routine, mode } = statement;
  const others = before.filter(({ name }) => name.toLowerCase() !== routine.name.toLowerCase());
  if (others.length < before.length && mode === 'if_not_exists') return before;
  if (others.length < before.length && mode === 'default')
    throw new BigQueryError('duplicate', `Already Exists: Function ${routine.name}`);
  return [...others, routine];
}

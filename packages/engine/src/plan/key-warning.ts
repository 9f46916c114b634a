// What a plan looks like whose model has got other identifiers than the one before.
import type { Warning } from '../run/api.ts';
import type { PlanFigures } from './summary.ts';

/** From this many records on it is no accident that not one of them is left. */
const LEAST = 5;

/** Every known record would be deleted while others are added: the key, or its form, has changed. */
export function keyWarning({ counts, stateRecords }: PlanFigures, key: string): Warning | undefined {
  if (stateRecords < LEAST || counts.deleted < stateRecords || counts.added === 0) return undefined;
  return {
    path: 'model.key',
    message: `not one of the ${stateRecords} records that were sent is in the model any more, and ${counts.added} others are: the values of "${key}" have changed, or another column identifies the records`,
    fix: 'If that is meant, the sync deletes all records at the destination and sends them anew. If not, restore the key, or the form of its values.',
  };
}

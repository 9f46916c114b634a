import { expect, test } from 'vitest';
import { keyWarning } from './key-warning.ts';
import type { PlanFigures } from './summary.ts';

const figures = (stateRecords: number, added: number, deleted: number): PlanFigures => ({
  counts: { added, updated: 0, deleted, unchanged: stateRecords - deleted, invalid: 0, quarantined: 0 },
  invalid: [],
  stateRecords,
  modelRows: added,
  changes: added + deleted,
});

test('other identifiers throughout are worth a warning', () => {
  expect(keyWarning(figures(100, 90, 100), 'email')).toMatchObject({
    path: 'model.key',
    message: expect.stringContaining('the values of "email" have changed') as string,
  });
});

test('an empty model, a first sync, and changes that leave a record are not', () => {
  expect(keyWarning(figures(100, 0, 100), 'id')).toBeUndefined();
  expect(keyWarning(figures(0, 100, 0), 'id')).toBeUndefined();
  expect(keyWarning(figures(100, 50, 99), 'id')).toBeUndefined();
  expect(keyWarning(figures(2, 2, 2), 'id')).toBeUndefined();
});

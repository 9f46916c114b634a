import { expect, test } from 'vitest';
import { guardPlan } from './guards.ts';
import type { PlanFigures } from './summary.ts';

const figures = (deleted: number, stateRecords: number, modelRows: number, changes = deleted): PlanFigures => ({
  counts: { added: 0, updated: 0, deleted, unchanged: stateRecords - deleted, invalid: 0, quarantined: 0 },
  invalid: [],
  stateRecords,
  modelRows,
  changes,
});
const broken = (plan: PlanFigures, guards = {}): string[] => guardPlan(plan, guards).map((finding) => finding.guard);

test('an empty model does not delete what was sent, unless it is allowed', () => {
  expect(broken(figures(5, 5, 0))).toEqual(['empty_model']);
  expect(broken(figures(5, 5, 0), { allowEmptyModel: true })).toEqual([]);
  expect(broken(figures(0, 0, 0))).toEqual([]);
});

test('a plan that deletes most of the records is blocked, a small one is not', () => {
  expect(broken(figures(600, 1000, 400))).toEqual(['deleted_share']);
  expect(broken(figures(500, 1000, 500))).toEqual([]);
  expect(broken(figures(90, 100, 10))).toEqual([]);
  expect(broken(figures(600, 1000, 400), { maxDeletedShare: 0.7 })).toEqual([]);
});

test('the number of changes has a limit', () => {
  expect(broken(figures(0, 0, 20, 20), { maxChanges: 10 })).toEqual(['changes']);
});

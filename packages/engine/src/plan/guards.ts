// Guards: the thresholds past which a plan is not delivered until somebody approves it.
import type { GuardFinding, Guards } from '../run/api.ts';
import { countOf, figure } from '../report/figures.ts';
import type { PlanFigures } from './summary.ts';

export const DEFAULT_GUARDS = {
  allowEmptyModel: false,
  maxDeletedShare: 0.5,
  minDeletedRows: 100,
  maxChanges: 150_000_000,
} as const;

/** The guards that this plan breaks; empty when it may be delivered. */
export function guardPlan(figures: PlanFigures, guards: Guards = {}): GuardFinding[] {
  const limits = { ...DEFAULT_GUARDS, ...guards };
  const { counts, stateRecords, modelRows, changes } = figures;
  const findings: GuardFinding[] = [];
  if (modelRows === 0 && stateRecords > 0 && !limits.allowEmptyModel) {
    findings.push({
      guard: 'empty_model',
      message: `The model is empty, but ${countOf(stateRecords, 'record')} ${stateRecords === 1 ? 'was' : 'were'} sent before; all of them would be deleted.`,
      figures: { modelRows, stateRecords, deleted: counts.deleted },
    });
  }
  const share = stateRecords === 0 ? 0 : counts.deleted / stateRecords;
  if (modelRows > 0 && counts.deleted > limits.minDeletedRows && share > limits.maxDeletedShare) {
    findings.push({
      guard: 'deleted_share',
      message: `${figure(counts.deleted)} of ${countOf(stateRecords, 'record')} (${percent(share)}) would be deleted; at most ${percent(limits.maxDeletedShare)} are allowed.`,
      figures: { deleted: counts.deleted, stateRecords, maxDeletedShare: limits.maxDeletedShare },
    });
  }
  if (changes > limits.maxChanges) {
    findings.push({
      guard: 'changes',
      message: `The plan has ${countOf(changes, 'change')}; at most ${figure(limits.maxChanges)} are allowed.`,
      figures: { changes, maxChanges: limits.maxChanges },
    });
  }
  return findings;
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

// Guards: the thresholds past which a plan is not delivered until somebody approves it.
import type { GuardFinding, Guards } from '../run/api.ts';
import { countOf, figure } from '../report/figures.ts';
import type { PlanFigures } from './summary.ts';

export const DEFAULT_GUARDS = {
  allowEmptyModel: false,
  maxDeletedShare: 0.5,
  minDeletedRows: 100,
  maxDeletedRows: Number.POSITIVE_INFINITY,
  maxChangedShare: 0.95,
  minChangedRows: 10_000,
  maxChanges: Number.POSITIVE_INFINITY,
  maxInvalidShare: 0.1,
  minInvalidRows: 100,
  /** 1 TiB */
  maxBytesBilled: 1_099_511_627_776,
} as const;

/** The guards that this plan breaks; empty when it may be delivered. */
export function guardPlan(figures: PlanFigures, guards: Guards = {}): GuardFinding[] {
  const limits: Required<Guards> = { ...DEFAULT_GUARDS, ...guards };
  const { counts, stateRecords, modelRows, changes } = figures;
  const findings: GuardFinding[] = [];
  // An incremental model shows no row when nothing is new.
  if (figures.incremental !== true && modelRows === 0 && stateRecords > 0 && !limits.allowEmptyModel) {
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
  if (counts.deleted > limits.maxDeletedRows) {
    findings.push({
      guard: 'deleted_rows',
      message: `${countOf(counts.deleted, 'record')} would be deleted; at most ${figure(limits.maxDeletedRows)} are allowed.`,
      figures: { deleted: counts.deleted, maxDeletedRows: limits.maxDeletedRows },
    });
  }
  const changed = counts.updated + counts.deleted;
  const changedShare = stateRecords === 0 ? 0 : changed / stateRecords;
  if (modelRows > 0 && changed > limits.minChangedRows && changedShare > limits.maxChangedShare) {
    findings.push({
      guard: 'changed_share',
      message: `${figure(changed)} of ${countOf(stateRecords, 'record')} that were sent before (${percent(changedShare)}) would be sent again or deleted; at most ${percent(limits.maxChangedShare)} are allowed. A change of the query or of the mapping does this.`,
      figures: {
        updated: counts.updated,
        deleted: counts.deleted,
        stateRecords,
        maxChangedShare: limits.maxChangedShare,
      },
    });
  }
  const invalidShare = modelRows === 0 ? 0 : counts.invalid / modelRows;
  if (counts.invalid > limits.minInvalidRows && invalidShare > limits.maxInvalidShare) {
    findings.push({
      guard: 'invalid_share',
      message: `${figure(counts.invalid)} of ${countOf(modelRows, 'row')} of the model (${percent(invalidShare)}) cannot be sent; at most ${percent(limits.maxInvalidShare)} are allowed.`,
      figures: { invalid: counts.invalid, modelRows, maxInvalidShare: limits.maxInvalidShare },
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

// Delivers a saved plan: that very table, whatever the source holds now, if the state of its
// records is still the one that it was made from.
import { AppError } from '@sluice/core';
import { movedSql } from '../plan/plan-sql.ts';
import { RECORDS } from '../plan/state-tables.ts';
import { countOf, figure } from '../report/figures.ts';
import type { SyncReport } from './api.ts';
import type { Checkpoint } from './checkpoint.ts';
import { readSaved, unknownPlan } from './plan-store.ts';
import { deliverRecorded } from './planning.ts';
import type { Run } from './run.ts';

/** Sends a saved plan, if the state of its records is still what it was made from. */
export async function startApply(run: Run, seen: Checkpoint): Promise<SyncReport> {
  const { context, mapping, report, syncId, step, version } = run;
  const { source, tables } = context;
  const where = `mapping ${mapping.name}, plan ${syncId}`;
  const [saved] = await readSaved(context, syncId, run.cancel);
  if (saved === undefined || (await source.rowCount(tables.plan(syncId), run.cancel)) === undefined)
    throw unknownPlan(syncId, mapping);
  if (saved.version !== version) {
    throw new AppError(`Mapping ${mapping.name} has changed since plan ${syncId} was made`, {
      code: 'PLAN_STALE',
      kind: 'conflict',
      where,
      fix: 'Make a new plan and apply that one.',
    });
  }
  await source.createTable(tables.records, RECORDS, run.cancel);
  const answer = await source.query({
    step: 'check_plan',
    sql: movedSql(tables.plan(syncId), tables.records),
    signal: run.cancel,
  });
  report.bytesProcessed += answer.bytesProcessed;
  const moved = Number(answer.rows[0]?.['moved'] ?? 0);
  if (moved > 0) {
    const { changes } = saved.stored.figures;
    const sampleIds = (answer.rows[0]?.['sample_ids'] ?? []) as string[];
    throw new AppError(
      `${figure(moved)} of the ${countOf(changes, 'change')} of plan ${syncId} do not fit any more: those records were sent since it was made (for example ${sampleIds.slice(0, 3).join(', ')})`,
      {
        code: 'PLAN_MOVED',
        kind: 'conflict',
        where,
        fix: 'Make a new plan and apply that one.',
        details: { moved, changes, sampleIds, plannedAt: saved.stored.plannedAt, lastSync: seen.checkpoint ?? null },
      },
    );
  }
  report.takePlan(saved.stored);
  report.on('tested');
  await step('planned');
  return deliverRecorded(run, saved.stored);
}

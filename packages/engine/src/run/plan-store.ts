// The table `plans_<m>`: one row per plan that was saved and neither applied nor discarded.
// The plan itself is its table; a row older than the table's lifetime counts for nothing.
import { AppError } from '@sluice/core';
import { PLANS, PLAN_LIFETIME_MS, quoted } from '../plan/state-tables.ts';
import type { MappingConfig } from './api.ts';
import { readCheckpoint } from './checkpoint.ts';
import type { Context } from './context.ts';
import type { StoredProgress } from './run.ts';

const LIFETIME_DAYS = PLAN_LIFETIME_MS / 86_400_000;

export type Saved = { readonly planId: string; readonly version: string; readonly stored: StoredProgress };

export async function keepPlan(
  { source, tables }: Context,
  mapping: MappingConfig,
  { planId, version, stored }: Saved,
  signal: AbortSignal,
): Promise<void> {
  await source.createTable(tables.plans, PLANS, signal);
  await source.query({
    step: 'save_plan',
    jobKey: `${mapping.id}_${planId}_save`,
    sql: `INSERT INTO ${quoted(tables.plans)} (plan_id, planned_at, version, progress)
VALUES (@plan, CAST(@at AS TIMESTAMP), @version, @progress)`,
    params: {
      plan: { type: 'STRING', value: planId },
      at: { type: 'STRING', value: stored.plannedAt },
      version: { type: 'STRING', value: version },
      progress: { type: 'STRING', value: JSON.stringify(stored) },
    },
    signal,
  });
}

/** After a plan was applied to its end, or thrown away. */
export async function forgetSaved({ source, tables }: Context, planId: string): Promise<void> {
  await source.query({
    step: 'forget_plan',
    sql: `DELETE FROM ${quoted(tables.plans)} WHERE plan_id = @plan OR planned_at < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${LIFETIME_DAYS} DAY)`,
    params: { plan: { type: 'STRING', value: planId } },
  });
}

/** The saved plans, or the one of this id, newest first. */
export async function readSaved(
  { source, tables }: Context,
  planId: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Saved[]> {
  if ((await source.rowCount(tables.plans, signal)) === undefined) return [];
  const answer = await source.query({
    step: 'read_plans',
    sql: `SELECT plan_id, version, progress
FROM ${quoted(tables.plans)}
WHERE planned_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${LIFETIME_DAYS} DAY) AND (@plan IS NULL OR plan_id = @plan)
ORDER BY plan_id DESC
LIMIT 1000`,
    params: { plan: { type: 'STRING', value: planId ?? null } },
    ...(signal === undefined ? {} : { signal }),
  });
  return answer.rows.map((row) => ({
    planId: row['plan_id'] as string,
    version: row['version'] as string,
    stored: JSON.parse(row['progress'] as string) as StoredProgress,
  }));
}

/** The plan that a guard stopped. */
export async function blockedOf(
  { source, tables }: Context,
  signal: AbortSignal | undefined,
): Promise<Saved | undefined> {
  const seen = await readCheckpoint(source, tables.checkpoints, signal);
  if (seen?.phase !== 'blocked' || seen.syncId === undefined || seen.progress === undefined) return undefined;
  return {
    planId: seen.syncId,
    version: seen.version ?? '',
    stored: JSON.parse(seen.progress) as StoredProgress,
  };
}

export function unknownPlan(planId: string, mapping: MappingConfig): AppError {
  return new AppError(`There is no plan ${planId} of mapping ${mapping.name}`, {
    code: 'PLAN_UNKNOWN',
    kind: 'not_found',
    where: `mapping ${mapping.name}`,
    fix: `List the plans that wait with: sluice plans ${mapping.name} (they are kept for 14 days).`,
  });
}

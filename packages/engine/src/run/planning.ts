// The planning phase of a sync: a new plan from the model, or the changes of an earlier
// sync once more. Nothing is sent before the plan is frozen and recorded.
import { AppError } from '@sluice/core';
import { guardPlan } from '../plan/guards.ts';
import { keyWarning } from '../plan/key-warning.ts';
import { completed, freezePlan, planJobKey } from '../plan/make-plan.ts';
import { replaySql, summarySql } from '../plan/plan-sql.ts';
import { PLAN_LIFETIME_MS, RECORDS } from '../plan/state-tables.ts';
import { figuresOf } from '../plan/summary.ts';
import type { Replay, SyncReport } from './api.ts';
import type { Checkpoint } from './checkpoint.ts';
import { destinationSpec } from './context.ts';
import { deliverAndCommit } from './delivering.ts';
import type { Run, StoredProgress } from './run.ts';
import { versionOfSync, writeLog } from './sync-log.ts';
import { sinceOf, watermarkText } from './watermark.ts';

const MAX_REPLAYED_IDS = 10_000;

export async function startAnew(run: Run, seen: Checkpoint, sources: string | undefined): Promise<SyncReport> {
  const { context, mapping, report, lease, step } = run;
  report.enter('planning');
  report.on('tested');
  let stored: StoredProgress;
  try {
    await step('planning');
    await emptyAbandoned(run, seen);
    if (seen.phase === 'planning' && seen.syncId !== undefined)
      await context.source.cancel(planJobKey(mapping.id, seen.syncId));
    stored = await freeze(run, seen, sources);
    await step('planned');
  } catch (thrown) {
    return planFailed(run, thrown);
  }
  const aboutKey = keyWarning(stored.figures, run.model.key.name);
  if (aboutKey !== undefined) report.warnings = [...report.warnings, aboutKey];
  report.guards = guardPlan(stored.figures, mapping.guards);
  if (report.guards.length > 0) {
    await lease.update({ phase: 'blocked', progress: JSON.stringify(stored), release: true });
    const blocked = report.finish('block', { message: report.guards.map((guard) => guard.message).join(' ') });
    await writeLog(run, blocked);
    return blocked;
  }
  return deliverRecorded(run, stored);
}

/** Evaluates the model into the plan table of this sync. */
async function freeze(run: Run, seen: Checkpoint, sources: string | undefined): Promise<StoredProgress> {
  const { context, mapping, options, report, model, version, lease, syncId, clock } = run;
  const { source, tables } = context;
  const plannedAt = new Date(clock.now()).toISOString();
  await source.createTable(tables.records, RECORDS, options.signal);
  const rejects = (await source.rowCount(tables.rejects, options.signal)) ? tables.rejects : undefined;
  const planned = await freezePlan({
    source,
    tables,
    mapping,
    model,
    mapped: options.registry.columns(destinationSpec(mapping, syncId)),
    version,
    since: sinceOf(seen.watermark, model, version),
    syncId,
    rejects,
    signal: AbortSignal.any([run.cancel, lease.lost]),
  });
  const { figures, expires, watermark } = planned;
  const stored: StoredProgress = {
    figures,
    plannedAt,
    fingerprint: sources ?? null,
    bytesEstimated: model.bytesProcessed,
    ...(expires ? {} : { lasting: true }),
    ...(watermark === undefined ? {} : { watermark: watermarkText(watermark, model, version) }),
  };
  report.takePlan(stored);
  report.bytesProcessed += planned.bytesProcessed;
  return stored;
}

/** Records the frozen plan, so that any run can go on with it, and sends it. */
export async function deliverRecorded(run: Run, stored: StoredProgress): Promise<SyncReport> {
  const { lease, report, step, syncId, version } = run;
  await lease.update({ phase: 'delivering', syncId, version, progress: JSON.stringify(stored) });
  await step('plan recorded');
  report.on(stored.figures.changes === 0 ? 'nothing_to_send' : 'planned');
  return deliverAndCommit(run, stored, 'first run');
}

/** A blocked plan that nobody approved keeps its rows where it may not expire. */
async function emptyAbandoned(run: Run, seen: Checkpoint): Promise<void> {
  if (seen.phase !== 'blocked' || seen.syncId === undefined || seen.progress === undefined) return;
  const { lasting } = JSON.parse(seen.progress) as StoredProgress;
  if (lasting === true) await run.context.source.emptyTable(run.context.tables.plan(seen.syncId), run.options.signal);
}

async function planFailed(run: Run, thrown: unknown): Promise<SyncReport> {
  const report = run.cancel.aborted
    ? run.report.finish('cancel', { message: 'Canceled while planning; nothing was sent.' })
    : run.report.finish('fail', { error: thrown });
  await writeLog(run, report).catch(() => undefined);
  return report;
}

// ------------------------------------------------------------------ replay

export async function startReplay(run: Run, seen: Checkpoint, replay: Replay): Promise<SyncReport> {
  const { report, step } = run;
  report.enter('planning');
  await checkReplay(run, replay);
  report.on('tested');
  let stored: StoredProgress;
  try {
    await step('planning');
    await emptyAbandoned(run, seen);
    stored = await freezeReplay(run, replay);
    await step('planned');
  } catch (thrown) {
    return planFailed(run, thrown);
  }
  return deliverRecorded(run, stored);
}

/** Throws when the changes of that sync cannot be sent once more as they were. */
async function checkReplay(run: Run, replay: Replay): Promise<void> {
  const { context, mapping, version, cancel: signal } = run;
  const { source, tables } = context;
  const where = `mapping ${mapping.name}, sync ${replay.syncId}`;
  const ids = replay.recordIds;
  if (ids !== undefined && ids.length > MAX_REPLAYED_IDS) {
    throw new AppError(`${ids.length} records are named; at most ${MAX_REPLAYED_IDS} can be`, {
      code: 'REPLAY_LIMIT',
      kind: 'invalid',
      where,
      fix: 'Name fewer records, or replay the whole sync.',
    });
  }
  if ((await source.rowCount(tables.plan(replay.syncId), signal)) === undefined) {
    throw new AppError(`The plan of sync ${replay.syncId} is not there any more`, {
      code: 'REPLAY_GONE',
      kind: 'not_found',
      where,
      fix: 'Plans are kept for 14 days. To send everything again, reset the mapping.',
    });
  }
  const plannedWith = await versionOfSync(source, tables, mapping.id, replay.syncId, signal);
  if (plannedWith !== version) {
    throw new AppError(`Mapping ${mapping.name} has changed since sync ${replay.syncId}`, {
      code: 'REPLAY_STALE',
      kind: 'conflict',
      where,
      fix: 'A replay sends exactly what that sync sent. Run a sync: it sends what the changed mapping makes different.',
    });
  }
}

async function freezeReplay(run: Run, replay: Replay): Promise<StoredProgress> {
  const { context, mapping, report, lease, syncId, clock } = run;
  const { source, tables } = context;
  const signal = AbortSignal.any([run.cancel, lease.lost]);
  const ids = replay.recordIds;
  await source.createTable(tables.records, RECORDS, signal);
  const outcomes =
    (await source.rowCount(tables.outcomes(replay.syncId), signal)) === undefined
      ? undefined
      : tables.outcomes(replay.syncId);
  const copy = tables.plan(syncId);
  const frozen = await source.query({
    step: 'replay',
    jobKey: planJobKey(mapping.id, syncId),
    labels: { sluice_mapping: mapping.id, sluice_sync: syncId },
    sql: replaySql({
      plan: tables.plan(replay.syncId),
      outcomes,
      records: tables.records,
      rows: replay.rows,
      byIds: ids !== undefined,
    }),
    ...(ids === undefined ? {} : { params: { ids: { type: 'STRING', value: JSON.stringify(ids) } } }),
    destination: copy,
    mayWait: true,
    maxRows: 0,
    signal,
  });
  const expires = await source.expireTable(copy, PLAN_LIFETIME_MS, signal);
  const summary = await source.query({
    step: 'summary',
    sql: summarySql({ plan: copy, records: undefined }),
    signal,
  });
  const known = (await source.rowCount(tables.records, signal)) ?? 0;
  const stored: StoredProgress = {
    figures: { ...completed(figuresOf(summary.rows, known), run), invalid: [] },
    plannedAt: new Date(clock.now()).toISOString(),
    // What was replayed may be older than the source: the next sync must look.
    fingerprint: null,
    kind: 'replay',
    ...(expires ? {} : { lasting: true }),
  };
  report.takePlan(stored);
  report.bytesProcessed += frozen.bytesProcessed + summary.bytesProcessed;
  return stored;
}

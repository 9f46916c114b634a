// The conductor of one sync. Each phase is recorded in the warehouse before its work
// starts, so that whoever comes next knows where to go on:
//
//   planning    nothing was sent: plan anew          delivering  go on with the same plan
//   committing  run the commit again (idempotent)    blocked     plan anew, unless approved
import { randomBytes } from 'node:crypto';
import { AppError } from '@sluice/core';
import { validateModel } from '../model/model.ts';
import { guardPlan } from '../plan/guards.ts';
import { freezePlan, planJobKey } from '../plan/make-plan.ts';
import { mappingVersion } from '../plan/mapping-version.ts';
import { RECORDS } from '../plan/state-tables.ts';
import type { PlanFigures } from '../plan/summary.ts';
import { ReportBuilder } from '../report/report.ts';
import type { Clock, MappingConfig, SourceConfig, SyncOptions, SyncReport } from './api.ts';
import { Lease, createCheckpoint, readCheckpoint } from './checkpoint.ts';
import type { Checkpoint, CheckpointChange } from './checkpoint.ts';
import { systemClock } from './clock.ts';
import { destinationSpec, ensureStateDataset, openContext, validateDestination } from './context.ts';
import { commitSync, deliverAndCommit } from './delivering.ts';
import { fingerprint } from './freshness.ts';
import type { Run, StoredProgress } from './run.ts';
import { writeLog } from './sync-log.ts';

const LEASE_TTL_MS = 180_000;
export async function runSync(config: SourceConfig, mapping: MappingConfig, options: SyncOptions): Promise<SyncReport> {
  const clock = options.clock ?? systemClock;
  const report = new ReportBuilder(mapping, clock, options.onProgress);
  const context = openContext(config, mapping);
  const { source, tables } = context;
  const { signal } = options;
  const step = async (name: string): Promise<void> => {
    await options.onStep?.(name);
  };

  const model = await validateModel(source, mapping.model, signal);
  report.warnings = validateDestination(options.registry, mapping, model);
  const version = mappingVersion(mapping);
  await ensureStateDataset(context, config, signal);
  await step('prepared');

  let seen = await readCheckpoint(source, tables.checkpoints, signal);
  if (seen === undefined) {
    await createCheckpoint(source, tables.checkpoints, config.name, mapping.model.name, signal);
    seen = await readCheckpoint(source, tables.checkpoints, signal);
    if (seen === undefined)
      throw new AppError('The checkpoint table was dropped while a sync started', {
        code: 'STATE_DAMAGED',
        kind: 'conflict',
        origin: 'source',
      });
    await step('state created');
  }
  if (options.approve !== undefined && (seen.phase !== 'blocked' || seen.syncId !== options.approve)) {
    throw new AppError(`There is no blocked sync ${options.approve} of mapping ${mapping.name}`, {
      code: 'APPROVAL_UNKNOWN',
      kind: 'not_found',
      where: `mapping ${mapping.name}`,
      fix: 'Run the sync without approval; when it is blocked, approve the id that it reports.',
    });
  }
  // Read before the plan, so that a change that comes in meanwhile is not overlooked.
  const sources = await fingerprint(source, model, mapping, version, signal);
  if (seen.phase === 'done' && seen.pending === 0 && sources !== undefined && sources === seen.sources) {
    report.syncId = seen.syncId ?? '';
    return report.finish('skipped', { message: 'No table behind the model has changed since the last sync.' });
  }

  const resumable = seen.phase === 'delivering' || seen.phase === 'committing';
  const approved = options.approve !== undefined;
  const goesOn = (resumable || approved) && seen.syncId !== undefined;
  const syncId = goesOn && seen.syncId !== undefined ? seen.syncId : newSyncId(clock);
  const change: CheckpointChange = goesOn ? {} : { phase: 'planning', syncId, version, progress: null };
  const lease = await Lease.acquire({
    source,
    table: tables.checkpoints,
    seen,
    change,
    ttlMs: options.leaseTtlMs ?? LEASE_TTL_MS,
    mapping: mapping.name,
    ...(signal === undefined ? {} : { signal }),
  });
  report.syncId = syncId;
  try {
    await step('leased');
    const run: Run = { context, mapping, options, clock, report, model, version, lease, syncId, step };
    const finished = goesOn ? await goOn(run, seen, approved) : await startAnew(run, seen, sources);
    if (finished !== 'superseded') return finished;
  } finally {
    await lease[Symbol.asyncDispose]();
  }
  // The mapping changed since the interrupted sync was planned; what that one had delivered
  // is committed now, and the new mapping gets a plan of its own.
  return runSync(config, mapping, options);
}

// ------------------------------------------------------------------ planning

async function startAnew(run: Run, seen: Checkpoint, sources: string | undefined): Promise<SyncReport> {
  const { context, mapping, options, report, model, version, lease, syncId, step, clock } = run;
  const { source, tables } = context;
  report.enter('planning');
  const plannedAt = new Date(clock.now()).toISOString();
  let figures: PlanFigures;
  let expires: boolean;
  try {
    await step('planning');
    await emptyAbandoned(run, seen);
    if (seen.phase === 'planning' && seen.syncId !== undefined)
      await source.cancel(planJobKey(mapping.id, seen.syncId));
    await source.createTable(tables.records, RECORDS, options.signal);
    const rejects = (await source.rowCount(tables.rejects, options.signal)) === undefined ? undefined : tables.rejects;
    const mapped = options.registry.columns(destinationSpec(mapping, syncId));
    const signal = options.signal === undefined ? lease.lost : AbortSignal.any([options.signal, lease.lost]);
    const planned = await freezePlan({ source, tables, mapping, model, mapped, version, syncId, rejects, signal });
    ({ figures, expires } = planned);
    report.figures = figures;
    report.bytesProcessed += planned.bytesProcessed;
    await step('planned');
  } catch (thrown) {
    return planFailed(run, thrown);
  }
  const stored: StoredProgress = {
    figures,
    plannedAt,
    fingerprint: sources ?? null,
    ...(expires ? {} : { lasting: true }),
  };
  report.guards = guardPlan(figures, mapping.guards);
  if (report.guards.length > 0) {
    await lease.update({ phase: 'blocked', progress: JSON.stringify(stored), release: true });
    const blocked = report.finish('blocked', { message: report.guards.map((guard) => guard.message).join(' ') });
    await writeLog(source, tables, mapping, blocked);
    return blocked;
  }
  await lease.update({ phase: 'delivering', progress: JSON.stringify(stored) });
  await step('plan recorded');
  return deliverAndCommit(run, stored, 'first run');
}

/** A blocked plan that nobody approved keeps its rows where it may not expire. */
async function emptyAbandoned(run: Run, seen: Checkpoint): Promise<void> {
  if (seen.phase !== 'blocked' || seen.syncId === undefined || seen.progress === undefined) return;
  const { lasting } = JSON.parse(seen.progress) as StoredProgress;
  if (lasting === true) await run.context.source.emptyTable(run.context.tables.plan(seen.syncId), run.options.signal);
}

async function planFailed(run: Run, thrown: unknown): Promise<SyncReport> {
  const canceled = run.options.signal?.aborted === true;
  const report = run.report.finish(
    canceled ? 'canceled' : 'failed',
    canceled ? { message: 'Canceled while planning; nothing was sent.' } : { error: thrown },
  );
  await writeLog(run.context.source, run.context.tables, run.mapping, report).catch(() => undefined);
  return report;
}

// ------------------------------------------------------------------ resuming

async function goOn(run: Run, seen: Checkpoint, approved: boolean): Promise<SyncReport | 'superseded'> {
  const { context, report, lease, step } = run;
  report.resumed = !approved;
  const stored = seen.progress === undefined ? undefined : (JSON.parse(seen.progress) as StoredProgress);
  const { source, tables } = context;
  if (stored === undefined || (await source.rowCount(tables.plan(run.syncId))) === undefined) {
    // The plan has expired: nothing of it can be delivered or committed any more.
    await lease.update({ phase: 'done', progress: null, sources: null, release: true });
    return 'superseded';
  }
  report.figures = stored.figures;
  const superseded = seen.version !== run.version;
  if (approved) {
    if (superseded) {
      throw new AppError(`Mapping ${run.mapping.name} has changed since sync ${run.syncId} was blocked`, {
        code: 'APPROVAL_STALE',
        kind: 'conflict',
        where: `mapping ${run.mapping.name}`,
        fix: 'Run the sync again without approval, and approve what it then shows.',
      });
    }
    await lease.update({ phase: 'delivering' });
    await step('plan recorded');
  }
  if (seen.phase === 'committing') return commitSync(run, stored, { kind: 'complete' }, undefined);
  const finished = await deliverAndCommit(run, stored, superseded ? 'commit only' : 'resumed');
  return superseded && finished.state !== 'failed' && finished.state !== 'canceled' ? 'superseded' : finished;
}

function newSyncId(clock: Clock): string {
  const time = new Date(clock.now()).toISOString().replace(/\D/g, '').slice(0, 14);
  return `${time}_${randomBytes(3).toString('hex')}`;
}

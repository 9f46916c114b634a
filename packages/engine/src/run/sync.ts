// The conductor of one sync. Each phase is recorded in the warehouse before its work
// starts, so that whoever comes next knows where to go on:
//
//   planning    nothing was sent: plan anew          delivering  go on with the same plan
//   committing  run the commit again (idempotent)    blocked     plan anew, unless approved
//
// The states that a run passes through are in `sync-state.ts`.
import { AppError } from '@sluice/core';
import { validateModel } from '../model/model.ts';
import { mappingVersion } from '../plan/mapping-version.ts';
import { ReportBuilder } from '../report/report.ts';
import type { MappingConfig, SourceConfig, SyncKind, SyncOptions, SyncReport } from './api.ts';
import { startApply } from './applying.ts';
import { createCheckpoint, readCheckpoint } from './checkpoint.ts';
import type { Checkpoint, CheckpointChange } from './checkpoint.ts';
import { systemClock } from './clock.ts';
import { ensureStateDataset, openContext, validateDestination } from './context.ts';
import type { Context } from './context.ts';
import { commitSync, deliverAndCommit } from './delivering.ts';
import { fingerprint } from './freshness.ts';
import { Lease } from './lease.ts';
import { startAnew, startReplay } from './planning.ts';
import { isPaused, pauseText } from './respite.ts';
import { isSyncId, newSyncId } from './run.ts';
import type { Run, StoredProgress } from './run.ts';

export const LEASE_TTL_MS = 180_000;

export async function runSync(config: SourceConfig, mapping: MappingConfig, options: SyncOptions): Promise<SyncReport> {
  const clock = options.clock ?? systemClock;
  const kind = kindOf(options);
  const report = new ReportBuilder(mapping, clock, options.onProgress, kind);
  const context = openContext(config, mapping);
  const { source, tables } = context;
  const { signal } = options;
  const step = async (name: string): Promise<void> => {
    await options.onStep?.(name);
  };

  report.on('start');
  checkIds(options, mapping);
  const model = await validateModel(source, mapping.model, signal);
  report.warnings = validateDestination(options.registry, mapping, model);
  const version = mappingVersion(mapping);
  await ensureStateDataset(context, config, signal);
  await step('prepared');

  let seen = await readCheckpoint(source, tables.checkpoints, signal);
  if (seen === undefined) {
    seen = await firstCheckpoint(context, config, mapping, signal);
    await step('state created');
  }
  if (seen.paused !== undefined && isPaused(seen.paused, clock.now())) {
    report.syncId = seen.syncId ?? '';
    report.pausedUntil = seen.paused.until;
    return report.finish('skip', { message: pauseText(seen.paused, mapping.name) });
  }
  checkIntent(seen, mapping, options);
  // Read before the plan, so that a change that comes in meanwhile is not overlooked.
  const sources = await fingerprint(source, model, mapping, version, signal);
  const unchanged = seen.phase === 'done' && seen.pending === 0 && sources !== undefined && sources === seen.sources;
  if (kind === 'sync' && options.approve === undefined && unchanged) {
    report.syncId = seen.syncId ?? '';
    return report.finish('skip', { message: 'No table behind the model has changed since the last sync.' });
  }

  const approved = options.approve !== undefined;
  const goesOn = (isInterrupted(seen) || approved) && seen.syncId !== undefined;
  const syncId = goesOn && seen.syncId !== undefined ? seen.syncId : (options.apply ?? newSyncId(clock));
  // An apply enters its phase only when the plan has turned out to be usable.
  const modelId = mapping.model.name;
  const change: CheckpointChange =
    goesOn || kind === 'apply' ? { modelId } : { phase: 'planning', syncId, modelId, version, progress: null };
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
  const cancel = AbortSignal.any([lease.cancelAsked, ...(signal === undefined ? [] : [signal])]);
  try {
    await step('leased');
    const run: Run = {
      context,
      mapping,
      options,
      clock,
      report,
      model,
      version,
      lease,
      syncId,
      cancel,
      step,
      respite: seen.paused,
      lastCommit: seen.checkpoint,
    };
    const finished = await begin(run, seen, { goesOn, approved, sources });
    if (finished !== 'superseded') return finished;
  } finally {
    await lease[Symbol.asyncDispose]();
  }
  // The mapping changed since the interrupted sync was planned; what that one had delivered
  // is committed now, and the new mapping gets a plan of its own.
  return runSync(config, mapping, options);
}

type Begin = { readonly goesOn: boolean; readonly approved: boolean; readonly sources: string | undefined };

async function begin(
  run: Run,
  seen: Checkpoint,
  { goesOn, approved, sources }: Begin,
): Promise<SyncReport | 'superseded'> {
  if (goesOn) return goOn(run, seen, approved);
  if (run.options.apply !== undefined) return startApply(run, seen);
  if (run.options.replay !== undefined) return startReplay(run, seen, run.options.replay);
  return startAnew(run, seen, sources);
}

function kindOf(options: SyncOptions): SyncKind {
  if (options.apply !== undefined) return 'apply';
  return options.replay === undefined ? 'sync' : 'replay';
}

function isInterrupted(seen: Checkpoint): boolean {
  return seen.phase === 'delivering' || seen.phase === 'committing';
}

async function firstCheckpoint(
  { source, tables }: Context,
  config: SourceConfig,
  mapping: MappingConfig,
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  await createCheckpoint(source, tables.checkpoints, config.name, mapping.model.name, signal);
  const seen = await readCheckpoint(source, tables.checkpoints, signal);
  if (seen !== undefined) return seen;
  throw new AppError('The checkpoint table was dropped while a sync started', {
    code: 'STATE_DAMAGED',
    kind: 'conflict',
    origin: 'source',
  });
}

// ------------------------------------------------------------------ what was asked for

function checkIds({ approve, apply, replay }: SyncOptions, mapping: MappingConfig): void {
  const asked = [approve, apply, replay?.syncId].filter((id) => id !== undefined);
  if (asked.length > 1) {
    throw new AppError('approve, apply and replay cannot be asked for together', {
      code: 'SYNC_OPTIONS',
      kind: 'invalid',
      where: `mapping ${mapping.name}`,
      fix: 'Run them one after the other.',
    });
  }
  const [id] = asked;
  if (id !== undefined && id !== approve && !isSyncId(id)) {
    throw new AppError(`"${id}" is not the id of a plan or sync`, {
      code: 'SYNC_ID_INVALID',
      kind: 'invalid',
      where: `mapping ${mapping.name}`,
      fix: 'It looks like 20260131120000_a1b2c3; sluice plans and sluice status show them.',
    });
  }
}

function checkIntent(seen: Checkpoint, mapping: MappingConfig, { approve, apply, replay }: SyncOptions): void {
  const where = `mapping ${mapping.name}`;
  if (approve !== undefined && (seen.phase !== 'blocked' || seen.syncId !== approve)) {
    throw new AppError(`There is no blocked sync ${approve} of mapping ${mapping.name}`, {
      code: 'APPROVAL_UNKNOWN',
      kind: 'not_found',
      where,
      fix: 'Run the sync without approval; when it is blocked, approve the id that it reports.',
    });
  }
  const other = isInterrupted(seen) && seen.syncId !== apply;
  if (other && (apply !== undefined || replay !== undefined)) {
    throw new AppError(`Sync ${seen.syncId} of mapping ${mapping.name} was interrupted and must be ended first`, {
      code: 'SYNC_INTERRUPTED',
      kind: 'conflict',
      where,
      fix: `Run: sluice sync ${mapping.name} (it goes on with that sync), then try again.`,
    });
  }
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
  report.takePlan(stored);
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
  if (seen.phase === 'committing') {
    report.on('recommit');
    return commitSync(run, stored, { kind: 'complete' }, undefined);
  }
  report.on('resume');
  const finished = await deliverAndCommit(run, stored, superseded ? 'commit only' : approved ? 'first run' : 'resumed');
  return superseded && finished.state !== 'failed' && finished.state !== 'canceled' ? 'superseded' : finished;
}

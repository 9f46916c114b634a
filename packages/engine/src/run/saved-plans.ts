// Plans as values: saved, listed, read page by page and discarded. A saved plan is
// the frozen table itself and a row of `plans_<m>`; it holds no lease and stops no sync, so
// before it is applied the state of its records is compared with what it was made from.
import { AppError } from '@sluice/core';
import type { JsonObject, Operation } from '@sluice/core';
import { validateModel } from '../model/model.ts';
import { freezePlan } from '../plan/make-plan.ts';
import { mappingVersion } from '../plan/mapping-version.ts';
import { COLUMN_PREFIX } from '../plan/plan-sql.ts';
import { RECORDS } from '../plan/state-tables.ts';
import { plannedChange } from '../plan/summary.ts';
import type {
  CallOptions,
  MappingConfig,
  PlanEntry,
  PlanOptions,
  PlanPage,
  PlannedChange,
  SourceConfig,
} from './api.ts';
import { readCheckpoint } from './checkpoint.ts';
import { systemClock } from './clock.ts';
import { destinationSpec, ensureStateDataset, hasStateDataset, openContext } from './context.ts';
import type { Context } from './context.ts';
import { fingerprint } from './freshness.ts';
import { Lease } from './lease.ts';
import { blockedOf, forgetSaved, keepPlan, readSaved, unknownPlan } from './plan-store.ts';
import type { Saved } from './plan-store.ts';
import { isSyncId, newSyncId } from './run.ts';
import type { StoredProgress } from './run.ts';
import { sinceOf, watermarkText } from './watermark.ts';

const PAGE = { default: 100, max: 10_000 } as const;
const LEASE_TTL_MS = 180_000;

/** Freezes what a sync would send now; sends nothing and takes no lease. */
export async function savePlan(
  config: SourceConfig,
  mapping: MappingConfig,
  options: PlanOptions,
): Promise<{ readonly planId: string; readonly stored: StoredProgress; readonly bytesProcessed: number }> {
  const context = openContext(config, mapping);
  const { source, tables } = context;
  const clock = options.clock ?? systemClock;
  const signal = options.signal ?? new AbortController().signal;
  const model = await validateModel(source, mapping.model, signal);
  const version = mappingVersion(mapping);
  await ensureStateDataset(context, config, signal);
  const sources = await fingerprint(source, model, mapping, version, signal);
  const seen = await readCheckpoint(source, tables.checkpoints, signal);
  const planId = newSyncId(clock);
  const plannedAt = new Date(clock.now()).toISOString();
  await source.createTable(tables.records, RECORDS, signal);
  const planned = await freezePlan({
    source,
    tables,
    mapping,
    model,
    mapped: options.registry.columns(destinationSpec(mapping, planId)),
    version,
    since: sinceOf(seen?.watermark, model, version),
    syncId: planId,
    rejects: (await source.rowCount(tables.rejects, signal)) ? tables.rejects : undefined,
    signal,
  });
  const { figures, expires, watermark } = planned;
  const stored: StoredProgress = {
    figures,
    plannedAt,
    fingerprint: sources ?? null,
    kind: 'apply',
    bytesEstimated: model.bytesProcessed,
    ...(expires ? {} : { lasting: true }),
    ...(watermark === undefined ? {} : { watermark: watermarkText(watermark, model, version) }),
  };
  await keepPlan(context, mapping, { planId, version, stored }, signal);
  return { planId, stored, bytesProcessed: planned.bytesProcessed };
}

/** The plans that wait, newest first: saved ones, and the one that a guard stopped. */
export async function listPlans(
  config: SourceConfig,
  mapping: MappingConfig,
  options: CallOptions = {},
): Promise<PlanEntry[]> {
  const context = openContext(config, mapping);
  if (!(await hasStateDataset(context, options.signal))) return [];
  const version = mappingVersion(mapping);
  const entry = ({ planId, version: plannedWith, stored }: Saved, kind: PlanEntry['kind']): PlanEntry => ({
    planId,
    kind,
    plannedAt: stored.plannedAt,
    counts: stored.figures.counts,
    applicable: plannedWith === version,
  });
  const saved = (await readSaved(context, undefined, options.signal)).map((each) => entry(each, 'saved'));
  const blocked = await blockedOf(context, options.signal);
  return [...(blocked === undefined ? [] : [entry(blocked, 'blocked')]), ...saved].toSorted((a, b) =>
    b.planId.localeCompare(a.planId),
  );
}

/** One page of a plan's changes. `pageToken` comes from the page before. */
export async function readPlan(
  config: SourceConfig,
  mapping: MappingConfig,
  planId: string,
  options: CallOptions & { readonly pageToken?: string; readonly pageSize?: number } = {},
): Promise<PlanPage> {
  const context = openContext(config, mapping);
  const startRow = /^\d{1,12}$/.test(options.pageToken ?? '0') ? Number(options.pageToken ?? '0') : undefined;
  if (startRow === undefined) {
    throw new AppError(`"${options.pageToken}" is not a page token`, {
      code: 'PAGE_TOKEN_INVALID',
      kind: 'invalid',
      where: `plan ${planId}`,
      fix: 'Use the nextPageToken of the page before, or none for the first page.',
    });
  }
  const pageRows = Math.min(Math.max(1, options.pageSize ?? PAGE.default), PAGE.max);
  const total = await planRows(context, mapping, planId, options.signal);
  const changes: PlannedChange[] = [];
  let read = 0;
  for await (const rows of tablePages(context, planId, startRow, pageRows, options.signal)) {
    // The service may send fewer rows than asked for.
    for (const row of rows.slice(0, pageRows - read)) if (isChange(row)) changes.push(changeOf(row, mapping));
    read += Math.min(rows.length, pageRows - read);
    if (read >= pageRows) break;
  }
  const next = startRow + read;
  return { planId, changes, ...(read === 0 || next >= total ? {} : { nextPageToken: String(next) }) };
}

/** All changes of a plan, with bounded memory. */
export async function* planChanges(
  config: SourceConfig,
  mapping: MappingConfig,
  planId: string,
  options: CallOptions = {},
): AsyncGenerator<PlannedChange> {
  const context = openContext(config, mapping);
  await planRows(context, mapping, planId, options.signal);
  for await (const rows of tablePages(context, planId, 0, undefined, options.signal)) {
    for (const row of rows) if (isChange(row)) yield changeOf(row, mapping);
  }
}

/** Forgets a plan: a saved one, or the one that a guard stopped. Nothing of it is sent. */
export async function discardPlan(
  config: SourceConfig,
  mapping: MappingConfig,
  planId: string,
  options: CallOptions = {},
): Promise<void> {
  const context = openContext(config, mapping);
  const { source, tables } = context;
  if (!isSyncId(planId) || !(await hasStateDataset(context, options.signal))) throw unknownPlan(planId, mapping);
  const seen = await readCheckpoint(source, tables.checkpoints, options.signal);
  if (seen?.phase === 'blocked' && seen.syncId === planId) {
    await using _lease = await Lease.acquire({
      source,
      table: tables.checkpoints,
      seen,
      change: { phase: 'done', progress: null },
      ttlMs: LEASE_TTL_MS,
      mapping: mapping.name,
    });
  } else {
    if ((await readSaved(context, planId, options.signal)).length === 0) throw unknownPlan(planId, mapping);
    await forgetSaved(context, planId);
  }
  await source.dropTable(tables.plan(planId)).catch(() => source.emptyTable(tables.plan(planId)));
}

// ------------------------------------------------------------------ reading

async function planRows(
  { source, tables }: Context,
  mapping: MappingConfig,
  planId: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const rows = isSyncId(planId) ? await source.rowCount(tables.plan(planId), signal) : undefined;
  if (rows === undefined) throw unknownPlan(planId, mapping);
  return rows;
}

function tablePages(
  { source, tables }: Context,
  planId: string,
  startRow: number,
  pageRows: number | undefined,
  signal: AbortSignal | undefined,
): AsyncIterable<readonly JsonObject[]> {
  return source.pages(tables.plan(planId), {
    nest: COLUMN_PREFIX,
    startRow,
    ...(pageRows === undefined ? {} : { pageRows }),
    ...(signal === undefined ? {} : { signal }),
  });
}

function isChange(row: JsonObject): boolean {
  return row['ordinal'] !== null;
}

function changeOf(row: JsonObject, mapping: MappingConfig): PlannedChange {
  const sends = new Set<Operation>(mapping.operations);
  return plannedChange(row['operation'] as Operation, row, row['columns'] as JsonObject, sends);
}

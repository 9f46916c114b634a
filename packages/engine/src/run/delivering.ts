// The second half of a sync: deliver the frozen plan, save what became of it, commit.
// A failure of the warehouse or of this process leaves the phase as it is, so that the
// next run goes on; a failure of the destination, or a cancel, commits what was delivered.
import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { AppError, messageOf } from '@sluice/core';
import type { RateLimit } from '@sluice/destination-kit';
import { deliver } from '../delivery/deliver.ts';
import { DeliveryStopped } from '../delivery/delivery-stopped.ts';
import { Journal } from '../delivery/journal.ts';
import { OutcomeBook } from '../delivery/outcome-book.ts';
import type { OutcomeRange } from '../delivery/outcome-book.ts';
import type { InFlight } from '../delivery/requests.ts';
import { openDestination } from '../delivery/open-destination.ts';
import { processPaces } from '../delivery/pace.ts';
import type { Pace } from '../delivery/pace.ts';
import { canonicalJson } from '../plan/mapping-version.ts';
import { COLUMN_PREFIX } from '../plan/plan-sql.ts';
import type { PlanFigures } from '../plan/summary.ts';
import { countOf } from '../report/figures.ts';
import { completeOutcomes, sumOutcomes } from '../report/report.ts';
import { adviceFor } from '../report/advice.ts';
import { Witness } from '../report/witness.ts';
import type { OutcomeCounts, Pause, ReasonSummary, SyncReport } from './api.ts';
import { commitMethod } from './commit-method.ts';
import { commitRecords, commitRejects, emptyCounts, readOutcomes, saveOutcomes } from './commit.ts';
import { destinationSpec } from './context.ts';
import type { Run, StoredProgress } from './run.ts';
import { forgetSaved } from './plan-store.ts';
import { respiteAfter } from './respite.ts';
import { writeLog, writeRejectedRows } from './sync-log.ts';
import type { SyncEvent } from './sync-state.ts';

/** How often outcomes are saved in the warehouse while a plan is delivered. */
const SAVE_EVERY_MS = 60_000;

const TELL_EVERY_MS = 1000;

const MAX_SAMPLES = 10;

/** How delivery ended: by itself, or by whom. */
type DeliveryEnd = (
  | { readonly kind: 'complete' }
  | { readonly kind: 'canceled' }
  | { readonly kind: 'stopped'; readonly error: DeliveryStopped }
) & {
  /** Requests that were on their way when it was ended. */
  readonly inFlight?: InFlight;
};

/** `commit only`: the mapping has changed since; nothing more of this plan is sent. */
export async function deliverAndCommit(
  run: Run,
  stored: StoredProgress,
  mode: 'first run' | 'resumed' | 'commit only',
): Promise<SyncReport> {
  const { mapping, options, report, lease, syncId, step } = run;
  if (stored.figures.changes === 0) {
    if (report.state === 'delivering') report.on('delivered');
    return commitSync(run, stored, { kind: 'complete' }, undefined);
  }
  report.enter('delivering');
  const book = new OutcomeBook(stored.figures.changes);
  report.watch(() => ({ done: book.done + book.staged, ...sumOfBook(book) }));
  const save = saver(run, book);
  let journal: Journal | undefined;
  const witness = new Witness(mapping, stored.figures.changes);
  try {
    let end: DeliveryEnd = { kind: 'complete' };
    try {
      if (mode !== 'first run') await restoreSaved(run, book);
      if (options.journalDir !== undefined) {
        journal = await Journal.open(options.journalDir, mapping.id, syncId, (range) => book.restore(range, false));
      }
      if (mode === 'commit only') report.on('delivered');
      else {
        end = await sendPlan(run, stored, book, journal, save, witness);
        report.on(end.kind === 'canceled' ? 'cancel' : 'delivered');
      }
      report.maybeDelivered = witness.maybeDelivered(book);
      await save();
      lease.lost.throwIfAborted();
      await step('outcomes saved');
      const committing = {
        ...stored,
        commit: commitMethod(run.lastCommit, run.clock.now(), `${mapping.id}_${syncId}_commit_${lease.fence}`),
      };
      await lease.update({ phase: 'committing', progress: JSON.stringify(committing) });
      stored = committing;
      await step('commit started');
    } catch (thrown) {
      // The plan and everything that was acknowledged stay; the next run goes on from there.
      const saved = !lease.lost.aborted && (await save().then(...SETTLED));
      return report.finish('fail', {
        error: thrown,
        ...tellProgress(run, stored, book, saved ? 'warehouse' : journal === undefined ? 'nowhere' : 'journal'),
      });
    }
    const finished = await commitSync(run, stored, end, mode === 'first run' ? book : undefined, witness);
    if (finished.error === undefined || end.kind === 'stopped') await journal?.remove();
    return finished;
  } finally {
    await journal?.[Symbol.asyncDispose]();
  }
}

const SETTLED = [() => true, () => false] as const;

/**
 * What this run achieved before it failed for want of the warehouse: the figures of the
 * book, which the warehouse may not know yet.
 */
function tellProgress(
  run: Run,
  stored: StoredProgress,
  book: OutcomeBook,
  recorded: 'warehouse' | 'journal' | 'nowhere',
): { readonly message?: string } {
  if (book.done === 0) return {};
  const { outcomes, untried } = completeOutcomes(book.counts, stored.figures.counts);
  run.report.outcomes = outcomes;
  run.report.reasons = [
    ...book.reasons(),
    ...untriedReason(Math.min(untried, book.total - book.done), 'the sync failed before'),
  ];
  const where = {
    warehouse: 'recorded in the warehouse, and committed by the next sync',
    journal: 'recorded locally, and committed by the next sync from this folder',
    nowhere: 'not recorded since the warehouse was last reached: the next sync may send some of them again',
  }[recorded];
  return { message: `${countOf(book.delivered, 'change')} delivered; ${where}.` };
}

function untriedReason(count: number, message: string): ReasonSummary[] {
  return count <= 0 ? [] : [{ outcome: 'deferred', code: 'NOT_TRIED', message, count, sampleIds: [] }];
}

/** Puts what is recorded into the state; runs again from the start when it was killed. */
export async function commitSync(
  run: Run,
  stored: StoredProgress,
  end: DeliveryEnd,
  book: OutcomeBook | undefined,
  witness?: Witness,
): Promise<SyncReport> {
  const { context, mapping, report, lease, syncId, step } = run;
  const { source, tables } = context;
  const { figures } = stored;
  report.enter('committing');
  try {
    const hasOutcomes = figures.changes > 0 && (await source.rowCount(tables.outcomes(syncId))) !== undefined;
    let counts: Parameters<typeof completeOutcomes>[0] = emptyCounts();
    if (hasOutcomes) {
      if (book === undefined) {
        const read = await readOutcomes(source, tables, syncId);
        counts = read.counts;
        report.reasons = read.reasons;
      } else {
        counts = book.counts;
        report.reasons = book.reasons();
      }
      report.bytesProcessed += await commitRecords({
        source,
        tables,
        syncId,
        lease,
        method: stored.commit ?? { kind: 'merge' },
      });
      await step('records committed');
    }
    const { outcomes, untried } = completeOutcomes(counts, figures.counts);
    report.outcomes = outcomes;
    report.reasons = [
      ...report.reasons,
      ...inFlightReason(end),
      ...untriedReason(untried - (end.inFlight?.count ?? 0), notTried(end)),
    ].map((reason) => withAdvice(reason, witness));
    const sums = sumOutcomes(outcomes);
    const earlierRejects = (await source.rowCount(tables.rejects)) ?? 0;
    if (sums.rejected > 0 || earlierRejects > 0) {
      // A plan that does not hold all that is pending tells nothing about the rejected records that it lacks.
      const whole = stored.kind === undefined && figures.capped !== true;
      report.bytesProcessed += await commitRejects({ source, tables, syncId, lease, hasOutcomes, whole });
      await step('rejects committed');
      if (mapping.logRejectedRows === true && sums.rejected > 0) await writeRejectedRows(run, report.startedAtIso);
    }
    const pending = sums.rejected + sums.deferred + (figures.capped === true ? 1 : 0);
    const sources = pending === 0 ? stored.fingerprint : null;
    // Rejected records are looked at whatever their time; deferred ones are found by it.
    const dealtWith = sums.deferred === 0 && figures.capped !== true && stored.watermark !== undefined;
    const respite = respiteOf(run, end);
    report.pausedUntil = respite?.respite?.until;
    await lease.update({
      phase: 'done',
      progress: null,
      pending,
      sources,
      checkpoint: stored.plannedAt,
      ...(dealtWith ? { watermark: stored.watermark } : {}),
      ...respite,
      release: true,
    });
    await step('done');
    const finished = report.finish(eventOf(run, end, sums), endOf(end, sums, report.reasons, figures));
    return await afterCommit(run, stored, hasOutcomes, finished);
  } catch (thrown) {
    const told =
      book === undefined || report.outcomes !== undefined ? {} : tellProgress(run, stored, book, 'warehouse');
    return report.finish('fail', { error: thrown, ...told });
  }
}

/** The log, and what nobody needs any more. The state is committed: what fails here does not undo the sync. */
async function afterCommit(
  { context, mapping, version, syncId, step }: Run,
  stored: StoredProgress,
  hasOutcomes: boolean,
  finished: SyncReport,
): Promise<SyncReport> {
  const { source, tables } = context;
  try {
    await writeLog({ context, mapping, version }, finished);
    await step('logged');
    if (stored.kind === 'apply') await forgetSaved(context, syncId);
    if (stored.lasting === true) {
      await source.emptyTable(tables.plan(syncId));
      if (hasOutcomes) await source.emptyTable(tables.outcomes(syncId));
    }
    return finished;
  } catch (thrown) {
    const trouble = `The sync is committed, but not tidied up or not in sync_log: ${messageOf(thrown)}`;
    return { ...finished, message: finished.message === undefined ? trouble : `${finished.message} ${trouble}` };
  }
}

/**
 * Rows live briefly, but longer than one collection. V8 answers by doubling the space for
 * young objects to 128 MB, and lets old objects grow to four times what is alive before it
 * collects them: 570,842 records took 370 MB resident without the first limit and 292 MB
 * without the second, at about the same CPU time. So both are held while a plan is delivered.
 */
function keepMemorySmall(): Disposable {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=150');
  return {
    [Symbol.dispose]: () => {
      setFlagsFromString('--semi-space-growth-factor=2');
      setFlagsFromString('--heap-growing-percent=0');
    },
  };
}

async function sendPlan(
  run: Run,
  stored: StoredProgress,
  book: OutcomeBook,
  journal: Journal | undefined,
  save: () => Promise<void>,
  witness: Witness,
): Promise<DeliveryEnd> {
  const { context, mapping, options, report, clock, lease, syncId, step } = run;
  using _memory = keepMemorySmall();
  const { registry } = options;
  await using opened = await openDestination(
    () => registry.open(destinationSpec(mapping, syncId)),
    mapping.destination.name,
    AbortSignal.any([lease.lost, run.cancel]),
  );
  const { destination } = opened;
  await step('delivering');
  const broken = new AbortController();
  const signal = AbortSignal.any([lease.lost, broken.signal, run.cancel]);
  const timer = setInterval(() => {
    save().catch((thrown: unknown) => broken.abort(thrown));
  }, SAVE_EVERY_MS);
  let inFlight: InFlight = { count: 0, sampleIds: [] };
  // Also while no batch ends: a slow destination must not look like a sync that hangs.
  const ticker = setInterval(() => report.progress(), TELL_EVERY_MS);
  try {
    await deliver({
      pages: context.source.pages(context.tables.plan(syncId), { signal, nest: COLUMN_PREFIX }),
      destination: witness.watch(destination),
      operations: new Set(mapping.operations),
      book,
      journal,
      clock,
      signal,
      mappingId: mapping.id,
      syncId,
      pace: paceOf(run, destination.batching.rateLimit),
      neverDelivered: stored.figures.stateRecords === 0,
      save,
      onStart: (activity) => report.watchDestination(activity),
      onInFlight: (rows) => {
        inFlight = {
          count: inFlight.count + rows.count,
          sampleIds: [...inFlight.sampleIds, ...rows.sampleIds].slice(0, MAX_SAMPLES),
        };
      },
      onBatch: async () => {
        report.progress();
        await step('batch');
      },
    });
    return { kind: 'complete' };
  } catch (thrown) {
    if (thrown instanceof DeliveryStopped) return { kind: 'stopped', error: thrown, inFlight };
    if (run.cancel.aborted && !lease.lost.aborted && !broken.signal.aborted) return { kind: 'canceled', inFlight };
    throw thrown;
  } finally {
    clearInterval(timer);
    clearInterval(ticker);
    report.watchDestination(undefined);
  }
}

/** The same for all syncs that send with the same settings to the same kind of destination. */
function paceOf({ mapping, options, clock }: Run, documented: RateLimit | undefined): Pace {
  const { type, settings, rateLimit } = mapping.destination;
  const account = createHash('sha256').update(canonicalJson(settings)).digest('hex');
  return (options.paces ?? processPaces).of(`${type} ${account}`, rateLimit ?? documented, clock);
}

/** Takes over what earlier runs of this sync saved in the warehouse. */
async function restoreSaved(run: Run, book: OutcomeBook): Promise<void> {
  const { source, tables } = run.context;
  const table = tables.outcomes(run.syncId);
  if ((await source.rowCount(table)) === undefined) return;
  for await (const page of source.pages(table)) {
    for (const row of page) book.restore(row as OutcomeRange, true);
  }
}

/** What the end of the delivery says about when to try again; nothing while there is nothing to change. */
function respiteOf({ respite: before, clock }: Run, end: DeliveryEnd): { readonly respite?: Pause | null } {
  const after = end.kind === 'stopped' ? respiteAfter(end.error, before, clock.now()) : undefined;
  if (after !== undefined) return { respite: after };
  return before === undefined || end.kind !== 'complete' ? {} : { respite: null };
}

/** Saves one after the other, whoever asks. */
function saver(run: Run, book: OutcomeBook): () => Promise<void> {
  const { source, tables } = run.context;
  let last: Promise<void> = Promise.resolve();
  return () => {
    last = last.then(() => saveOutcomes({ source, tables, syncId: run.syncId, ranges: book.takeUnsaved() }));
    return last;
  };
}

function sumOfBook(book: OutcomeBook): { delivered: number; rejected: number; deferred: number } {
  const { rejected, deferred } = sumOutcomes(book.counts);
  return { delivered: book.delivered, rejected, deferred };
}

function eventOf({ report }: Run, end: DeliveryEnd, sums: OutcomeCounts): SyncEvent {
  if (report.state === 'canceling') return 'commit_canceled';
  if (end.kind === 'stopped') return 'fail';
  if (sums.rejected + sums.deferred === 0) return 'commit';
  return sums.delivered === 0 ? 'fail' : 'commit_partly';
}

function endOf(
  end: DeliveryEnd,
  sums: OutcomeCounts,
  reasons: readonly ReasonSummary[],
  { counts: { invalid }, capped, changes }: PlanFigures,
): { message?: string; error?: AppError } {
  if (end.kind === 'canceled')
    return { message: 'Canceled. What was delivered is recorded; the next sync sends the rest.' };
  if (end.kind === 'stopped') return { message: end.error.message, error: end.error };
  const were = (count: number, thing: string): string => `${countOf(count, thing)} ${count === 1 ? 'was' : 'were'}`;
  const notes: string[] = [];
  if (sums.rejected > 0)
    notes.push(
      `${were(sums.rejected, 'change')} rejected by the destination; the next sync tries again with fresh data.`,
    );
  if (sums.deferred > 0)
    notes.push(`${were(sums.deferred, 'change')} not delivered for now; the next sync goes on with the rest.`);
  if (invalid > 0) notes.push(`${were(invalid, 'row')} set aside and not sent.`);
  if (capped === true)
    notes.push(
      `${countOf(changes, 'change')} is the most that one sync may have; the next sync goes on with the rest.`,
    );
  if (notes.length === 0) return {};
  const message = notes.join(' ');
  if (sums.delivered > 0 || sums.rejected + sums.deferred === 0) return { message };
  return { message, error: nothingDelivered(sums.rejected + sums.deferred, reasons) };
}

/** A sync of which nothing arrived has failed, whoever was at fault. */
function nothingDelivered(tried: number, reasons: readonly ReasonSummary[]): AppError {
  const first = reasons[0];
  const why = first === undefined ? '' : `: ${first.message} (${first.code})`;
  return new AppError(`Nothing was delivered of ${countOf(tried, 'change')}${why}`, {
    code: 'NOTHING_DELIVERED',
    kind: 'unavailable',
    origin: 'destination',
    fix: "Look at the reasons: mend the records or the mapping's fields when they are about the data, the destination's settings when they are not. The next sync tries again.",
  });
}

function withAdvice(reason: ReasonSummary, witness: Witness | undefined): ReasonSummary {
  const samples = witness?.samplesOf(reason) ?? [];
  return { ...reason, advice: adviceFor(reason.outcome, reason.code), ...(samples.length === 0 ? {} : { samples }) };
}

function inFlightReason({ kind, inFlight }: DeliveryEnd): ReasonSummary[] {
  if (inFlight === undefined || inFlight.count === 0) return [];
  const ended = kind === 'canceled' ? 'the sync was canceled' : 'the sync ended';
  const message = `${ended} while the request was on its way: the outcome is unknown, and the next sync may send it again`;
  return [{ outcome: 'deferred', code: 'OUTCOME_UNKNOWN', message, ...inFlight }];
}

function notTried(end: DeliveryEnd): string {
  return end.kind === 'canceled' ? 'the sync was canceled before' : 'the sync ended before';
}

// The report of one sync, gathered while it runs. Plain data; safe to print and to keep.
import { AppError, messageOf } from '@sluice/core';
import type { Operation } from '@sluice/core';
import type { Activity } from '../delivery/sender.ts';
import type { PlanFigures } from '../plan/summary.ts';
import type {
  Clock,
  GuardFinding,
  MappingConfig,
  OutcomeCounts,
  Phase,
  PlanCounts,
  Progress,
  ReasonSummary,
  SyncKind,
  SyncReport,
  Warning,
} from '../run/api.ts';
import type { StoredProgress } from '../run/run.ts';
import { SyncMachine } from '../run/sync-state.ts';
import type { EndState, SyncEvent, SyncState } from '../run/sync-state.ts';

const PROGRESS_EVERY_MS = 250;

const NO_COUNTS: PlanCounts = { added: 0, updated: 0, deleted: 0, unchanged: 0, invalid: 0, quarantined: 0 };

type Live = { readonly done: number; readonly delivered: number; readonly rejected: number; readonly deferred: number };

export class ReportBuilder {
  syncId = '';
  resumed = false;
  bytesProcessed = 0;
  figures: PlanFigures | undefined;
  guards: readonly GuardFinding[] = [];
  outcomes: Readonly<Record<Operation, OutcomeCounts>> | undefined;
  reasons: readonly ReasonSummary[] = [];
  warnings: readonly Warning[] = [];
  maybeDelivered: SyncReport['maybeDelivered'];
  pausedUntil: string | undefined;

  #kind: SyncKind;
  #bytesEstimated: number | undefined;
  readonly #machine = new SyncMachine(() => this.#tell());
  readonly #mapping: MappingConfig;
  readonly #clock: Clock;
  readonly #onProgress: ((progress: Progress) => void) | undefined;
  readonly #startedAt: number;
  readonly #phases: { phase: Phase; durationMs: number }[] = [];
  #phase: Phase = 'preparing';
  #phaseStartedAt: number;
  #reportedAt = 0;
  #live: () => Live = () => ({ done: 0, delivered: 0, rejected: 0, deferred: 0 });

  #activity: (() => Activity | undefined) | undefined;

  constructor(
    mapping: MappingConfig,
    clock: Clock,
    onProgress: ((progress: Progress) => void) | undefined,
    kind: SyncKind = 'sync',
  ) {
    this.#kind = kind;
    this.#mapping = mapping;
    this.#clock = clock;
    this.#onProgress = onProgress;
    this.#startedAt = clock.now();
    this.#phaseStartedAt = this.#startedAt;
  }

  get startedAtIso(): string {
    return new Date(this.#startedAt).toISOString();
  }

  get kind(): SyncKind {
    return this.#kind;
  }

  get state(): SyncState {
    return this.#machine.state;
  }

  /** Moves the sync to its next state; throws when there is no such transition. */
  on(event: SyncEvent): void {
    this.#machine.on(event);
  }

  /** What is known of the plan that this run delivers. */
  takePlan({ figures, kind, bytesEstimated }: StoredProgress): void {
    this.figures = figures;
    this.#kind = kind ?? this.#kind;
    this.#bytesEstimated = bytesEstimated;
  }

  enter(phase: Phase): void {
    this.#closePhase();
    this.#phase = phase;
    this.#tell();
  }

  /** Where the running figures come from while the plan is delivered. */
  watch(live: () => Live): void {
    this.#live = live;
  }

  /** Where it comes from what the delivery waits for, while it is under way. */
  watchDestination(activity: (() => Activity | undefined) | undefined): void {
    this.#activity = activity;
  }

  progress(): void {
    if (this.#clock.now() - this.#reportedAt >= PROGRESS_EVERY_MS) this.#tell();
  }

  /** Ends the sync with this event, and its report with the state that it leads to. */
  finish(event: SyncEvent, end: { readonly message?: string; readonly error?: unknown } = {}): SyncReport {
    this.#closePhase();
    const state = endState(this.#machine.on(event));
    const finishedAt = this.#clock.now();
    const plan = this.figures?.counts ?? NO_COUNTS;
    const outcomes = this.outcomes ?? { added: none(), updated: none(), deleted: none() };
    return {
      syncId: this.syncId,
      mapping: this.#mapping.name,
      model: this.#mapping.model.name,
      destination: this.#mapping.destination.name,
      state,
      kind: this.#kind,
      ...(end.message === undefined ? {} : { message: end.message }),
      startedAt: this.startedAtIso,
      finishedAt: new Date(finishedAt).toISOString(),
      durationMs: finishedAt - this.#startedAt,
      plan,
      outcomes,
      invalid: this.figures?.invalid ?? [],
      reasons: this.reasons,
      guards: this.guards,
      ...(this.warnings.length === 0 ? {} : { warnings: this.warnings }),
      bytesProcessed: this.bytesProcessed,
      ...(this.#bytesEstimated === undefined ? {} : { bytesEstimated: this.#bytesEstimated }),
      ...(this.maybeDelivered === undefined ? {} : { maybeDelivered: this.maybeDelivered }),
      ...(this.figures?.incremental === true ? { incremental: true } : {}),
      ...(this.figures?.capped === true ? { capped: true } : {}),
      phases: this.#phases,
      resumed: this.resumed,
      ...(this.pausedUntil === undefined ? {} : { pausedUntil: this.pausedUntil }),
      ...(end.error === undefined ? {} : { error: errorOf(end.error) }),
    };
  }

  #closePhase(): void {
    const now = this.#clock.now();
    const last = this.#phases.at(-1);
    if (last?.phase === this.#phase) last.durationMs += now - this.#phaseStartedAt;
    else this.#phases.push({ phase: this.#phase, durationMs: now - this.#phaseStartedAt });
    this.#phaseStartedAt = now;
  }

  #tell(): void {
    this.#reportedAt = this.#clock.now();
    const waiting = this.#activity?.();
    this.#onProgress?.({
      syncId: this.syncId,
      phase: this.#phase,
      state: this.#machine.state,
      ...(this.figures === undefined ? {} : { total: this.figures.changes }),
      ...this.#live(),
      bytesProcessed: this.bytesProcessed,
      ...(waiting === undefined ? {} : { waiting: { destination: this.#mapping.destination.name, ...waiting } }),
    });
  }
}

function endState(state: SyncState): EndState {
  switch (state) {
    case 'blocked':
    case 'succeeded':
    case 'partially_succeeded':
    case 'failed':
    case 'canceled':
    case 'skipped':
      return state;
    default:
      throw new AppError(`A sync that is ${state} has not ended`, {
        code: 'SYNC_STATE',
        kind: 'internal',
        origin: 'platform',
      });
  }
}

/** Changes of the plan without an outcome count as deferred: the next sync takes them up. */
export function completeOutcomes(
  counts: Readonly<Record<Operation, OutcomeCounts>>,
  plan: PlanCounts,
): { outcomes: Record<Operation, OutcomeCounts>; untried: number } {
  let untried = 0;
  const complete = (operation: Operation): OutcomeCounts => {
    const count = counts[operation];
    const missing = Math.max(0, plan[operation] - count.delivered - count.rejected - count.deferred - count.skipped);
    untried += missing;
    return { ...count, deferred: count.deferred + missing };
  };
  return {
    outcomes: { added: complete('added'), updated: complete('updated'), deleted: complete('deleted') },
    untried,
  };
}

export function sumOutcomes(outcomes: Readonly<Record<Operation, OutcomeCounts>>): OutcomeCounts {
  const sum = (name: keyof OutcomeCounts): number =>
    outcomes.added[name] + outcomes.updated[name] + outcomes.deleted[name];
  return { delivered: sum('delivered'), rejected: sum('rejected'), deferred: sum('deferred'), skipped: sum('skipped') };
}

function errorOf(thrown: unknown): NonNullable<SyncReport['error']> {
  if (!(thrown instanceof AppError)) return { code: 'INTERNAL', message: messageOf(thrown) };
  return {
    code: thrown.code,
    message: thrown.message,
    ...(thrown.where === undefined ? {} : { where: thrown.where }),
    ...(thrown.fix === undefined ? {} : { fix: thrown.fix }),
  };
}

function none(): OutcomeCounts {
  return { delivered: 0, rejected: 0, deferred: 0, skipped: 0 };
}

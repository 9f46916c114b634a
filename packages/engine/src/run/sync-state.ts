// The states of a sync and every transition between them: one table, which the conductor
// moves through and from which docs/specs/sync-states.md is drawn. A cell that is missing
// does not compile; `null` is a transition that must not happen, and throws.
import { AppError } from '@sluice/core';

export const SYNC_STATES = [
  'queued',
  'testing',
  'planning',
  'blocked',
  'delivering',
  'committing',
  'canceling',
  'succeeded',
  'partially_succeeded',
  'failed',
  'canceled',
  'skipped',
] as const;

export type SyncState = (typeof SYNC_STATES)[number];

/** What a run of a sync can end in; `blocked` waits for somebody. */
export type EndState = Extract<
  SyncState,
  'blocked' | 'succeeded' | 'partially_succeeded' | 'failed' | 'canceled' | 'skipped'
>;

export const SYNC_EVENTS = [
  /** A run takes the sync up. */
  'start',
  /** Nothing behind the model has changed, or the mapping is paused. */
  'skip',
  /** Configuration, rights and lease are in order; a plan is to be made. */
  'tested',
  /** The lease is held, and a plan is there already: after a crash, by approval, by apply. */
  'resume',
  /** The same, and all that was sent is recorded: only the commit is missing. */
  'recommit',
  /** The plan is frozen and has changes. */
  'planned',
  /** The plan is frozen and empty. */
  'nothing_to_send',
  /** A guard stopped the plan. */
  'block',
  /** Every change has an outcome, or the destination ended the delivery. */
  'delivered',
  'cancel',
  /** The commit is done: everything was delivered. */
  'commit',
  /** The commit is done: some changes were rejected or deferred. */
  'commit_partly',
  /** The commit is done: the sync was canceled. */
  'commit_canceled',
  /** An error ended it; after `delivering` and `committing` the next run resumes. */
  'fail',
  'discard',
] as const;

export type SyncEvent = (typeof SYNC_EVENTS)[number];

export const TRANSITIONS = {
  queued: {
    start: 'testing',
    skip: null,
    tested: null,
    resume: null,
    recommit: null,
    planned: null,
    nothing_to_send: null,
    block: null,
    delivered: null,
    cancel: 'canceled',
    commit: null,
    commit_partly: null,
    commit_canceled: null,
    fail: 'failed',
    discard: null,
  },
  testing: {
    start: null,
    skip: 'skipped',
    tested: 'planning',
    resume: 'delivering',
    recommit: 'committing',
    planned: null,
    nothing_to_send: null,
    block: null,
    delivered: null,
    cancel: 'canceled',
    commit: null,
    commit_partly: null,
    commit_canceled: null,
    fail: 'failed',
    discard: null,
  },
  // Nothing was sent yet: a cancel has nothing to wind up.
  planning: {
    start: null,
    skip: null,
    tested: null,
    resume: null,
    recommit: null,
    planned: 'delivering',
    nothing_to_send: 'committing',
    block: 'blocked',
    delivered: null,
    cancel: 'canceled',
    commit: null,
    commit_partly: null,
    commit_canceled: null,
    fail: 'failed',
    discard: null,
  },
  // The plan waits. Approval starts a run of its own with `resume`.
  blocked: {
    start: 'testing',
    skip: null,
    tested: null,
    resume: null,
    recommit: null,
    planned: null,
    nothing_to_send: null,
    block: null,
    delivered: null,
    cancel: null,
    commit: null,
    commit_partly: null,
    commit_canceled: null,
    fail: null,
    discard: 'canceled',
  },
  delivering: {
    start: null,
    skip: null,
    tested: null,
    resume: null,
    recommit: null,
    planned: null,
    nothing_to_send: null,
    block: null,
    delivered: 'committing',
    cancel: 'canceling',
    commit: null,
    commit_partly: null,
    commit_canceled: null,
    fail: 'failed',
    discard: null,
  },
  // A commit is short and is always finished, also when a cancel comes.
  committing: {
    start: null,
    skip: null,
    tested: null,
    resume: null,
    recommit: null,
    planned: null,
    nothing_to_send: null,
    block: null,
    delivered: null,
    cancel: 'committing',
    commit: 'succeeded',
    commit_partly: 'partially_succeeded',
    commit_canceled: null,
    fail: 'failed',
    discard: null,
  },
  // What was delivered is committed first, so that the state is true.
  canceling: {
    start: null,
    skip: null,
    tested: null,
    resume: null,
    recommit: null,
    planned: null,
    nothing_to_send: null,
    block: null,
    delivered: null,
    cancel: 'canceling',
    commit: null,
    commit_partly: null,
    commit_canceled: 'canceled',
    fail: 'failed',
    discard: null,
  },
  succeeded: {
    start: null,
    skip: null,
    tested: null,
    resume: null,
    recommit: null,
    planned: null,
    nothing_to_send: null,
    block: null,
    delivered: null,
    cancel: null,
    commit: null,
    commit_partly: null,
    commit_canceled: null,
    fail: null,
    discard: null,
  },
  partially_succeeded: {
    start: null,
    skip: null,
    tested: null,
    resume: null,
    recommit: null,
    planned: null,
    nothing_to_send: null,
    block: null,
    delivered: null,
    cancel: null,
    commit: null,
    commit_partly: null,
    commit_canceled: null,
    fail: null,
    discard: null,
  },
  // The warehouse went away after something was sent: the plan stays, and a later run takes it up.
  failed: {
    start: 'testing',
    skip: null,
    tested: null,
    resume: null,
    recommit: null,
    planned: null,
    nothing_to_send: null,
    block: null,
    delivered: null,
    cancel: null,
    commit: null,
    commit_partly: null,
    commit_canceled: null,
    fail: null,
    discard: null,
  },
  canceled: {
    start: null,
    skip: null,
    tested: null,
    resume: null,
    recommit: null,
    planned: null,
    nothing_to_send: null,
    block: null,
    delivered: null,
    cancel: null,
    commit: null,
    commit_partly: null,
    commit_canceled: null,
    fail: null,
    discard: null,
  },
  skipped: {
    start: null,
    skip: null,
    tested: null,
    resume: null,
    recommit: null,
    planned: null,
    nothing_to_send: null,
    block: null,
    delivered: null,
    cancel: null,
    commit: null,
    commit_partly: null,
    commit_canceled: null,
    fail: null,
    discard: null,
  },
} as const satisfies Record<SyncState, Record<SyncEvent, SyncState | null>>;

/** Where a state can go from here. */
export function nextState(state: SyncState, event: SyncEvent): SyncState | undefined {
  return TRANSITIONS[state][event] ?? undefined;
}

/** The state of one sync while a run works on it. */
export class SyncMachine {
  readonly #changed: (state: SyncState) => void;
  #state: SyncState;

  constructor(changed: (state: SyncState) => void = () => undefined, state: SyncState = 'queued') {
    this.#changed = changed;
    this.#state = state;
  }

  get state(): SyncState {
    return this.#state;
  }

  /** Throws `SYNC_STATE` for a transition that the table does not have. */
  on(event: SyncEvent): SyncState {
    const next = nextState(this.#state, event);
    if (next === undefined) {
      throw new AppError(`A sync that is ${this.#state} cannot ${event}`, {
        code: 'SYNC_STATE',
        kind: 'internal',
        origin: 'platform',
        fix: 'This is a defect of Sluice: please report it with the sync id.',
      });
    }
    const before = this.#state;
    this.#state = next;
    if (next !== before) this.#changed(next);
    return next;
  }
}

/** The table as a state diagram in the language of Mermaid. */
export function transitionDiagram(): string {
  const lines = ['stateDiagram-v2', '  [*] --> queued'];
  for (const state of SYNC_STATES) {
    const byTarget = new Map<SyncState, SyncEvent[]>();
    for (const event of SYNC_EVENTS) {
      const next = nextState(state, event);
      if (next !== undefined) byTarget.set(next, [...(byTarget.get(next) ?? []), event]);
    }
    for (const [target, events] of byTarget) lines.push(`  ${state} --> ${target}: ${events.join(', ')}`);
    if (byTarget.size === 0) lines.push(`  ${state} --> [*]`);
  }
  return lines.join('\n');
}

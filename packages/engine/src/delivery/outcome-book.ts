// One outcome per change, for plans of any size: one byte per change, the counts per
// operation, the reasons in groups, and what the warehouse has not been told yet.
// An outcome is never taken back; `delivered` wins over any other.
import type { Operation, Outcome } from '@sluice/core';
import type { OutcomeCounts, ReasonSummary } from '../run/api.ts';

const CODES = { delivered: 1, rejected: 2, deferred: 3, skipped: 4 } as const;
/** Taken by a destination whose transaction is not committed; by the kind of change, which its counts need. */
const STAGED = { added: 5, updated: 6, deleted: 7 } as const;
const NAMES = ['none', 'delivered', 'rejected', 'deferred', 'skipped', 'staged', 'staged', 'staged'] as const;
const STAGED_OPERATIONS: Readonly<Partial<Record<number, Operation>>> = { 5: 'added', 6: 'updated', 7: 'deleted' };
/** The warehouse knows this outcome. */
const SAVED = 0x80;

/** Ranges in the warehouse are expanded by GENERATE_ARRAY; this keeps each array small. */
const MAX_RANGE = 10_000;
const MAX_GROUPS = 200;
const MAX_SAMPLES = 10;

export type OutcomeName = keyof typeof CODES;

/** A stretch of ordinals, both ends included, with one outcome. */
export type OutcomeRange = {
  readonly first: number;
  readonly last: number;
  readonly outcome: OutcomeName;
  readonly code: string | null;
  readonly message: string | null;
};

type Failure = {
  readonly ordinal: number;
  readonly outcome: 'rejected' | 'deferred';
  readonly code: string;
  readonly message: string;
};
type MutableCounts = { -readonly [K in keyof OutcomeCounts]: number };

export class OutcomeBook {
  readonly total: number;
  readonly counts: Record<Operation, MutableCounts> = { added: zero(), updated: zero(), deleted: zero() };
  readonly #bytes: Uint8Array;
  readonly #groups = new Map<
    string,
    { outcome: 'rejected' | 'deferred'; code: string; message: string; count: number; sampleIds: string[] }
  >();
  #failures: Failure[] = [];
  #done = 0;
  #delivered = 0;
  #staged = 0;

  constructor(total: number) {
    this.total = total;
    this.#bytes = new Uint8Array(total);
  }

  /** Changes that have an outcome. */
  get done(): number {
    return this.#done;
  }

  get delivered(): number {
    return this.#delivered;
  }

  /** Rejected and deferred changes that the warehouse has not been told. */
  get unsavedFailures(): number {
    return this.#failures.length;
  }

  /** Rows in a transaction that is not committed. */
  get staged(): number {
    return this.#staged;
  }

  get(ordinal: number): OutcomeName | 'none' | 'staged' {
    return NAMES[(this.#bytes[ordinal] ?? 0) & 0x7f] ?? 'none';
  }

  record(
    change: { readonly ordinal: number; readonly operation: Operation; readonly recordId: string },
    outcome: Outcome,
  ): void {
    if (this.get(change.ordinal) !== 'none') return;
    this.#bytes[change.ordinal] = CODES[outcome.outcome];
    this.#count(outcome.outcome);
    this.counts[change.operation][outcome.outcome] += 1;
    if (outcome.outcome === 'rejected' || outcome.outcome === 'deferred') {
      this.#failures.push({
        ordinal: change.ordinal,
        outcome: outcome.outcome,
        code: outcome.code,
        message: outcome.message,
      });
      this.#group(outcome, change.recordId);
    }
  }

  /** The destination took the row, and may still forget it. Not an outcome. */
  stage(change: { readonly ordinal: number; readonly operation: Operation }): void {
    if (this.get(change.ordinal) !== 'none') return;
    this.#bytes[change.ordinal] = STAGED[change.operation];
    this.#staged += 1;
  }

  /** The destination has committed: staged rows are delivered. Their ranges, for the journal. */
  promoteStaged(): OutcomeRange[] {
    const ranges: { -readonly [K in keyof OutcomeRange]: OutcomeRange[K] }[] = [];
    this.#eachStaged((ordinal, operation) => {
      this.#bytes[ordinal] = CODES.delivered;
      this.#count('delivered');
      this.counts[operation].delivered += 1;
      const open = ranges.at(-1);
      if (open !== undefined && open.last + 1 === ordinal) open.last = ordinal;
      else ranges.push({ first: ordinal, last: ordinal, outcome: 'delivered', code: null, message: null });
    });
    return ranges;
  }

  /** The transaction is over without a commit: staged rows have no outcome again. */
  dropStaged(): void {
    this.#eachStaged((ordinal) => {
      this.#bytes[ordinal] = 0;
    });
  }

  #eachStaged(visit: (ordinal: number, operation: Operation) => void): void {
    if (this.#staged === 0) return;
    this.#staged = 0;
    const bytes = this.#bytes;
    for (let ordinal = 0; ordinal < bytes.length; ordinal += 1) {
      const operation = STAGED_OPERATIONS[bytes[ordinal] as number];
      if (operation !== undefined) visit(ordinal, operation);
    }
  }

  /** Takes over what an earlier run recorded. Its counts and reasons come from the warehouse. */
  restore(range: OutcomeRange, saved: boolean): void {
    for (let ordinal = range.first; ordinal <= range.last && ordinal < this.total; ordinal += 1) {
      const before = this.get(ordinal);
      if (before === 'staged') continue;
      if (before === 'delivered' || (before !== 'none' && range.outcome !== 'delivered')) {
        if (saved && before === range.outcome) this.#bytes[ordinal] = CODES[before] | SAVED;
        continue;
      }
      this.#bytes[ordinal] = CODES[range.outcome] | (saved ? SAVED : 0);
      if (before === 'none') this.#count(range.outcome);
      else if (range.outcome === 'delivered') this.#delivered += 1;
      if (!saved && (range.outcome === 'rejected' || range.outcome === 'deferred')) {
        this.#failures.push({ ordinal, outcome: range.outcome, code: range.code ?? '', message: range.message ?? '' });
      }
    }
  }

  /** Everything that the warehouse has not been told, as ranges; counts as told from now on. */
  takeUnsaved(): OutcomeRange[] {
    const ranges: OutcomeRange[] = [];
    const bytes = this.#bytes;
    let at = 0;
    while (at < bytes.length) {
      const byte = bytes[at] as number;
      if (byte !== CODES.delivered && byte !== CODES.skipped) {
        at += 1;
        continue;
      }
      const first = at;
      while (at < bytes.length && bytes[at] === byte && at - first < MAX_RANGE) {
        bytes[at] = byte | SAVED;
        at += 1;
      }
      ranges.push({
        first,
        last: at - 1,
        outcome: byte === CODES.delivered ? 'delivered' : 'skipped',
        code: null,
        message: null,
      });
    }
    const failures = this.#failures.toSorted((a, b) => a.ordinal - b.ordinal);
    this.#failures = [];
    let open:
      | { first: number; last: number; outcome: 'rejected' | 'deferred'; code: string; message: string }
      | undefined;
    for (const failure of failures) {
      // A journal may have told later that the row was delivered after all.
      if (((bytes[failure.ordinal] as number) & 0x7f) !== CODES[failure.outcome]) continue;
      bytes[failure.ordinal] = CODES[failure.outcome] | SAVED;
      if (
        open !== undefined &&
        open.last + 1 === failure.ordinal &&
        open.outcome === failure.outcome &&
        open.code === failure.code &&
        open.message === failure.message &&
        open.last - open.first + 1 < MAX_RANGE
      ) {
        open.last = failure.ordinal;
        continue;
      }
      if (open !== undefined) ranges.push(open);
      open = {
        first: failure.ordinal,
        last: failure.ordinal,
        outcome: failure.outcome,
        code: failure.code,
        message: failure.message,
      };
    }
    if (open !== undefined) ranges.push(open);
    return ranges;
  }

  /** The reasons, most frequent first. */
  reasons(): ReasonSummary[] {
    return [...this.#groups.values()].toSorted((a, b) => b.count - a.count);
  }

  #count(outcome: OutcomeName): void {
    this.#done += 1;
    if (outcome === 'delivered') this.#delivered += 1;
  }

  #group(outcome: { outcome: 'rejected' | 'deferred'; code: string; message: string }, recordId: string): void {
    let key = `${outcome.outcome}\n${outcome.code}\n${outcome.message}`;
    let message = outcome.message;
    if (!this.#groups.has(key) && this.#groups.size >= MAX_GROUPS) {
      message = 'other messages';
      key = `${outcome.outcome}\n${outcome.code}\n`;
    }
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { outcome: outcome.outcome, code: outcome.code, message, count: 0, sampleIds: [] };
      this.#groups.set(key, group);
    }
    group.count += 1;
    if (group.sampleIds.length < MAX_SAMPLES) group.sampleIds.push(recordId);
  }
}

function zero(): MutableCounts {
  return { delivered: 0, rejected: 0, deferred: 0, skipped: 0 };
}

/** Neighbours with the same outcome share a range. */
export function rangesOf(settled: readonly { readonly ordinal: number; readonly outcome: Outcome }[]): OutcomeRange[] {
  const ranges: { -readonly [K in keyof OutcomeRange]: OutcomeRange[K] }[] = [];
  for (const { ordinal, outcome } of settled) {
    const code = 'code' in outcome ? outcome.code : null;
    const message = 'message' in outcome ? outcome.message : null;
    const open = ranges.at(-1);
    if (
      open !== undefined &&
      open.last + 1 === ordinal &&
      open.outcome === outcome.outcome &&
      open.code === code &&
      open.message === message
    ) {
      open.last = ordinal;
    } else ranges.push({ first: ordinal, last: ordinal, outcome: outcome.outcome, code, message });
  }
  return ranges;
}

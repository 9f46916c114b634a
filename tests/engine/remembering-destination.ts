// A destination that holds what was sent to it, by identifier, and misbehaves as it is told:
// refuses records, loses answers, is down, or takes a sync's rows in one transaction.
import type { Change, JsonObject, JsonValue } from '@sluice/core';
import type {
  BatchResult,
  DestinationRegistry,
  DestinationSpec,
  OpenDestination,
  Prepared,
  RowOutcome,
  Transaction,
} from '@sluice/destination-kit';

export type Trouble = {
  /** Identifiers that are refused. */
  readonly refused: ReadonlySet<string>;
  /** Every n-th request is carried out, and its answer lost. */
  readonly answerLost?: number;
  /** From this request on it is down. */
  readonly downFrom?: number;
  /** A batch with a refused record fails whole. */
  readonly wholeBatches?: boolean;
};

type Held = Map<string, string>;

export class RememberingDestination {
  readonly holds: Held = new Map();
  readonly transactional: boolean;
  trouble: Trouble = { refused: new Set() };
  /** Of each record, everything that was ever accepted, oldest first; null for a delete. */
  readonly history = new Map<string, (string | null)[]>();
  #requests = 0;
  #underWay = new Set<string>();

  constructor(transactional: boolean) {
    this.transactional = transactional;
  }

  /** Trouble for the next sync. */
  expect(trouble: Trouble): void {
    this.trouble = trouble;
    this.#requests = 0;
  }

  registry(): DestinationRegistry {
    return {
      list: () => [{ type: 'remembering', name: 'Remembering' }],
      describe: () => undefined,
      validate: () => [],
      columns: () => new Set(['id', 'v']),
      open: async (spec) => this.#open(spec),
    };
  }

  #open(spec: DestinationSpec): OpenDestination {
    const suffix = textOf(spec.fields['suffix']);
    let staged: (() => void)[] | undefined;
    const transaction: Transaction = {
      begin: async () => {
        staged = [];
      },
      commit: async () => {
        for (const apply of staged ?? []) apply();
        staged = undefined;
      },
      abort: async () => {
        staged = undefined;
      },
    };
    const apply = (row: Prepared): void => {
      const now = (): void => this.#accept(row.change, row.payload);
      if (staged === undefined) now();
      else staged.push(now);
    };
    return {
      batching: { maxRows: 3, maxBytes: 1_000_000, concurrency: 2 },
      prepare: (change) => ({
        change,
        payload: { value: `${textOf(change.columns['v'])}${suffix}` },
        batchKey: '',
        bytes: 20,
      }),
      deliver: (batch) => this.#deliver(batch, apply),
      flush: async () => undefined,
      ...(this.transactional ? { transaction } : {}),
      [Symbol.asyncDispose]: async () => {
        staged = undefined;
      },
    };
  }

  async #deliver(batch: readonly Prepared[], apply: (row: Prepared) => void): Promise<BatchResult> {
    this.#requests += 1;
    const request = this.#requests;
    const { refused, answerLost, downFrom, wholeBatches } = this.trouble;
    const ids = batch.map((row) => row.change.recordId);
    for (const id of ids) {
      if (this.#underWay.has(id)) throw new Error(`two requests with record ${id} at once`);
      this.#underWay.add(id);
    }
    await new Promise((resolve) => setImmediate(resolve));
    for (const id of ids) this.#underWay.delete(id);
    if (downFrom !== undefined && request >= downFrom)
      return { kind: 'failed', cause: 'later', code: 'SERVICE_UNAVAILABLE', message: 'maintenance' };
    const bad = batch.filter((row) => refused.has(row.change.recordId));
    if (wholeBatches === true && bad.length > 0 && batch.length > 1)
      return { kind: 'failed', cause: 'rows', code: 'BAD_REQUEST', message: 'a record is bad' };
    for (const row of batch) if (!refused.has(row.change.recordId)) apply(row);
    if (answerLost !== undefined && request % answerLost === 0)
      return { kind: 'failed', cause: 'later', code: 'REQUEST_TIMEOUT', message: 'no answer', maybeDelivered: true };
    return {
      kind: 'rows',
      outcomes: batch.map((row): RowOutcome =>
        refused.has(row.change.recordId)
          ? { outcome: 'rejected', code: 'BAD', message: 'refused' }
          : { outcome: 'delivered' },
      ),
    };
  }

  #accept({ operation, recordId }: Change, payload: JsonObject): void {
    const value = operation === 'deleted' ? null : textOf(payload['value']);
    this.history.set(recordId, [...(this.history.get(recordId) ?? []), value]);
    if (value === null) this.holds.delete(recordId);
    else this.holds.set(recordId, value);
  }
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

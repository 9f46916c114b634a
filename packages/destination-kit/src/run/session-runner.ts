// Makes an open destination out of what a native destination writes: a shape and a session
// that sends rows. Mapping, validation, batch keys, cancellation, time limits, redaction and
// the contract's corner cases (empty batch, end, second end) are done here.
import type { Change, JsonObject } from '@sluice/core';
import { messageOf } from '@sluice/core';
import type {
  BatchPolicy,
  BatchResult,
  DeliverOptions,
  DestinationSpec,
  OpenDestination,
  Prepared,
  Rejection,
  Transaction,
} from '../destination.ts';
import { mappedColumns, readsRoot } from '../mapping/columns.ts';
import { createRedactor } from '../redact.ts';
import type { ActionDefinition, DestinationShape } from '../segment/definition.ts';
import { eventOf } from '../segment/event.ts';
import { batchKeyOf, withLiteralDefaults } from './batching.ts';
import { failureOfThrown } from './classify.ts';
import { limitCall } from './limit-call.ts';
import { rowSizer } from './json-size.ts';
import { createRowPayloads } from './payload.ts';
import { secretsOf } from './tokens.ts';

/** What a native destination does for one sync, over a connection that it holds. */
export interface Session extends AsyncDisposable {
  /**
   * Sends one batch, never empty, and gives one outcome per row or a failure of the whole. What it
   * throws goes through the retry table: errors with a `status`, and errors of sockets by their code;
   * anything else counts as `later` with `maybeDelivered`.
   */
  deliver(batch: readonly Prepared[], options: DeliverOptions): Promise<BatchResult>;
  /** Makes durable what was delivered; leave it out when an answer means that already. */
  flush?(): Promise<void>;
  readonly transaction?: Transaction;
}

export type SessionOptions = {
  readonly batching: BatchPolicy;
  /** For one call of `deliver`, in milliseconds. Default 300,000. */
  readonly callTimeoutMs?: number;
  /** ISO 8601; the events' `timestamp`. Default: now. */
  readonly timestamp?: string;
};

/** The columns that the mapping reads, its fixed defaults included. */
export function sessionColumns(shape: DestinationShape, spec: DestinationSpec): ReadonlySet<string> | 'all' {
  return mappedColumns(mappingOf(shape, spec));
}

/** The spec must have passed validation. The session is closed with the destination. */
export function openSession(
  shape: DestinationShape,
  spec: DestinationSpec,
  session: Session,
  options: SessionOptions,
): OpenDestination {
  return new SessionRunner(shape, spec, session, options);
}

function mappingOf(shape: DestinationShape, spec: DestinationSpec): JsonObject {
  const action = shape.actions[spec.action];
  if (action === undefined) throw new TypeError(`${shape.slug} has no action ${spec.action}`);
  return withLiteralDefaults(action, spec.fields, spec.audience !== undefined);
}

const CANCELLED: BatchResult = {
  kind: 'failed',
  cause: 'later',
  code: 'REQUEST_CANCELLED',
  message: 'the delivery was cancelled',
};
const ENDED: BatchResult = {
  kind: 'failed',
  cause: 'later',
  code: 'DESTINATION_CLOSED',
  message: 'the destination was closed before this delivery',
};
const MAX_ROW_MESSAGE = 500;

class SessionRunner implements OpenDestination {
  readonly batching: BatchPolicy;
  readonly transaction?: Transaction;
  readonly prepare: (change: Change) => Prepared | Rejection;
  readonly #session: Session;
  readonly #redact: (text: string) => string;
  readonly #callTimeoutMs: number;
  #ended = false;

  constructor(shape: DestinationShape, spec: DestinationSpec, session: Session, options: SessionOptions) {
    this.batching = options.batching;
    if (session.transaction !== undefined) this.transaction = session.transaction;
    this.#session = session;
    const passwords = Object.entries(shape.authentication?.fields ?? {}).filter(([, { type }]) => type === 'password');
    this.#redact = createRedactor(
      spec.settings,
      new Set(passwords.map(([name]) => name)),
      spec.fields,
      secretsOf(spec.credentials),
    );
    this.#callTimeoutMs = options.callTimeoutMs ?? 300_000;
    this.prepare = createPreparer(shape, spec, options, this.#redact);
  }

  async deliver(batch: readonly Prepared[], options: DeliverOptions): Promise<BatchResult> {
    if (this.#ended) return ENDED;
    if (batch.length === 0) return { kind: 'rows', outcomes: [] };
    if (options.signal.aborted) return CANCELLED;
    const limit = new AbortController();
    try {
      const run = (): Promise<BatchResult> => this.#session.deliver(batch, { ...options, signal: limit.signal });
      return this.#cleaned((await limitCall(run, limit, options.signal, this.#callTimeoutMs)) as BatchResult);
    } catch (error) {
      return failureOfThrown(error, this.#redact);
    }
  }

  async flush(): Promise<void> {
    if (!this.#ended) await this.#session.flush?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#session[Symbol.asyncDispose]();
  }

  #cleaned(result: BatchResult): BatchResult {
    if (result.kind === 'failed') return { ...result, message: this.#clean(result.message) };
    return {
      kind: 'rows',
      outcomes: result.outcomes.map((outcome) =>
        outcome.outcome === 'delivered' ? outcome : { ...outcome, message: this.#clean(outcome.message) },
      ),
    };
  }

  #clean(message: string): string {
    return this.#redact(message).slice(0, MAX_ROW_MESSAGE);
  }
}

/** Maps and validates rows without a session. */
export function createPreparer(
  shape: DestinationShape,
  spec: DestinationSpec,
  { batching, timestamp }: Pick<SessionOptions, 'batching' | 'timestamp'>,
  redact: (text: string) => string,
): (change: Change) => Prepared | Rejection {
  const mapping = mappingOf(shape, spec);
  const action = shape.actions[spec.action] as ActionDefinition;
  const { map, makePayload } = createRowPayloads(shape.slug, spec.action, action, mapping, batching.maxRows === 1);
  const keyOf = batchKeyOf(action, mapping);
  const sizeOf = rowSizer(batching);
  const readsMessageId = readsRoot(mapping, 'messageId');
  const context = {
    mappingId: spec.mappingId,
    syncId: spec.syncId,
    timestamp: timestamp ?? new Date().toISOString(),
    ...(spec.audience === undefined ? {} : { audience: spec.audience }),
  };
  const rejected = (code: string, error: unknown): Rejection => ({
    outcome: 'rejected',
    code,
    message: redact(messageOf(error)).slice(0, MAX_ROW_MESSAGE),
  });
  return (change) => {
    let mapped: JsonObject;
    try {
      mapped = map(eventOf(change, context, readsMessageId));
    } catch (error) {
      return rejected('MAPPING_FAILED', error);
    }
    try {
      const payload = makePayload(mapped);
      return { change, payload, batchKey: keyOf(payload), bytes: sizeOf(payload) };
    } catch (error) {
      return rejected('PAYLOAD_VALIDATION_FAILED', error);
    }
  };
}

// Runs one action of a destination definition for one sync: maps and validates rows,
// calls `performBatch` (or `perform`, row by row) with our request client and turns
// whatever comes back into one outcome per row. It takes the place of Segment's own
// `Destination` and `Action` classes, whose client can wait for ever and keeps every
// response. Definitions are third-party code: each call has a time limit.
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
  RowOutcome,
} from '../destination.ts';
import { mappedColumns, readsRoot } from '../mapping/columns.ts';
import { compileMapping } from '../mapping/compile.ts';
import type { Redactor } from '../redact.ts';
import { createRedactor } from '../redact.ts';
import type { CallContext } from '../request/client.ts';
import { HttpPool } from '../request/client.ts';
import { RequestError } from '../request/errors.ts';
import { ClientResponse } from '../request/response.ts';
import type { MultiStatusResponse } from '../segment/core.ts';
import { segmentCore } from '../segment/core.ts';
import type { ActionDefinition, DestinationDefinition, ExecuteInput } from '../segment/definition.ts';
import type { EventContext, SegmentEvent } from '../segment/event.ts';
import { eventOf } from '../segment/event.ts';
import { addressFinder } from './addresses.ts';
import { batchKeyOf, batchPolicyOf, withLiteralDefaults } from './batching.ts';
import { UNKNOWN_OUTCOME, failureOfResponse, failureOfThrown, outcomeOfNode, responseOf } from './classify.ts';
import type { InputBase } from './execute-input.ts';
import { batchInput, singleInput } from './execute-input.ts';
import type { PayloadMaker } from './payload.ts';
import { createPayloadMaker } from './payload.ts';

const MAX_RESPONSE_BYTES = 10 * 1024 * 1024;
const MAX_ROW_MESSAGE = 500;

export type RunnerOptions = {
  /** Default time for one HTTP exchange, in milliseconds. */
  readonly fetchTimeoutMs: number;
  readonly userAgent: string;
  /** For one call of a definition with all its requests, in milliseconds. */
  readonly callTimeoutMs?: number;
  /** Longest answer that is read, in bytes. */
  readonly maxResponseBytes?: number;
  /** ISO 8601; the events' `timestamp`. Default: now. */
  readonly timestamp?: string;
};

/** The spec must have passed validation: an unknown action throws a TypeError. */
export function openDefinition(
  definition: DestinationDefinition,
  spec: DestinationSpec,
  options: RunnerOptions,
): OpenDestination {
  return new DefinitionRunner(definition, spec, options);
}

/** The columns of the model that the mapping reads, its literal defaults included. */
export function columnsRead(definition: DestinationDefinition, spec: DestinationSpec): ReadonlySet<string> | 'all' {
  const action = definition.actions[spec.action];
  if (action === undefined) throw new TypeError(`${definition.slug} has no action ${spec.action}`);
  return mappedColumns(withLiteralDefaults(action, spec.fields));
}

type Failure = Extract<BatchResult, { kind: 'failed' }>;

class DefinitionRunner implements OpenDestination {
  readonly batching: BatchPolicy;
  readonly #definition: DestinationDefinition;
  readonly #action: ActionDefinition;
  readonly #base: InputBase;
  readonly #events: EventContext;
  readonly #map: (event: unknown) => JsonObject;
  readonly #readsMessageId: boolean;
  readonly #makePayload: PayloadMaker;
  readonly #batchKey: (payload: JsonObject) => string;
  readonly #redact: Redactor;
  readonly #http: HttpPool;
  readonly #addressOf: (status: number, url: string) => string | undefined;
  readonly #callTimeoutMs: number;

  constructor(definition: DestinationDefinition, spec: DestinationSpec, options: RunnerOptions) {
    const action = definition.actions[spec.action];
    if (action === undefined) throw new TypeError(`${definition.slug} has no action ${spec.action}`);
    const mapping = withLiteralDefaults(action, spec.fields);
    this.#definition = definition;
    this.#action = action;
    this.batching = batchPolicyOf(action, mapping);
    // Some actions refuse a batch when their own field does not say so.
    if (this.batching.maxRows > 1 && 'enable_batching' in action.fields) mapping['enable_batching'] = true;
    this.#base = {
      action,
      actionKey: spec.action,
      settings: spec.settings,
      mapping,
      syncId: spec.syncId,
      mappingId: spec.mappingId,
    };
    this.#events = {
      mappingId: spec.mappingId,
      syncId: spec.syncId,
      timestamp: options.timestamp ?? new Date().toISOString(),
    };
    this.#map = compileMapping(mapping);
    this.#readsMessageId = readsRoot(mapping, 'messageId');
    this.#makePayload = createPayloadMaker(definition.slug, spec.action, action, this.batching.maxRows === 1);
    this.#batchKey = batchKeyOf(action, mapping);
    this.#addressOf = addressFinder(spec);
    this.#redact = createRedactor(spec.settings, passwordFields(definition), spec.fields);
    this.#callTimeoutMs = options.callTimeoutMs ?? Math.max(300_000, options.fetchTimeoutMs * 2);
    this.#http = new HttpPool({
      connections: this.batching.concurrency,
      userAgent: options.userAgent,
      timeoutMs: options.fetchTimeoutMs,
      maxResponseBytes: options.maxResponseBytes ?? MAX_RESPONSE_BYTES,
    });
  }

  prepare(change: Change): Prepared | Rejection {
    let mapped: JsonObject;
    try {
      mapped = this.#map(eventOf(change, this.#events, this.#readsMessageId));
    } catch (error) {
      return this.#rejection('MAPPING_FAILED', error);
    }
    try {
      const payload = this.#makePayload(mapped);
      return { change, payload, batchKey: this.#batchKey(payload), bytes: Buffer.byteLength(JSON.stringify(payload)) };
    } catch (error) {
      return this.#rejection('PAYLOAD_VALIDATION_FAILED', error);
    }
  }

  async deliver(batch: readonly Prepared[], options: DeliverOptions): Promise<BatchResult> {
    if (batch.length === 0) return { kind: 'rows', outcomes: [] };
    if (this.batching.maxRows > 1) return this.#deliverBatch(batch, options);
    if (batch.length === 1) return this.#deliverRow(batch[0] as Prepared, options);
    return this.#deliverRows(batch, options);
  }

  async flush(): Promise<void> {
    // Every delivered batch was acknowledged by the other side.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  async #deliverBatch(batch: readonly Prepared[], options: DeliverOptions): Promise<BatchResult> {
    const payload = batch.map((row) => row.payload);
    const events = (): SegmentEvent[] => batch.map((row) => eventOf(row.change, this.#events));
    return this.#call(batch.length, options, async (context) => {
      const data = batchInput(this.#base, payload, events, context.signal);
      return this.#action.performBatch?.(this.#request(data, context), data);
    });
  }

  async #deliverRow(row: Prepared, options: DeliverOptions): Promise<BatchResult> {
    return this.#call(1, options, async (context) => {
      const data = singleInput(this.#base, row.payload, eventOf(row.change, this.#events), context.signal);
      return this.#action.perform(this.#request(data, context), data);
    });
  }

  // For an engine that hands over several rows of an action without batches.
  async #deliverRows(batch: readonly Prepared[], { signal, idempotencyKey }: DeliverOptions): Promise<BatchResult> {
    const outcomes: RowOutcome[] = [];
    for (const [index, row] of batch.entries()) {
      const result = await this.#deliverRow(row, { signal, idempotencyKey: `${idempotencyKey}-${index}` });
      if (result.kind === 'rows') outcomes.push(...result.outcomes);
      else if (result.cause === 'stop' && index === 0) return result;
      else
        outcomes.push({ outcome: 'retry', code: result.code, message: result.message, ...waitOf(result.retryAfterMs) });
    }
    return { kind: 'rows', outcomes };
  }

  #request(data: ExecuteInput, context: CallContext) {
    return this.#http.client(this.#definition.extendRequest?.(data) ?? {}, context);
  }

  async #call(
    rows: number,
    { signal, idempotencyKey }: DeliverOptions,
    run: (context: CallContext) => Promise<unknown>,
  ): Promise<BatchResult> {
    const limit = new AbortController();
    const context: CallContext = { signal: limit.signal, idempotencyKey };
    let answer: unknown;
    try {
      answer = await raceWithLimit(() => run(context), limit, signal, this.#callTimeoutMs);
    } catch (error) {
      return this.#settle(failureOfThrown(error, this.#redact), responseOf(error), rows, context);
    }
    return this.#resultOf(answer, rows, context);
  }

  #resultOf(answer: unknown, rows: number, context: CallContext): BatchResult {
    if (answer instanceof segmentCore.MultiStatusResponse) return this.#multiStatus(answer, rows, context);
    const response = answer instanceof ClientResponse ? answer : responseOf(answer);
    const failure = response === undefined ? undefined : failureOfResponse(response, this.#redact);
    if (failure !== undefined) return this.#settle(failure, response, rows, context);
    return { kind: 'rows', outcomes: Array.from({ length: rows }, () => ({ outcome: 'delivered' as const })) };
  }

  #multiStatus(answer: MultiStatusResponse, rows: number, context: CallContext): BatchResult {
    const nodes = Array.from({ length: rows }, (_, index) => answer.getResponseAtIndex(index)?.value());
    const statuses = nodes.map((node) => (node as { status?: unknown } | undefined)?.status);
    const outcomes = nodes.map((node): RowOutcome => {
      const outcome = node === undefined ? UNKNOWN_OUTCOME : outcomeOfNode(node, this.#redact);
      return outcome.outcome === 'retry' ? { ...outcome, ...waitOf(context.retryAfterMs) } : outcome;
    });
    const first = outcomes[0];
    if (first !== undefined && first.outcome !== 'delivered' && statuses.every((status) => status === 401)) {
      return { kind: 'failed', cause: 'stop', code: first.code, message: first.message };
    }
    return { kind: 'rows', outcomes };
  }

  /** A refused batch of one row is that row's rejection: there is nothing left to bisect. */
  #settle(failure: Failure, response: ClientResponse | undefined, rows: number, context: CallContext): BatchResult {
    if (failure.cause === 'later') return { ...failure, ...waitOf(context.retryAfterMs) };
    if (failure.cause !== 'rows') return failure;
    const found = response === undefined ? undefined : this.#addressOf(response.status, response.url);
    const address = found === undefined ? {} : { address: found };
    if (rows > 1) return { ...failure, ...address };
    return {
      kind: 'rows',
      outcomes: [{ outcome: 'rejected', code: failure.code, message: failure.message, ...address }],
    };
  }

  #rejection(code: string, error: unknown): Rejection {
    return { outcome: 'rejected', code, message: this.#redact(messageOf(error)).slice(0, MAX_ROW_MESSAGE) };
  }
}

function waitOf(retryAfterMs: number | undefined): { retryAfterMs?: number } {
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}

// A definition may ignore its signal, so the result does not wait for it past the limit.
async function raceWithLimit(
  run: () => Promise<unknown>,
  limit: AbortController,
  outer: AbortSignal,
  timeoutMs: number,
): Promise<unknown> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (error: RequestError): void => {
    reject(error);
    limit.abort();
  };
  const timer = setTimeout(
    () => end(new RequestError('timeout', `the destination was not done within ${timeoutMs} ms`)),
    timeoutMs,
  );
  const cancel = (): void => end(new RequestError('cancelled', 'the delivery was cancelled'));
  outer.addEventListener('abort', cancel, { once: true });
  try {
    if (outer.aborted) throw new RequestError('cancelled', 'the delivery was cancelled');
    return await Promise.race([run(), ended]);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener('abort', cancel);
  }
}

function passwordFields(definition: DestinationDefinition): ReadonlySet<string> {
  const fields = Object.entries(definition.authentication?.fields ?? {});
  return new Set(fields.filter(([, field]) => field.type === 'password').map(([name]) => name));
}

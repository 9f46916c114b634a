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
  Credentials,
  DeliverOptions,
  DestinationSpec,
  OpenDestination,
  Prepared,
  Rejection,
  RowOutcome,
} from '../destination.ts';
import { mappedColumns, readsRoot } from '../mapping/columns.ts';
import type { Redactor } from '../redact.ts';
import { createRedactor } from '../redact.ts';
import type { CallContext, Trace } from '../request/client.ts';
import { HttpPool } from '../request/client.ts';
import type { Connector, ProxyOption } from '../request/dispatcher.ts';
import { ClientResponse } from '../request/response.ts';
import type { MultiStatusResponse } from '../segment/core.ts';
import { segmentCore } from '../segment/core.ts';
import type { ActionDefinition, DestinationDefinition, ExecuteInput } from '../segment/definition.ts';
import type { EventContext, SegmentEvent } from '../segment/event.ts';
import { eventOf } from '../segment/event.ts';
import { addressFinder } from './addresses.ts';
import { batchKeyOf, batchPolicyOf, withLiteralDefaults, withSettingDefaults } from './batching.ts';
import {
  UNKNOWN_OUTCOME,
  failureOfResponse,
  failureOfThrown,
  outcomeOfNode,
  responseOf,
  statusOfThrown,
} from './classify.ts';
import type { InputBase } from './execute-input.ts';
import { batchInput, singleInput } from './execute-input.ts';
import { limitCall } from './limit-call.ts';
import type { PayloadMaker } from './payload.ts';
import { rowSizer } from './json-size.ts';
import { createRowPayloads } from './payload.ts';
import { freshTokensOf, refreshCall, refreshFailureOf } from './refresh.ts';
import type { Renew } from './tokens.ts';
import { Tokens, authTokensOf, secretsOf } from './tokens.ts';

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
  /** Bounds also the time that a definition asks for itself, in milliseconds. */
  readonly maxFetchTimeoutMs?: number;
  /** Default: what the environment says. */
  readonly proxy?: ProxyOption;
  /** Opens all connections instead of the network: for tests. */
  readonly connector?: Connector;
  /** Shared by all that use a connection. Default: the spec's own. */
  readonly tokens?: Tokens;
  /** Called before refreshed tokens are used. */
  readonly saveCredentials?: (credentials: Credentials) => Promise<void>;
  /** In its place: see `renewCredentials` of the contract. */
  readonly renewCredentials?: Renew;
  readonly trace?: Trace;
};

export function poolOf(options: RunnerOptions, connections: number): HttpPool {
  return new HttpPool({
    connections,
    userAgent: options.userAgent,
    timeoutMs: options.fetchTimeoutMs,
    maxResponseBytes: options.maxResponseBytes ?? MAX_RESPONSE_BYTES,
    ...(options.maxFetchTimeoutMs === undefined ? {} : { maxTimeoutMs: options.maxFetchTimeoutMs }),
    ...(options.proxy === undefined ? {} : { proxy: options.proxy }),
    ...(options.connector === undefined ? {} : { connector: options.connector }),
    ...(options.trace === undefined ? {} : { trace: options.trace }),
  });
}

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
  return mappedColumns(withLiteralDefaults(action, spec.fields, spec.audience !== undefined));
}

type Failure = Extract<BatchResult, { kind: 'failed' }>;

type Attempt = {
  readonly result: BatchResult;
  /** Places of the rows that were refused with 401. */
  readonly unauthorized: readonly number[];
};

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
  readonly #sizeOf: (payload: JsonObject) => number;
  /** Made anew when tokens are refreshed. */
  #redact: Redactor;
  readonly #secrets: {
    readonly settings: JsonObject;
    readonly passwords: ReadonlySet<string>;
    readonly fields: JsonObject;
  };
  readonly #tokens: Tokens | undefined;
  readonly #save: ((credentials: Credentials) => Promise<void>) | undefined;
  readonly #renew: Renew | undefined;
  readonly #http: HttpPool;
  readonly #addressOf: (status: number, url: string) => string | undefined;
  readonly #callTimeoutMs: number;

  constructor(definition: DestinationDefinition, spec: DestinationSpec, options: RunnerOptions) {
    const action = definition.actions[spec.action];
    if (action === undefined) throw new TypeError(`${definition.slug} has no action ${spec.action}`);
    const mapping = withLiteralDefaults(action, spec.fields, spec.audience !== undefined);
    this.#definition = definition;
    this.#action = action;
    this.batching = batchPolicyOf(action, mapping);
    // Some actions refuse a batch when their own field does not say so.
    if (this.batching.maxRows > 1 && 'enable_batching' in action.fields) mapping['enable_batching'] = true;
    this.#base = {
      action,
      actionKey: spec.action,
      settings: withSettingDefaults(definition.authentication?.fields, spec.settings),
      mapping,
      syncId: spec.syncId,
      mappingId: spec.mappingId,
      ...(spec.audience === undefined ? {} : { audience: spec.audience }),
    };
    this.#events = {
      mappingId: spec.mappingId,
      syncId: spec.syncId,
      ...(spec.audience === undefined ? {} : { audience: spec.audience }),
      timestamp: options.timestamp ?? new Date().toISOString(),
    };
    const rows = createRowPayloads(definition.slug, spec.action, action, mapping, this.batching.maxRows === 1);
    this.#map = rows.map;
    this.#makePayload = rows.makePayload;
    this.#readsMessageId = readsRoot(mapping, 'messageId');
    this.#batchKey = batchKeyOf(action, mapping);
    this.#sizeOf = rowSizer(this.batching);
    this.#addressOf = addressFinder(spec);
    this.#callTimeoutMs = options.callTimeoutMs ?? Math.max(300_000, options.fetchTimeoutMs * 2);
    this.#tokens = options.tokens ?? (spec.credentials === undefined ? undefined : new Tokens(spec.credentials));
    this.#save = options.saveCredentials;
    this.#renew = options.renewCredentials;
    this.#secrets = { settings: spec.settings, passwords: passwordFields(definition), fields: spec.fields };
    this.#redact = this.#createRedactor();
    this.#http = poolOf(options, this.batching.concurrency);
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
      return { change, payload, batchKey: this.#batchKey(payload), bytes: this.#sizeOf(payload) };
    } catch (error) {
      return this.#rejection('PAYLOAD_VALIDATION_FAILED', error);
    }
  }

  async deliver(batch: readonly Prepared[], options: DeliverOptions): Promise<BatchResult> {
    if (batch.length === 0) return { kind: 'rows', outcomes: [] };
    if (this.batching.maxRows === 1 && batch.length > 1) return this.#deliverRows(batch, options);
    const used = this.#tokens?.current.accessToken;
    const first = await this.#attempt(batch, options);
    if (used === undefined || first.unauthorized.length === 0 || !this.#canRefresh()) return first.result;
    const failure = await this.#refreshTokens(used, options.signal);
    if (failure !== undefined) return first.result.kind === 'rows' ? first.result : failure;
    // Only the rows that were refused for the token's sake: the others are done.
    const rows = first.unauthorized.map((index) => batch[index] as Prepared);
    const all = rows.length === batch.length;
    const key = all ? options.idempotencyKey : `${options.idempotencyKey}-refreshed`;
    const { result } = await this.#attempt(rows, { ...options, idempotencyKey: key });
    if (all || first.result.kind === 'failed') return result;
    return { kind: 'rows', outcomes: replaced(first.result.outcomes, first.unauthorized, result) };
  }

  async flush(): Promise<void> {
    // Every delivered batch was acknowledged by the other side.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  async #attempt(batch: readonly Prepared[], options: DeliverOptions): Promise<Attempt> {
    const tokens = this.#tokens?.current;
    const auth = tokens === undefined ? undefined : authTokensOf(tokens);
    const [row] = batch;
    if (this.batching.maxRows === 1 && row !== undefined) {
      return this.#call(1, options, async (context) => {
        const data = singleInput(this.#base, row.payload, eventOf(row.change, this.#events), context.signal, auth);
        return this.#action.perform(this.#request(data, context), data);
      });
    }
    const payload = batch.map((each) => each.payload);
    const events = (): SegmentEvent[] => batch.map((each) => eventOf(each.change, this.#events));
    return this.#call(batch.length, options, async (context) => {
      const data = batchInput(this.#base, payload, events, context.signal, auth);
      return this.#action.performBatch?.(this.#request(data, context), data);
    });
  }

  #canRefresh(): boolean {
    const tokens = this.#tokens?.current;
    return (
      (this.#renew !== undefined || this.#definition.authentication?.refreshAccessToken !== undefined) &&
      tokens?.refreshToken !== undefined &&
      tokens.refreshToken !== ''
    );
  }

  /** Undefined when there are new tokens. */
  async #refreshTokens(stale: string, signal: AbortSignal): Promise<Failure | undefined> {
    try {
      await this.#tokens?.refresh(
        stale,
        async (current) => {
          const limit = new AbortController();
          const { settings } = this.#base;
          const run = async (): Promise<unknown> =>
            refreshCall(this.#definition, settings, current, this.#http, limit.signal);
          return freshTokensOf(await limitCall(run, limit, signal, this.#callTimeoutMs));
        },
        async (fresh) => this.#save?.(fresh),
        this.#renew,
      );
      this.#redact = this.#createRedactor();
      return undefined;
    } catch (error) {
      return refreshFailureOf(error, this.#redact);
    }
  }

  #createRedactor(): Redactor {
    const { settings, passwords, fields } = this.#secrets;
    return createRedactor(settings, passwords, fields, secretsOf(this.#tokens?.current));
  }

  // For an engine that hands over several rows of an action without batches.
  async #deliverRows(batch: readonly Prepared[], { signal, idempotencyKey }: DeliverOptions): Promise<BatchResult> {
    const outcomes: RowOutcome[] = [];
    for (const [index, row] of batch.entries()) {
      const result = await this.deliver([row], { signal, idempotencyKey: `${idempotencyKey}-${index}` });
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
  ): Promise<Attempt> {
    const limit = new AbortController();
    const context: CallContext = { signal: limit.signal, idempotencyKey };
    let answer: unknown;
    try {
      answer = await limitCall(() => run(context), limit, signal, this.#callTimeoutMs);
    } catch (error) {
      const result = this.#settle(failureOfThrown(error, this.#redact), responseOf(error), rows, context);
      return { result, unauthorized: statusOfThrown(error) === 401 ? allOf(rows) : [] };
    }
    if (answer instanceof segmentCore.MultiStatusResponse) return this.#multiStatus(answer, rows, context);
    // Some definitions drop the answer: what the last request was told then speaks for the rows.
    const response = answer instanceof ClientResponse ? answer : (responseOf(answer) ?? context.lastResponse);
    const failure = response === undefined ? undefined : failureOfResponse(response, this.#redact);
    if (failure === undefined) {
      const outcomes = Array.from({ length: rows }, () => ({ outcome: 'delivered' as const }));
      return { result: { kind: 'rows', outcomes }, unauthorized: [] };
    }
    return {
      result: this.#settle(failure, response, rows, context),
      unauthorized: response?.status === 401 ? allOf(rows) : [],
    };
  }

  #multiStatus(answer: MultiStatusResponse, rows: number, context: CallContext): Attempt {
    const nodes = Array.from({ length: rows }, (_, index) => answer.getResponseAtIndex(index)?.value());
    const statuses = nodes.map((node) => (node as { status?: unknown } | undefined)?.status);
    const failure = context.lastFailure;
    // When no request of the call got through, that is the answer of every row that was sent. A
    // refusal because of content (Mixpanel's 400) may itself say which rows it took in.
    const ofAll = failure === undefined ? undefined : outcomeOfFailure(failureOfThrown(failure, this.#redact));
    const own = nodes.map((node) => (node === undefined ? UNKNOWN_OUTCOME : outcomeOfNode(node, this.#redact)));
    const tellsApart = ofAll?.outcome === 'rejected' && own.some(({ outcome }) => outcome !== 'delivered');
    const outcomes = own.map((mine, index): RowOutcome => {
      const node = nodes[index];
      const fits =
        ofAll === undefined || (node !== undefined && (tellsApart || !wasSent(node) || mine.outcome === ofAll.outcome));
      const outcome = fits ? mine : ofAll;
      return outcome.outcome === 'retry' ? { ...outcome, ...waitOf(context.retryAfterMs) } : outcome;
    });
    const refusedAll = failure !== undefined && statusOfThrown(failure) === 401;
    const unauthorized = allOf(rows).filter(
      (index) => statuses[index] === 401 || (refusedAll && outcomes[index]?.outcome === 'retry'),
    );
    const first = outcomes[0];
    if (first !== undefined && first.outcome !== 'delivered' && unauthorized.length === rows) {
      return { result: { kind: 'failed', cause: 'stop', code: first.code, message: first.message }, unauthorized };
    }
    return { result: { kind: 'rows', outcomes }, unauthorized };
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

/** A node of a row that never left has neither of these. */
function wasSent(node: unknown): boolean {
  const { sent, body } = node as { sent?: unknown; body?: unknown };
  return sent !== undefined || body !== undefined;
}

/** What a failure of all requests says about one row. Wrong credentials are nobody's row: it waits. */
function outcomeOfFailure({ cause, code, message }: Failure): RowOutcome {
  return { outcome: cause === 'rows' ? 'rejected' : 'retry', code, message };
}

function allOf(rows: number): number[] {
  return Array.from({ length: rows }, (_, index) => index);
}

/** `outcomes` with those at `places` taken from the second attempt at these rows. */
function replaced(outcomes: readonly RowOutcome[], places: readonly number[], second: BatchResult): RowOutcome[] {
  const merged = [...outcomes];
  for (const [index, place] of places.entries()) {
    if (second.kind === 'rows') merged[place] = second.outcomes[index] ?? UNKNOWN_OUTCOME;
    else {
      const { cause, code, message } = second;
      merged[place] = {
        outcome: cause === 'rows' ? 'rejected' : 'retry',
        code,
        message,
        ...waitOf(second.retryAfterMs),
      };
    }
  }
  return merged;
}

function waitOf(retryAfterMs: number | undefined): { retryAfterMs?: number } {
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}

export function passwordFields(definition: DestinationDefinition): ReadonlySet<string> {
  const fields = Object.entries(definition.authentication?.fields ?? {});
  return new Set(fields.filter(([, field]) => field.type === 'password').map(([name]) => name));
}

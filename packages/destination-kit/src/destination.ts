// The contract between the engine and a destination: the engine opens one destination
// for one sync, hands it batches and gets one outcome per row. How a row is mapped,
// validated and sent is the destination's affair; retries, batching, order, rate limits
// and checkpoints are the engine's. What a destination is and can do is in `info.ts`.
import type { Change, JsonObject, Operation } from '@sluice/core';
import type { DestinationInfo } from './info.ts';

/** OAuth tokens of a connection, with the client that they were issued to. */
export type Credentials = {
  readonly accessToken: string;
  readonly refreshToken?: string;
  /** Where the provider's token endpoint differs per account. */
  readonly refreshTokenUrl?: string;
  /** Needed for a refresh: the user's own OAuth client. */
  readonly clientId?: string;
  readonly clientSecret?: string;
};

/** The audience that a mapping keeps up to date, for destinations that work by audience. */
export type AudienceSpec = {
  /** Name of the audience in the model's words, for example `high_value_customers`. */
  readonly key: string;
  /** What the destination calls it; from `createAudience`. */
  readonly externalId?: string;
  /** Values of the destination's audience fields. */
  readonly settings?: JsonObject;
};

/** A configured destination, without a mapping. */
export type ConnectionSpec = {
  /** Slug of the catalogue entry, for example `actions-webhook` or `file`. */
  readonly type: string;
  readonly settings: JsonObject;
  /** Only of destinations with the schemes `oauth2` and `oauth-managed`. */
  readonly credentials?: Credentials;
};

/** A configured action of a destination, as one mapping uses it. */
export type DestinationSpec = ConnectionSpec & {
  /** Key of the action, for example `send`. */
  readonly action: string;
  /** Segment mapping-kit directives: action field → value or directive. */
  readonly fields: JsonObject;
  /** Names the sync: the prefix of idempotency keys and of per-sync caches. */
  readonly mappingId: string;
  readonly syncId: string;
  /** The kinds of changes that the mapping sends, where they are known. */
  readonly operations?: readonly Operation[];
  readonly audience?: AudienceSpec;
};

/** A change that is mapped and valid, ready to be sent. */
export type Prepared = {
  readonly change: Change;
  readonly payload: JsonObject;
  /** Rows with different keys never share a batch (Segment's `batch_keys`). */
  readonly batchKey: string;
  /** Size of the payload as JSON, in bytes; at least that where it is at most `maxBytes / maxRows`. */
  readonly bytes: number;
};

export type Rejection = {
  readonly outcome: 'rejected';
  readonly code: string;
  readonly message: string;
  /** See `BatchResult`. */
  readonly address?: string;
};

/** What the destination said about one row of a batch. */
export type RowOutcome =
  | { readonly outcome: 'delivered' }
  | Rejection
  /** Worth sending again: the engine retries with back-off. */
  | { readonly outcome: 'retry'; readonly code: string; readonly message: string; readonly retryAfterMs?: number };

/** A batch either has one outcome per row, in order, or failed as a whole. */
export type BatchResult =
  | { readonly kind: 'rows'; readonly outcomes: readonly RowOutcome[] }
  | {
      readonly kind: 'failed';
      /**
       * `rows`: refused because of its content; split it to find the row (bisection).
       * `later`: worth trying again unchanged (429, 5xx, time-out, connection).
       * `stop`: credentials or settings are wrong; no batch can succeed.
       */
      readonly cause: 'rows' | 'later' | 'stop';
      readonly code: string;
      readonly message: string;
      /** From `Retry-After`, in milliseconds. */
      readonly retryAfterMs?: number;
      /**
       * Set when an address that the configuration itself names answered so that it may be
       * the wrong one (403, 404, 405, 410): where it stands, for example `fields.url`.
       */
      readonly address?: string;
      /** The request may have been carried out although no answer came. */
      readonly maybeDelivered?: boolean;
    };

export type DeliverOptions = {
  readonly signal: AbortSignal;
  /** Same rows, same key; sent as `Idempotency-Key` where the protocol has headers. */
  readonly idempotencyKey: string;
};

/** A token bucket: `burst` requests at once, refilled at `requestsPerSecond`. */
export type RateLimit = { readonly requestsPerSecond: number; readonly burst: number };

/** How the engine should cut batches for this action. */
export type BatchPolicy = {
  readonly maxRows: number;
  readonly maxBytes: number;
  /** Batches in flight at once. 1 where order or a single writer matters. */
  readonly concurrency: number;
  /** The vendor's documented limit, over all batches of the connection; absent when there is none. */
  readonly rateLimit?: RateLimit;
};

/**
 * Of a destination that makes a sync's rows visible together. Rows that were delivered
 * between `begin` and `commit` count only when `commit` has settled; after `abort`, after a
 * failed `commit` and after an end without one the destination holds none of them.
 */
export interface Transaction {
  begin(signal: AbortSignal): Promise<void>;
  commit(signal: AbortSignal): Promise<void>;
  /** May be called at any time, also twice. */
  abort(): Promise<void>;
}

export interface OpenDestination extends AsyncDisposable {
  readonly batching: BatchPolicy;
  /** Maps and validates one change. Never throws for the row's sake. */
  prepare(change: Change): Prepared | Rejection;
  /** Sends one batch. Never throws for the destination's sake: failures are results. */
  deliver(batch: readonly Prepared[], options: DeliverOptions): Promise<BatchResult>;
  /** Everything delivered so far must be durable when this settles (files: fsync). */
  flush(): Promise<void>;
  /** Present when the action's capabilities say `transactions`. */
  readonly transaction?: Transaction;
}

/** A problem of a mapping or of settings, found before anything is sent. */
export type Diagnostic = {
  readonly severity: 'error' | 'warning';
  /** Path inside the mapping or the settings: `fields.url`, `settings.directory`. */
  readonly path: string;
  readonly message: string;
  readonly fix?: string;
};

/** Which of its promises could be checked: many vendors have no call that tells. */
export type AuthenticationResult =
  | { readonly result: 'valid' }
  | { readonly result: 'invalid'; readonly code: string; readonly message: string }
  /** The vendor could not be asked: no connection, an error of its own. */
  | { readonly result: 'unavailable'; readonly code: string; readonly message: string }
  /** The destination has no way to test; must not be shown as success. */
  | { readonly result: 'untested' };

export type DynamicFieldRequest = {
  /** Name of the field; `parent.child` for a part of an object, `parent.[3].child` inside a list. */
  readonly field: string;
  /** `keys` and `values`: of a free-form object, its possible keys, or the values of `selectedKey`. */
  readonly part?: 'keys' | 'values';
  readonly selectedKey?: string;
  /** What the user has filled in so far. */
  readonly payload?: JsonObject;
  /** `nextPage` of the answer before. */
  readonly page?: string;
};

export type DynamicChoice = { readonly label: string; readonly value: string; readonly description?: string };

export type DynamicFieldResult =
  | { readonly kind: 'choices'; readonly choices: readonly DynamicChoice[]; readonly nextPage?: string }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

export type HookName = 'onMappingSave' | 'retlOnMappingSave';

/** What a hook leaves in the mapping under its own name: `{ inputs, outputs }`. */
export type HookResult =
  | {
      readonly kind: 'saved';
      readonly value: { readonly inputs: JsonObject; readonly outputs: JsonObject };
      readonly message?: string;
    }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

export type AudienceResult =
  | { readonly kind: 'audience'; readonly externalId: string }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** What one call gets from its caller. */
export type CallOptions = {
  readonly signal?: AbortSignal;
  /**
   * Keeps refreshed OAuth tokens; called, and waited for, before they are used. Without it they
   * last as long as the registry.
   */
  readonly saveCredentials?: (spec: ConnectionSpec, credentials: Credentials) => Promise<void>;
  /**
   * Takes the place of `saveCredentials` where others use the same connection: gives tokens in the
   * place of `stale`, new ones or those that another process has fetched meanwhile, and has stored
   * them when it settles. `ask` is the destination's own refresh. Rejects with an AppError
   * `OAUTH_REFRESH_FAILED` when somebody must connect anew; any other error is tried again later.
   */
  readonly renewCredentials?: RenewCredentials;
};

export type RenewCredentials = (
  spec: ConnectionSpec,
  stale: Credentials,
  ask: (current: Credentials) => Promise<Credentials>,
) => Promise<Credentials>;

/** One HTTP request of a trial, with secrets taken out; long texts are cut. */
export type RequestSample = {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What came back, or why nothing did; absent when nothing was sent. */
  readonly answer?: { readonly status: number; readonly body: string };
};

/** What one record becomes. */
export type RecordTrial = {
  /** The mapped and validated row; absent when it is not valid. */
  readonly payload?: JsonObject;
  readonly rejection?: Rejection;
  /** The requests in their order; `unknown` when the destination does not speak HTTP through our client. */
  readonly requests: readonly RequestSample[] | 'unknown';
  /**
   * Why what is shown may not be all: without sending, requests that follow an answer of the
   * destination are made from an empty one, or not at all.
   */
  readonly notes: readonly string[];
  /** Only when it was sent. */
  readonly result?: BatchResult;
};

/** What the engine gets from the registry; the engine itself names no destination. */
export interface DestinationRegistry {
  list(): readonly { readonly type: string; readonly name: string }[];
  /** Undefined for an unknown type. */
  describe(type: string): DestinationInfo | undefined;
  /** Checks settings and mapping against the model's columns, without sending anything. */
  validate(spec: DestinationSpec, modelColumns: readonly string[]): readonly Diagnostic[];
  /** The columns of the model that the mapping reads, or `all` when it takes whole records. The spec must be valid. */
  columns(spec: DestinationSpec): ReadonlySet<string> | 'all';
  /** Throws an AppError when the spec is invalid. */
  open(spec: DestinationSpec, options?: CallOptions): Promise<OpenDestination>;
}

/** What a user interface asks beside that. Nothing here throws for the vendor's sake. */
export interface DestinationCatalogue extends DestinationRegistry {
  /** What Segment's catalogue has and Sluice does not offer, each with the reason. */
  excluded(): readonly { readonly type: string; readonly name: string; readonly reason: string }[];
  /** Problems of the settings alone. */
  validateConnection(spec: ConnectionSpec): readonly Diagnostic[];
  testAuthentication(spec: ConnectionSpec, options?: CallOptions): Promise<AuthenticationResult>;
  /** Choices of a field that the vendor knows. */
  dynamicField(spec: DestinationSpec, request: DynamicFieldRequest, options?: CallOptions): Promise<DynamicFieldResult>;
  /**
   * Maps one change and shows the requests that it becomes; only with `send` they leave. Throws
   * an AppError when the spec is invalid, or when a destination cannot be opened.
   */
  tryRecord(
    spec: DestinationSpec,
    change: Change,
    how: { readonly send: boolean },
    options?: CallOptions,
  ): Promise<RecordTrial>;
  /** Runs a hook of the action; the caller stores `value` in the mapping as `fields[hook]`. */
  performHook(spec: DestinationSpec, hook: HookName, inputs: JsonObject, options?: CallOptions): Promise<HookResult>;
  /** Makes the audience at the vendor, once per mapping; the caller stores the id in `audience.externalId`. */
  createAudience(spec: DestinationSpec, options?: CallOptions): Promise<AudienceResult>;
  getAudience(spec: DestinationSpec, options?: CallOptions): Promise<AudienceResult>;
}

// The contract between the engine and a destination: the engine opens one destination
// for one sync, hands it batches and gets one outcome per row. How a row is mapped,
// validated and sent is the destination's affair; retries, batching, order and
// checkpoints are the engine's.
import type { Change, JsonObject, JsonValue, Operation } from '@sluice/core';

/** A configured action of a destination, as one mapping uses it. */
export type DestinationSpec = {
  /** Slug of the catalogue entry, for example `actions-webhook` or `file`. */
  readonly type: string;
  /** Key of the action, for example `send`. */
  readonly action: string;
  readonly settings: JsonObject;
  /** Segment mapping-kit directives: action field → value or directive. */
  readonly fields: JsonObject;
  /** Names the sync: the prefix of idempotency keys and of per-sync caches. */
  readonly mappingId: string;
  readonly syncId: string;
  /** The kinds of changes that the mapping sends, where they are known. */
  readonly operations?: readonly Operation[];
};

/** A change that is mapped and valid, ready to be sent. */
export type Prepared = {
  readonly change: Change;
  readonly payload: JsonObject;
  /** Rows with different keys never share a batch (Segment's `batch_keys`). */
  readonly batchKey: string;
  /** Size of the payload as JSON, in bytes. */
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

/** How the engine should cut batches for this action. */
export type BatchPolicy = {
  readonly maxRows: number;
  readonly maxBytes: number;
  /** Batches in flight at once. 1 where order or a single writer matters. */
  readonly concurrency: number;
};

export interface OpenDestination extends AsyncDisposable {
  readonly batching: BatchPolicy;
  /** Maps and validates one change. Never throws for the row's sake. */
  prepare(change: Change): Prepared | Rejection;
  /** Sends one batch. Never throws for the destination's sake: failures are results. */
  deliver(batch: readonly Prepared[], options: DeliverOptions): Promise<BatchResult>;
  /** Everything delivered so far must be durable when this settles (files: fsync). */
  flush(): Promise<void>;
}

/** A problem of a mapping or of settings, found before anything is sent. */
export type Diagnostic = {
  readonly severity: 'error' | 'warning';
  /** Path inside the mapping or the settings: `fields.url`, `settings.directory`. */
  readonly path: string;
  readonly message: string;
  readonly fix?: string;
};

/** One field of an action or setting of a destination, for docs and validation. */
export type FieldInfo = {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly type: string;
  readonly required: boolean;
  readonly default?: JsonValue;
};

export type DestinationInfo = {
  readonly type: string;
  readonly name: string;
  readonly description: string;
  readonly settings: readonly FieldInfo[];
  readonly actions: readonly {
    readonly key: string;
    readonly title: string;
    readonly description: string;
    readonly fields: readonly FieldInfo[];
  }[];
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
  open(spec: DestinationSpec): Promise<OpenDestination>;
}

// The public types of the engine: what a caller (CLI, server) hands in and gets back.
// Everything is plain data, safe to print as JSON; the only secrets are in
// `SourceConfig.credentials` and in `destination.settings` and `.credentials`, and no answer or
// error repeats them.
import type { Change, JsonObject, Operation } from '@sluice/core';
import type { AudienceSpec, Credentials, DestinationRegistry, RateLimit } from '@sluice/destination-kit';
import type { Paces } from '../delivery/pace.ts';
import type { EndState, SyncState } from './sync-state.ts';

export { CHECKS } from './connection-api.ts';
export type { CheckName, CheckResult, Fix, Requirement, GrantAdvice } from './connection-api.ts';
export type { EndState, SyncState } from './sync-state.ts';

/** The JSON key of a service account, as Google Cloud (or the local BigQuery) issues it. */
export type ServiceAccountKey = {
  readonly type: 'service_account';
  readonly project_id: string;
  readonly private_key_id: string;
  readonly private_key: string;
  readonly client_email: string;
  readonly client_id?: string;
  /** Where the key is exchanged for an access token; default: Google's. */
  readonly token_uri?: string;
  readonly universe_domain?: string;
};

export type SourceConfig = {
  readonly kind: 'bigquery';
  /** Name in the user's configuration; used in messages and as `source_id` in the state. */
  readonly name: string;
  /** Project that runs and pays for the jobs and holds the state dataset. */
  readonly projectId: string;
  /** Data Location of the datasets, for example `US` or `europe-west3`. */
  readonly location: string;
  readonly credentials: ServiceAccountKey;
  /** Base URL of the API, for example `http://127.0.0.1:9050`; default: the real service. */
  readonly endpoint?: string;
  /**
   * How whole tables are read: `rest` (tabledata.list; the default) or `storage` (the Storage
   * Read API, which needs `bigquery.readsessions.create` and `getData` on the project). Never
   * the one in place of the other.
   */
  readonly read?: 'rest' | 'storage';
  /** Base URL of the Storage Read API, for example `http://127.0.0.1:9060`; needed with `endpoint`. */
  readonly storageEndpoint?: string;
  /** Of the jobs that read the model or the state; `batch` waits for idle slots. Default `interactive`. */
  readonly priority?: 'interactive' | 'batch';
  /** Dataset for the engine's tables; default `__segment_reverse_etl`. */
  readonly stateDataset?: string;
};

export type ModelConfig = {
  readonly name: string;
  /** One GoogleSQL query, at most 65,535 characters. */
  readonly sql: string;
  /** The unique identifier column. */
  readonly key: string;
  /** The file that holds the query, for errors: `models/airports.sql`. */
  readonly place?: string;
  /**
   * Makes the model incremental: a column (TIMESTAMP, DATETIME or DATE) that grows whenever a
   * row changes. A sync reads rows from the last one's latest time on; deleted records are
   * not found. Without it every sync looks at all rows.
   */
  readonly timestamp?: string;
  /** Other limits than the usual ones. */
  readonly limits?: Partial<Limits>;
};

/** Limits of a model and its records; the usual ones are Segment's. */
export type Limits = {
  /** Length of the query; default 65,535. */
  readonly queryCharacters: number;
  /** Length of the names of the identifier and the timestamp column; default 191. */
  readonly keyCharacters: number;
  /** Default 512. */
  readonly columns: number;
  /** Length of a column's name; default 128. */
  readonly columnNameCharacters: number;
  /** The mapped columns of one record as JSON; a longer record is an invalid row. Default 512 KiB. */
  readonly recordBytes: number;
  /** One mapped column as JSON; a record with a longer one is an invalid row. Default 128 KiB. */
  readonly columnBytes: number;
  /** Changes in one sync; the rest goes with the next ones. Default 150,000,000. */
  readonly recordsPerSync: number;
};

/** Limits past which a sync stops as `blocked` before anything is sent. */
export type Guards = {
  /** Deliver although the model is empty and records were sent before; default false. */
  readonly allowEmptyModel?: boolean;
  /** Largest share of the known records that one sync may delete, 0 to 1; default 0.5. */
  readonly maxDeletedShare?: number;
  /** The share is looked at only when more records than this would be deleted; default 100. */
  readonly minDeletedRows?: number;
  /** Most records that one sync may delete, whatever their share; default: no limit. */
  readonly maxDeletedRows?: number;
  /** Largest share of the known records that one sync may update or delete, 0 to 1; default 0.95. */
  readonly maxChangedShare?: number;
  /** That share is looked at only when more records than this would be; default 10,000. */
  readonly minChangedRows?: number;
  /** Most changes in one sync; default: no limit. */
  readonly maxChanges?: number;
  /** Largest share of the model's rows that may be invalid, 0 to 1; default 0.1. */
  readonly maxInvalidShare?: number;
  /** That share is looked at only when more rows than this are; default 100. */
  readonly minInvalidRows?: number;
  /** Most bytes that the plan query may bill; BigQuery refuses the job beyond. Default 1 TiB. */
  readonly maxBytesBilled?: number;
};

export type MappingConfig = {
  readonly name: string;
  /** Names the state tables (`records_<id>`): letters, digits and underscores, at most 64. */
  readonly id: string;
  readonly model: ModelConfig;
  /** Kinds of changes to send; the others are outcome `skipped` and recorded as seen. */
  readonly operations: readonly Operation[];
  readonly destination: {
    readonly name: string;
    readonly type: string;
    readonly action: string;
    readonly settings: JsonObject;
    /** Segment mapping-kit directives. */
    readonly fields: JsonObject;
    /** In place of the limit that the destination's own data state. */
    readonly rateLimit?: RateLimit;
    /** Only of destinations that sign in with OAuth. */
    readonly credentials?: Credentials;
    /** Only of destinations that work by audience. */
    readonly audience?: AudienceSpec;
  };
  readonly guards?: Guards;
  /** Keep the values that were sent beside the checksum, so that a plan can show old values. Default false. */
  readonly keepValues?: boolean;
  /** Write a row to `sync_log` for every rejected change too. Default false. */
  readonly logRejectedRows?: boolean;
};

/** What names a mapping's state, all that its status needs. */
export type MappingName = Pick<MappingConfig, 'name' | 'id'>;

/** Milliseconds since the epoch and a sleep; injected so that tests need not wait. */
export interface Clock {
  now(): number;
  /** Settles after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export type CallOptions = {
  /** Cancels the work: jobs are cancelled, the state stays true. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
};

// ---------------------------------------------------------------- previewModel

export type Column = {
  readonly name: string;
  /** GoogleSQL type, for example `INT64`, `ARRAY<STRUCT<a STRING>>`. */
  readonly type: string;
};

export type Preview = {
  readonly columns: readonly Column[];
  /** The first 10 rows, in the query's order. */
  readonly rows: readonly JsonObject[];
  readonly bytesProcessed: number;
  /** Nothing was read: an equal preview of the last day, over tables that have not changed, answered. */
  readonly cached: boolean;
};

export type ModelColumns = {
  readonly columns: readonly Column[];
  /** The identifier column, as the query spells it. */
  readonly key: string;
  readonly timestamp?: string;
  /** What the query would read. */
  readonly bytesEstimated: number;
};

// ---------------------------------------------------------------- readRecord

export type ReadRecordOptions = CallOptions & {
  /** The identifier as text; without it, any record that has one. */
  readonly recordId?: string;
};

export type RecordRead = {
  readonly columns: readonly Column[];
  /** As a plan would hold it; undefined when the model has no such record. */
  readonly change: Change | undefined;
  readonly bytesProcessed: number;
};

// ---------------------------------------------------------------- planMapping

/** Why rows of the model are set aside and never sent. */
export const INVALID_REASONS = [
  'null_identifier',
  'duplicate_identifier',
  /** The mapped columns of the record are longer, as JSON, than `limits.recordBytes`. */
  'record_too_large',
  /** One of them is longer than `limits.columnBytes`. */
  'column_too_large',
] as const;

export type InvalidReason = (typeof INVALID_REASONS)[number];

export type InvalidRows = {
  readonly reason: InvalidReason;
  /** Rows of the model that are set aside for this reason. */
  readonly rows: number;
  /** Up to 10 identifiers (none for `null_identifier`). */
  readonly sampleIds: readonly string[];
};

export type PlanCounts = {
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
  /** Rows set aside: see `InvalidReason`. */
  readonly invalid: number;
  /** Rejected records that wait in quarantine until their data change. */
  readonly quarantined: number;
};

export type PlannedChange = {
  readonly operation: Operation;
  readonly recordId: string;
  /** The model's columns; all null for a deleted record. */
  readonly columns: JsonObject;
  /** The mapped columns as last sent, when the mapping keeps values and the record was sent. */
  readonly previous?: JsonObject;
  /** Mapped columns that differ from `previous`; present whenever `previous` is. */
  readonly changed?: readonly string[];
  /** False when the mapping does not send this kind of change. */
  readonly sent: boolean;
};

export type GuardFinding = {
  readonly guard: 'empty_model' | 'deleted_share' | 'deleted_rows' | 'changed_share' | 'invalid_share' | 'changes';
  readonly message: string;
  readonly figures: Readonly<Record<string, number>>;
};

/** Something about a mapping that is allowed and probably not meant. */
export type Warning = {
  /** Path inside the mapping or the settings, for example `fields.url`. */
  readonly path: string;
  readonly message: string;
  readonly fix?: string;
};

export type PlanSummary = {
  readonly mapping: string;
  readonly model: string;
  readonly columns: readonly Column[];
  readonly counts: PlanCounts;
  /** The first changes, up to `sampleSize`, of each operation. */
  readonly sample: readonly PlannedChange[];
  readonly invalid: readonly InvalidRows[];
  /** Guards that would stop a sync of this plan. */
  readonly guards: readonly GuardFinding[];
  readonly bytesProcessed: number;
  /** What the model's query alone reads, by a dry run. */
  readonly bytesEstimated: number;
  readonly warnings: readonly Warning[];
  /** Set when the plan was saved: what `applyPlan` and `readPlan` take. */
  readonly planId?: string;
  /** See `PlanFigures`: deletes were not looked for. */
  readonly incremental?: true;
  /** As many changes as one sync may have; more may be left for the next. */
  readonly capped?: true;
};

/** A plan that waits: saved by somebody, or stopped by a guard. */
export type PlanEntry = {
  readonly planId: string;
  readonly kind: 'saved' | 'blocked';
  /** ISO time. */
  readonly plannedAt: string;
  readonly counts: PlanCounts;
  /** False when the mapping has changed since: it can only be discarded. */
  readonly applicable: boolean;
};

export type PlanPage = {
  readonly planId: string;
  readonly changes: readonly PlannedChange[];
  /** Pass as `pageToken` for the next page; absent after the last. */
  readonly nextPageToken?: string;
};

export type PlanOptions = CallOptions & {
  readonly registry: DestinationRegistry;
  /** Changes shown per operation; default 5, at most 100. */
  readonly sampleSize?: number;
  /** Freeze the plan's table, to be read, exported, applied or discarded later. Default false. */
  readonly save?: boolean;
};

// ---------------------------------------------------------------- syncMapping

export const PHASES = ['preparing', 'planning', 'delivering', 'committing', 'done'] as const;

export type Phase = (typeof PHASES)[number];

export type Progress = {
  readonly syncId: string;
  readonly phase: Phase;
  readonly state: SyncState;
  /** Changes of the plan; undefined until the plan is known. */
  readonly total?: number;
  /** Changes with an outcome so far. */
  readonly done: number;
  readonly delivered: number;
  readonly rejected: number;
  readonly deferred: number;
  readonly bytesProcessed: number;
  /** The batch that the sync waits for longest, while it delivers. */
  readonly waiting?: {
    /** The destination's name. */
    readonly destination: string;
    /** Since the batch's first try, in milliseconds. */
    readonly waitingMs: number;
    /** The try that is under way or comes after the pause, of `attempts`. */
    readonly attempt: number;
    readonly attempts: number;
    /** Why the try before failed, for example `TIMEOUT`. */
    readonly code?: string;
  };
};

export type SyncOptions = CallOptions & {
  readonly registry: DestinationRegistry;
  /** Folder for the local journal of acknowledged batches; created when missing. Without it only the warehouse's checkpoint (at most once a minute) is kept. */
  readonly journalDir?: string;
  /** Called at most a few times per second and at each change of phase. */
  readonly onProgress?: (progress: Progress) => void;
  /** Id of a blocked sync: deliver its very plan in spite of the guards. */
  readonly approve?: string;
  /** Id of a saved plan: deliver that very table, if the state is still the one it was made from. */
  readonly apply?: string;
  /** Send the changes of an earlier sync once more, exactly as they were planned. */
  readonly replay?: Replay;
  /** Called (and awaited) between any two durable steps; for fault-injection tests. */
  readonly onStep?: (step: string) => void | Promise<void>;
  /** Paces requests per destination; default: one for all syncs of this process. */
  readonly paces?: Paces;
  /** How long a lease holds without being renewed; default 3 minutes. It is renewed three times within. */
  readonly leaseTtlMs?: number;
};

export type Replay = {
  readonly syncId: string;
  /** `rejected`: only what the destination refused in that sync. */
  readonly rows: 'all' | 'rejected';
  /** Only these records, at most 10,000. */
  readonly recordIds?: readonly string[];
};

/** Why a run sends what it sends. */
export type SyncKind = 'sync' | 'apply' | 'replay';

export type OutcomeCounts = {
  readonly delivered: number;
  readonly rejected: number;
  /** Not delivered for now; the next sync takes them up. */
  readonly deferred: number;
  /** Not of a kind that the mapping sends. */
  readonly skipped: number;
};

export type ReasonSummary = {
  readonly outcome: 'rejected' | 'deferred';
  readonly code: string;
  readonly message: string;
  readonly count: number;
  /** Up to 10 record ids. */
  readonly sampleIds: readonly string[];
  /** What the user can do about it. */
  readonly advice?: string;
  /** Up to 3 of the requests, as far as this run saw them. */
  readonly samples?: readonly DeliverySample[];
};

/** One row as it was sent, with secrets taken out. Long values are cut. */
export type DeliverySample = {
  readonly recordId: string;
  readonly operation: Operation;
  /** The mapped row, before the destination made a request of it; absent when it could not be mapped. */
  readonly payload?: JsonObject;
  /** What came back: the code and the text. */
  readonly answer: string;
};

export type SyncReport = {
  readonly syncId: string;
  readonly mapping: string;
  readonly model: string;
  readonly destination: string;
  readonly state: EndState;
  readonly kind: SyncKind;
  /** Why the state is not `succeeded`, in words; for `skipped`, why nothing had to be done. */
  readonly message?: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly durationMs: number;
  /** Changes of the plan and rows set aside; zeros when no plan was made. */
  readonly plan: PlanCounts;
  /** What became of the changes, per operation. */
  readonly outcomes: Readonly<Record<Operation, OutcomeCounts>>;
  readonly invalid: readonly InvalidRows[];
  readonly reasons: readonly ReasonSummary[];
  readonly guards: readonly GuardFinding[];
  /** Absent when there are none. */
  readonly warnings?: readonly Warning[];
  /** Bytes that all query jobs of this run processed. */
  readonly bytesProcessed: number;
  /** What the model's query alone reads, by a dry run before the plan; absent when there was none. */
  readonly bytesEstimated?: number;
  /**
   * Changes of this run with a request that may have been carried out although no answer
   * came: those that are not delivered may have arrived, those that are may have twice.
   */
  readonly maybeDelivered?: { readonly undelivered: number; readonly delivered: number };
  /** Deletes were not looked for: the model is incremental. */
  readonly incremental?: true;
  /** As many changes as one sync may have; the rest follows in the next. */
  readonly capped?: true;
  readonly phases: readonly { readonly phase: Phase; readonly durationMs: number }[];
  /** The sync was started by an earlier run that ended before its time. */
  readonly resumed: boolean;
  /** The destination is not available: syncs of this mapping are skipped until this ISO time. */
  readonly pausedUntil?: string;
  /** Set when the state is `failed`. */
  readonly error?: { readonly code: string; readonly message: string; readonly where?: string; readonly fix?: string };
};

// ---------------------------------------------------------------- mappingStatus

/** Who paused a mapping, when and why. */
export type Pause = {
  readonly at: string;
  /** `sluice` when the destination was not available; such a pause ends by itself. */
  readonly by: string;
  readonly reason?: string;
  /** ISO time from which syncs run again; without it, when somebody resumes the mapping. */
  readonly until?: string;
  /** How many such pauses have followed each other without a sync that came through. */
  readonly times?: number;
};

export type MappingStatus = {
  readonly mapping: string;
  /** `new`: never synced. `interrupted`: a run ended before its time; the next sync goes on. */
  readonly state: 'new' | 'idle' | 'running' | 'interrupted' | 'blocked';
  readonly syncId?: string;
  readonly phase?: Phase;
  /** Who holds the lease: `host:pid`. */
  readonly holder?: string;
  readonly leaseExpiresAt?: string;
  /** Time of the last committed sync. */
  readonly checkpoint?: string;
  /** Records that the destination has, as far as the state knows. */
  readonly records: number;
  readonly rejects: { readonly waiting: number; readonly quarantined: number };
  /** Syncs are skipped. */
  readonly paused?: Pause;
  /** Somebody asked the running sync to stop. */
  readonly cancelRequested?: true;
  /** Of an incremental model: rows from this moment on are read. */
  readonly watermark?: string;
  /** The last syncs, newest first, up to 10. */
  readonly history: readonly {
    readonly syncId: string;
    readonly state: EndState;
    readonly kind: SyncKind;
    readonly startedAt: string;
    readonly finishedAt: string;
    readonly added: number;
    readonly updated: number;
    readonly deleted: number;
    readonly delivered: number;
    readonly rejected: number;
    readonly deferred: number;
    readonly invalid: number;
  }[];
};

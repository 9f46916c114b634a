// What sluice.yaml may hold. The schema knows shapes only; that references, files and
// environment variables resolve is checked where they are used (project.ts).
import { OPERATIONS } from '@sluice/core';
import type { JsonValue } from '@sluice/core';
import { SYNC_MODES } from '@sluice/engine';
import { z } from 'zod';

const json: z.ZodType<JsonValue> = z.json();
const jsonObject = z.record(z.string(), json);
const text = z.string().min(1, 'must not be empty');

/** Names become parts of table names and of command lines. */
const name = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_-]{0,62}$/,
    'must start with a letter and hold only letters, digits, "-" and "_" (at most 63)',
  );

const source = z.strictObject({
  name: name.default('warehouse'),
  type: z.literal('bigquery'),
  project: text,
  /** The data location, for example `US`, `EU`, `europe-west1`. */
  location: text,
  /** The JSON text of a service-account key, usually `${ENV_VARIABLE}`, or the path of its file. */
  credentials: z.union([text, z.strictObject({ keyFile: text })]),
  /** Base URL of a local BigQuery; absent for the real service. */
  endpoint: text.optional(),
  /** How plans are read: `rest` (tabledata.list) or `storage` (the Storage Read API). */
  read: z.enum(['rest', 'storage']).default('rest'),
  /** Base URL of the Storage Read API of a local BigQuery; absent for the real service. */
  storage_endpoint: text.optional(),
  /** Of the queries that read models and the state: `batch` waits for idle slots. */
  priority: z.enum(['interactive', 'batch']).default('interactive'),
  state_dataset: z
    .string()
    .regex(/^[A-Za-z0-9_]{1,1024}$/, 'must hold only letters, digits and "_"')
    .default('__segment_reverse_etl'),
});

const model = z.strictObject({
  /** The column that identifies a record. */
  key: text,
  /** Path of the SQL file, relative to the project folder; default `models/NAME.sql`. */
  file: text.optional(),
  /** A model of the dbt project instead of an SQL file: its name, `package.name` or unique id. */
  dbt: text.optional(),
  /** Makes the model incremental: a TIMESTAMP, DATETIME or DATE column; deletes are then not found. */
  timestamp: text.optional(),
});

/** The user's own OAuth client; the tokens themselves are kept elsewhere (credentials/). */
const oauth = z.strictObject({
  client_id: text,
  /** Never in the file itself. Absent for a public client. */
  client_secret: z
    .string()
    .regex(/^\$\{[^}]+\}$/, 'must name an environment variable: ${NAME}')
    .optional(),
  /** Salesforce: My Domain. */
  domain: text.optional(),
  /** In the place of those that the destination asks for. */
  scopes: z.array(text).min(1).optional(),
  authorization_endpoint: text.optional(),
  token_endpoint: text.optional(),
  /** Port of the redirect, where the provider wants one that is registered. */
  redirect_port: z.number().int().min(1024).max(65_535).optional(),
  /** Name of the stored tokens, for projects that share a connection; default: one per project and destination. */
  connection: name.optional(),
});

/** A token bucket over all requests to the destination, in place of the one that Sluice knows. */
const rateLimit = z.strictObject({
  requests_per_second: z.number().positive().max(100_000),
  /** Requests that may go at once; default: those of one second. */
  burst: z.number().min(1).max(1_000_000).optional(),
});

/** A dbt project whose models can be used. */
const dbt = z.strictObject({
  /** Path of its `target/manifest.json`, relative to the project folder. */
  manifest: text,
});

const destination = z.strictObject({
  type: text,
  settings: jsonObject.default({}),
  rate_limit: rateLimit.optional(),
  oauth: oauth.optional(),
});

/** The audience that a mapping keeps, for destinations that work by audience. */
const audience = z.strictObject({
  key: text,
  /** What the destination calls it. */
  external_id: text.optional(),
  settings: jsonObject.default({}),
});

const share = z.number().min(0).max(1);
const count = z.number().int().min(0);

/** The engine's guards; past one of them a sync stops as `blocked` before anything is sent. */
const guards = z.strictObject({
  allow_empty_model: z.boolean().optional(),
  max_deleted_share: share.optional(),
  min_deleted_rows: count.optional(),
  max_deleted_rows: count.optional(),
  max_changed_share: share.optional(),
  min_changed_rows: count.optional(),
  max_changes: count.optional(),
  max_invalid_share: share.optional(),
  min_invalid_rows: count.optional(),
  max_bytes_billed: count.optional(),
});

const least = z.number().int().min(1);

/** Limits of models and records; what is absent keeps Segment's. */
const limits = z.strictObject({
  query_characters: least.optional(),
  key_characters: least.optional(),
  columns: least.optional(),
  column_name_characters: least.optional(),
  record_bytes: least.optional(),
  column_bytes: least.optional(),
  records_per_sync: least.optional(),
});

const mapping = z.strictObject({
  model: text,
  destination: text,
  action: text,
  /** Kinds of changes to send; default: those of the sync mode, or all. */
  send: z.array(z.enum(OPERATIONS)).min(1).optional(),
  /** For actions that have sync modes: which changes are sent, and how the destination writes them. */
  sync_mode: z.enum(SYNC_MODES).optional(),
  /** Segment mapping-kit directives: action field → value or directive. */
  fields: jsonObject.default({}),
  audience: audience.optional(),
  guards: guards.default({}),
  /** What the warehouse keeps of a record that was sent; `values` lets a plan show old beside new. */
  state: z.enum(['checksum', 'values']).default('checksum'),
  /** Write a row to `sync_log` for every rejected record. */
  log_rejected_rows: z.boolean().default(false),
});

export const projectSchema = z.strictObject({
  source,
  limits: limits.default({}),
  dbt: dbt.optional(),
  models: z.record(name, model).default({}),
  destinations: z.record(name, destination).default({}),
  mappings: z.record(name, mapping).default({}),
});

export type ProjectDocument = z.output<typeof projectSchema>;
export type LimitsEntry = ProjectDocument['limits'];
export type ModelEntry = ProjectDocument['models'][string];
export type RateLimitEntry = NonNullable<ProjectDocument['destinations'][string]['rate_limit']>;
export type MappingEntry = ProjectDocument['mappings'][string];
export type OAuthEntry = NonNullable<ProjectDocument['destinations'][string]['oauth']>;

// The port between the engine and a warehouse. The engine writes GoogleSQL and hands
// it here; nothing outside `source/bigquery/` knows how it reaches the service.
// Every call has a time-out, retries what is worth retrying and throws an AppError.
import type { JsonObject } from '@sluice/core';
import type { Column } from '../run/api.ts';

/** A table of the state dataset or of the user; `project.dataset.table`. */
export type TableRef = { readonly projectId: string; readonly datasetId: string; readonly tableId: string };

export type QueryParameter =
  | { readonly type: 'STRING'; readonly value: string | null }
  | { readonly type: 'INT64'; readonly value: number | null }
  | { readonly type: 'BOOL'; readonly value: boolean | null };

export type QueryRequest = {
  readonly sql: string;
  /** Named parameters, `@name`. */
  readonly params?: Readonly<Record<string, QueryParameter>>;
  /** What the query is for, for example `plan`; becomes part of the job id and a label. */
  readonly step: string;
  /** The same key runs the job once: a job that was started under it before is waited for. */
  readonly jobKey?: string;
  /** Labels of the job beside `sluice_step`. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Table that the result is written to; it is replaced when it exists. */
  readonly destination?: TableRef;
  /** An equal query that this account ran within a day, over tables that have not changed, answers for free. */
  readonly useCache?: true;
  /** Clustering of that table. */
  readonly clusterBy?: readonly string[];
  /** Runs with the source's own priority, so with `batch` when slots are idle; others run at once. */
  readonly mayWait?: true;
  readonly maxBytesBilled?: number;
  /** Most rows to return; default 1,000. The rows stay in the job's result table. */
  readonly maxRows?: number;
  /** Limit for the whole job; default 6 hours, BigQuery's own. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
};

export type QueryResult = {
  readonly columns: readonly Column[];
  readonly rows: readonly JsonObject[];
  readonly bytesProcessed: number;
  /** The answer of an earlier query was taken. */
  readonly cacheHit: boolean;
  /** Rows that a DML statement inserted, updated or deleted. */
  readonly affectedRows: number;
};

export type DryRun = {
  readonly columns: readonly Column[];
  readonly statementType: string;
  readonly bytesProcessed: number;
  readonly referencedTables: readonly TableRef[];
};

export type TableInfo = {
  /** `TABLE`, `VIEW`, `EXTERNAL`, … */
  readonly type: string;
  /** Milliseconds since the epoch, as text: compared, never computed with. */
  readonly lastModified: string;
  readonly rows: number;
  /** Rows are being streamed in; `lastModified` does not tell about them. */
  readonly streaming: boolean;
  readonly columns: readonly Column[];
};

export type NewTable = {
  readonly columns: readonly Column[];
  readonly clusterBy?: readonly string[];
  readonly expiresInMs?: number;
};

export type PageOptions = {
  readonly signal?: AbortSignal;
  /** Most rows per page; the service may send fewer. Default 10,000. */
  readonly pageRows?: number;
  /** Row of the table to start with, from 0. */
  readonly startRow?: number;
  /** Gathers the columns whose names start so, without the prefix, in one object `columns`. */
  readonly nest?: string;
};

export interface Source {
  readonly projectId: string;
  readonly location: string;
  /** Checks a query without running it. Throws the service's own error text. */
  dryRun(sql: string, signal?: AbortSignal): Promise<DryRun>;
  query(request: QueryRequest): Promise<QueryResult>;
  /** Asks the service to stop the job of this key; does nothing when there is none. */
  cancel(jobKey: string): Promise<void>;
  /** Undefined when the table does not exist; throws `forbidden` without `bigquery.tables.get`. */
  table(ref: TableRef, signal?: AbortSignal): Promise<TableInfo | undefined>;
  /** Rows of the table, or undefined when it does not exist; `bigquery.tables.getData` is enough. */
  rowCount(ref: TableRef, signal?: AbortSignal): Promise<number | undefined>;
  /** Creates the table unless it exists. It does not expire where the account may not let tables expire. */
  createTable(ref: TableRef, table: NewTable, signal?: AbortSignal): Promise<void>;
  /** Sets when the table is dropped by the service itself; false when the account may not. */
  expireTable(ref: TableRef, inMs: number, signal?: AbortSignal): Promise<boolean>;
  /** Removes all rows, as well as it can; the table stays. */
  emptyTable(ref: TableRef, signal?: AbortSignal): Promise<void>;
  /** Drops the table if it exists. */
  dropTable(ref: TableRef, signal?: AbortSignal): Promise<void>;
  /** Location of the dataset, or undefined when it does not exist. */
  dataset(datasetId: string, signal?: AbortSignal): Promise<{ readonly location: string } | undefined>;
  createDataset(datasetId: string, signal?: AbortSignal): Promise<void>;
  /** All rows of a table in pages, with bounded read-ahead. */
  pages(ref: TableRef, options?: PageOptions): AsyncIterable<readonly JsonObject[]>;
}

// Datasets: their metadata and access entries. Hidden datasets hold the anonymous
// result tables of one user and are never listed unless asked for.
// Shapes follow the Dataset resource of the BigQuery REST v2 reference.
import type { AccessEntry, DatasetAccess } from '../access/policy.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';
import { etagOf } from './etag.ts';

export type TableReference = { readonly projectId: string; readonly datasetId: string; readonly tableId: string };

/** The part of a dataset that the caller writes. */
export type DatasetProperties = {
  readonly access: readonly AccessEntry[];
  readonly friendlyName?: string;
  readonly description?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Milliseconds as decimal text, as on the wire. */
  readonly defaultTableExpirationMs?: string;
  readonly defaultPartitionExpirationMs?: string;
  readonly maxTimeTravelHours?: string;
  readonly isCaseInsensitive?: boolean;
  readonly defaultCollation?: string;
};

export type Dataset = {
  readonly projectId: string;
  readonly datasetId: string;
  /** The user of a hidden dataset; undefined for an ordinary one. */
  readonly hiddenOwner: string | undefined;
  readonly location: string;
  readonly etag: string;
  readonly createdMs: number;
  readonly modifiedMs: number;
  readonly properties: DatasetProperties;
};

export const datasetMigrations: readonly Migration[] = [
  {
    name: 'datasets-1',
    sql: `CREATE TABLE dataset (
      project_id TEXT NOT NULL, dataset_id TEXT NOT NULL, hidden_owner TEXT, location TEXT NOT NULL,
      etag TEXT NOT NULL, created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL, properties TEXT NOT NULL,
      PRIMARY KEY (project_id, dataset_id)) STRICT`,
  },
];

/** `before` are the entries until now: one that is kept is the very same object in `now`. */
type AccessListener = (
  dataset: { readonly projectId: string; readonly datasetId: string },
  now: readonly AccessEntry[],
  before: readonly AccessEntry[],
) => void;

export class Datasets {
  readonly #db: CatalogDatabase;
  readonly #clock: () => number;
  readonly #cache = new Map<string, Dataset | undefined>();
  readonly #access = new WeakMap<Dataset, DatasetAccess>();
  readonly #accessListeners: AccessListener[] = [];

  constructor(db: CatalogDatabase, clock: () => number = Date.now) {
    this.#db = db;
    this.#clock = clock;
    db.onForeignChange(() => this.#cache.clear());
  }

  /** `listener` is called within the transaction that writes a dataset's access entries, or ends the dataset. */
  onAccessWritten(listener: AccessListener): void {
    this.#accessListeners.push(listener);
  }

  get(projectId: string, datasetId: string): Dataset | undefined {
    const key = `${projectId}:${datasetId}`;
    if (this.#cache.has(key)) return this.#cache.get(key);
    const row = this.#db.get('SELECT * FROM dataset WHERE project_id = ? AND dataset_id = ?', projectId, datasetId);
    const dataset = row === undefined ? undefined : fromRow(row);
    // Bounded: names that do not exist are asked for by anybody.
    if (this.#cache.size > 10_000) this.#cache.clear();
    this.#cache.set(key, dataset);
    return dataset;
  }

  /** The datasets' side of PolicyReader: the same object until the dataset changes. */
  datasetAccess(projectId: string, datasetId: string): DatasetAccess | undefined {
    const dataset = this.get(projectId, datasetId);
    if (dataset === undefined) return undefined;
    let access = this.#access.get(dataset);
    if (access === undefined) {
      access = { access: dataset.properties.access, anonymous: dataset.hiddenOwner !== undefined };
      this.#access.set(dataset, access);
    }
    return access;
  }

  /** In order of their ids. */
  list(projectId: string): readonly Dataset[] {
    return this.#db.all('SELECT * FROM dataset WHERE project_id = ? ORDER BY dataset_id', projectId).map(fromRow);
  }

  /** Hidden datasets, in all projects, whose ids begin with `prefix`. */
  hidden(prefix: string): readonly Dataset[] {
    return this.#db
      .all(
        'SELECT * FROM dataset WHERE hidden_owner IS NOT NULL AND substr(dataset_id, 1, ?) = ?',
        prefix.length,
        prefix,
      )
      .map(fromRow);
  }

  listEtag(datasets: readonly Dataset[]): string {
    return etagOf(...datasets.map((dataset) => dataset.etag));
  }

  /** Throws 409 `duplicate` when it exists. */
  insert(dataset: {
    projectId: string;
    datasetId: string;
    location: string;
    hiddenOwner?: string;
    properties: DatasetProperties;
  }): Dataset {
    const now = this.#clock();
    const { projectId, datasetId, location, properties } = dataset;
    const etag = etagOf(projectId, datasetId, now, JSON.stringify(properties));
    const inserted = this.#db.transaction(() => {
      const count = this.#db.run(
        'INSERT OR IGNORE INTO dataset VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        projectId,
        datasetId,
        dataset.hiddenOwner ?? null,
        location,
        etag,
        now,
        now,
        JSON.stringify(properties),
      );
      if (count === 1) this.#accessWritten(dataset, properties.access, []);
      return count;
    });
    if (inserted === 0) throw new BigQueryError('duplicate', `Already Exists: Dataset ${projectId}:${datasetId}`);
    return this.#changed(projectId, datasetId)!;
  }

  replace(projectId: string, datasetId: string, properties: DatasetProperties): Dataset {
    const old = this.get(projectId, datasetId);
    const now = Math.max(this.#clock(), (old?.modifiedMs ?? 0) + 1);
    const text = JSON.stringify(properties);
    const etag = etagOf(projectId, datasetId, now, text);
    this.#db.transaction(() => {
      this.#db.run(
        'UPDATE dataset SET properties = ?, etag = ?, modified_ms = ? WHERE project_id = ? AND dataset_id = ?',
        text,
        etag,
        now,
        projectId,
        datasetId,
      );
      if (old !== undefined) this.#accessWritten(old, properties.access, old.properties.access);
    });
    return this.#changed(projectId, datasetId)!;
  }

  delete(projectId: string, datasetId: string): void {
    const old = this.get(projectId, datasetId);
    this.#db.transaction(() => {
      this.#db.run('DELETE FROM dataset WHERE project_id = ? AND dataset_id = ?', projectId, datasetId);
      if (old !== undefined) this.#accessWritten(old, [], old.properties.access);
    });
    this.#changed(projectId, datasetId);
  }

  #accessWritten(...written: Parameters<AccessListener>): void {
    for (const listener of this.#accessListeners) listener(...written);
  }

  #changed(projectId: string, datasetId: string): Dataset | undefined {
    this.#cache.delete(`${projectId}:${datasetId}`);
    return this.get(projectId, datasetId);
  }
}

function fromRow(row: Row): Dataset {
  return {
    projectId: String(row['project_id']),
    datasetId: String(row['dataset_id']),
    hiddenOwner: row['hidden_owner'] === null ? undefined : String(row['hidden_owner']),
    location: String(row['location']),
    etag: String(row['etag']),
    createdMs: Number(row['created_ms']),
    modifiedMs: Number(row['modified_ms']),
    properties: JSON.parse(String(row['properties'])) as DatasetProperties,
  };
}

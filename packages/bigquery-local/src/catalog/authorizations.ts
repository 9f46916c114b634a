// When views, routines and datasets were authorised on a dataset. "If that view is updated by any
// user, access to the view needs to be granted again via an update operation", and to a
// dataset's views when that dataset is deleted and made again ("Authorized views",
// "Authorized datasets"): an entry counts only for what was there when it was written.
import type { AccessEntry } from '../access/policy.ts';
import type { CatalogDatabase, Migration } from './database.ts';
import type { Dataset, Datasets, TableReference } from './datasets.ts';
import type { RoutineReference, Routines } from './routines.ts';
import type { Tables } from './tables.ts';

export const AUTHORIZATIONS_MIGRATION: Migration = {
  name: 'authorizations-1',
  sql: `CREATE TABLE authorization (
    project_id TEXT NOT NULL, dataset_id TEXT NOT NULL, resource TEXT NOT NULL,
    table_version INTEGER NOT NULL, granted_ms INTEGER NOT NULL,
    PRIMARY KEY (project_id, dataset_id, resource)) STRICT`,
};

type DatasetReference = { readonly projectId: string; readonly datasetId: string };

export class Authorizations {
  readonly #db: CatalogDatabase;
  readonly #datasets: Datasets;
  readonly #tables: Pick<Tables, 'get' | 'lastVersion'>;
  readonly #routines: Pick<Routines, 'get'>;
  readonly #clock: () => number;

  constructor(
    db: CatalogDatabase,
    datasets: Datasets,
    tables: Pick<Tables, 'get' | 'lastVersion'>,
    routines: Pick<Routines, 'get'>,
    clock: () => number = Date.now,
  ) {
    this.#db = db;
    this.#datasets = datasets;
    this.#tables = tables;
    this.#routines = routines;
    this.#clock = clock;
    datasets.onAccessWritten((ref, now, before) => this.#record(ref, now, before));
  }

  /**
   * Whether this dataset lets the view or routine use what it holds, by an entry of its own or, a view, by that of
   * its dataset.
   */
  covers(via: TableReference | RoutineReference, { projectId, datasetId }: DatasetReference): boolean {
    const dataset = this.#datasets.get(projectId, datasetId);
    return (
      dataset?.properties.access.some((entry) =>
        'routineId' in via ? this.#letsRoutine(dataset, entry, via) : this.#lets(dataset, entry, via),
      ) === true
    );
  }

  #letsRoutine(source: Dataset, entry: AccessEntry, routine: RoutineReference): boolean {
    const named = routineOf(entry);
    if (
      named?.projectId !== routine.projectId ||
      named.datasetId !== routine.datasetId ||
      named.routineId !== routine.routineId
    )
      return false;
    const granted = this.#granted(source, entry);
    return granted !== undefined && (this.#routines.get(routine)?.version ?? Infinity) <= granted.version;
  }

  #lets(source: Dataset, entry: AccessEntry, view: TableReference): boolean {
    const named = viewOf(entry);
    if (named !== undefined) {
      if (named.projectId !== view.projectId || named.datasetId !== view.datasetId || named.tableId !== view.tableId)
        return false;
      const granted = this.#granted(source, entry);
      return granted === undefined || (this.#tables.get(view)?.version ?? Infinity) <= granted.version;
    }
    const home = datasetOf(entry);
    if (home?.projectId !== view.projectId || home.datasetId !== view.datasetId) return false;
    const granted = this.#granted(source, entry);
    const createdMs = this.#datasets.get(home.projectId, home.datasetId)?.createdMs ?? Infinity;
    return granted === undefined || createdMs <= granted.ms;
  }

  /** Undefined for an entry that is older than these records. */
  #granted(
    { projectId, datasetId }: DatasetReference,
    entry: AccessEntry,
  ): { version: number; ms: number } | undefined {
    const row = this.#db.get(
      'SELECT table_version, granted_ms FROM authorization WHERE project_id = ? AND dataset_id = ? AND resource = ?',
      projectId,
      datasetId,
      resourceOf(entry) ?? '',
    );
    return row === undefined ? undefined : { version: Number(row['table_version']), ms: Number(row['granted_ms']) };
  }

  /** An entry that was not taken over from before is a new grant, also where it says the same. */
  #record(ref: DatasetReference, now: readonly AccessEntry[], before: readonly AccessEntry[]): void {
    const kept = new Set(before);
    const resources = new Set<string>();
    for (const entry of now) {
      const resource = resourceOf(entry);
      if (resource === undefined) continue;
      resources.add(resource);
      if (kept.has(entry)) continue;
      this.#db.run(
        'INSERT OR REPLACE INTO authorization VALUES (?, ?, ?, ?, ?)',
        ref.projectId,
        ref.datasetId,
        resource,
        this.#tables.lastVersion(),
        this.#clock(),
      );
    }
    for (const entry of before) {
      const resource = resourceOf(entry);
      if (resource === undefined || resources.has(resource)) continue;
      this.#db.run(
        'DELETE FROM authorization WHERE project_id = ? AND dataset_id = ? AND resource = ?',
        ref.projectId,
        ref.datasetId,
        resource,
      );
    }
  }
}

export function viewOf(entry: AccessEntry): TableReference | undefined {
  return entry.view as TableReference | undefined;
}

export function routineOf(entry: AccessEntry): RoutineReference | undefined {
  return entry.routine as RoutineReference | undefined;
}

export function datasetOf(entry: AccessEntry): DatasetReference | undefined {
  return (entry.dataset as { readonly dataset: DatasetReference } | undefined)?.dataset;
}

function resourceOf(entry: AccessEntry): string | undefined {
  const view = viewOf(entry);
  if (view !== undefined) return `view ${view.projectId}:${view.datasetId}.${view.tableId}`;
  const routine = routineOf(entry);
  if (routine !== undefined) return `routine ${routine.projectId}:${routine.datasetId}.${routine.routineId}`;
  const dataset = datasetOf(entry);
  return dataset === undefined ? undefined : `dataset ${dataset.projectId}:${dataset.datasetId}`;
}

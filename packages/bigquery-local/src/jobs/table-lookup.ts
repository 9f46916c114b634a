// Finds the tables that one statement names, for the analyser. It notes which of them
// the caller may not even see, so that no text about their columns gets out, and pins
// the stored rows until the statement is done.
import type { Permission, Principal, Resource } from '../access/decision.ts';
import { accessDenied, queryDenied } from '../access/denied.ts';
import { BigQueryError } from '../bigquery-error.ts';
import { routineNameOf } from '../catalog/routines.ts';
import { nameOf, type Table } from '../catalog/tables.ts';
import type { ReadVia, RoutineInfo, RoutineRef, TableInfo, TableLookup, TableRef } from '../googlesql/statement.ts';
import { PhysicalTables } from '../storage/physical-tables.ts';
import type { Services } from '../services.ts';
import { systemView } from './information-schema/find-view.ts';
import { mayUseRoutine, routineResource } from './routine-access.ts';
import { partitionInfo } from './partitioned-table.ts';
import { rowAccessOf } from './row-access.ts';
import { matchedTables, requireUnionable, wildcardInfo } from './wildcard-table.ts';
import type { TemporaryTables } from './script/temporary-tables.ts';

/** Who holds one of them knows that the table exists. */
const SEEING = ['bigquery.tables.getData', 'bigquery.tables.get', 'bigquery.tables.updateData'] as const;

export type DatasetRef = { readonly projectId: string; readonly datasetId: string };

export type LookupOptions = {
  readonly principal: Principal;
  readonly defaultProject: string;
  readonly defaultDataset: DatasetRef | undefined;
  /** Where the job must run; undefined = where the first dataset is. */
  readonly location: string | undefined;
  /** Of the script or session around the statement. */
  readonly temporary?: TemporaryTables | undefined;
};

export class JobTableLookup implements TableLookup, Disposable {
  readonly #services: Services;
  readonly #options: LookupOptions;
  readonly #tables = new Map<string, Table>();
  readonly #routineVersions = new Map<string, number>();
  readonly #unpin: (() => void)[] = [];
  readonly #hidden: TableRef[] = [];
  /** The first of them that the statement itself names, not a view that it reads. */
  #named: TableRef | undefined;
  #location: string | undefined;
  #rowLevelSecurity = false;
  #cacheable = true;

  constructor(services: Services, options: LookupOptions) {
    this.#services = services;
    this.#options = options;
    this.#location = options.location;
  }

  /** The location of the job, as far as the tables have told it. */
  get location(): string | undefined {
    return this.#location;
  }

  /** Whether a result may be used again while its tables do not change. */
  get cacheable(): boolean {
    return this.#cacheable;
  }

  /** Whether a table of the statement has row access policies. */
  get rowLevelSecurity(): boolean {
    return this.#rowLevelSecurity;
  }

  /**
   * The 403 of the first table that the statement names and the caller may not see: the one
   * that a table which does not exist gets, whatever the statement would do with it.
   */
  get denialOfNamed(): BigQueryError | undefined {
    return this.#named === undefined ? undefined : queryDenied(this.#named);
  }

  /** The 403 of the first table that the caller may not see, if there is one. */
  get denial(): BigQueryError | undefined {
    const first = this.#hidden[0];
    return first === undefined ? undefined : queryDenied(first);
  }

  /** A table as it was when the statement was analysed. */
  found(ref: TableRef): Table | undefined {
    return this.#tables.get(nameOf(ref));
  }

  async table(path: readonly string[], via?: ReadVia): Promise<TableInfo> {
    // A name without a project is of the project of the view that it stands in.
    const caller = via === undefined ? this.#options : { ...this.#options, defaultProject: via.projectId };
    const view = await systemView(this.#services, caller, path);
    if (view !== undefined) {
      this.requireLocation(view.info.ref, view.location);
      this.#cacheable = false;
      return view.info;
    }
    const ref = this.resolve(path);
    const { projectId, datasetId } = ref;
    const dataset = this.#services.datasets.get(projectId, datasetId);
    if (ref.tableId.endsWith('*') && dataset !== undefined) return this.#wildcard(ref, dataset.location, via);
    const table = dataset === undefined ? undefined : this.#services.tables.get(ref);
    if (dataset === undefined || table === undefined) throw this.#missing(ref, dataset !== undefined);
    const resource: Resource = { kind: 'table', ...ref };
    if (!this.#sees(resource)) {
      this.#hidden.push(ref);
      if (via === undefined) this.#named ??= ref;
    }
    this.requireLocation(ref, dataset.location);
    const throughViewsOnly = via !== undefined && !this.#may('bigquery.tables.getData', resource);
    const { physicalId } = table;
    if (physicalId !== undefined) {
      await this.#services.duckdb.attach(projectId);
      this.#unpin.push(this.#services.physical.pin(physicalId));
    }
    this.#tables.set(nameOf(ref), table);
    // Also under a view: policies are those of the caller, whoever made the view.
    const rows = rowAccessOf(this.#services, this.#options.principal, ref);
    if (rows.kind !== 'open') {
      this.#rowLevelSecurity = true;
      this.#cacheable = false;
    }
    return {
      ref,
      kind: table.kind === 'TABLE' || table.kind === 'SNAPSHOT' ? 'TABLE' : 'VIEW',
      fields: table.properties.schema.fields,
      ...(physicalId === undefined ? {} : { physicalName: PhysicalTables.nameOf(projectId, physicalId) }),
      ...viewQueryOf(table),
      ...partitionInfo(table),
      ...(table.kind === 'SNAPSHOT' ? { readOnly: true } : {}),
      ...(throughViewsOnly ? { throughViewsOnly } : {}),
      ...(rows.kind === 'open' ? {} : { rowLevelSecurity: true }),
      ...(rows.kind === 'filtered' ? { rowFilter: rows.filter } : {}),
    };
  }

  async #wildcard(ref: TableRef, location: string, via: ReadVia | undefined): Promise<TableInfo> {
    const tables = matchedTables(this.#services, this.#options.principal, ref);
    // A wildcard is denied as a whole: which tables it matches is not told.
    const denied = tables.some((table) => !this.#may('bigquery.tables.getData', { kind: 'table', ...table.ref }));
    if (denied && via === undefined) throw queryDenied(ref);
    this.requireLocation(ref, location);
    requireUnionable(this.#services, tables);
    await this.#services.duckdb.attach(ref.projectId);
    for (const table of tables) {
      if (table.physicalId !== undefined) this.#unpin.push(this.#services.physical.pin(table.physicalId));
      this.#tables.set(nameOf(table.ref), table);
    }
    // A table that is made later belongs to the result, too.
    this.#cacheable = false;
    return { ...wildcardInfo(ref, tables), ...(denied ? { throughViewsOnly: true } : {}) };
  }

  routine(path: readonly string[], via?: ReadVia): RoutineInfo | undefined {
    const ref = this.#routineRef(path);
    const routine = ref === undefined ? undefined : this.#services.routines.get(ref);
    // Built-in functions have such names too: without a routine there is nothing to decide.
    if (ref === undefined || routine === undefined || !this.#mayUse(ref, via)) return undefined;
    const dataset = this.#services.datasets.get(ref.projectId, ref.datasetId);
    if (dataset === undefined) return undefined;
    this.requireLocation(ref, dataset.location);
    this.#routineVersions.set(routineNameOf(ref), routine.version);
    return routine;
  }

  routineDenial(path: readonly string[], via?: ReadVia): BigQueryError | undefined {
    const ref = this.#routineRef(path);
    if (ref === undefined || this.#mayUse(ref, via)) return undefined;
    const { projectId, datasetId } = ref;
    if (
      this.#services.datasets.get(projectId, datasetId) === undefined &&
      mayKnowDataset(this.#services, this.#options.principal, projectId, datasetId)
    )
      return undefined;
    return accessDenied('bigquery.routines.get', routineResource(ref));
  }

  /** Of a routine that the statement calls, as it was when it was analysed. */
  routineVersion(ref: RoutineRef): number {
    return this.#routineVersions.get(routineNameOf(ref)) ?? -1;
  }

  #mayUse(ref: RoutineRef, via: ReadVia | undefined): boolean {
    return mayUseRoutine(this.#services, this.#options.principal, { ref, ...(via === undefined ? {} : { via }) });
  }

  #routineRef(path: readonly string[]): RoutineRef | undefined {
    const parts = path.join('.').split('.');
    if (parts.length < 2 && this.#options.defaultDataset === undefined) return undefined;
    const { projectId, datasetId, tableId } = this.resolve(parts);
    return { projectId, datasetId, routineId: tableId };
  }

  /** One to three parts, each possibly several in one pair of backquotes. */
  resolve(path: readonly string[]): TableRef {
    const text = path.join('.');
    const last = text.lastIndexOf('.');
    if (/(^|\.)INFORMATION_SCHEMA(\.|$)/i.test(text))
      throw new BigQueryError('invalidQuery', 'INFORMATION_SCHEMA is not supported by the local BigQuery', {
        location: 'query',
      });
    const { temporary } = this.#options;
    const ofSession = /^_SESSION\.([^.]+)$/i.exec(text)?.[1];
    if (ofSession !== undefined) {
      if (temporary?.has(ofSession) !== true) throw new BigQueryError('notFound', `Not found: Table ${text}`);
      return { projectId: temporary.projectId, datasetId: temporary.datasetId, tableId: ofSession };
    }
    if (last < 0) {
      // A temporary table hides one of the default dataset.
      if (temporary?.has(text) === true)
        return { projectId: temporary.projectId, datasetId: temporary.datasetId, tableId: text };
      const dataset = this.#options.defaultDataset;
      if (dataset === undefined)
        throw new BigQueryError(
          'invalidQuery',
          `Table "${text}" must be qualified with a dataset (e.g. dataset.table).`,
          { location: 'query' },
        );
      return { ...dataset, tableId: text };
    }
    const before = text.lastIndexOf('.', last - 1);
    return {
      projectId: before < 0 ? this.#options.defaultProject : text.slice(0, before),
      datasetId: text.slice(before + 1, last),
      tableId: text.slice(last + 1),
    };
  }

  /** A job reads and writes datasets of one location only. */
  requireLocation(ref: DatasetRef, location: string): void {
    this.#location ??= location;
    if (this.#location.toLowerCase() === location.toLowerCase()) return;
    throw new BigQueryError(
      'notFound',
      `Not found: Dataset ${ref.projectId}:${ref.datasetId} was not found in location ${this.#location}`,
    );
  }

  #missing(ref: TableRef, datasetExists: boolean): BigQueryError {
    const { projectId, datasetId } = ref;
    const known =
      this.#sees({ kind: 'table', ...ref }) ||
      (!datasetExists && mayKnowDataset(this.#services, this.#options.principal, projectId, datasetId));
    if (!known) return queryDenied(ref);
    const where = `was not found in location ${this.#location ?? 'US'}`;
    return new BigQueryError(
      'notFound',
      datasetExists
        ? `Not found: Table ${nameOf(ref)} ${where}`
        : `Not found: Dataset ${ref.projectId}:${ref.datasetId} ${where}`,
    );
  }

  #sees(resource: Resource): boolean {
    return SEEING.some((permission) => this.#may(permission, resource));
  }

  #may(permission: Permission, resource: Resource): boolean {
    return this.#services.access.decide(this.#options.principal, permission, resource).allowed;
  }

  [Symbol.dispose](): void {
    for (const unpin of this.#unpin.splice(0)) unpin();
  }
}

/** A materialized view is evaluated when it is read, like any view: never stale. */
function viewQueryOf({ properties }: Table): { readonly viewQuery?: string } {
  const query = properties.view?.query ?? properties.materializedView?.query;
  return query === undefined ? {} : { viewQuery: query };
}

/** Whether the caller sees the datasets of the project, and so may learn that this one does not exist. */
export function mayKnowDataset(
  services: Services,
  principal: Principal,
  projectId: string,
  datasetId: string,
): boolean {
  return services.access.decide(principal, 'bigquery.datasets.get', { kind: 'dataset', projectId, datasetId }).allowed;
}

/**
 * The table, when it exists and the caller may see it. To a caller who may not, a table is
 * answered for as if it did not exist.
 */
export function visibleTable(services: Services, principal: Principal, ref: TableRef): Table | undefined {
  const resource: Resource = { kind: 'table', ...ref };
  const sees = SEEING.some((permission) => services.access.decide(principal, permission, resource).allowed);
  return sees ? services.tables.get(ref) : undefined;
}

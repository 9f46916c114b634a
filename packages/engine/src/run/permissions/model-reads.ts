// What the models read, as BigQuery's dry runs tell it. A query that is refused is taken
// apart: each table that its text names is asked for alone, so that all that is missing
// shows in one run. Source: BigQuery REST API, `referencedTables`; "Run a query", required permissions.
import { messageOf } from '@sluice/core';
import type { AccessFacts, RoutineRef } from '../../source/bigquery/access-facts.ts';
import { isKind } from '../../source/bigquery/access-facts.ts';
import type { TableRef } from '../../source/source.ts';
import type { ModelConfig } from '../api.ts';
import { namedTables, tableName } from './query-names.ts';
import type { ModelReads } from './report.ts';

/** Single tables that are asked for, for all models together. */
const MOST_PROBES = 300;

const REFUSED_TABLE = /Table (\S+):(\w+)\.(.+?): User does not have permission to query table/;
const REFUSED_ROUTINE = /\broutine (\S+?)[:.](\w+)\.(\w+)/i;

export type Found = {
  readonly models: readonly ModelReads[];
  readonly tables: ReadonlyMap<string, TableRef>;
  readonly routines: ReadonlyMap<string, RoutineRef>;
  /** Names of tables of which a query was accepted. */
  readonly readable: ReadonlySet<string>;
  readonly unchecked: readonly string[];
};

/** One table, asked for alone. */
type Single = { readonly readable: boolean; readonly tables: readonly TableRef[]; readonly missing?: true };

export class ModelReader {
  readonly #facts: AccessFacts;
  readonly #projectId: string;
  readonly #mayRunJobs: boolean;
  readonly #singles = new Map<string, Promise<Single>>();
  readonly #tables = new Map<string, TableRef>();
  readonly #routines = new Map<string, RoutineRef>();
  readonly #readable = new Set<string>();
  #leftOut = false;

  constructor(facts: AccessFacts, projectId: string, mayRunJobs: boolean) {
    this.#facts = facts;
    this.#projectId = projectId;
    this.#mayRunJobs = mayRunJobs;
  }

  async read(models: readonly ModelConfig[]): Promise<Found> {
    const reads: ModelReads[] = [];
    for (const model of models) reads.push(await this.#one(model));
    return {
      models: reads,
      tables: this.#tables,
      routines: this.#routines,
      readable: this.#readable,
      unchecked: this.#leftOut
        ? [`The models name more than ${MOST_PROBES} tables; the rest was taken from their text.`]
        : [],
    };
  }

  async #one({ name, sql }: ModelConfig): Promise<ModelReads> {
    const named = namedTables(sql, this.#projectId);
    const refused = { model: name, from: 'text' } as const;
    if (!this.#mayRunJobs) return { ...refused, ...this.#keep(named, []) };
    try {
      const { tables, routines } = await this.#facts.reads(sql.replace(/;\s*$/, ''));
      const needed = await this.#withoutAuthorized(tables, named);
      for (const table of needed) this.#readable.add(tableName(table));
      return { model: name, from: 'analysis', ...this.#keep(needed, routines) };
    } catch (thrown) {
      const message = messageOf(thrown);
      const problem = isKind(thrown, 'forbidden') ? {} : { problem: message };
      if (!isKind(thrown, 'forbidden') && !isKind(thrown, 'invalid') && !isKind(thrown, 'not_found')) throw thrown;
      const [, project, dataset, routine] = REFUSED_ROUTINE.exec(message) ?? [];
      const routines =
        project === undefined || dataset === undefined || routine === undefined
          ? []
          : [{ projectId: project, datasetId: dataset, routineId: routine }];
      const all = new Map(named.map((table) => [tableName(table), table]));
      const told = refusedTable(message);
      if (told !== undefined) all.set(tableName(told), told);
      const asked = [...all.values()];
      for (const table of asked) {
        const single = await this.#single(table);
        for (const each of await this.#withoutAuthorized(single.tables, [table])) {
          all.set(tableName(each), each);
          if (single.readable) this.#readable.add(tableName(each));
        }
        if (single.missing === true) all.delete(tableName(table));
      }
      return { ...refused, ...this.#keep([...all.values()], routines), ...problem };
    }
  }

  #keep(tables: readonly TableRef[], routines: readonly RoutineRef[]): Pick<ModelReads, 'tables' | 'routines'> {
    for (const table of tables) this.#tables.set(tableName(table), table);
    for (const routine of routines) this.#routines.set(routineName(routine), routine);
    return { tables: tables.map(tableName).toSorted(), routines: routines.map(routineName).toSorted() };
  }

  /**
   * The tables that the account must be able to read itself: those that the text names, and
   * those behind views unless the view is authorized to read them in the account's stead.
   */
  async #withoutAuthorized(tables: readonly TableRef[], named: readonly TableRef[]): Promise<TableRef[]> {
    const direct = new Set(named.map(tableName));
    const needed = new Map<string, TableRef>();
    // The analysis knows what exists: a name of the text that is none of its tables is a view, or was misread.
    for (const table of tables) needed.set(tableName(table), table);
    if (tables.some((table) => !direct.has(tableName(table))))
      for (const table of named) if ((await this.#single(table)).readable) needed.set(tableName(table), table);
    for (const [name, table] of needed) {
      if (direct.has(name) || direct.size === 0) continue;
      if (!(await this.#single(table)).readable || (await this.#isAuthorized(table, named))) needed.delete(name);
    }
    return [...needed.values()];
  }

  async #isAuthorized(table: TableRef, views: readonly TableRef[]): Promise<boolean> {
    const entries = (await this.#facts.accessOf(table)) ?? [];
    return entries.some(({ view, dataset }) =>
      views.some(
        (each) =>
          (view !== undefined && tableName(view) === tableName(each)) ||
          (dataset?.dataset?.projectId === each.projectId && dataset.dataset.datasetId === each.datasetId),
      ),
    );
  }

  #single(table: TableRef): Promise<Single> {
    const name = tableName(table);
    const known = this.#singles.get(name);
    if (known !== undefined) return known;
    if (this.#singles.size >= MOST_PROBES) {
      this.#leftOut = true;
      return Promise.resolve({ readable: false, tables: [] });
    }
    const asked = this.#ask(name);
    this.#singles.set(name, asked);
    return asked;
  }

  async #ask(name: string): Promise<Single> {
    try {
      return { readable: true, tables: (await this.#facts.reads(`SELECT 1 FROM \`${name}\``)).tables };
    } catch (thrown) {
      if (isKind(thrown, 'forbidden')) {
        // Of a view that may be read, the text names the table behind it.
        const told = refusedTable(messageOf(thrown));
        return { readable: false, tables: told === undefined ? [] : [told] };
      }
      // The table is there and may be read: it wants a condition on its partitions.
      if (/without a filter over column/.test(messageOf(thrown))) return { readable: true, tables: [] };
      if (isKind(thrown, 'not_found') || isKind(thrown, 'invalid'))
        return { readable: false, tables: [], missing: true };
      throw thrown;
    }
  }
}

export function routineName({ projectId, datasetId, routineId }: RoutineRef): string {
  return `${projectId}.${datasetId}.${routineId}`;
}

function refusedTable(message: string): TableRef | undefined {
  const [, projectId, datasetId, tableId] = REFUSED_TABLE.exec(message) ?? [];
  if (projectId === undefined || datasetId === undefined || tableId === undefined) return undefined;
  return { projectId, datasetId, tableId };
}

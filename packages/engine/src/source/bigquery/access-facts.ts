// What a service account may find out about its own access: the permissions that it holds
// on projects and tables, who is in a dataset's access entries, and what a query reads.
// Wire: BigQuery REST API v2; Cloud Resource Manager API v1, projects.testIamPermissions.
import { AppError } from '@sluice/core';
import type { SourceConfig } from '../../run/api.ts';
import type { TableRef } from '../source.ts';
import { BigQueryClient } from './client.ts';

const RESOURCE_MANAGER = {
  // The narrower cloud-platform.read-only is accepted too, but may hide permissions to write.
  scope: 'https://www.googleapis.com/auth/cloud-platform',
  host: 'https://cloudresourcemanager.googleapis.com',
  root: '/v1',
} as const;

/** The most that one testIamPermissions call takes. */
const PERMISSIONS_PER_CALL = 100;
const ATTEMPTS = 3;

export type DatasetRef = { readonly projectId: string; readonly datasetId: string };

export type RoutineRef = DatasetRef & { readonly routineId: string };

/** An entry of a dataset's `access`, as far as it is about roles of principals and authorized views. */
export type AccessEntry = {
  readonly role?: string;
  readonly userByEmail?: string;
  readonly iamMember?: string;
  readonly view?: TableRef;
  readonly dataset?: { readonly dataset?: DatasetRef };
};

export type Reads = { readonly tables: readonly TableRef[]; readonly routines: readonly RoutineRef[] };

export class AccessFacts {
  readonly #bigquery: BigQueryClient;
  readonly #projects: BigQueryClient;
  readonly #source: SourceConfig;
  readonly #signal: AbortSignal | undefined;

  constructor(source: SourceConfig, signal?: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
    this.#bigquery = new BigQueryClient(source);
    this.#projects = new BigQueryClient(source, RESOURCE_MANAGER);
  }

  /** What a dry run says that the query reads; throws `forbidden` when it may not. */
  async reads(sql: string): Promise<Reads> {
    type Answer = { statistics?: { query?: { referencedTables?: TableRef[]; referencedRoutines?: RoutineRef[] } } };
    const { projectId, location } = this.#source;
    const answer = await this.#bigquery.call<Answer>({
      method: 'POST',
      path: `projects/${projectId}/jobs`,
      body: {
        jobReference: { projectId, location },
        configuration: { dryRun: true, query: { query: sql, useLegacySql: false, useQueryCache: false } },
      },
      what: 'The query was refused',
      where: `project ${projectId}`,
      ...this.#common(),
    });
    const query = answer.statistics?.query;
    return { tables: query?.referencedTables ?? [], routines: query?.referencedRoutines ?? [] };
  }

  /** Those of the permissions that the account holds on the source's project. */
  heldOnProject(permissions: readonly string[]): Promise<ReadonlySet<string>> {
    const { projectId } = this.#source;
    return inParts(permissions, (part) =>
      this.#projects.call({
        method: 'POST',
        path: `projects/${projectId}:testIamPermissions`,
        body: { permissions: part },
        what: 'Cannot ask for the permissions on the project',
        where: `project ${projectId}`,
        ...this.#common(),
      }),
    );
  }

  /** Those of the permissions that it holds on a table; none when the table does not exist. */
  async heldOnTable(table: TableRef, permissions: readonly string[]): Promise<ReadonlySet<string>> {
    try {
      return await this.#askTable(table, permissions);
    } catch (thrown) {
      if (isKind(thrown, 'forbidden') || isKind(thrown, 'not_found')) return new Set();
      throw thrown;
    }
  }

  #askTable(table: TableRef, permissions: readonly string[]): Promise<ReadonlySet<string>> {
    return inParts(permissions, (part) =>
      this.#bigquery.call({
        method: 'POST',
        path: `${datasetPath(table)}/tables/${encodeURIComponent(table.tableId)}:testIamPermissions`,
        body: { permissions: part },
        what: 'Cannot ask for the permissions on the table',
        where: `table ${table.projectId}.${table.datasetId}.${table.tableId}`,
        ...this.#common(),
      }),
    );
  }

  /** The access entries of a dataset; undefined when the account may not see them, or there is none. */
  async accessOf(dataset: DatasetRef): Promise<readonly AccessEntry[] | undefined> {
    const answer = await this.#unlessHidden<{ access?: AccessEntry[] }>({
      path: datasetPath(dataset),
      where: `dataset ${dataset.projectId}.${dataset.datasetId}`,
    });
    return answer === undefined ? undefined : (answer.access ?? []);
  }

  /** Datasets of the source's project that the account can see, at most `most`. */
  async visibleDatasets(most: number): Promise<readonly DatasetRef[]> {
    const { projectId } = this.#source;
    const answer = await this.#unlessHidden<{ datasets?: { datasetReference: DatasetRef }[] }>({
      path: `projects/${projectId}/datasets`,
      where: `project ${projectId}`,
      query: { maxResults: most },
    });
    return (answer?.datasets ?? []).map(({ datasetReference }) => datasetReference).slice(0, most);
  }

  async #unlessHidden<T>(call: {
    readonly path: string;
    readonly where: string;
    readonly query?: Readonly<Record<string, number>>;
  }): Promise<T | undefined> {
    try {
      return await this.#bigquery.call<T>({
        method: 'GET',
        what: 'Cannot read the dataset',
        ...call,
        ...this.#common(),
      });
    } catch (thrown) {
      if (isKind(thrown, 'forbidden') || isKind(thrown, 'not_found')) return undefined;
      throw thrown;
    }
  }

  #common(): { attempts: number; signal?: AbortSignal } {
    return { attempts: ATTEMPTS, ...(this.#signal === undefined ? {} : { signal: this.#signal }) };
  }
}

function datasetPath({ projectId, datasetId }: DatasetRef): string {
  return `projects/${encodeURIComponent(projectId)}/datasets/${encodeURIComponent(datasetId)}`;
}

/** The service refuses a whole call for one name that it does not test there: such names are left out. */
async function inParts(
  permissions: readonly string[],
  ask: (part: readonly string[]) => Promise<{ permissions?: string[] }>,
): Promise<ReadonlySet<string>> {
  const held = new Set<string>();
  const todo: (readonly string[])[] = [];
  for (let at = 0; at < permissions.length; at += PERMISSIONS_PER_CALL)
    todo.push(permissions.slice(at, at + PERMISSIONS_PER_CALL));
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    try {
      for (const permission of (await ask(part)).permissions ?? []) held.add(permission);
    } catch (thrown) {
      if (!isKind(thrown, 'invalid')) throw thrown;
      const half = Math.ceil(part.length / 2);
      if (part.length > 1) todo.push(part.slice(0, half), part.slice(half));
    }
  }
  return held;
}

export function isKind(thrown: unknown, kind: AppError['kind']): boolean {
  return thrown instanceof AppError && thrown.kind === kind;
}

// The permission advisor: asks BigQuery what the models read and what the account holds, and
// compares that with what the sync protocol needs. Makes the probes of Test connection, and
// so leaves what they leave; reads no rows of the models.
import { messageOf } from '@sluice/core';
import { DEFAULT_STATE_DATASET } from '../../plan/state-tables.ts';
import { AccessFacts } from '../../source/bigquery/access-facts.ts';
import type { AccessEntry, DatasetRef, RoutineRef } from '../../source/bigquery/access-facts.ts';
import { BigQuerySource } from '../../source/bigquery/bigquery.ts';
import type { TableRef } from '../../source/source.ts';
import type { CallOptions, CheckResult, ModelConfig, SourceConfig } from '../api.ts';
import { GrantTexts, READ_SESSION_PERMISSIONS, adviseGrants } from '../test-connection/advice.ts';
import { checkConnection } from '../test-connection/test-connection.ts';
import { PROJECT_POLICY, excessOfEntry, excessOfUnusedDataset, excessOnProject, excessOnTable } from './excess.ts';
import { ModelReader } from './model-reads.ts';
import type { Found } from './model-reads.ts';
import { BIGQUERY_PERMISSIONS } from './predefined-roles.ts';
import { EXCESS_KINDS } from './report.ts';
import type { Excess, Need, PermissionReport, Way } from './report.ts';
import { grantTo, readGrants, setUpScript } from './set-up.ts';
import type { ReadGrant } from './set-up.ts';

const MOST_DATASETS = 200;
const TABLE_PERMISSIONS = BIGQUERY_PERMISSIONS.filter((name) => /^bigquery\.(?:tables|rowAccessPolicies)\./.test(name));
const READ = 'bigquery.tables.getData';

/** Throws when the key gives no token, the project does not answer, or the work is aborted. */
export async function advise(
  source: SourceConfig,
  models: readonly ModelConfig[],
  { signal }: CallOptions,
): Promise<PermissionReport> {
  const checks = await checkConnection(source, signal === undefined ? {} : { signal });
  const passed = (name: CheckResult['check']): boolean => checks.some((check) => check.check === name && check.ok);
  const facts = new AccessFacts(source, signal);
  const opened = new BigQuerySource(source);
  // Without a token nothing can be asked; this throws what is wrong with the key.
  if (!passed('token')) await opened.authenticate();
  const unchecked: string[] = [];

  const way = await wayOf(source, facts);
  const found = await new ModelReader(facts, source.projectId, passed('jobs')).read(models);
  unchecked.push(...found.unchecked);
  const onProject = await heldOnProject(facts, unchecked);
  const onTables = await heldOnTables(facts, found);

  const needs = [
    ...projectNeeds(source, checks, way, onProject),
    ...stateNeeds(source, checks),
    ...readNeeds(found, onTables),
  ];
  const excess = [
    ...(onProject === undefined
      ? []
      : excessOnProject(`projects/${source.projectId}`, onProject, way, source.read === 'storage')),
    ...(await excessOfDatasets(source, facts, found, onProject)),
    ...[...onTables].flatMap(([name, held]) =>
      excessOnTable(tableResource(found.tables.get(name)), held, onProject ?? new Set()),
    ),
  ].toSorted((a, b) => EXCESS_KINDS.indexOf(a.kind) - EXCESS_KINDS.indexOf(b.kind));
  // Who owns the dataset has made it: creating is not needed again.
  const missing = needs.filter((need) => need.held === false && need.permission !== 'bigquery.datasets.create');
  const views = await viewsAmong(opened, found.tables.values(), signal);
  const grants = readGrants(found.tables.values(), found.routines.values(), views);
  const lacks = (resource: string): boolean => missing.some((need) => need.resource === resource);
  const lackedGrants = readGrants(
    [...found.tables.values()].filter((table) => lacks(tableResource(table))),
    [...found.routines.values()].filter((routine) => lacks(routineResource(routine))),
    views,
  );
  return {
    source: source.name,
    account: source.credentials.client_email,
    way,
    needs,
    missing,
    additions: additions(source, checks, lackedGrants),
    excess,
    models: found.models,
    unchecked,
    setUps: [
      setUpScript(source, 'sluice_creates_dataset', grants),
      setUpScript(source, 'customer_creates_dataset', grants),
    ],
    checks,
  };
}

/** What Test connection advises, and predefined roles for what the models lack. */
function additions(
  source: SourceConfig,
  checks: readonly CheckResult[],
  grants: readonly ReadGrant[],
): PermissionReport['additions'] {
  const { ways } = adviseGrants(source, checks);
  const texts = new GrantTexts(source);
  const commands = grants.map((grant) => {
    const role = grant.permission === READ ? 'roles/bigquery.dataViewer' : 'roles/bigquery.routineMetadataViewer';
    return texts.bq(grantTo(texts.email, role, grant));
  });
  if (ways.length === 0) return commands.length === 0 ? [] : [{ words: 'With predefined roles:', commands }];
  return ways.map((way) => ({ ...way, commands: [...way.commands, ...commands] }));
}

/** Who creates a dataset becomes its owner: whether the account is that tells who made it. */
async function wayOf(source: SourceConfig, facts: AccessFacts): Promise<Way> {
  const entries = await facts.accessOf(stateDatasetOf(source));
  const roles = rolesIn(entries ?? [], source);
  return roles.includes('OWNER') ? 'sluice_creates_dataset' : 'customer_creates_dataset';
}

async function heldOnProject(facts: AccessFacts, unchecked: string[]): Promise<ReadonlySet<string> | undefined> {
  try {
    return await facts.heldOnProject([...BIGQUERY_PERMISSIONS, PROJECT_POLICY]);
  } catch (thrown) {
    // The Resource Manager API may be off in the project: then only what is tried is known.
    unchecked.push(
      `What the account holds on the whole project is not known (${messageOf(thrown)}). Enable it with: gcloud services enable cloudresourcemanager.googleapis.com`,
    );
    return undefined;
  }
}

async function heldOnTables(facts: AccessFacts, found: Found): Promise<Map<string, ReadonlySet<string>>> {
  const held = new Map<string, ReadonlySet<string>>();
  for (const [name, table] of found.tables)
    if (!table.tableId.includes('*')) held.set(name, await facts.heldOnTable(table, TABLE_PERMISSIONS));
  return held;
}

function projectNeeds(
  { projectId, read }: SourceConfig,
  checks: readonly CheckResult[],
  way: Way,
  held: ReadonlySet<string> | undefined,
): Need[] {
  const resource = `projects/${projectId}`;
  const jobs = heldBy(checks, 'jobs');
  const create = 'bigquery.datasets.create';
  const readsStorage = read === 'storage';
  return [
    {
      permission: 'bigquery.jobs.create',
      resource,
      why: 'run any query',
      ...(jobs === undefined ? {} : { held: jobs }),
    },
    ...(readsStorage
      ? READ_SESSION_PERMISSIONS.map((permission) => ({
          permission,
          resource,
          why: 'read plans through the Storage Read API',
          ...(held === undefined ? {} : { held: held.has(permission) }),
        }))
      : []),
    ...(way === 'sluice_creates_dataset'
      ? [
          {
            permission: create,
            resource,
            why: 'create the state dataset, and so own it; not needed again while it exists',
            ...(held === undefined ? {} : { held: held.has(create) }),
          },
        ]
      : []),
  ];
}

function stateNeeds(source: SourceConfig, checks: readonly CheckResult[]): Need[] {
  const { projectId, datasetId } = stateDatasetOf(source);
  const resource = `projects/${projectId}/datasets/${datasetId}`;
  const list = [
    ['state_tables', 'bigquery.tables.create', 'create the tables of the state and of plans'],
    ['state_write', 'bigquery.tables.updateData', 'write the plan, the lease and the state'],
    ['state_read', READ, 'read the state and the plan'],
  ] as const;
  // Where there is no dataset and none may be made, nothing in it is held.
  const noDataset = heldBy(checks, 'state_dataset') === false;
  return list.map(([check, permission, why]) => {
    const held = heldBy(checks, check) ?? (noDataset ? false : undefined);
    return { permission, resource, why, ...(held === undefined ? {} : { held }) };
  });
}

function readNeeds({ tables, routines, models, readable }: Found, onTables: Map<string, ReadonlySet<string>>): Need[] {
  const readBy = (name: string, kind: 'tables' | 'routines'): string => {
    const readers = models.filter((each) => each[kind].includes(name)).map(({ model }) => model);
    return `read by ${readers.length === 1 ? 'model' : 'models'} ${readers.join(', ')}`;
  };
  return [
    ...[...tables].map(([name, table]) => ({
      permission: READ,
      resource: tableResource(table),
      why: readBy(name, 'tables'),
      held: readable.has(name) || onTables.get(name)?.has(READ) === true,
    })),
    ...[...routines].map(([name, routine]) => ({
      permission: 'bigquery.routines.get',
      resource: routineResource(routine),
      why: readBy(name, 'routines'),
      held: models.some(({ from, routines: used }) => from === 'analysis' && used.includes(name)),
    })),
  ];
}

/** Undefined when the check could not be made, or failed for another reason than a permission. */
function heldBy(checks: readonly CheckResult[], name: CheckResult['check']): boolean | undefined {
  const check = checks.find((each) => each.check === name);
  if (check?.ok === true) return true;
  return check?.denied === true ? false : undefined;
}

/** Roles in datasets other than the state dataset, as far as the account may see access entries. */
async function excessOfDatasets(
  source: SourceConfig,
  facts: AccessFacts,
  found: Found,
  onProject: ReadonlySet<string> | undefined,
): Promise<Excess[]> {
  const idOf = ({ projectId, datasetId }: DatasetRef): string => `projects/${projectId}/datasets/${datasetId}`;
  const state = idOf(stateDatasetOf(source));
  const used = new Map([...found.tables.values(), ...found.routines.values()].map((ref) => [idOf(ref), ref]));
  const excess: Excess[] = [];
  for (const [resource, dataset] of used) {
    if (resource === state) continue;
    for (const role of rolesIn((await facts.accessOf(dataset)) ?? [], source)) {
      const one = excessOfEntry(resource, role);
      if (one !== undefined) excess.push(one);
    }
  }
  for (const dataset of await facts.visibleDatasets(MOST_DATASETS)) {
    const resource = idOf(dataset);
    if (resource === state || used.has(resource)) continue;
    const roles = rolesIn((await facts.accessOf(dataset)) ?? [], source);
    // What the project lets it see has been told there.
    if (roles.length > 0 || onProject?.has('bigquery.datasets.get') === false)
      excess.push(excessOfUnusedDataset(resource, roles));
  }
  return excess;
}

/** Roles of the account itself; those of its groups cannot be seen from outside. */
function rolesIn(entries: readonly AccessEntry[], { credentials }: SourceConfig): string[] {
  const email = credentials.client_email;
  return entries.flatMap(({ role, userByEmail, iamMember }) =>
    role !== undefined && (userByEmail === email || iamMember === `serviceAccount:${email}`) ? [role] : [],
  );
}

/** The views, as far as their metadata may be read: GRANT wants to know. */
async function viewsAmong(
  source: BigQuerySource,
  tables: Iterable<TableRef>,
  signal: AbortSignal | undefined,
): Promise<Set<TableRef>> {
  const views = new Set<TableRef>();
  for (const table of tables) {
    if (table.tableId.includes('*')) continue;
    const info = await source.table(table, signal).catch(() => undefined);
    signal?.throwIfAborted();
    if (info?.type.endsWith('VIEW') === true) views.add(table);
  }
  return views;
}

function stateDatasetOf({ projectId, stateDataset }: SourceConfig): DatasetRef {
  return { projectId, datasetId: stateDataset ?? DEFAULT_STATE_DATASET };
}

function routineResource({ projectId, datasetId, routineId }: RoutineRef): string {
  return `projects/${projectId}/datasets/${datasetId}/routines/${routineId}`;
}

function tableResource(table: TableRef | undefined): string {
  if (table === undefined) return 'unknown';
  const dataset = `projects/${table.projectId}/datasets/${table.datasetId}`;
  return table.tableId.includes('*') ? dataset : `${dataset}/tables/${table.tableId}`;
}

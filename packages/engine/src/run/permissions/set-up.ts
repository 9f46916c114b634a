// The set-ups that give a source exactly what it needs, each as shell commands, as SQL and
// as Terraform. Pure: no service is asked.
// Sources: "Create and manage custom roles", "Data control language", Google Cloud; the
// resources of the Terraform provider hashicorp/google.
import type { RoutineRef } from '../../source/bigquery/access-facts.ts';
import type { TableRef } from '../../source/source.ts';
import { GrantTexts, READ_SESSION_PERMISSIONS } from '../test-connection/advice.ts';
import { DEFAULT_STATE_DATASET } from '../../plan/state-tables.ts';
import type { SourceConfig } from '../api.ts';
import type { SetUpScript, Way } from './report.ts';

export const STATE_PERMISSIONS = [
  'bigquery.tables.create',
  'bigquery.tables.updateData',
  'bigquery.tables.getData',
] as const;

/** A thing that the models read. `schema`: all tables of a dataset whose names begin alike, or a routine's dataset. */
export type ReadGrant = {
  readonly on: 'TABLE' | 'VIEW' | 'SCHEMA';
  readonly projectId: string;
  readonly datasetId: string;
  readonly tableId?: string;
  readonly permission: 'bigquery.tables.getData' | 'bigquery.routines.get';
};

/** Tables that are views must be told: GRANT asks for the kind. */
export function readGrants(
  tables: Iterable<TableRef>,
  routines: Iterable<RoutineRef>,
  views: ReadonlySet<TableRef>,
): ReadGrant[] {
  const grants = new Map<string, ReadGrant>();
  for (const table of tables) {
    const { projectId, datasetId, tableId } = table;
    const permission = 'bigquery.tables.getData' as const;
    // A name with `*` stands for many tables: only their dataset can be shared.
    const grant: ReadGrant = tableId.includes('*')
      ? { on: 'SCHEMA', projectId, datasetId, permission }
      : { on: views.has(table) ? 'VIEW' : 'TABLE', projectId, datasetId, tableId, permission };
    grants.set(JSON.stringify(grant), grant);
  }
  for (const { projectId, datasetId } of routines) {
    const grant = { on: 'SCHEMA', projectId, datasetId, permission: 'bigquery.routines.get' } as const;
    grants.set(JSON.stringify(grant), grant);
  }
  return [...grants.values()];
}

type Role = { readonly id: string; readonly title: string; readonly permissions: readonly string[] };

export function setUpScript(source: SourceConfig, way: Way, grants: readonly ReadGrant[]): SetUpScript {
  const texts = new GrantTexts(source);
  const { projectId } = source;
  const creates = way === 'sluice_creates_dataset';
  const jobs: Role = {
    id: 'sluice_jobs',
    title: 'Sluice jobs',
    permissions: [
      'bigquery.jobs.create',
      ...(source.read === 'storage' ? READ_SESSION_PERMISSIONS : []),
      ...(creates ? ['bigquery.datasets.create'] : []),
    ],
  };
  const state: Role = { id: 'sluice_state', title: 'Sluice state', permissions: STATE_PERMISSIONS };
  const read: Role = { id: 'sluice_read', title: 'Sluice read', permissions: ['bigquery.tables.getData'] };
  const routines: Role = { id: 'sluice_routines', title: 'Sluice routines', permissions: ['bigquery.routines.get'] };
  const needs = (permission: ReadGrant['permission']): boolean =>
    // A custom role of a project cannot be held in another.
    grants.some((grant) => grant.permission === permission && grant.projectId === projectId);
  const roles = [
    jobs,
    ...(creates ? [] : [state]),
    ...(needs('bigquery.tables.getData') ? [read] : []),
    ...(needs('bigquery.routines.get') ? [routines] : []),
  ];
  const roleOf = (grant: ReadGrant): string => {
    const reads = grant.permission === 'bigquery.tables.getData';
    if (grant.projectId === projectId) return `projects/${projectId}/roles/${(reads ? read : routines).id}`;
    return reads ? 'roles/bigquery.dataViewer' : 'roles/bigquery.routineMetadataViewer';
  };
  const stateDataset = source.stateDataset ?? DEFAULT_STATE_DATASET;
  const shellFirst = [
    ...roles.map(
      ({ id, title, permissions }) =>
        `gcloud iam roles create ${id} --project=${projectId} --title="${title}" --stage=GA --permissions=${permissions.join(',')}`,
    ),
    texts.onProject(`projects/${projectId}/roles/${jobs.id}`),
  ];
  const sql = [
    ...(creates
      ? []
      : [
          texts.createDataset(),
          `GRANT \`projects/${projectId}/roles/${state.id}\` ON SCHEMA \`${projectId}\`.${stateDataset} TO "serviceAccount:${texts.email}";`,
        ]),
    ...grants.map((grant) => grantTo(texts.email, roleOf(grant), grant)),
  ];
  return {
    way,
    shell: [...shellFirst, ...sql.map((statement) => texts.bq(statement))],
    shellFirst,
    sql,
    terraform: terraform(source, texts.email, stateDataset, { roles, jobs, state, creates, grants, roleOf }),
  };
}

export function grantTo(email: string, role: string, grant: ReadGrant): string {
  return `GRANT \`${role}\` ON ${grant.on} ${sqlName(grant)} TO "serviceAccount:${email}";`;
}

function sqlName({ projectId, datasetId, tableId }: ReadGrant): string {
  return tableId === undefined ? `\`${projectId}\`.${datasetId}` : `\`${projectId}\`.${datasetId}.\`${tableId}\``;
}

type Parts = {
  readonly roles: readonly Role[];
  readonly jobs: Role;
  readonly state: Role;
  readonly creates: boolean;
  readonly grants: readonly ReadGrant[];
  readonly roleOf: (grant: ReadGrant) => string;
};

function terraform(source: SourceConfig, email: string, stateDataset: string, parts: Parts): string {
  const { roles, jobs, state, creates, grants, roleOf } = parts;
  const member = text(`serviceAccount:${email}`);
  const project = text(source.projectId);
  const own = (role: string): string => {
    const id = /\/roles\/(sluice_\w+)$/.exec(role)?.[1];
    return id === undefined ? text(role) : `google_project_iam_custom_role.${id}.id`;
  };
  const blocks = [
    ...roles.map(({ id, title, permissions }) =>
      resource('google_project_iam_custom_role', id, {
        project,
        role_id: text(id),
        title: text(title),
        stage: text('GA'),
        permissions: `[${permissions.map(text).join(', ')}]`,
      }),
    ),
    resource('google_project_iam_member', jobs.id, { project, role: own(`/roles/${jobs.id}`), member }),
    ...(creates
      ? []
      : [
          resource('google_bigquery_dataset', state.id, {
            project,
            dataset_id: text(stateDataset),
            location: text(source.location),
          }),
          resource('google_bigquery_dataset_iam_member', state.id, {
            project,
            dataset_id: `google_bigquery_dataset.${state.id}.dataset_id`,
            role: own(`/roles/${state.id}`),
            member,
          }),
        ]),
    ...grants.map((grant, index) => {
      const { tableId } = grant;
      const scope = { project: text(grant.projectId), dataset_id: text(grant.datasetId) };
      return resource(
        tableId === undefined ? 'google_bigquery_dataset_iam_member' : 'google_bigquery_table_iam_member',
        `sluice_read_${index + 1}`,
        { ...scope, ...(tableId === undefined ? {} : { table_id: text(tableId) }), role: own(roleOf(grant)), member },
      );
    }),
  ];
  return blocks.join('\n\n');
}

function resource(type: string, name: string, values: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(values).map((key) => key.length));
  const lines = Object.entries(values).map(([key, value]) => `  ${key.padEnd(width)} = ${value}`);
  return [`resource "${type}" "${name}" {`, ...lines, '}'].join('\n');
}

/** A string of the HashiCorp language, in which `${` and `%{` begin a template. */
function text(value: string): string {
  return JSON.stringify(value).replaceAll(/[$%](?=\{)/g, '$&$&');
}

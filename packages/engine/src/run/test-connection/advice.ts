// The advisor of Test connection: which permissions are missing on which resource, and the
// smallest grants that give exactly them. Pure: no service is asked.
// Sources: BigQuery IAM roles and permissions; "Control access to resources with IAM".
import { DEFAULT_STATE_DATASET } from '../../plan/state-tables.ts';
import type { CheckName, CheckResult, Fix, GrantAdvice, Requirement, SourceConfig } from '../api.ts';

/** What each check asks for on the state dataset; the engine needs these three and no more. */
const DATASET_CHECKS = [
  ['state_tables', 'bigquery.tables.create'],
  ['state_write', 'bigquery.tables.updateData'],
  ['state_read', 'bigquery.tables.getData'],
] as const satisfies readonly (readonly [CheckName, string])[];

/** What reading through the Storage Read API takes on the project; streams are never split. */
export const READ_SESSION_PERMISSIONS = ['bigquery.readsessions.create', 'bigquery.readsessions.getData'] as const;
export const READ_SESSION_USER = 'roles/bigquery.readSessionUser';

/** Names of the things that grants are about. */
export class GrantTexts {
  readonly project: string;
  readonly dataset: string;
  readonly #projectId: string;
  readonly #schema: string;
  readonly #location: string;
  readonly email: string;

  constructor(source: SourceConfig) {
    const stateDataset = source.stateDataset ?? DEFAULT_STATE_DATASET;
    this.#projectId = source.projectId;
    this.#location = source.location;
    this.#schema = `\`${source.projectId}\`.${stateDataset}`;
    this.project = `projects/${source.projectId}`;
    this.dataset = `${this.project}/datasets/${stateDataset}`;
    const email: unknown = source.credentials?.client_email;
    this.email = typeof email === 'string' ? email : 'the service account';
  }

  /** A role that can be held on projects only. */
  onProject(role: string): string {
    return `gcloud projects add-iam-policy-binding ${this.#projectId} --member="serviceAccount:${this.email}" --role="${role}"`;
  }

  createDataset(): string {
    return `CREATE SCHEMA IF NOT EXISTS ${this.#schema} OPTIONS(location="${this.#location}");`;
  }

  grantDataEditor(): string {
    return `GRANT \`roles/bigquery.dataEditor\` ON SCHEMA ${this.#schema} TO "serviceAccount:${this.email}";`;
  }

  /** A statement as a shell command; the statements hold no single quotes. */
  bq(sql: string): string {
    return `bq query --project_id=${this.#projectId} --location=${this.#location} --use_legacy_sql=false '${sql}'`;
  }

  addToCustomRole(permissions: readonly string[]): string {
    return `gcloud iam roles update ROLE_ID --project=${this.#projectId} --add-permissions=${permissions.join(',')}`;
  }
}

const CUSTOM_ROLE_NOTE =
  'ROLE_ID is the id of the role. Hold it on the state dataset: held on the project, it counts in every dataset.';

/** The fix for permissions on the state dataset, which exists or which the customer is to create. */
export function datasetFix(texts: GrantTexts, permissions: readonly string[], exists: boolean): Fix {
  const grant = texts.grantDataEditor();
  return {
    words: exists
      ? 'Make the service account BigQuery Data Editor of the state dataset.'
      : 'Create the state dataset and make the service account its BigQuery Data Editor.',
    command: exists ? grant : `${texts.createDataset()}\n${grant}`,
    alternative: exists
      ? {
          words: `Or add it to a custom role. ${CUSTOM_ROLE_NOTE}`,
          command: texts.addToCustomRole(permissions),
        }
      : {
          words:
            'Or let Sluice create the dataset, and so own it: add this to a custom role (ROLE_ID) that the account holds on the project.',
          command: texts.addToCustomRole(['bigquery.datasets.create']),
        },
  };
}

/** What all failed checks together need, and the ways to grant it. */
export function adviseGrants(source: SourceConfig, checks: readonly CheckResult[]): GrantAdvice {
  const texts = new GrantTexts(source);
  const denied = (name: CheckName): CheckResult | undefined =>
    checks.find((check) => check.check === name && check.denied === true);
  const passed = (name: CheckName): boolean => checks.some((check) => check.check === name && check.ok);

  const readSessions = denied('storage_read') === undefined ? [] : READ_SESSION_PERMISSIONS;
  const onProject: string[] = [...(denied('jobs') === undefined ? [] : ['bigquery.jobs.create']), ...readSessions];
  // Without a dataset nothing in it could be tried: whatever did not pass will be needed.
  const noDataset = denied('state_dataset') !== undefined;
  const onDataset = DATASET_CHECKS.flatMap(([name, permission]) => {
    if (noDataset) return passed(name) ? [] : [permission];
    const check = denied(name);
    return check === undefined ? [] : [check.permission ?? permission];
  });
  const needed: Requirement[] = [
    ...onProject.map((permission) => ({ permission, resource: texts.project })),
    ...onDataset.map((permission) => ({ permission, resource: texts.dataset })),
  ];
  if (needed.length === 0) return { needed, ways: [] };

  const jobs = denied('jobs') === undefined ? [] : [texts.onProject('roles/bigquery.jobUser')];
  if (readSessions.length > 0) jobs.push(texts.onProject(READ_SESSION_USER));
  const create = noDataset ? [texts.bq(texts.createDataset())] : [];
  const grant = onDataset.length === 0 ? [] : [texts.bq(texts.grantDataEditor())];
  const inRole = [...onProject, ...(noDataset ? ['bigquery.datasets.create'] : onDataset)];
  return {
    needed,
    ways: [
      { words: 'With predefined roles:', commands: [...jobs, ...create, ...grant] },
      {
        words: noDataset
          ? 'Or with a custom role (ROLE_ID) that the account holds on the project; Sluice then creates the dataset:'
          : `Or with a custom role. ${CUSTOM_ROLE_NOTE}`,
        commands: [texts.addToCustomRole(inRole)],
      },
    ],
  };
}

// Accounts for the tests of the documented set-ups: custom roles with exactly the
// permissions that are named, on the project or in the access entries of one dataset.
import { adviseGrants, previewModel, testConnection } from '@sluice/engine';
import type { CheckName, CheckResult, GrantAdvice, ServiceAccountKey, SourceConfig } from '@sluice/engine';
import { PROJECT } from './workbench.ts';
import type { Workbench } from './workbench.ts';

export const BIGQUERY = `/bigquery/v2/projects/${PROJECT}`;

/** Who holds what before the engine is started. */
export type SetUp = {
  /** Predefined roles on the project. */
  readonly roles?: readonly string[];
  /** Permissions of a custom role on the project. */
  readonly onProject?: readonly string[];
  /** The customer makes the state dataset; a predefined role on it, or the permissions of a custom role. */
  readonly dataset?: { readonly role?: string; readonly permissions?: readonly string[] };
};

export type Account = {
  readonly source: SourceConfig;
  readonly email: string;
  /** `<id>` of the custom role on the project, to be put in place of ROLE_ID. */
  readonly roleId: string;
  readonly stateDataset: string;
};

let accounts = 0;

export async function accountWith(bench: Workbench, setUp: SetUp): Promise<Account> {
  accounts += 1;
  const { bigquery } = bench;
  const stateDataset = `state_of_${accounts}`;
  const roleId = `project_role_${accounts}`;
  const customRole = async (id: string, includedPermissions: readonly string[]): Promise<string> => {
    const role = { title: id, stage: 'GA', includedPermissions };
    await bigquery.call('POST', `/v1/projects/${PROJECT}/roles`, { roleId: id, role });
    return `projects/${PROJECT}/roles/${id}`;
  };
  const own = setUp.onProject === undefined ? [] : [await customRole(roleId, setUp.onProject)];
  const key = await bigquery.serviceAccount(`set-up-${accounts}`, [...(setUp.roles ?? []), ...own]);
  const email = key.client_email;
  if (setUp.dataset !== undefined) {
    const { role, permissions } = setUp.dataset;
    const entries = [
      ...(role === undefined ? [] : [{ role, userByEmail: email }]),
      ...(permissions === undefined
        ? []
        : [{ role: await customRole(`dataset_role_${accounts}`, permissions), userByEmail: email }]),
    ];
    await bigquery.call('POST', `${BIGQUERY}/datasets`, {
      datasetReference: { datasetId: stateDataset },
      location: 'US',
      access: [{ role: 'OWNER', userByEmail: 'owner@example.com' }, ...entries],
    });
  }
  const credentials = key as unknown as ServiceAccountKey;
  return { source: { ...bench.source, credentials, stateDataset }, email, roleId, stateDataset };
}

/** READER on the dataset of the models. */
export async function shareShop(bench: Workbench, email: string): Promise<void> {
  const { access } = await bench.bigquery.call('GET', `${BIGQUERY}/datasets/shop`);
  await bench.bigquery.call('PATCH', `${BIGQUERY}/datasets/shop`, {
    access: [...(access as object[]), { role: 'READER', userByEmail: email }],
  });
}

/** What Test connection says, in a form that fits on the lines of a test. */
export async function tested(account: Account): Promise<{
  readonly checks: readonly CheckResult[];
  /** `check: permission on resource` of each check that failed. */
  readonly failed: readonly string[];
  readonly skipped: readonly CheckName[];
  readonly advice: GrantAdvice;
}> {
  const checks = await testConnection(account.source);
  return {
    checks,
    failed: checks
      .filter((check) => !check.ok && check.skipped !== true)
      .map(({ check, permission, resource }) => `${check}: ${permission ?? '-'} on ${short(resource, account)}`),
    skipped: checks.filter((check) => check.skipped === true).map(({ check }) => check),
    advice: adviseGrants(account.source, checks),
  };
}

/** `project` and `dataset` instead of the names, which differ from account to account. */
export function short(resource: string | undefined, account: Account): string {
  if (resource === `projects/${PROJECT}`) return 'project';
  return resource === `projects/${PROJECT}/datasets/${account.stateDataset}` ? 'dataset' : String(resource);
}

/** Does as a shell would with the commands of the advice, as the project's owner. */
export async function apply(bench: Workbench, account: Account, commands: readonly string[]): Promise<void> {
  for (const command of commands) {
    const sql = /^bq query --project_id=\S+ --location=\S+ --use_legacy_sql=false '(.*)'$/s.exec(command)?.[1];
    const added = /^gcloud iam roles update ROLE_ID --project=\S+ --add-permissions=(\S+)$/.exec(command)?.[1];
    const bound = /^gcloud projects add-iam-policy-binding \S+ --member="(\S+)" --role="(\S+)"$/.exec(command);
    if (sql !== undefined) await bench.bigquery.query(sql);
    else if (added !== undefined) await addPermissions(bench, account.roleId, added.split(','));
    else if (bound?.[1] !== undefined && bound[2] !== undefined) await bind(bench, bound[1], bound[2]);
    else throw new Error(`the command is none that this test knows: ${command}`);
  }
}

export async function previewWorks(account: Account): Promise<boolean> {
  try {
    await previewModel(account.source, { name: 'items', sql: 'SELECT id, v FROM shop.items', key: 'id' });
    return true;
  } catch (thrown) {
    if (/Access Denied.*shop\.items/.test(String(thrown))) return false;
    throw thrown;
  }
}

async function addPermissions(bench: Workbench, roleId: string, permissions: readonly string[]): Promise<void> {
  const path = `/v1/projects/${PROJECT}/roles/${roleId}`;
  const { includedPermissions = [] } = (await bench.bigquery.call('GET', path)) as { includedPermissions?: string[] };
  await bench.bigquery.call('PATCH', `${path}?updateMask=includedPermissions`, {
    includedPermissions: [...new Set([...includedPermissions, ...permissions])],
  });
}

async function bind(bench: Workbench, member: string, role: string): Promise<void> {
  const path = `/v1/projects/${PROJECT}`;
  const policy = await bench.bigquery.call('POST', `${path}:getIamPolicy`, {});
  const bindings = [...((policy['bindings'] as object[] | undefined) ?? []), { role, members: [member] }];
  await bench.bigquery.call('POST', `${path}:setIamPolicy`, { policy: { ...policy, bindings } });
}

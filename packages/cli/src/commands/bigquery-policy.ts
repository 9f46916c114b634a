// Grants as BigQuery keeps them: in the IAM policy of a project, in the access entries of a
// dataset, in the IAM policy of a table or view. Read, changed and written back with the
// etag; when somebody else was quicker, once more from the start.
import { memberOf, parseResourceName } from '@sluice/bigquery-local';
import { AppError } from '@sluice/core';
import type { BigQueryClient } from './bigquery-client.ts';

type Json = Readonly<Record<string, unknown>>;

/** Where the grants of one resource are kept. */
export type PolicyHome = {
  readonly name: string;
  readonly projectId: string;
  readonly kind: 'iam' | 'access';
  /** Path of the resource in the API. */
  readonly path: string;
};

export type Grant = {
  readonly role: string;
  /** `user:a@example.com`; for the access entry of a view: `view:P.D.T`. */
  readonly member: string;
  /** Expression of its condition. */
  readonly condition?: string;
};

export type PolicyChange = { readonly change: 'grant' | 'revoke'; readonly role: string; readonly member: string };

const maxAttempts = 5;

export function projectPolicy(projectId: string): PolicyHome {
  return { name: projectId, projectId, kind: 'iam', path: `/v3/projects/${encodeURIComponent(projectId)}` };
}

/** `P`, `projects/P`, `P.D`, `P.D.T`. */
export function policyHomeOf(resource: string): PolicyHome {
  const parsed = /^[a-z][a-z0-9-]*$/.test(resource)
    ? ({ kind: 'project', projectId: resource } as const)
    : parseResourceName(resource);
  if (parsed?.kind === 'project') return projectPolicy(parsed.projectId);
  if (parsed?.kind === 'dataset' || parsed?.kind === 'table') {
    const { projectId, datasetId } = parsed;
    const dataset = `/bigquery/v2/projects/${encodeURIComponent(projectId)}/datasets/${encodeURIComponent(datasetId)}`;
    return parsed.kind === 'dataset'
      ? { name: `${projectId}.${datasetId}`, projectId, kind: 'access', path: dataset }
      : {
          name: `${projectId}.${datasetId}.${parsed.tableId}`,
          projectId,
          kind: 'iam',
          path: `${dataset}/tables/${encodeURIComponent(parsed.tableId)}`,
        };
  }
  throw new AppError(`${resource} is not the name of a project, dataset or table`, {
    code: 'INVALID_RESOURCE',
    kind: 'invalid',
    where: resource,
    fix: 'Write PROJECT, PROJECT.DATASET or PROJECT.DATASET.TABLE.',
  });
}

/** `bigquery.dataViewer` is short for `roles/bigquery.dataViewer`. */
export function roleName(role: string): string {
  return role.includes('/') || /^[A-Z]+$/.test(role) ? role : `roles/${role}`;
}

/** An e-mail alone is a user's or a service account's; groups are written `group:EMAIL`. */
export function memberName(member: string): string {
  if (/^(user|serviceAccount|group|domain):[^:\s]+$/.test(member) || specialMembers.has(member)) return member;
  if (/^[^:@\s]+@[^:@\s]+$/.test(member)) return memberOf(member);
  throw new AppError(`${member} is not a member`, {
    code: 'INVALID_MEMBER',
    kind: 'invalid',
    where: member,
    fix: 'Write user:EMAIL, serviceAccount:EMAIL, group:EMAIL, domain:NAME, allAuthenticatedUsers or allUsers.',
  });
}

const specialMembers: ReadonlySet<string> = new Set([
  'allAuthenticatedUsers',
  'allUsers',
  'projectOwners',
  'projectWriters',
  'projectReaders',
]);

export async function readPolicy(client: BigQueryClient, home: PolicyHome): Promise<readonly Grant[]> {
  const policy = await read(client, home);
  return home.kind === 'iam' ? iamGrants(policy) : entriesOf(policy).map(grantOfEntry);
}

/** False when there was nothing to do: it was granted already, or was not granted. Conditional grants are left alone. */
export async function changePolicy(client: BigQueryClient, home: PolicyHome, change: PolicyChange): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const policy = await read(client, home);
    const changed = home.kind === 'iam' ? changedBindings(policy, change) : changedEntries(policy, change);
    if (changed === undefined) return false;
    try {
      await write(client, home, policy, changed);
      return true;
    } catch (error) {
      if (!(error instanceof AppError && error.kind === 'conflict') || attempt === maxAttempts) throw error;
    }
  }
}

function read(client: BigQueryClient, home: PolicyHome): Promise<Json> {
  return home.kind === 'iam'
    ? client.call('POST', `${home.path}:getIamPolicy`, {
        where: home.name,
        body: { options: { requestedPolicyVersion: 3 } },
      })
    : client.call('GET', `${home.path}?accessPolicyVersion=3`, { where: home.name });
}

async function write(
  client: BigQueryClient,
  home: PolicyHome,
  policy: Json,
  changed: readonly unknown[],
): Promise<void> {
  if (home.kind === 'iam') {
    await client.call('POST', `${home.path}:setIamPolicy`, {
      where: home.name,
      body: { policy: { version: 3, bindings: changed, etag: policy['etag'] } },
    });
    return;
  }
  await client.call('PATCH', `${home.path}?accessPolicyVersion=3`, {
    where: home.name,
    headers: { 'if-match': String(policy['etag']) },
    body: { access: changed },
  });
}

type Condition = { readonly expression?: string };
type Binding = { readonly role: string; readonly members?: readonly string[]; readonly condition?: Condition };

function bindingsOf(policy: Json): readonly Binding[] {
  return (policy['bindings'] ?? []) as readonly Binding[];
}

function iamGrants(policy: Json): Grant[] {
  return bindingsOf(policy).flatMap(({ role, members = [], condition }) =>
    members.map((member) => ({ role, member, ...conditionOf(condition) })),
  );
}

function changedBindings(policy: Json, { change, role, member }: PolicyChange): readonly Binding[] | undefined {
  const bindings = bindingsOf(policy);
  const same = (binding: Binding): boolean => binding.role === role && binding.condition === undefined;
  const has = bindings.some(
    (binding) => same(binding) && binding.members?.some((each) => equal(each, member)) === true,
  );
  if (has === (change === 'grant')) return undefined;
  if (change === 'revoke')
    return bindings
      .map((binding) =>
        same(binding)
          ? { ...binding, members: (binding.members ?? []).filter((each) => !equal(each, member)) }
          : binding,
      )
      .filter(({ members = [] }) => members.length > 0);
  const at = bindings.findIndex(same);
  return at < 0
    ? [...bindings, { role, members: [member] }]
    : bindings.with(at, { role, members: [...(bindings[at]?.members ?? []), member] });
}

type Entry = { readonly role?: string; readonly condition?: Condition } & Json;

/** "The following legacy mappings apply": of the Dataset resource. */
const legacyRoles: Readonly<Record<string, string>> = {
  OWNER: 'roles/bigquery.dataOwner',
  WRITER: 'roles/bigquery.dataEditor',
  READER: 'roles/bigquery.dataViewer',
};

function entriesOf(dataset: Json): readonly Entry[] {
  return (dataset['access'] ?? []) as readonly Entry[];
}

function changedEntries(dataset: Json, { change, role, member }: PolicyChange): readonly Entry[] | undefined {
  const wanted = legacyRoles[role] ?? role;
  const entries = entriesOf(dataset);
  const same = (entry: Entry): boolean => {
    const grant = grantOfEntry(entry);
    return grant.role === wanted && grant.condition === undefined && equal(grant.member, member);
  };
  if (entries.some(same) === (change === 'grant')) return undefined;
  return change === 'grant'
    ? [...entries, { role: wanted, ...entityOf(member) }]
    : entries.filter((entry) => !same(entry));
}

function entityOf(member: string): Json {
  const [kind = '', name] = member.split(/:(.*)/s);
  switch (kind) {
    case 'user':
    case 'serviceAccount':
      return { userByEmail: name };
    case 'group':
      return { groupByEmail: name };
    case 'domain':
      return { domain: name };
    case 'allUsers':
      return { iamMember: 'allUsers' };
    default:
      return { specialGroup: kind };
  }
}

function grantOfEntry(entry: Entry): Grant {
  const role = entry.role === undefined ? '' : (legacyRoles[entry.role] ?? entry.role);
  return { role, member: memberOfEntry(entry), ...conditionOf(entry.condition) };
}

function memberOfEntry(entry: Entry): string {
  const text = (key: string): string | undefined => (typeof entry[key] === 'string' ? entry[key] : undefined);
  const user = text('userByEmail');
  if (user !== undefined) return memberOf(user);
  const group = text('groupByEmail');
  if (group !== undefined) return `group:${group}`;
  const domain = text('domain');
  if (domain !== undefined) return `domain:${domain}`;
  const other = text('specialGroup') ?? text('iamMember');
  if (other !== undefined) return other;
  for (const kind of ['view', 'routine']) {
    const { projectId, datasetId, tableId, routineId } = (entry[kind] ?? {}) as Readonly<Record<string, string>>;
    if (projectId !== undefined) return `${kind}:${projectId}.${datasetId}.${tableId ?? routineId}`;
  }
  const { dataset } = (entry['dataset'] ?? {}) as { dataset?: Readonly<Record<string, string>> };
  return `views of:${dataset?.['projectId']}.${dataset?.['datasetId']}`;
}

function conditionOf(condition: Condition | undefined): { readonly condition?: string } {
  return condition?.expression === undefined ? {} : { condition: condition.expression };
}

/** E-mails and domains compare without case. */
function equal(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

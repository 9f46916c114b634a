// GRANT and REVOKE ("Data control language"): on a schema they change the dataset's access
// entries, on a table or view its IAM policy, on a project that project's IAM policy.
import { isServiceAccountEmail, normalMember } from '../access/members.ts';
import type { AccessEntry, Binding } from '../access/policy.ts';
import { BigQueryError } from '../bigquery-error.ts';
import { requireDataset } from '../catalog/dataset-changes.ts';
import type { JobOutcome } from '../catalog/jobs.ts';
import { nameOf, tableNotFound } from '../catalog/tables.ts';
import type { GrantTarget, Statement } from '../googlesql/statement.ts';
import { hasOwner } from '../rest/bigquery/dataset-resource.ts';
import { requireGrantableOn, requireGrantee } from '../rest/bigquery/iam-grantable.ts';
import { requireProjectBindings } from '../rest/resource-manager/set-policy.ts';
import type { Services } from '../services.ts';
import type { Execution } from './execution.ts';

type Dcl = Extract<Statement, { readonly kind: 'GRANT' | 'REVOKE' }>;
type On<K extends GrantTarget['kind']> = Extract<GrantTarget, { readonly kind: K }>;

export function runDcl(execution: Execution, statement: Dcl, statistics: Record<string, unknown>): JobOutcome {
  const { services } = execution;
  const { on } = statement;
  return services.db.transaction(() => {
    switch (on.kind) {
      case 'PROJECT':
        changeProject(services, statement, on);
        break;
      case 'SCHEMA':
        changeDataset(services, statement, on);
        break;
      case 'TABLE':
      case 'VIEW':
        changeTable(services, statement, on);
        break;
    }
    const query = { ...(statistics['query'] as Record<string, unknown>), ...targetStatistics(on) };
    const outcome: JobOutcome = { statistics: { ...statistics, query } };
    execution.finish(outcome);
    return outcome;
  });
}

function targetStatistics(on: GrantTarget): Record<string, unknown> {
  switch (on.kind) {
    case 'PROJECT':
      return {};
    case 'SCHEMA':
      return { dclTargetDataset: { projectId: on.projectId, datasetId: on.datasetId } };
    case 'TABLE':
    case 'VIEW': {
      const ref = { projectId: on.projectId, datasetId: on.datasetId, tableId: on.tableId };
      return on.kind === 'VIEW' ? { dclTargetView: ref } : { dclTargetTable: ref };
    }
  }
}

/** The IAM members of the grantees; throws 400 for one that does not exist or has another form. */
function membersNamed(services: Services, statement: Dcl): string[] {
  return statement.grantees.map((grantee) => {
    if (grantee.startsWith('connection:'))
      throw invalid(`Grantee ${grantee}: connections are not supported by the local BigQuery.`);
    const special = /^specialGroup:(allUsers|allAuthenticatedUsers)$/.exec(grantee)?.[1];
    if (special === undefined && !/^(user|group|serviceAccount|domain):./.test(grantee))
      throw invalid(
        `Invalid grantee ${grantee}. It must have one of the forms user:, group:, serviceAccount:, domain:, specialGroup:allUsers, specialGroup:allAuthenticatedUsers or connection:.`,
      );
    const member = special ?? normalMember(grantee);
    if (statement.kind === 'GRANT') requireGrantee(services.identity, member);
    return member;
  });
}

function changeTable(services: Services, statement: Dcl, on: On<'TABLE' | 'VIEW'>): void {
  const ref = { projectId: on.projectId, datasetId: on.datasetId, tableId: on.tableId };
  requireDataset(services, ref.projectId, ref.datasetId);
  const table = services.tables.get(ref);
  if (table === undefined) throw tableNotFound(ref);
  if ((table.kind === 'MATERIALIZED_VIEW' ? 'VIEW' : table.kind) !== on.kind)
    throw new BigQueryError(
      'invalidQuery',
      `${nameOf(ref)} is not allowed for this operation because it is currently a ${table.kind}.`,
      { location: 'query' },
    );
  for (const role of statement.roles) requireGrantableOn('table', services.identity, ref.projectId, role);
  const { bindings } = services.tablePolicies.get(ref);
  const changed = changedBindings(bindings, statement, membersNamed(services, statement));
  if (changed !== undefined) services.tablePolicies.replace(ref, changed, undefined);
}

function changeProject(services: Services, statement: Dcl, { projectId }: On<'PROJECT'>): void {
  const { identity } = services;
  const policy = identity.policies.find(projectId);
  if (policy === undefined) throw new BigQueryError('notFound', `Not found: Project ${projectId}`);
  const changed = changedBindings(policy.bindings, statement, membersNamed(services, statement));
  if (changed === undefined) return;
  requireProjectBindings(identity, projectId, changed);
  identity.policies.replace(projectId, changed, policy.etag);
}

/** Lines without a condition, as GRANT writes them and REVOKE takes them away. Undefined: nothing to change. */
function changedBindings(
  bindings: readonly Binding[],
  { kind, roles }: Dcl,
  members: readonly string[],
): Binding[] | undefined {
  const before = JSON.stringify(bindings);
  let changed = [...bindings];
  for (const role of roles) {
    const index = changed.findIndex((binding) => binding.role === role && binding.condition === undefined);
    const old = changed[index]?.members ?? [];
    const now = kind === 'GRANT' ? [...new Set([...old, ...members])] : old.filter((name) => !members.includes(name));
    if (index < 0) changed.push({ role, members: now });
    else changed[index] = { role, members: now };
  }
  changed = changed.filter((binding) => binding.members.length > 0);
  return JSON.stringify(changed) === before ? undefined : changed;
}

const LEGACY_ROLES: Readonly<Record<string, string>> = {
  'roles/bigquery.dataOwner': 'OWNER',
  'roles/bigquery.dataEditor': 'WRITER',
  'roles/bigquery.dataViewer': 'READER',
};

function changeDataset(services: Services, statement: Dcl, { projectId, datasetId }: On<'SCHEMA'>): void {
  const dataset = requireDataset(services, projectId, datasetId);
  if (dataset.hiddenOwner !== undefined)
    throw invalid(`Dataset ${projectId}:${datasetId} is anonymous and cannot be changed.`);
  for (const role of statement.roles) requireGrantableOn('dataset', services.identity, projectId, role);
  const entries = membersNamed(services, statement).map(entityOf);
  const { access } = dataset.properties;
  let changed = [...access];
  for (const role of statement.roles.map((name) => LEGACY_ROLES[name] ?? name)) {
    for (const entity of entries) {
      const same = (entry: AccessEntry): boolean =>
        entry.condition === undefined &&
        (LEGACY_ROLES[entry.role ?? ''] ?? entry.role) === role &&
        isAbout(entry, entity);
      if (statement.kind === 'REVOKE') changed = changed.filter((entry) => !same(entry));
      else if (!changed.some(same)) changed.push({ role, ...entity });
    }
  }
  if (changed.length === access.length && changed.every((entry, i) => entry === access[i])) return;
  if (!hasOwner(changed)) throw invalid('Cannot remove all owners from a dataset.');
  services.datasets.replace(projectId, datasetId, { ...dataset.properties, access: changed });
}

type Entity = Pick<AccessEntry, 'userByEmail' | 'groupByEmail' | 'domain' | 'specialGroup' | 'iamMember'>;

/** The entity of `Dataset.access[]` that stands for an IAM member. */
function entityOf(member: string): Entity {
  if (member === 'allAuthenticatedUsers') return { specialGroup: member };
  if (member === 'allUsers') return { iamMember: member };
  const kind = member.slice(0, member.indexOf(':'));
  const name = member.slice(kind.length + 1);
  if (kind === 'group') return { groupByEmail: name };
  return kind === 'domain' ? { domain: name } : { userByEmail: name };
}

function isAbout(entry: AccessEntry, entity: Entity): boolean {
  return memberIn(entry) === memberIn(entity);
}

function memberIn({ userByEmail, groupByEmail, domain, specialGroup, iamMember }: Entity): string | undefined {
  if (userByEmail !== undefined)
    return normalMember(`${isServiceAccountEmail(userByEmail) ? 'serviceAccount' : 'user'}:${userByEmail}`);
  if (groupByEmail !== undefined) return normalMember(`group:${groupByEmail}`);
  if (domain !== undefined) return normalMember(`domain:${domain}`);
  return specialGroup ?? (iamMember === undefined ? undefined : normalMember(iamMember));
}

function invalid(message: string): BigQueryError {
  return new BigQueryError('invalid', message);
}

// The one decision function: (principal, permission, resource) → allowed by which grant,
// or denied. Grants are inherited project → dataset → table and only ever add up. It
// reads through PolicyReader, does no I/O of its own and throws nothing.
import { compileAccess, compilePolicy } from './compiled-policy.ts';
import type { CompiledPolicy } from './compiled-policy.ts';
import type { AccessControl, Decision, Grant, Permission, Principal, Resource } from './decision.ts';
import { membersOf } from './members.ts';
import { writes } from './permissions.ts';
import type { PolicyReader } from './policy.ts';
import { predefinedPermissions } from './roles.ts';

/** Hears of every decision, for audit logs and tests of coverage. Must not throw. */
export type DecisionSink = (
  principal: Principal,
  permission: Permission,
  resource: Resource,
  decision: Decision,
) => void;

const DENIED: Decision = { allowed: false };

/** What the creator of a job may do with it without any role ("Managing jobs"). */
const JOB_OWNER_PERMISSIONS: ReadonlySet<string> = new Set(['bigquery.jobs.get', 'bigquery.jobs.update']);

export function createAccessControl(
  reader: PolicyReader,
  options: { readonly sink?: DecisionSink } = {},
): AccessControl {
  const { sink } = options;
  return {
    decide(principal, permission, resource) {
      const grant = findGrant(reader, principal, permission, resource);
      const decision: Decision = grant === undefined ? DENIED : { allowed: true, by: grant };
      sink?.(principal, permission, resource, decision);
      return decision;
    },
  };
}

function findGrant(
  reader: PolicyReader,
  principal: Principal,
  permission: Permission,
  resource: Resource,
): Grant | undefined {
  if (principal.readOnly === true && writes(permission)) return undefined;
  const implicit = implicitGrant(reader, principal, permission, resource);
  if (implicit !== undefined) return implicit;

  const members = membersOf(principal, reader.groupsOf?.(principal.email) ?? []);
  const project: Resource = { kind: 'project', projectId: resource.projectId };
  if (resource.kind !== 'dataset' && resource.kind !== 'table')
    return grantOnProject(reader, members, permission, project);

  const { projectId, datasetId } = resource;
  const dataset = reader.datasetAccess(projectId, datasetId);
  if (dataset !== undefined) {
    const on: Resource = { kind: 'dataset', projectId, datasetId };
    const grant = search(reader, compileAccess(dataset.access, projectId), members, permission, on);
    if (grant !== undefined || dataset.anonymous === true) return grant;
  }
  if (resource.kind === 'table') {
    const policy = reader.tablePolicy?.(projectId, datasetId, resource.tableId);
    const grant =
      policy === undefined ? undefined : search(reader, compilePolicy(policy), members, permission, resource);
    if (grant !== undefined) return grant;
  }
  return grantOnProject(reader, members, permission, project);
}

function grantOnProject(
  reader: PolicyReader,
  members: readonly string[],
  permission: Permission,
  on: Resource,
): Grant | undefined {
  const policy = reader.projectPolicy(on.projectId);
  return policy === undefined ? undefined : search(reader, compilePolicy(policy), members, permission, on);
}

function search(
  reader: PolicyReader,
  policy: CompiledPolicy,
  members: readonly string[],
  permission: Permission,
  on: Resource,
): Grant | undefined {
  for (const member of members) {
    for (const grant of policy.byMember.get(member) ?? []) {
      if (contains(reader, grant.role, permission)) return { role: grant.role, member: grant.member, on };
    }
  }
  for (const grant of policy.byBasicRole) {
    if (contains(reader, grant.role, permission) && holds(reader, members, grant.basicRole, grant.projectId)) {
      return { role: grant.role, member: grant.member, on };
    }
  }
  return undefined;
}

function contains(reader: PolicyReader, role: string, permission: Permission): boolean {
  return (predefinedPermissions(role) ?? reader.customRole(role))?.has(permission) === true;
}

/** Whether one of the members was given this very role on the project. */
function holds(reader: PolicyReader, members: readonly string[], role: string, projectId: string): boolean {
  const policy = reader.projectPolicy(projectId);
  if (policy === undefined) return false;
  const { byMember } = compilePolicy(policy);
  return members.some((member) => byMember.get(member)?.some((grant) => grant.role === role) === true);
}

function implicitGrant(
  reader: PolicyReader,
  principal: Principal,
  permission: Permission,
  resource: Resource,
): Grant | undefined {
  const member = `${principal.kind}:${principal.email.toLowerCase()}`;
  if (
    resource.kind === 'job' &&
    JOB_OWNER_PERMISSIONS.has(permission) &&
    resource.owner.toLowerCase() === principal.email.toLowerCase()
  ) {
    return { role: 'creator of the job', member, on: resource };
  }
  // Without an organization any user, but no service account, may create a project of a free id.
  if (
    permission === 'resourcemanager.projects.create' &&
    resource.kind === 'project' &&
    principal.kind === 'user' &&
    reader.projectPolicy(resource.projectId) === undefined
  ) {
    return { role: 'creator of a project', member, on: resource };
  }
  return undefined;
}

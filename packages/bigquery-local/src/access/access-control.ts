// The one decision function: (principal, permission, resource) → allowed by which grant,
// or denied. Grants are inherited project → dataset → table or routine, project → bucket and project →
// service account, and only ever add up. It reads through PolicyReader, does no I/O of its
// own and throws nothing.
import { compileAccess, compilePolicy } from './compiled-policy.ts';
import type { CompiledGrant, CompiledPolicy } from './compiled-policy.ts';
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

/** What is left of a project that is marked for deletion. */
const PERMISSIONS_OF_DELETED_PROJECT: ReadonlySet<string> = new Set([
  'resourcemanager.projects.get',
  'resourcemanager.projects.list',
  'resourcemanager.projects.getIamPolicy',
  'resourcemanager.projects.undelete',
]);

/** What the creator of a job may do with it without any role ("Managing jobs"). */
const JOB_OWNER_PERMISSIONS: ReadonlySet<string> = new Set(['bigquery.jobs.get', 'bigquery.jobs.update']);

export function createAccessControl(
  reader: PolicyReader,
  options: {
    readonly sink?: DecisionSink;
    /** Milliseconds since 1970, for conditions. Default: this machine's clock. */
    readonly clock?: () => number;
  } = {},
): AccessControl {
  const { sink, clock = Date.now } = options;
  return {
    decide(principal, permission, resource) {
      reader.refresh?.();
      const grant = findGrant({ reader, clock }, principal, permission, resource);
      const decision: Decision = grant === undefined ? DENIED : { allowed: true, by: grant };
      sink?.(principal, permission, resource, decision);
      return decision;
    },
  };
}

type Inputs = { readonly reader: PolicyReader; readonly clock: () => number };

function findGrant(
  inputs: Inputs,
  principal: Principal,
  permission: Permission,
  resource: Resource,
): Grant | undefined {
  const { reader } = inputs;
  if (principal.readOnly === true && writes(permission)) return undefined;
  if (resource.kind === 'directory') return directoryGrant(reader, principal, resource);
  if (reader.isProjectDeleted?.(resource.projectId) === true && !PERMISSIONS_OF_DELETED_PROJECT.has(permission))
    return undefined;
  const implicit = implicitGrant(reader, principal, permission, resource);
  if (implicit !== undefined) return implicit;

  const members = membersOf(principal, reader.groupsOf?.(principal.email) ?? []);
  const project: Resource = { kind: 'project', projectId: resource.projectId };
  if (resource.kind === 'bucket') {
    const policy = reader.bucketPolicy?.(resource.bucket);
    const on: Resource = { kind: 'bucket', projectId: resource.projectId, bucket: resource.bucket };
    const grant = policy === undefined ? undefined : search(inputs, compilePolicy(policy), members, permission, on);
    return grant ?? grantOnProject(inputs, members, permission, project);
  }
  if (resource.kind === 'serviceAccount') {
    const policy = reader.serviceAccountPolicy?.(resource.email);
    const grant =
      policy === undefined ? undefined : search(inputs, compilePolicy(policy), members, permission, resource);
    if (grant !== undefined) return grant;
  }
  if (resource.kind !== 'dataset' && resource.kind !== 'table' && resource.kind !== 'routine')
    return grantOnProject(inputs, members, permission, project);

  const { projectId, datasetId } = resource;
  const dataset = reader.datasetAccess(projectId, datasetId);
  if (dataset !== undefined) {
    const on: Resource = { kind: 'dataset', projectId, datasetId };
    const grant = search(inputs, compileAccess(dataset.access, projectId), members, permission, on);
    if (grant !== undefined || dataset.anonymous === true) return grant;
  }
  if (resource.kind !== 'dataset') {
    const policy =
      resource.kind === 'table'
        ? reader.tablePolicy?.(projectId, datasetId, resource.tableId)
        : reader.routinePolicy?.(projectId, datasetId, resource.routineId);
    const grant =
      policy === undefined ? undefined : search(inputs, compilePolicy(policy), members, permission, resource);
    if (grant !== undefined) return grant;
  }
  return grantOnProject(inputs, members, permission, project);
}

function grantOnProject(
  inputs: Inputs,
  members: readonly string[],
  permission: Permission,
  on: Resource,
): Grant | undefined {
  const policy = inputs.reader.projectPolicy(on.projectId);
  return policy === undefined ? undefined : search(inputs, compilePolicy(policy), members, permission, on);
}

function search(
  inputs: Inputs,
  policy: CompiledPolicy,
  members: readonly string[],
  permission: Permission,
  on: Resource,
): Grant | undefined {
  for (const member of members) {
    for (const grant of policy.byMember.get(member) ?? []) {
      if (contains(inputs.reader, grant.role, permission) && isInForce(inputs, grant))
        return { role: grant.role, member: grant.member, on };
    }
  }
  for (const grant of policy.byBasicRole) {
    if (
      contains(inputs.reader, grant.role, permission) &&
      isInForce(inputs, grant) &&
      holds(inputs, members, grant.basicRole, grant.projectId)
    ) {
      return { role: grant.role, member: grant.member, on };
    }
  }
  return undefined;
}

function contains(reader: PolicyReader, role: string, permission: Permission): boolean {
  return (predefinedPermissions(role) ?? reader.customRole(role))?.has(permission) === true;
}

function isInForce({ clock }: Inputs, { holdsAt }: CompiledGrant): boolean {
  return holdsAt === undefined || holdsAt(clock());
}

/** Whether one of the members was given this very role on the project. */
function holds(inputs: Inputs, members: readonly string[], role: string, projectId: string): boolean {
  const policy = inputs.reader.projectPolicy(projectId);
  if (policy === undefined) return false;
  const { byMember } = compilePolicy(policy);
  return members.some(
    (member) => byMember.get(member)?.some((grant) => grant.role === role && isInForce(inputs, grant)) === true,
  );
}

/** The directory has no policy: its administrators may do everything with it, nobody else anything. */
function directoryGrant(reader: PolicyReader, principal: Principal, on: Resource): Grant | undefined {
  return principal.kind === 'user' && reader.isDirectoryAdmin?.(principal.email) === true
    ? { role: 'administrator of the directory', member: `user:${principal.email.toLowerCase()}`, on }
    : undefined;
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

// What a project's IAM policy may hold (Resource Manager's setIamPolicy): known roles that
// can be granted on a project, members that exist, no conditions, and always an owner.
// NOTE Unlike Google outside an organization, a second user can be made owner directly:
// there is no mail with which to invite.
import { normalMember, isServiceAccountEmail } from '../../access/members.ts';
import type { Binding } from '../../access/policy.ts';
import { PREDEFINED_ROLES } from '../../access/roles.ts';
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';

const OWNER = 'roles/owner';
/** Google's limit of members in one policy. */
const MAX_MEMBERS = 1500;

/** The bindings of the policy that was sent, checked and in one spelling. Throws 400 with Google's texts. */
export function checkedBindings(
  identity: Identity,
  projectId: string,
  policy: Readonly<Record<string, unknown>>,
): Binding[] {
  requireSupported(policy);
  const before = new Set(identity.policies.find(projectId)?.bindings.flatMap(({ members }) => members));
  const merged = new Map<string, Set<string>>();
  let count = 0;
  for (const { role, members } of sentBindings(policy['bindings'])) {
    requireGrantable(identity, projectId, role);
    const known = merged.get(role) ?? new Set();
    merged.set(role, known);
    for (const sent of members) {
      const member = normalMember(sent);
      requireMember(identity, member, role, before);
      known.add(member);
      if (++count > MAX_MEMBERS)
        throw invalid(`The number of members in the policy is larger than the maximum allowed size ${MAX_MEMBERS}.`);
    }
  }
  const owners = [...(merged.get(OWNER) ?? [])].filter((member) => !member.startsWith('deleted:'));
  if (owners.length === 0) {
    throw new BigQueryError('badRequest', `The project must keep at least one member with the role ${OWNER}.`, {
      details: [
        {
          '@type': 'type.googleapis.com/google.cloudresourcemanager.projects.v1beta1.ProjectIamPolicyError',
          type: 'SOLO_REQUIRE_TOS_ACCEPTOR',
          role: OWNER,
        },
      ],
    });
  }
  return [...merged]
    .filter(([, members]) => members.size > 0)
    .map(([role, members]) => ({ role, members: [...members] }));
}

function requireSupported(policy: Readonly<Record<string, unknown>>): void {
  const { version } = policy;
  if (version !== undefined && version !== 0 && version !== 1 && version !== 3) {
    throw invalid(`Invalid policy version: ${JSON.stringify(version)}. The only valid versions are 0, 1 and 3.`);
  }
  if (Array.isArray(policy['auditConfigs']) && policy['auditConfigs'].length > 0) {
    throw invalid('Audit configurations of IAM policies are not supported by the local BigQuery.');
  }
}

function sentBindings(value: unknown): Binding[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(`Invalid value at 'policy.bindings' (a list of bindings).`);
  return value.map((item: unknown, index) => {
    const binding = (typeof item === 'object' && item !== null ? item : {}) as Record<string, unknown>;
    const { role, members = [], condition } = binding;
    if (typeof role !== 'string' || role === '')
      throw invalid(`Role name must be specified in policy.bindings[${index}].`);
    if (condition !== undefined && condition !== null) {
      throw invalid(`IAM conditions are not supported by the local BigQuery (the binding of ${role} has one).`);
    }
    if (!Array.isArray(members) || !members.every((member) => typeof member === 'string')) {
      throw invalid(`Invalid value at 'policy.bindings[${index}].members' (a list of strings).`);
    }
    return { role, members };
  });
}

function requireGrantable(identity: Identity, projectId: string, role: string): void {
  if (PREDEFINED_ROLES.has(role)) return;
  if (!role.startsWith('projects/') && !role.startsWith('organizations/'))
    throw invalid(`Role ${role} is not supported for this resource.`);
  const custom = role.startsWith(`projects/${projectId}/roles/`) ? identity.customRoles.find(role) : undefined;
  if (custom === undefined) throw invalid(`Role (${role}) does not exist in the resource's hierarchy.`);
}

function requireMember(identity: Identity, member: string, role: string, before: ReadonlySet<string>): void {
  if (member === 'allUsers' || member === 'allAuthenticatedUsers') {
    throw invalid(`The member ${member} is not supported in the policy of a project.`);
  }
  const colon = member.indexOf(':');
  const kind = member.slice(0, Math.max(colon, 0));
  const name = member.slice(colon + 1);
  switch (kind) {
    case 'user':
      if (isServiceAccountEmail(name)) {
        throw invalid(
          `Principal ${name} is of type "serviceAccount". The principal should appear as "serviceAccount:${name}". See https://cloud.google.com/iam/help/members/types for additional documentation.`,
        );
      }
      requireEmail(name);
      return;
    case 'serviceAccount':
      if (identity.serviceAccounts.find(name)?.email !== name) throw invalid(`Service account ${name} does not exist.`);
      return;
    case 'group':
    case 'domain':
      if (role === OWNER)
        throw invalid(`The role ${OWNER} can be granted only to users and service accounts, not to ${member}.`);
      if (kind === 'group') requireEmail(name);
      else if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(name)) throw invalid(`Domain ${name} is not valid.`);
      return;
    case 'deleted':
      // Only what the policy already had may stay.
      if (before.has(member)) return;
      break;
    default:
  }
  throw invalid(`The member ${member} is of an unknown type. Please set a valid type prefix for the member.`);
}

function requireEmail(email: string): void {
  if (!/^[^\s@:/]+@[^\s@:/]+$/.test(email)) throw invalid(`Email address ${email} is not valid.`);
}

function invalid(message: string): BigQueryError {
  return new BigQueryError('badRequest', message);
}

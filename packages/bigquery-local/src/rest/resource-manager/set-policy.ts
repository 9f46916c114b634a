// What a project's IAM policy may hold (Resource Manager's setIamPolicy): known roles that
// can be granted on a project, members that exist, and always an owner.
// NOTE Unlike Google outside an organization, a second user can be made owner directly:
// there is no mail with which to invite.
import type { Binding } from '../../access/policy.ts';
import { isBucketOnlyRole, PREDEFINED_ROLES } from '../../access/roles.ts';
import type { Identity } from '../../auth/identity.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import { requireMember } from '../iam/members.ts';

const OWNER = 'roles/owner';

/** Throws 400 with Google's texts. */
export function requireProjectBindings(identity: Identity, projectId: string, bindings: readonly Binding[]): void {
  const before = new Set(identity.policies.find(projectId)?.bindings.flatMap(({ members }) => members));
  for (const { role, members } of bindings) {
    requireGrantable(identity, projectId, role);
    for (const member of members) requireProjectMember(identity, member, role, before);
  }
  const owners = bindings
    .filter(({ role }) => role === OWNER)
    .flatMap(({ members }) => members.filter((member) => !member.startsWith('deleted:')));
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
}

/** Throws 400 for a role that does not exist, or of another project. */
export function requireGrantable(identity: Identity, projectId: string, role: string): void {
  if (PREDEFINED_ROLES.has(role) && !isBucketOnlyRole(role)) return;
  if (!role.startsWith('projects/') && !role.startsWith('organizations/'))
    throw invalid(`Role ${role} is not supported for this resource.`);
  const custom = role.startsWith(`projects/${projectId}/roles/`) ? identity.customRoles.find(role) : undefined;
  if (custom === undefined) throw invalid(`Role (${role}) does not exist in the resource's hierarchy.`);
}

function requireProjectMember(identity: Identity, member: string, role: string, before: ReadonlySet<string>): void {
  if (member === 'allUsers' || member === 'allAuthenticatedUsers')
    throw invalid(`The member ${member} is not supported in the policy of a project.`);
  if (role === OWNER && /^(?:group|domain):/.test(member))
    throw invalid(`The role ${OWNER} can be granted only to users and service accounts, not to ${member}.`);
  requireMember(identity, member, before);
}

function invalid(message: string): BigQueryError {
  return new BigQueryError('badRequest', message);
}

// What the policy of a table or view may hold: roles that can be granted on a table, members
// that exist, conditions that are enforced. Used by setIamPolicy, GRANT and row access policies.
import { compileCondition } from '../access/condition.ts';
import { isServiceAccountEmail, normalMember } from '../access/members.ts';
import type { Binding, Condition } from '../access/policy.ts';
import { predefinedPermissions } from '../access/roles.ts';
import type { Identity } from '../auth/identity.ts';
import { BigQueryError } from '../bigquery-error.ts';

/** Google's limit of members in one policy. */
const MAX_MEMBERS = 1500;

/** Permissions on a table's name but of its dataset: a role with these alone says nothing about a table. */
const OF_THE_DATASET: ReadonlySet<string> = new Set(['bigquery.tables.list', 'bigquery.tables.create']);

/** Undefined for a role that can be granted on a table of the project; otherwise IAM's text. */
export function roleProblem(identity: Identity, projectId: string, role: string): string | undefined {
  if (role.startsWith('projects/') || role.startsWith('organizations/')) {
    const known = role.startsWith(`projects/${projectId}/roles/`) && identity.customRoles.find(role) !== undefined;
    return known ? undefined : `Role (${role}) does not exist in the resource's hierarchy.`;
  }
  const suits =
    role.startsWith('roles/bigquery.') &&
    [...(predefinedPermissions(role) ?? [])].some(
      (name) => /^bigquery\.(tables|rowAccessPolicies)\./.test(name) && !OF_THE_DATASET.has(name),
    );
  return suits ? undefined : `Role ${role} is not supported for this resource.`;
}

/** Undefined for a member that exists, as far as this server can know; otherwise IAM's text. */
export function memberProblem(identity: Identity, member: string): string | undefined {
  if (member === 'allUsers' || member === 'allAuthenticatedUsers') return undefined;
  const colon = member.indexOf(':');
  const kind = member.slice(0, Math.max(colon, 0));
  const name = member.slice(colon + 1);
  switch (kind) {
    case 'user':
      if (isServiceAccountEmail(name))
        return `Principal ${name} is of type "serviceAccount". The principal should appear as "serviceAccount:${name}". See https://cloud.google.com/iam/help/members/types for additional documentation.`;
      return isEmail(name) ? undefined : `Email address ${name} is not valid.`;
    case 'serviceAccount':
      return serviceAccountExists(identity, name) ? undefined : `Service account ${name} does not exist.`;
    case 'group':
      return isEmail(name) ? undefined : `Email address ${name} is not valid.`;
    case 'domain':
      return /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(name) ? undefined : `Domain ${name} is not valid.`;
    case 'projectViewer':
    case 'projectEditor':
    case 'projectOwner':
      return identity.projects.find(name) === undefined ? `Project ${name} does not exist.` : undefined;
    default:
      return `The member ${member} is of an unknown type. Please set a valid type prefix for the member.`;
  }
}

function isEmail(name: string): boolean {
  return /^[^\s@:/]+@[^\s@:/]+$/.test(name);
}

/** Accounts of projects that are not here are taken to exist: this server cannot know. */
function serviceAccountExists(identity: Identity, email: string): boolean {
  const projectId = /@([a-z0-9-]+)\.iam\.gserviceaccount\.com$/i.exec(email)?.[1]?.toLowerCase();
  if (projectId === undefined) return isServiceAccountEmail(email) && isEmail(email);
  if (identity.projects.find(projectId) === undefined) return true;
  return identity.serviceAccounts.find(email.toLowerCase()) !== undefined;
}

/**
 * The bindings of a policy that was sent for a table of the project, checked, in one spelling
 * and one line per role and condition. `before` are the members that the policy has now: of
 * deleted accounts only those may stay. Throws 400 with IAM's texts.
 */
export function checkedTableBindings(
  identity: Identity,
  projectId: string,
  policy: Readonly<Record<string, unknown>>,
  before: ReadonlySet<string>,
): Binding[] {
  const { version } = policy;
  if (version !== undefined && version !== null && version !== 0 && version !== 1 && version !== 3)
    throw invalid(`Invalid policy version: ${JSON.stringify(version)}. The only valid versions are 0, 1 and 3.`);
  if (Array.isArray(policy['auditConfigs']) && policy['auditConfigs'].length > 0)
    throw invalid('Audit configurations of IAM policies are not supported by the local BigQuery.');
  const merged = new Map<string, { role: string; members: Set<string>; condition: Condition | undefined }>();
  let count = 0;
  for (const { role, members, condition } of sentBindings(policy['bindings'])) {
    const wrongRole = roleProblem(identity, projectId, role);
    if (wrongRole !== undefined) throw invalid(wrongRole);
    if (condition !== undefined && version !== 3)
      throw invalid('A policy with a condition must have version 3: set requestedPolicyVersion and version to 3.');
    const key = JSON.stringify([role, condition]);
    const line = merged.get(key) ?? { role, members: new Set<string>(), condition };
    merged.set(key, line);
    for (const sent of members) {
      const member = normalMember(sent);
      const problem = before.has(member) && member.startsWith('deleted:') ? undefined : memberProblem(identity, member);
      if (problem !== undefined) throw invalid(problem);
      line.members.add(member);
      if (++count > MAX_MEMBERS)
        throw invalid(`The number of members in the policy is larger than the maximum allowed size ${MAX_MEMBERS}.`);
    }
  }
  return [...merged.values()].map(({ role, members, condition }) => ({
    role,
    members: [...members],
    ...(condition === undefined ? {} : { condition }),
  }));
}

function sentBindings(value: unknown): Binding[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(`Invalid value at 'policy.bindings' (a list of bindings).`);
  return value.map((item: unknown, index) => {
    const binding = (typeof item === 'object' && item !== null ? item : {}) as Record<string, unknown>;
    const { role, members } = binding;
    if (typeof role !== 'string' || role === '')
      throw invalid(`Role name must be specified in policy.bindings[${index}].`);
    if (!Array.isArray(members) || members.length === 0 || !members.every((member) => typeof member === 'string'))
      throw invalid(`Invalid value at 'policy.bindings[${index}].members': a binding must have at least one member.`);
    const condition = sentCondition(binding['condition'], role);
    return { role, members, ...(condition === undefined ? {} : { condition }) };
  });
}

function sentCondition(value: unknown, role: string): Condition | undefined {
  if (value === undefined || value === null) return undefined;
  const { expression, title, description } = value as Record<string, unknown>;
  if (typeof expression !== 'string') throw invalid(`The condition of the binding of ${role} has no expression.`);
  const compiled = compileCondition(expression);
  if (compiled.kind === 'unsupported')
    throw invalid(
      `The condition of the binding of ${role} is not supported by the local BigQuery: ${compiled.message}.`,
    );
  return {
    expression,
    ...(typeof title === 'string' ? { title } : {}),
    ...(typeof description === 'string' ? { description } : {}),
  };
}

function invalid(message: string): BigQueryError {
  return new BigQueryError('invalid', message);
}

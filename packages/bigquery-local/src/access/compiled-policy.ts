// A policy as a map from member to roles, made once per policy object. A line about the
// holders of a project's basic role (`projectEditor:P`) is kept apart: who they are is
// decided by that project's policy at the time of the question.
import { compileCondition } from './condition.ts';
import type { HoldsAt } from './condition.ts';
import { isServiceAccountEmail, normalMember } from './members.ts';
import type { AccessEntry, Condition, Policy } from './policy.ts';
import { iamRoleName } from './roles.ts';

export type CompiledGrant = {
  readonly role: string;
  readonly member: string;
  /** Undefined: always. */
  readonly holdsAt: HoldsAt | undefined;
};

type BasicRoleGrant = CompiledGrant & {
  /** The project whose holders of `basicRole` are meant. */
  readonly projectId: string;
  readonly basicRole: string;
};

export type CompiledPolicy = {
  readonly byMember: ReadonlyMap<string, readonly CompiledGrant[]>;
  readonly byBasicRole: readonly BasicRoleGrant[];
};

const BASIC_ROLES: ReadonlyMap<string, string> = new Map([
  ['projectViewer', 'roles/viewer'],
  ['projectEditor', 'roles/editor'],
  ['projectOwner', 'roles/owner'],
]);

const SPECIAL_GROUPS: ReadonlyMap<string, string> = new Map([
  ['projectReaders', 'projectViewer'],
  ['projectWriters', 'projectEditor'],
  ['projectOwners', 'projectOwner'],
]);

const compiledPolicies = new WeakMap<Policy, CompiledPolicy>();
const compiledAccess = new WeakMap<readonly AccessEntry[], CompiledPolicy>();

export function compilePolicy(policy: Policy): CompiledPolicy {
  let compiled = compiledPolicies.get(policy);
  if (compiled === undefined) {
    compiled = compile(
      policy.bindings.flatMap(({ role, members, condition }) => {
        const holdsAt = holdsWhen(condition);
        return members.map((member) => ({ role, member, holdsAt }));
      }),
    );
    compiledPolicies.set(policy, compiled);
  }
  return compiled;
}

/** `projectId` is the dataset's own project: its special groups are that project's. */
export function compileAccess(access: readonly AccessEntry[], projectId: string): CompiledPolicy {
  let compiled = compiledAccess.get(access);
  if (compiled === undefined) {
    compiled = compile(access.flatMap((entry) => grantOf(entry, projectId) ?? []));
    compiledAccess.set(access, compiled);
  }
  return compiled;
}

function compile(grants: readonly CompiledGrant[]): CompiledPolicy {
  const byMember = new Map<string, CompiledGrant[]>();
  const byBasicRole: BasicRoleGrant[] = [];
  for (const grant of grants) {
    const member = normalMember(grant.member);
    const [kind, projectId] = member.split(':', 2) as [string, string | undefined];
    const basicRole = BASIC_ROLES.get(kind);
    if (basicRole !== undefined && projectId !== undefined) {
      byBasicRole.push({ ...grant, member, projectId, basicRole });
      continue;
    }
    const known = byMember.get(member);
    if (known === undefined) byMember.set(member, [{ ...grant, member }]);
    else known.push({ ...grant, member });
  }
  return { byMember, byBasicRole };
}

function grantOf(entry: AccessEntry, projectId: string): CompiledGrant | undefined {
  if (entry.role === undefined || entry.role === '') return undefined;
  const member = memberOfEntry(entry, projectId);
  return member === undefined
    ? undefined
    : { role: iamRoleName(entry.role), member, holdsAt: holdsWhen(entry.condition) };
}

/** A condition that cannot be understood never holds: it was refused when it was written. */
function holdsWhen(condition: Condition | undefined): HoldsAt | undefined {
  if (condition === undefined) return undefined;
  const compiled = compileCondition(condition.expression);
  return compiled.kind === 'condition' ? compiled.holdsAt : () => false;
}

/** The IAM member that an access entry stands for; undefined for views, routines and datasets. */
export function memberOfEntry(entry: AccessEntry, projectId: string): string | undefined {
  if (entry.userByEmail !== undefined) {
    return `${isServiceAccountEmail(entry.userByEmail) ? 'serviceAccount' : 'user'}:${entry.userByEmail.toLowerCase()}`;
  }
  if (entry.groupByEmail !== undefined) return `group:${entry.groupByEmail.toLowerCase()}`;
  if (entry.domain !== undefined) return `domain:${entry.domain.toLowerCase()}`;
  if (entry.iamMember !== undefined) return entry.iamMember;
  if (entry.specialGroup === undefined) return undefined;
  const basic = SPECIAL_GROUPS.get(entry.specialGroup);
  return basic === undefined ? entry.specialGroup : `${basic}:${projectId}`;
}

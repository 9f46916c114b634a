// IAM policies as clients send and get them (google.iam.v1.Policy): versions, etags,
// bindings with and without conditions. The same for projects and service accounts.
import { createHash } from 'node:crypto';
import type { Resource } from '../../access/decision.ts';
import { compileCondition } from '../../access/condition.ts';
import { normalMember } from '../../access/members.ts';
import type { Binding, Condition } from '../../access/policy.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { StoredPolicy } from '../../catalog/policies.ts';
import type { RequestContext } from '../route.ts';
import { objectField, optionalText, optionalTexts, updateMask } from './body.ts';

/** Google's limits of one test and of one policy. */
const MAX_TESTED = 100;
const MAX_MEMBERS = 1500;
const CONDITION_FIELDS = ['expression', 'title', 'description', 'location'] as const;
/** "Conditions and basic roles": a conditional grant needs a predefined or a custom role. */
const BASIC_ROLES: ReadonlySet<string> = new Set(['roles/viewer', 'roles/editor', 'roles/owner', 'roles/browser']);

export type SentPolicy = {
  /** Members in one spelling, one binding for each role and condition, none of them empty. */
  readonly bindings: readonly Binding[];
  readonly etag: string | undefined;
};

/** The answer of getIamPolicy, in the version that was asked for. */
export function askedPolicy(context: RequestContext, policy: StoredPolicy): Record<string, unknown> {
  const inQuery = context.query['options.requestedPolicyVersion'];
  const asked: unknown =
    inQuery === undefined ? objectField(context.body, 'options')['requestedPolicyVersion'] : Number(inQuery);
  if (asked !== undefined && asked !== 0 && asked !== 1 && asked !== 3)
    throw invalid(`Invalid requestedPolicyVersion: ${JSON.stringify(asked)}.`);
  return policyResource(policy, asked === 3 ? 3 : 1);
}

/** Below version 3, a binding with a condition comes back under another role's name and without it. */
export function policyResource(policy: StoredPolicy, maxVersion: 1 | 3): Record<string, unknown> {
  const conditional = policy.bindings.some(({ condition }) => condition !== undefined);
  const bindings =
    conditional && maxVersion < 3
      ? policy.bindings.map(({ role, members, condition }) => ({ role: roleWithCondition(role, condition), members }))
      : policy.bindings;
  return {
    version: conditional ? maxVersion : 1,
    etag: policy.etag,
    ...(bindings.length === 0 ? {} : { bindings }),
  };
}

/** `roles/bigquery.user_withcond_0123…`: how readers that know no conditions see the role. */
export function roleWithCondition(role: string, condition: Condition | undefined): string {
  if (condition === undefined) return role;
  const hash = createHash('sha256').update(JSON.stringify(condition)).digest('hex').slice(0, 20);
  return `${role}_withcond_${hash}`;
}

/** The policy in a setIamPolicy request that shall replace `current`. Throws 400 with Google's texts. */
export function sentPolicy(context: RequestContext, current: StoredPolicy): SentPolicy {
  updateMask(context.body['updateMask'], ['bindings', 'etag', 'version']);
  return parsePolicy(objectField(context.body, 'policy'), current);
}

export function parsePolicy(policy: Readonly<Record<string, unknown>>, current: StoredPolicy): SentPolicy {
  const { version } = policy;
  if (version !== undefined && version !== null && version !== 0 && version !== 1 && version !== 3)
    throw invalid(`Invalid policy version: ${JSON.stringify(version)}. The only valid versions are 0, 1 and 3.`);
  if (Array.isArray(policy['auditConfigs']) && policy['auditConfigs'].length > 0)
    throw invalid('Audit configurations of IAM policies are not supported by the local BigQuery.');
  const text = optionalText(policy, 'etag');
  const etag = text === '' ? undefined : text;
  const bindings = sentBindings(policy['bindings']);
  const conditional = (all: readonly Binding[]) => all.some(({ condition }) => condition !== undefined);
  // Without an etag a writer that knows no conditions may overwrite them; with one it is protected.
  if (version !== 3 && (conditional(bindings) || (etag !== undefined && conditional(current.bindings))))
    throw invalid('A policy with conditional role bindings must be written with version 3.');
  return { bindings, etag };
}

function sentBindings(value: unknown): Binding[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(`Invalid value at 'policy.bindings' (a list of bindings).`);
  const merged = new Map<string, { binding: Binding; members: Set<string> }>();
  let count = 0;
  for (const [index, item] of value.entries()) {
    const sent = (typeof item === 'object' && item !== null ? item : {}) as Record<string, unknown>;
    const { role, members = [] } = sent;
    if (typeof role !== 'string' || role === '')
      throw invalid(`Role name must be specified in policy.bindings[${index}].`);
    if (!Array.isArray(members) || !members.every((member): member is string => typeof member === 'string'))
      throw invalid(`Invalid value at 'policy.bindings[${index}].members' (a list of strings).`);
    count += members.length;
    if (count > MAX_MEMBERS)
      throw invalid(`The number of members in the policy is larger than the maximum allowed size ${MAX_MEMBERS}.`);
    const condition = sentCondition(sent['condition'], `policy.bindings[${index}].condition`);
    if (condition !== undefined && BASIC_ROLES.has(role))
      throw invalid(`Conditions cannot be set on the basic role ${role}.`);
    const key = JSON.stringify([role, condition]);
    const known = merged.get(key) ?? {
      binding: { role, members: [], ...(condition === undefined ? {} : { condition }) },
      members: new Set<string>(),
    };
    merged.set(key, known);
    for (const member of members) known.members.add(normalMember(member));
  }
  return [...merged.values()]
    .filter(({ members }) => members.size > 0)
    .map(({ binding, members }) => ({ ...binding, members: [...members] }));
}

/** A condition that the decision can enforce; undefined when there is none. `place` is for the error text. */
export function sentCondition(value: unknown, place: string): Condition | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalid(`Invalid value at '${place}' (google.type.Expr).`);
  const fields = value as Record<string, unknown>;
  const texts = Object.fromEntries(
    CONDITION_FIELDS.flatMap((name) => {
      const text = optionalText(fields, name, 2000);
      return text === undefined || text === '' ? [] : [[name, text]];
    }),
  );
  const { expression } = texts;
  if (expression === undefined) throw invalid(`The condition at '${place}' has no expression.`);
  const compiled = compileCondition(expression);
  if (compiled.kind === 'unsupported') {
    throw invalid(
      `The condition "${expression.slice(0, 200)}" is not supported by the local BigQuery: it enforces comparisons of request.time with timestamp("…") only, not ${compiled.message}.`,
    );
  }
  return { ...texts, expression };
}

/** testIamPermissions: those of the permissions that the caller has. */
export function testedPermissions(context: RequestContext, resource: Resource): Record<string, unknown> {
  const asked = optionalTexts(context.body, 'permissions', MAX_TESTED) ?? [];
  const wildcard = asked.find((permission) => permission.includes('*'));
  if (wildcard !== undefined) throw invalid(`Permission ${wildcard} is not valid: wildcards are not allowed.`);
  const permissions = asked.filter((permission) => context.may(permission, resource));
  return permissions.length === 0 ? {} : { permissions };
}

function invalid(message: string): BigQueryError {
  return new BigQueryError('badRequest', message);
}

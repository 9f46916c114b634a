// Why somebody may do something, or what is missing: every entry that grants a permission
// on a resource, through which groups, and the smallest roles that would grant it. Reads the
// catalog of a data directory, beside a running server and without one.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { AppError } from '@sluice/core';

import { createAccessControl } from '../access/access-control.ts';
import { compileAccess, compilePolicy, type CompiledGrant, type CompiledPolicy } from '../access/compiled-policy.ts';
import type { Principal, Resource } from '../access/decision.ts';
import { membersOf, principalOf } from '../access/members.ts';
import type { PolicyReader } from '../access/policy.ts';
import { KNOWN_PERMISSIONS, predefinedPermissions } from '../access/roles.ts';
import { createPolicyReader, IDENTITY_MIGRATIONS, openIdentity, type Identity } from '../auth/identity.ts';
import { CATALOG_FILE } from '../auth/data-directory.ts';
import { CatalogDatabase } from '../catalog/database.ts';
import { datasetMigrations, Datasets } from '../catalog/datasets.ts';
import { TABLE_POLICIES_MIGRATION, TablePolicies } from '../catalog/table-policies.ts';
import { tableMigrations, Tables } from '../catalog/tables.ts';
import { smallestRoles, type Suggestion } from './missing-role.ts';
import { parseResourceName, resourceName } from './resource-name.ts';

export type AccessQuestion = {
  readonly dataDir: string;
  /** An e-mail, also as `user:…` or `serviceAccount:…`. */
  readonly principal: string;
  /** `bigquery.tables.getData` */
  readonly permission: string;
  /** `projects/P`, `projects/P/datasets/D[/tables/T]`, `P.D`, `P.D.T`. */
  readonly resource: string;
};

export type GrantingEntry = {
  readonly role: string;
  /** As the entry names it: `group:readers@example.com`, `projectEditor:p`. */
  readonly member: string;
  /** The resource whose policy or access list holds the entry. */
  readonly on: string;
  /** From the principal to the member: groups, or the basic role on the project. Empty when it is named itself. */
  readonly through: readonly string[];
  /** False while the entry's condition does not hold. */
  readonly inForce: boolean;
};

export type AccessExplanation = {
  readonly principal: string;
  readonly permission: string;
  readonly resource: string;
  readonly granted: boolean;
  readonly entries: readonly GrantingEntry[];
  /** What would grant it, on the smallest resource first; empty when it is granted. */
  readonly missing: readonly Suggestion[];
};

/** AppError `invalid`: no such data directory, resource form or permission. */
export function explainAccess(question: AccessQuestion): AccessExplanation {
  const { dataDir, permission } = question;
  if (!existsSync(join(dataDir, CATALOG_FILE)))
    throw refused(
      'DATA_DIRECTORY_MISSING',
      `There is no local BigQuery in ${dataDir}.`,
      'Name the --data-dir of sluice bigquery start.',
    );
  const resource = parseResourceName(question.resource);
  if (resource === undefined)
    throw refused(
      'RESOURCE_NAME',
      `"${question.resource}" is not the name of a resource.`,
      'Write projects/P, projects/P/datasets/D, projects/P/datasets/D/tables/T, P.D or P.D.T.',
    );
  if (!KNOWN_PERMISSIONS.has(permission))
    throw refused(
      'PERMISSION_UNKNOWN',
      `"${permission}" is no permission of this server.`,
      'For example bigquery.tables.getData.',
    );
  const email = question.principal.replace(/^(?:user|serviceAccount):/, '');
  if (!/^[^\s@:]+@[^\s@:]+$/.test(email))
    throw refused(
      'PRINCIPAL',
      `"${question.principal}" is not an e-mail of a user or service account.`,
      'A group is explained by its members.',
    );

  using db = new CatalogDatabase(join(dataDir, CATALOG_FILE), [
    ...IDENTITY_MIGRATIONS,
    ...datasetMigrations,
    ...tableMigrations,
    TABLE_POLICIES_MIGRATION,
  ]);
  const identity = openIdentity(db, dataDir);
  const datasets = new Datasets(db);
  const tablePolicies = new TablePolicies(db, new Tables(db));
  const reader = createPolicyReader(identity, {
    datasetAccess: (projectId, datasetId) => datasets.datasetAccess(projectId, datasetId),
    tablePolicy: (...path) => tablePolicies.find(...path),
  });
  const principal = principalOf(email);
  const decision = createAccessControl(reader).decide(principal, permission, resource);
  return {
    principal: memberName(principal),
    permission,
    resource: resourceName(resource),
    granted: decision.allowed,
    entries: entriesOf({ reader, identity, principal, permission }, resource),
    missing: decision.allowed ? [] : smallestRoles(memberName(principal), permission, resource),
  };
}

type Inputs = {
  readonly reader: PolicyReader;
  readonly identity: Identity;
  readonly principal: Principal;
  readonly permission: string;
};

/** Every entry that grants the permission, nearest policy first. */
function entriesOf(inputs: Inputs, resource: Resource): GrantingEntry[] {
  const { reader } = inputs;
  const { projectId } = resource;
  const project: Resource = { kind: 'project', projectId };
  const entries: GrantingEntry[] = [];
  if (resource.kind === 'table') {
    const policy = reader.tablePolicy?.(projectId, resource.datasetId, resource.tableId);
    if (policy !== undefined) entries.push(...granting(inputs, compilePolicy(policy), resource));
  }
  if (resource.kind === 'table' || resource.kind === 'dataset') {
    const { datasetId } = resource;
    const dataset = reader.datasetAccess(projectId, datasetId);
    if (dataset !== undefined) {
      const on: Resource = { kind: 'dataset', projectId, datasetId };
      entries.push(...granting(inputs, compileAccess(dataset.access, projectId), on));
      // A hidden dataset inherits nothing, and its tables have no policies.
      if (dataset.anonymous === true) return entries;
    }
  }
  const policy = reader.projectPolicy(projectId);
  if (policy !== undefined) entries.push(...granting(inputs, compilePolicy(policy), project));
  return entries;
}

function* granting(inputs: Inputs, policy: CompiledPolicy, on: Resource): Generator<GrantingEntry> {
  const { reader, principal, permission } = inputs;
  const members = membersOf(principal, reader.groupsOf?.(principal.email) ?? []);
  const contains = ({ role }: CompiledGrant): boolean =>
    (predefinedPermissions(role) ?? reader.customRole(role))?.has(permission) === true;
  for (const member of members) {
    for (const grant of policy.byMember.get(member) ?? [])
      if (contains(grant)) yield entryOf(grant, on, pathTo(inputs, member));
  }
  for (const grant of policy.byBasicRole) {
    if (!contains(grant)) continue;
    const holders = reader.projectPolicy(grant.projectId);
    if (holders === undefined) continue;
    const { byMember } = compilePolicy(holders);
    for (const member of members) {
      const held = byMember.get(member)?.find(({ role }) => role === grant.basicRole);
      if (held === undefined) continue;
      const through = [...pathTo(inputs, member), `${grant.basicRole} on projects/${grant.projectId}`];
      const entry = entryOf(grant, on, through);
      yield { ...entry, inForce: entry.inForce && isInForce(held) };
    }
  }
}

function entryOf(grant: CompiledGrant, on: Resource, through: readonly string[]): GrantingEntry {
  return { role: grant.role, member: grant.member, on: resourceName(on), through, inForce: isInForce(grant) };
}

function isInForce({ holdsAt }: CompiledGrant): boolean {
  return holdsAt === undefined || holdsAt(Date.now());
}

/** The groups between the principal and the group that the entry names, the principal's own first. */
function pathTo({ identity, principal, reader }: Inputs, member: string): string[] {
  if (!member.startsWith('group:')) return [];
  const inside = new Set(reader.groupsOf?.(principal.email) ?? []);
  const walk = (email: string, seen: readonly string[]): string[] | undefined => {
    const group = identity.groups.find(email);
    if (group === undefined) return undefined;
    const direct = identity.groups.members(group);
    if (direct.some((one) => one.email === principal.email)) return [`group:${email}`];
    for (const one of direct) {
      if (!inside.has(one.email) || seen.includes(one.email)) continue;
      const path = walk(one.email, [...seen, one.email]);
      if (path !== undefined) return [...path, `group:${email}`];
    }
    return undefined;
  };
  const email = member.slice('group:'.length);
  return walk(email, [email]) ?? [];
}

function memberName({ kind, email }: Principal): string {
  return `${kind}:${email}`;
}

function refused(code: string, message: string, fix: string): AppError {
  return new AppError(message, { code, kind: 'invalid', fix });
}

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
import { bucketMigrations, Buckets } from '../catalog/buckets.ts';
import { datasetMigrations, Datasets } from '../catalog/datasets.ts';
import { RoutinePolicies, ROUTINE_POLICIES_MIGRATION } from '../catalog/routine-policies.ts';
import { Routines, ROUTINES_MIGRATION } from '../catalog/routines.ts';
import { ROW_ACCESS_POLICIES_MIGRATION, RowAccessPolicies } from '../catalog/row-access-policies.ts';
import { TABLE_POLICIES_MIGRATION, TablePolicies } from '../catalog/table-policies.ts';
import { tableMigrations, Tables } from '../catalog/tables.ts';
import { authorizedOn, explainRows, type RowsExplanation } from './explain-rows.ts';
import { smallestRoles, type Suggestion } from './missing-role.ts';
import { ANY_PROJECT, parseResourceName, resourceName } from './resource-name.ts';

export type AccessQuestion = {
  readonly dataDir: string;
  /** An e-mail, also as `user:…` or `serviceAccount:…`. */
  readonly principal: string;
  /** `bigquery.tables.getData` */
  readonly permission: string;
  /**
   * `projects/P`, `projects/P/datasets/D[/tables/T|/routines/R]`, `P.D`, `P.D.T`, `gs://BUCKET[/OBJECT]`,
   * `projects/P/serviceAccounts/EMAIL`.
   */
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
  /** Of the data of a table that has row access policies: which rows. */
  readonly rows?: RowsExplanation;
  /** Of the data of a table: views, routines and datasets that may read it for whoever may use them. */
  readonly authorized?: readonly string[];
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
  const named = parseResourceName(question.resource);
  if (named === undefined)
    throw refused(
      'RESOURCE_NAME',
      `"${question.resource}" is not the name of a resource.`,
      'Write projects/P, P.D, P.D.T, projects/P/datasets/D/routines/R, gs://BUCKET or projects/P/serviceAccounts/EMAIL.',
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
    ...bucketMigrations,
    TABLE_POLICIES_MIGRATION,
    ROW_ACCESS_POLICIES_MIGRATION,
    ROUTINES_MIGRATION,
    ROUTINE_POLICIES_MIGRATION,
  ]);
  const identity = openIdentity(db, dataDir);
  const datasets = new Datasets(db);
  const tables = new Tables(db);
  const tablePolicies = new TablePolicies(db, tables);
  const routinePolicies = new RoutinePolicies(db, new Routines(db));
  const buckets = new Buckets(db);
  const reader = createPolicyReader(identity, {
    datasetAccess: (projectId, datasetId) => datasets.datasetAccess(projectId, datasetId),
    tablePolicy: (...path) => tablePolicies.find(...path),
    routinePolicy: (...path) => routinePolicies.find(...path),
    bucketPolicy: (bucket) => buckets.find(bucket)?.policy,
  });
  const resource = located(named, permission, identity, buckets);
  const principal = principalOf(email);
  const access = createAccessControl(reader);
  const decision = access.decide(principal, permission, resource);
  const ofData = permission === 'bigquery.tables.getData' && resource.kind === 'table' ? resource : undefined;
  const rows =
    ofData === undefined
      ? undefined
      : explainRows(new RowAccessPolicies(db, tables), access, principal, ofData, reader.groupsOf?.(email) ?? []);
  const authorized = ofData === undefined ? [] : authorizedOn(datasets.get(ofData.projectId, ofData.datasetId));
  return {
    principal: memberName(principal),
    permission,
    resource: resourceName(resource),
    granted: decision.allowed,
    entries: entriesOf({ reader, identity, principal, permission }, resource),
    missing: decision.allowed ? [] : smallestRoles(memberName(principal), permission, resource),
    ...(rows === undefined ? {} : { rows }),
    ...(authorized.length === 0 ? {} : { authorized }),
  };
}

/** The resource with the project that it is of; `P.D.R` is a routine where the permission is about routines. */
function located(named: Resource, permission: string, identity: Identity, buckets: Buckets): Resource {
  if (named.kind === 'table' && /^bigquery\.routines\.(?!create$|list$)/.test(permission)) {
    const { projectId, datasetId, tableId } = named;
    return { kind: 'routine', projectId, datasetId, routineId: tableId };
  }
  if (named.kind === 'bucket') {
    const bucket = buckets.find(named.bucket);
    if (bucket === undefined)
      throw refused('BUCKET_MISSING', `There is no bucket ${named.bucket}.`, 'Name a bucket of this local BigQuery.');
    return { ...named, projectId: bucket.projectId };
  }
  if (named.kind !== 'serviceAccount') return named;
  const account = identity.serviceAccounts.find(named.email);
  if (account === undefined || ![ANY_PROJECT.serviceAccount, account.projectId].includes(named.projectId))
    throw refused(
      'ACCOUNT_MISSING',
      `There is no service account ${named.email} in project ${named.projectId}.`,
      'Name an account by its e-mail, and its project or "-".',
    );
  return { kind: 'serviceAccount', projectId: account.projectId, email: account.email };
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
  if (resource.kind === 'routine') {
    const policy = reader.routinePolicy?.(projectId, resource.datasetId, resource.routineId);
    if (policy !== undefined) entries.push(...granting(inputs, compilePolicy(policy), resource));
  }
  if (resource.kind === 'bucket') {
    const policy = reader.bucketPolicy?.(resource.bucket);
    const on: Resource = { kind: 'bucket', projectId, bucket: resource.bucket };
    if (policy !== undefined) entries.push(...granting(inputs, compilePolicy(policy), on));
  }
  if (resource.kind === 'serviceAccount') {
    const policy = reader.serviceAccountPolicy?.(resource.email);
    if (policy !== undefined) entries.push(...granting(inputs, compilePolicy(policy), resource));
  }
  if (resource.kind === 'table' || resource.kind === 'routine' || resource.kind === 'dataset') {
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

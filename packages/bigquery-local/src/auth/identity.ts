// Everything that the local server knows about who may call: projects with their
// policies, service accounts with their keys, custom roles, the directory of users and
// groups, and the key that signs access tokens. One object, opened once per data directory.
import { isServiceAccountEmail } from '../access/members.ts';
import type { DatasetAccess, Policy, PolicyReader } from '../access/policy.ts';
import { CUSTOM_ROLES_MIGRATION, CustomRoles } from '../catalog/custom-roles.ts';
import type { CatalogDatabase, Migration } from '../catalog/database.ts';
import { Groups, GROUPS_MIGRATION } from '../catalog/groups.ts';
import { Policies, POLICIES_MIGRATION } from '../catalog/policies.ts';
import { Projects, PROJECTS_MIGRATION, PROJECTS_STATE_MIGRATION } from '../catalog/projects.ts';
import { RENAMED_MEMBERS_MIGRATION, RenamedMembers } from '../catalog/renamed-members.ts';
import { SERVICE_ACCOUNT_KEYS_MIGRATION } from '../catalog/service-account-keys.ts';
import { SERVICE_ACCOUNT_POLICIES_MIGRATION, ServiceAccountPolicies } from '../catalog/service-account-policies.ts';
import {
  DELETED_SERVICE_ACCOUNTS_MIGRATION,
  SERVICE_ACCOUNTS_MIGRATION,
  ServiceAccounts,
} from '../catalog/service-accounts.ts';
import { loadSigningKey } from '../catalog/signing-keys.ts';
import { Users, USERS_MIGRATIONS } from '../catalog/users.ts';

/** The tables of the modules below, in the order in which they must be made. */
export const IDENTITY_MIGRATIONS: readonly Migration[] = [
  PROJECTS_MIGRATION,
  POLICIES_MIGRATION,
  SERVICE_ACCOUNTS_MIGRATION,
  CUSTOM_ROLES_MIGRATION,
  ...USERS_MIGRATIONS,
  GROUPS_MIGRATION,
  PROJECTS_STATE_MIGRATION,
  DELETED_SERVICE_ACCOUNTS_MIGRATION,
  SERVICE_ACCOUNT_KEYS_MIGRATION,
  SERVICE_ACCOUNT_POLICIES_MIGRATION,
  RENAMED_MEMBERS_MIGRATION,
];

export type Identity = {
  readonly projects: Projects;
  readonly policies: Policies;
  readonly serviceAccounts: ServiceAccounts;
  readonly serviceAccountPolicies: ServiceAccountPolicies;
  readonly customRoles: CustomRoles;
  readonly users: Users;
  readonly groups: Groups;
  /** HMAC key of access tokens. */
  readonly signingKey: Uint8Array;
  /** Deleted and restored accounts, for policies that are kept elsewhere (dataset access, tables, buckets). */
  readonly renamedMembers: RenamedMembers;
  /** Sees what the command line has changed since. */
  refresh(): void;
};

/** `db` must have been opened with IDENTITY_MIGRATIONS; the signing key is made on first use. */
export function openIdentity(db: CatalogDatabase, dataDir: string): Identity {
  const policies = new Policies(db);
  const serviceAccounts = new ServiceAccounts(db);
  const serviceAccountPolicies = new ServiceAccountPolicies(db);
  const users = new Users(db);
  const groups = new Groups(db);
  const renamedMembers = new RenamedMembers(db);
  const rename = (member: string, newName: string): void => {
    policies.renameMember(member, newName);
    serviceAccountPolicies.renameMember(member, newName);
    renamedMembers.add(member, newName);
  };
  serviceAccounts.onDelete(({ email, uniqueId }) => {
    rename(`serviceAccount:${email}`, `deleted:serviceAccount:${email}?uid=${uniqueId}`);
    groups.removeEverywhere(email);
  });
  serviceAccounts.onUndelete(({ email, uniqueId }) => {
    rename(`deleted:serviceAccount:${email}?uid=${uniqueId}`, `serviceAccount:${email}`);
  });
  users.onDelete(({ email, id }) => {
    rename(`user:${email}`, `deleted:user:${email}?uid=${id}`);
    groups.removeEverywhere(email);
  });
  return {
    projects: new Projects(db, policies),
    policies,
    serviceAccounts,
    serviceAccountPolicies,
    customRoles: new CustomRoles(db),
    users,
    groups,
    signingKey: loadSigningKey(dataDir),
    renamedMembers,
    refresh: () => db.refresh(),
  };
}

/** Whether the account that a token was issued for may still call. `subject` is its unique id. */
export function isActive(identity: Identity, token: { readonly email: string; readonly subject: string }): boolean {
  if (!isServiceAccountEmail(token.email)) {
    const user = identity.users.find(token.subject);
    return user?.id === token.subject && !user.suspended;
  }
  const account = identity.serviceAccounts.find(token.subject);
  return account?.disabled === false && !identity.projects.isDeleted(account.projectId);
}

/** Whether it is an account of this server that is suspended or disabled; an unknown one is not. */
export function isStopped(identity: Identity, email: string): boolean {
  return identity.users.find(email)?.suspended === true || identity.serviceAccounts.find(email)?.disabled === true;
}

/** The datasets' side of PolicyReader. */
export interface DatasetPolicies {
  datasetAccess(projectId: string, datasetId: string): DatasetAccess | undefined;
  tablePolicy?(projectId: string, datasetId: string, tableId: string): Policy | undefined;
  routinePolicy?(projectId: string, datasetId: string, routineId: string): Policy | undefined;
  bucketPolicy?(bucket: string): Policy | undefined;
}

export function createPolicyReader(identity: Identity, datasets: DatasetPolicies): PolicyReader {
  return {
    projectPolicy: (projectId) => identity.policies.find(projectId),
    customRole: (name) => identity.customRoles.permissionsOf(name),
    datasetAccess: (projectId, datasetId) => datasets.datasetAccess(projectId, datasetId),
    tablePolicy: (projectId, datasetId, tableId) => datasets.tablePolicy?.(projectId, datasetId, tableId),
    routinePolicy: (projectId, datasetId, routineId) => datasets.routinePolicy?.(projectId, datasetId, routineId),
    bucketPolicy: (bucket) => datasets.bucketPolicy?.(bucket),
    serviceAccountPolicy: (email) => {
      const account = identity.serviceAccounts.find(email);
      return account === undefined ? undefined : identity.serviceAccountPolicies.find(account.uniqueId);
    },
    groupsOf: (email) => identity.groups.groupsOf(email),
    isProjectDeleted: (projectId) => identity.projects.isDeleted(projectId),
    isDirectoryAdmin: (email) => {
      const user = identity.users.find(email);
      return user?.admin === true && !user.suspended;
    },
    refresh: () => identity.refresh(),
  };
}

// Everything that the local server knows about who may call: projects with their
// policies, service accounts with their keys, custom roles, local users and the key that
// signs access tokens. One object, opened once per data directory.
import { isServiceAccountEmail } from '../access/members.ts';
import type { DatasetAccess, Policy, PolicyReader } from '../access/policy.ts';
import { CustomRoles } from '../catalog/custom-roles.ts';
import type { CatalogDatabase, Migration } from '../catalog/database.ts';
import { Policies } from '../catalog/policies.ts';
import { Projects } from '../catalog/projects.ts';
import { ServiceAccounts } from '../catalog/service-accounts.ts';
import { loadSigningKey } from '../catalog/signing-keys.ts';
import { Users } from '../catalog/users.ts';
import { CUSTOM_ROLES_MIGRATION } from '../catalog/custom-roles.ts';
import { POLICIES_MIGRATION } from '../catalog/policies.ts';
import { PROJECTS_MIGRATION } from '../catalog/projects.ts';
import { SERVICE_ACCOUNTS_MIGRATION } from '../catalog/service-accounts.ts';
import { USERS_MIGRATION } from '../catalog/users.ts';

/** The tables of the modules below, in the order in which they must be made. */
export const IDENTITY_MIGRATIONS: readonly Migration[] = [
  PROJECTS_MIGRATION,
  POLICIES_MIGRATION,
  SERVICE_ACCOUNTS_MIGRATION,
  CUSTOM_ROLES_MIGRATION,
  USERS_MIGRATION,
];

export type Identity = {
  readonly projects: Projects;
  readonly policies: Policies;
  readonly serviceAccounts: ServiceAccounts;
  readonly customRoles: CustomRoles;
  readonly users: Users;
  /** HMAC key of access tokens. */
  readonly signingKey: Uint8Array;
};

/** `db` must have been opened with IDENTITY_MIGRATIONS; the signing key is made on first use. */
export function openIdentity(db: CatalogDatabase, dataDir: string): Identity {
  const policies = new Policies(db);
  const serviceAccounts = new ServiceAccounts(db);
  serviceAccounts.onDelete(({ email, uniqueId }) => {
    policies.renameMember(`serviceAccount:${email}`, `deleted:serviceAccount:${email}?uid=${uniqueId}`);
  });
  return {
    projects: new Projects(db, policies),
    policies,
    serviceAccounts,
    customRoles: new CustomRoles(db),
    users: new Users(db),
    signingKey: loadSigningKey(dataDir),
  };
}

/** Whether the account that a token was issued for may still call. */
export function isActive(identity: Identity, token: { readonly email: string; readonly subject: string }): boolean {
  return isServiceAccountEmail(token.email)
    ? identity.serviceAccounts.find(token.subject)?.disabled === false
    : identity.users.has(token.email);
}

/** The datasets' side of PolicyReader. */
export interface DatasetPolicies {
  datasetAccess(projectId: string, datasetId: string): DatasetAccess | undefined;
  tablePolicy?(projectId: string, datasetId: string, tableId: string): Policy | undefined;
}

export function createPolicyReader(identity: Identity, datasets: DatasetPolicies): PolicyReader {
  return {
    projectPolicy: (projectId) => identity.policies.find(projectId),
    customRole: (name) => identity.customRoles.permissionsOf(name),
    datasetAccess: (projectId, datasetId) => datasets.datasetAccess(projectId, datasetId),
    tablePolicy: (projectId, datasetId, tableId) => datasets.tablePolicy?.(projectId, datasetId, tableId),
  };
}

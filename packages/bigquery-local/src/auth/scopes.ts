// OAuth scopes: which exist, and which of them each method takes (the "Authorization
// scopes" of the REST references of BigQuery, Cloud Storage, Resource Manager, IAM and the Directory API).
import type { Principal } from '../access/decision.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { Authentication } from './authenticator.ts';

const PREFIX = 'https://www.googleapis.com/auth/';

export const CLOUD_PLATFORM = `${PREFIX}cloud-platform`;

const SHORT_NAMES = [
  'bigquery',
  'bigquery.insertdata',
  'bigquery.readonly',
  'cloud-platform',
  'cloud-platform.read-only',
  'cloudplatformprojects',
  'cloudplatformprojects.readonly',
  'iam',
  'devstorage.full_control',
  'devstorage.read_only',
  'devstorage.read_write',
  'drive',
  'drive.readonly',
  'spreadsheets',
  'spreadsheets.readonly',
  'admin.directory.group',
  'admin.directory.group.readonly',
  'admin.directory.group.member',
  'admin.directory.group.member.readonly',
  'admin.directory.user',
  'admin.directory.user.readonly',
  'userinfo.email',
  'userinfo.profile',
] as const;

const KNOWN_SCOPES: ReadonlySet<string> = new Set([
  ...SHORT_NAMES.map((name) => PREFIX + name),
  'openid',
  'email',
  'profile',
]);

export function isKnownScope(scope: string): boolean {
  return KNOWN_SCOPES.has(scope);
}

/** Words of a `scope` claim or parameter. */
export function scopesOf(text: unknown): string[] {
  return typeof text === 'string' ? text.split(/\s+/).filter((word) => word !== '') : [];
}

const READ_METHODS =
  /^(?:get|list|search|lookup|query$|getQueryResults$|getServiceAccount$|hasMember$|getIamPolicy$|testIamPermissions$|queryGrantableRoles$)/;

const SERVICES: Readonly<
  Record<string, { readonly host: string; readonly write: readonly string[]; readonly read: readonly string[] }>
> = {
  bigquery: {
    host: 'bigquery.googleapis.com',
    write: ['bigquery', 'cloud-platform'],
    read: ['bigquery.readonly', 'cloud-platform.read-only'],
  },
  // Storage Read API: google.api.oauth_scopes of its services name these two and no read-only ones.
  bigquerystorage: { host: 'bigquerystorage.googleapis.com', write: ['bigquery', 'cloud-platform'], read: [] },
  cloudresourcemanager: {
    host: 'cloudresourcemanager.googleapis.com',
    write: ['cloud-platform', 'cloudplatformprojects'],
    read: ['cloud-platform.read-only', 'cloudplatformprojects.readonly'],
  },
  storage: {
    host: 'storage.googleapis.com',
    write: ['cloud-platform', 'devstorage.full_control', 'devstorage.read_write'],
    read: ['cloud-platform.read-only', 'devstorage.read_only'],
  },
  iam: { host: 'iam.googleapis.com', write: ['cloud-platform', 'iam'], read: ['cloud-platform.read-only'] },
  iamcredentials: { host: 'iamcredentials.googleapis.com', write: ['cloud-platform', 'iam'], read: [] },
  // Directory API v1. Its methods are named by collection, and each collection has scopes of its own.
  'directory.users': {
    host: 'admin.googleapis.com',
    write: ['admin.directory.user'],
    read: ['admin.directory.user.readonly'],
  },
  'directory.groups': {
    host: 'admin.googleapis.com',
    write: ['admin.directory.group'],
    read: ['admin.directory.group.readonly'],
  },
  'directory.members': {
    host: 'admin.googleapis.com',
    write: ['admin.directory.group', 'admin.directory.group.member'],
    read: ['admin.directory.group.readonly', 'admin.directory.group.member.readonly'],
  },
};

/** What tokens of local users carry: everything that a user may do by hand. */
export const USER_SCOPES: readonly string[] = [
  CLOUD_PLATFORM,
  `${PREFIX}admin.directory.user`,
  `${PREFIX}admin.directory.group`,
];

function rulesOf(operation: string): (typeof SERVICES)[string] | undefined {
  const [service = '', collection = ''] = operation.split('.');
  return SERVICES[service === 'directory' ? `${service}.${collection}` : service];
}

/**
 * Checks the token's scopes for a method by its name in Google's API
 * (`bigquery.datasets.insert`). 403 `insufficientPermissions` when none of them covers it.
 * `jobs.query` takes read-only scopes: what such a query may not change is left to
 * `Principal.readOnly`, which the decision respects.
 */
export function requireScope(authentication: Authentication, operation: string): void {
  const rules = rulesOf(operation);
  if (rules === undefined) return;
  const verb = operation.split('.').at(-1) ?? '';
  const accepted = READ_METHODS.test(verb) ? [...rules.write, ...rules.read] : [...rules.write];
  // Who may change or read policies needs full control (Cloud Storage's "Authorization scopes").
  if (/^storage\.buckets\.(?:get|set)IamPolicy$/.test(operation))
    accepted.splice(0, accepted.length, 'cloud-platform', 'devstorage.full_control');
  if (operation === 'bigquery.tabledata.insertAll') accepted.push('bigquery.insertdata');
  if (accepted.some((name) => authentication.scopes.includes(PREFIX + name))) return;
  throw new BigQueryError('insufficientPermissions', 'Request had insufficient authentication scopes.', {
    innerMessage: 'Insufficient Permission',
    details: [
      {
        '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
        reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT',
        domain: 'googleapis.com',
        metadata: { service: rules.host, method: grpcMethod(operation) },
      },
    ],
  });
}

/**
 * Whether a token with these scopes may change nothing of the service of a method: scopes
 * of one service say nothing about the others.
 */
export function isReadOnly(scopes: readonly string[], operation = 'bigquery'): boolean {
  const rules = rulesOf(operation);
  if (rules === undefined) return true;
  const changing = operation.startsWith('bigquery') ? [...rules.write, 'bigquery.insertdata'] : rules.write;
  return !changing.some((name) => scopes.includes(PREFIX + name));
}

/** Who calls a method, as far as the token's scopes go. */
export function principalFor({ principal, scopes }: Authentication, operation: string): Principal {
  const { kind, email } = principal;
  return isReadOnly(scopes, operation) ? { kind, email, readOnly: true } : { kind, email };
}

/** `bigquery.datasets.insert` → `google.cloud.bigquery.v2.DatasetService.InsertDataset`. */
function grpcMethod(operation: string): string {
  const [service = '', ...path] = operation.split('.');
  const verb = path.at(-1) ?? '';
  const collection = path.at(-2) ?? '';
  const method = capital(verb);
  if (service === 'bigquerystorage') return `google.cloud.bigquery.storage.v1.${collection}.${verb}`;
  if (service !== 'bigquery') return `google.${service}.${operation.slice(service.length + 1)}`;
  if (collection === 'tabledata') return `google.cloud.bigquery.v2.TableDataService.${method}`;
  const singular = collection.endsWith('ies') ? `${collection.slice(0, -3)}y` : collection.replace(/s$/, '');
  const noun = capital(verb === 'list' ? collection : singular);
  const whole = ['get', 'insert', 'list', 'patch', 'update', 'delete', 'cancel', 'undelete'].includes(verb);
  return `google.cloud.bigquery.v2.${capital(singular)}Service.${method}${whole ? noun : ''}`;
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

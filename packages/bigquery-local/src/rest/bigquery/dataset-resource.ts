// The Dataset resource: from request bodies to the catalog and back.
// Rules of `access[]`: the Dataset reference of the BigQuery REST API v2.
import type { AccessEntry } from '../../access/policy.ts';
import { iamRoleName } from '../../access/roles.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import type { Dataset, DatasetProperties } from '../../catalog/datasets.ts';
import type { Identity } from '../../auth/identity.ts';
import { roleWithCondition, sentCondition } from '../iam/policy.ts';
import { invalidField, optionalFlag, optionalInteger, optionalLabels, optionalList, optionalText } from './fields.ts';
import { requireGrantableOn } from './iam-grantable.ts';

type Body = Readonly<Record<string, unknown>>;

const ENTITIES = [
  'userByEmail',
  'groupByEmail',
  'domain',
  'specialGroup',
  'iamMember',
  'view',
  'routine',
  'dataset',
] as const;
const SPECIAL_GROUPS = new Set(['projectOwners', 'projectReaders', 'projectWriters', 'allAuthenticatedUsers']);
const LEGACY_ROLES: Readonly<Record<string, string>> = {
  'roles/bigquery.dataOwner': 'OWNER',
  'roles/bigquery.dataEditor': 'WRITER',
  'roles/bigquery.dataViewer': 'READER',
};

/** "Default dataset access": the three special groups, and the creator as owner. */
export function defaultAccess(creator: string): AccessEntry[] {
  return [
    { role: 'WRITER', specialGroup: 'projectWriters' },
    { role: 'OWNER', specialGroup: 'projectOwners' },
    { role: 'OWNER', userByEmail: creator },
    { role: 'READER', specialGroup: 'projectReaders' },
  ];
}

/** Checks and normalises `access[]`. Roles come back by their legacy names. */
export function parseAccess(body: Body, name: string, identity: Identity): AccessEntry[] | undefined {
  return optionalList(body, 'access')?.map((item) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item))
      throw invalidField('access', 'expected a list of objects');
    return parseEntry(item as Body, name, identity);
  });
}

function parseEntry(item: Body, name: string, identity: Identity): AccessEntry {
  const present = ENTITIES.filter((key) => item[key] !== undefined && item[key] !== null);
  const entity = present[0];
  if (entity === undefined || present.length > 1) {
    throw new BigQueryError(
      'invalid',
      'An access entry must have exactly one of userByEmail, groupByEmail, domain, specialGroup defined, view, routine, or dataset.',
    );
  }
  const condition = sentCondition(item['condition'], 'access.condition');
  const role = optionalText(item, 'role');
  if (entity === 'view' || entity === 'routine' || entity === 'dataset') {
    if (role !== undefined && role !== '')
      throw new BigQueryError('invalid', `An access entry for ${entity} needs an empty role.`);
    if (condition !== undefined)
      throw new BigQueryError('invalid', `An access entry for ${entity} cannot have a condition.`);
    return { [entity]: parseResource(item[entity] as Body, entity) };
  }
  if (role === undefined || role === '') throw new BigQueryError('invalid', 'An access entry must have a role.');
  if (role.includes('_withcond_')) {
    throw new BigQueryError(
      'invalid',
      `The role ${role} stands for a role with a condition: read and write it with accessPolicyVersion=3.`,
    );
  }
  const legacy = LEGACY_ROLES[role] ?? role;
  if (
    !/^(READER|WRITER|OWNER|roles\/[\w.]+|projects\/[^/]+\/roles\/[\w.]+|organizations\/\d+\/roles\/[\w.]+)$/.test(
      legacy,
    )
  ) {
    throw new BigQueryError('invalid', `Invalid value for role: ${role} is not a valid value`);
  }
  if (legacy.includes('/')) checkRole(legacy, name, identity);
  const member = optionalText(item, entity) ?? '';
  if (member === '') throw invalidField(`access.${entity}`, 'must not be empty');
  if (entity === 'specialGroup' && !SPECIAL_GROUPS.has(member))
    throw invalidField('access.specialGroup', `${member} is not a valid value`);
  if ((entity === 'userByEmail' || entity === 'groupByEmail') && !/^[^@\s]+@[^@\s]+$/.test(member))
    throw invalidField(`access.${entity}`, `${member} is not an e-mail address`);
  if (entity === 'userByEmail') checkServiceAccount(member, name, identity);
  return { role: legacy, [entity]: member, ...(condition === undefined ? {} : { condition }) };
}

/** IAM refuses roles that do not exist, and those that say nothing about a dataset. */
function checkRole(role: string, name: string, identity: Identity): void {
  try {
    requireGrantableOn('dataset', identity, name.slice(0, name.lastIndexOf(':')), role);
  } catch (error) {
    if (!(error instanceof BigQueryError)) throw error;
    throw new BigQueryError('invalid', `IAM setPolicy failed for Dataset ${name}: ${error.message}`);
  }
}

/** IAM refuses service accounts of its own projects that do not exist. */
function checkServiceAccount(email: string, name: string, identity: Identity): void {
  const projectId = /@([a-z0-9-]+)\.iam\.gserviceaccount\.com$/.exec(email)?.[1];
  if (projectId === undefined || identity.projects.find(projectId) === undefined) return;
  if (identity.serviceAccounts.find(email) === undefined) {
    throw new BigQueryError(
      'invalid',
      `IAM setPolicy failed for Dataset ${name}: Service account ${email} does not exist.`,
    );
  }
}

function parseResource(value: Body, entity: string): unknown {
  const texts = (object: Body | undefined, keys: readonly string[]): Record<string, string> =>
    Object.fromEntries(
      keys.map((key) => {
        const text = object === undefined ? undefined : optionalText(object, key);
        if (text === undefined || text === '') throw invalidField(`access.${entity}.${key}`, 'is required');
        return [key, text];
      }),
    );
  if (entity === 'view') return texts(value, ['projectId', 'datasetId', 'tableId']);
  if (entity === 'routine') return texts(value, ['projectId', 'datasetId', 'routineId']);
  const targetTypes = optionalList(value, 'targetTypes') ?? [];
  if (targetTypes.length === 0 || targetTypes.some((type) => type !== 'VIEWS'))
    throw invalidField('access.dataset.targetTypes', 'must be ["VIEWS"]');
  return { dataset: texts(value['dataset'] as Body | undefined, ['projectId', 'datasetId']), targetTypes };
}

/** "A dataset must have at least one entity with the OWNER role": one that does not end. */
export function hasOwner(access: readonly AccessEntry[]): boolean {
  return access.some((entry) => entry.role === 'OWNER' && entry.condition === undefined);
}

/** The highest policy version that the client understands: `accessPolicyVersion`, 1 when it is left out. */
export function accessPolicyVersion(query: Readonly<Record<string, string | undefined>>): 1 | 3 {
  const asked = query['accessPolicyVersion'];
  if (asked === undefined || asked === '' || asked === '0' || asked === '1') return 1;
  if (asked === '3') return 3;
  throw invalidField('accessPolicyVersion', `${asked} is not a valid value: 0, 1 and 3 are`);
}

/** Throws `invalid` for entries with a condition from a client that does not ask for version 3. */
export function requireVersionFor(access: readonly AccessEntry[] | undefined, version: 1 | 3): void {
  if (version < 3 && access?.some(({ condition }) => condition !== undefined) === true) {
    throw new BigQueryError('invalid', 'Access entries with a condition must be written with accessPolicyVersion=3.');
  }
}

/** Below version 3, an entry with a condition comes back under another role's name and without it. */
function presentAccess(access: readonly AccessEntry[], version: 1 | 3): readonly AccessEntry[] {
  if (version === 3 || !access.some(({ condition }) => condition !== undefined)) return access;
  return access.map(({ condition, ...entry }) =>
    condition === undefined || entry.role === undefined
      ? entry
      : { ...entry, role: roleWithCondition(iamRoleName(entry.role), condition) },
  );
}

/** The writable fields that `body` gives; null removes one. */
export function parseProperties(
  body: Body,
): Partial<{ [K in keyof Omit<DatasetProperties, 'access'>]: DatasetProperties[K] | null }> {
  const changes: Record<string, unknown> = {};
  for (const key of ['friendlyName', 'description', 'defaultCollation'] as const) {
    if (key in body) changes[key] = optionalText(body, key) ?? null;
  }
  for (const key of ['defaultTableExpirationMs', 'defaultPartitionExpirationMs', 'maxTimeTravelHours'] as const) {
    if (key in body) changes[key] = optionalInteger(body, key)?.toString() ?? null;
  }
  if ('labels' in body) changes['labels'] = optionalLabels(body) ?? null;
  if ('isCaseInsensitive' in body) changes['isCaseInsensitive'] = optionalFlag(body, 'isCaseInsensitive') ?? null;
  if (changes['isCaseInsensitive'] === true)
    throw new BigQueryError('invalid', 'isCaseInsensitive is not supported by the local BigQuery.');
  const expiration = changes['defaultTableExpirationMs'];
  if (typeof expiration === 'string' && Number(expiration) < 3_600_000 && expiration !== '0') {
    throw new BigQueryError(
      'invalid',
      'Invalid value for defaultTableExpirationMs: the minimum is 3600000 milliseconds (one hour)',
    );
  }
  if (expiration === '0') changes['defaultTableExpirationMs'] = null;
  return changes;
}

/** `properties` with `changes` on top, without the fields that are null. */
export function withChanges(
  properties: DatasetProperties,
  changes: Readonly<Record<string, unknown>>,
): DatasetProperties {
  return Object.fromEntries(
    Object.entries({ ...properties, ...changes }).filter(([, value]) => value !== null && value !== undefined),
  ) as DatasetProperties;
}

export function datasetResource(
  dataset: Dataset,
  baseUrl: string,
  view: string | undefined,
  version: 1 | 3 = 1,
): Record<string, unknown> {
  const { projectId, datasetId } = dataset;
  const { access, ...properties } = dataset.properties;
  return {
    kind: 'bigquery#dataset',
    etag: dataset.etag,
    id: `${projectId}:${datasetId}`,
    selfLink: `${baseUrl}/bigquery/v2/projects/${projectId}/datasets/${datasetId}`,
    datasetReference: { datasetId, projectId },
    ...(view === 'ACL' ? {} : properties),
    ...(view === 'METADATA' ? {} : { access: presentAccess(access, version) }),
    creationTime: String(dataset.createdMs),
    lastModifiedTime: String(dataset.modifiedMs),
    location: dataset.location,
    type: 'DEFAULT',
    maxTimeTravelHours: properties.maxTimeTravelHours ?? '168',
  };
}

export function datasetListItem(dataset: Dataset): Record<string, unknown> {
  const { projectId, datasetId, location } = dataset;
  const { labels, friendlyName } = dataset.properties;
  return {
    kind: 'bigquery#dataset',
    id: `${projectId}:${datasetId}`,
    datasetReference: { datasetId, projectId },
    ...(labels === undefined ? {} : { labels }),
    ...(friendlyName === undefined ? {} : { friendlyName }),
    location,
    type: 'DEFAULT',
  };
}

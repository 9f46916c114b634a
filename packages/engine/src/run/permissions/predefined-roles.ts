// The BigQuery permissions of the predefined and basic roles, by resource type. Read to tell
// which roles an account seems to hold, and which permissions there are to ask for.
// Source: "BigQuery IAM roles and permissions" and the IAM role reference, Google Cloud.

const ROLES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'roles/owner': {
    bireservations: 'get update',
    capacityCommitments: 'create delete get list update',
    config: 'get update',
    connections: 'create delegate delete get getIamPolicy list setIamPolicy update updateTag use',
    dataPolicies: 'attach create delete get getIamPolicy list setIamPolicy update',
    datasets:
      'create createTagBinding delete deleteTagBinding get getIamPolicy link listEffectiveTags listSharedDatasetUsage listTagBindings setIamPolicy update updateTag',
    jobs: 'create createGlobalQuery delete get list listAll listExecutionMetadata update',
    models: 'create delete export getData getMetadata list updateData updateMetadata updateTag',
    objectRefs: 'read write',
    propertyGraphs: 'create delete get list update',
    readsessions: 'create getData update',
    reservationAssignments: 'create delete list search',
    reservationGroups: 'create delete get list update',
    reservations: 'create delete get getIamPolicy list listFailoverDatasets setIamPolicy update use',
    routines: 'create delete get list update updateTag',
    rowAccessPolicies: 'create delete get getIamPolicy list setIamPolicy update',
    savedqueries: 'create delete get list update',
    tables:
      'createIndex createSnapshot createTagBinding deleteIndex deleteSnapshot deleteTagBinding getIamPolicy listEffectiveTags listTagBindings replicateData restoreSnapshot setIamPolicy updateIndex',
    transfers: 'get update',
  },
  'roles/editor': {
    bireservations: 'get update',
    capacityCommitments: 'get list update',
    config: 'get update',
    connections: 'create delete get getIamPolicy list update updateTag use',
    dataPolicies: 'attach create delete get getIamPolicy list update',
    datasets: 'create get getIamPolicy listEffectiveTags listTagBindings updateTag',
    jobs: 'create createGlobalQuery delete get list listExecutionMetadata',
    models: 'create delete export getData getMetadata list updateData updateMetadata updateTag',
    objectRefs: 'read write',
    propertyGraphs: 'create delete get list update',
    readsessions: 'create getData update',
    reservationAssignments: 'create delete list search',
    reservationGroups: 'create delete get list update',
    reservations: 'create delete get getIamPolicy list listFailoverDatasets update use',
    routines: 'create delete get list update updateTag',
    rowAccessPolicies: 'create delete get getIamPolicy list update',
    savedqueries: 'create delete get list update',
    tables:
      'createIndex createSnapshot deleteIndex getIamPolicy listEffectiveTags listTagBindings replicateData restoreSnapshot updateIndex',
    transfers: 'get update',
  },
  'roles/viewer': {
    bireservations: 'get',
    capacityCommitments: 'get list',
    config: 'get',
    connections: 'get getIamPolicy list use',
    dataPolicies: 'get getIamPolicy list',
    datasets: 'get getIamPolicy listEffectiveTags listTagBindings',
    jobs: 'create get list listExecutionMetadata',
    models: 'export getData getMetadata list',
    objectRefs: 'read',
    propertyGraphs: 'get list',
    readsessions: 'create getData update',
    reservationAssignments: 'list search',
    reservationGroups: 'get list',
    reservations: 'get getIamPolicy list listFailoverDatasets use',
    routines: 'get list',
    rowAccessPolicies: 'get getIamPolicy list',
    savedqueries: 'get list',
    tables: 'createSnapshot getIamPolicy listEffectiveTags listTagBindings replicateData',
    transfers: 'get',
  },
  'roles/bigquery.admin': {
    bireservations: 'get update',
    capacityCommitments: 'create delete get list update',
    config: 'get update',
    connections: 'create delegate delete get getIamPolicy list setIamPolicy update updateTag use',
    dataPolicies: 'attach create delete get getIamPolicy list setIamPolicy update',
    datasets:
      'create createTagBinding delete deleteTagBinding get getIamPolicy link listEffectiveTags listSharedDatasetUsage listTagBindings setIamPolicy update updateTag',
    jobs: 'create createGlobalQuery delete get list listAll listExecutionMetadata update',
    models: 'create delete export getData getMetadata list updateData updateMetadata updateTag',
    objectRefs: 'read write',
    propertyGraphs: 'create delete get list update',
    readsessions: 'create getData update',
    reservationAssignments: 'create delete list search',
    reservationGroups: 'create delete get list update',
    reservations: 'create delete get getIamPolicy list listFailoverDatasets setIamPolicy update use',
    routines: 'create delete get list update updateTag',
    rowAccessPolicies: 'create delete get getIamPolicy list overrideTimeTravelRestrictions setIamPolicy update',
    savedqueries: 'create delete get list update',
    tables:
      'create createIndex createSnapshot createTagBinding delete deleteIndex deleteSnapshot deleteTagBinding export get getData getIamPolicy list listEffectiveTags listTagBindings replicateData restoreSnapshot setCategory setColumnDataPolicy setIamPolicy update updateData updateIndex updateTag',
    transfers: 'get update',
  },
  'roles/bigquery.dataOwner': {
    config: 'get',
    dataPolicies: 'attach create delete get getIamPolicy list setIamPolicy update',
    datasets:
      'create createTagBinding delete deleteTagBinding get getIamPolicy link listEffectiveTags listSharedDatasetUsage listTagBindings setIamPolicy update updateTag',
    models: 'create delete export getData getMetadata list updateData updateMetadata updateTag',
    propertyGraphs: 'create delete get list update',
    routines: 'create delete get list update updateTag',
    rowAccessPolicies: 'create delete get getIamPolicy list setIamPolicy update',
    tables:
      'create createIndex createSnapshot createTagBinding delete deleteIndex deleteSnapshot deleteTagBinding export get getData getIamPolicy list listEffectiveTags listTagBindings replicateData restoreSnapshot setCategory setColumnDataPolicy setIamPolicy update updateData updateIndex updateTag',
  },
  'roles/bigquery.dataEditor': {
    config: 'get',
    datasets: 'create get getIamPolicy updateTag',
    models: 'create delete export getData getMetadata list updateData updateMetadata updateTag',
    propertyGraphs: 'create delete get list update',
    routines: 'create delete get list update updateTag',
    tables:
      'create createIndex createSnapshot delete deleteIndex export get getData getIamPolicy list replicateData restoreSnapshot update updateData updateIndex updateTag',
  },
  'roles/bigquery.dataViewer': {
    datasets: 'get getIamPolicy',
    models: 'export getData getMetadata list',
    propertyGraphs: 'get list',
    routines: 'get list',
    tables: 'createSnapshot export get getData getIamPolicy list replicateData',
  },
  'roles/bigquery.metadataViewer': {
    datasets: 'get getIamPolicy',
    models: 'getMetadata list',
    propertyGraphs: 'get list',
    routines: 'get list',
    tables: 'get getIamPolicy list',
  },
  'roles/bigquery.user': {
    bireservations: 'get',
    capacityCommitments: 'get list',
    config: 'get',
    datasets: 'create get getIamPolicy',
    jobs: 'create list',
    models: 'list',
    propertyGraphs: 'list',
    readsessions: 'create getData update',
    reservationAssignments: 'list search',
    reservationGroups: 'get list',
    reservations: 'get list listFailoverDatasets use',
    routines: 'list',
    savedqueries: 'get list',
    tables: 'list',
    transfers: 'get',
  },
  'roles/bigquery.jobUser': {
    config: 'get',
    jobs: 'create',
  },
  'roles/bigquery.readSessionUser': {
    readsessions: 'create getData update',
  },
  'roles/bigquery.resourceViewer': {
    bireservations: 'get',
    capacityCommitments: 'get list',
    jobs: 'get list listAll listExecutionMetadata',
    reservationAssignments: 'list search',
    reservationGroups: 'get list',
    reservations: 'get list listFailoverDatasets',
  },
  'roles/bigquery.resourceEditor': {
    bireservations: 'get',
    capacityCommitments: 'get list',
    jobs: 'get list listAll listExecutionMetadata',
    reservationAssignments: 'create delete list search',
    reservationGroups: 'create delete get list update',
    reservations: 'create delete get list listFailoverDatasets update use',
  },
  'roles/bigquery.resourceAdmin': {
    bireservations: 'get update',
    capacityCommitments: 'create delete get list update',
    jobs: 'get list listAll listExecutionMetadata',
    reservationAssignments: 'create delete list search',
    reservationGroups: 'create delete get list update',
    reservations: 'create delete get getIamPolicy list listFailoverDatasets setIamPolicy update use',
  },
  'roles/bigquery.filteredDataViewer': {
    rowAccessPolicies: 'getFilteredData',
  },
  'roles/bigquery.securityAdmin': {
    dataPolicies: 'attach create delete get getIamPolicy list setIamPolicy update',
    datasets:
      'createTagBinding deleteTagBinding get getIamPolicy listEffectiveTags listSharedDatasetUsage listTagBindings setIamPolicy update updateTag',
    rowAccessPolicies: 'create delete get getIamPolicy list setIamPolicy update',
    tables:
      'createTagBinding deleteTagBinding get getIamPolicy list listEffectiveTags listTagBindings setColumnDataPolicy setIamPolicy update updateTag',
  },
  'roles/bigquery.routineAdmin': {
    connections: 'use',
    datasets: 'get',
    models: 'getData getMetadata',
    routines: 'get list',
    tables: 'create delete get getData list update updateData',
  },
  'roles/bigquery.routineDataEditor': {
    datasets: 'get',
    models: 'getData getMetadata',
    routines: 'get list',
    tables: 'create delete get getData list update updateData',
  },
  'roles/bigquery.routineDataViewer': {
    datasets: 'get',
    models: 'getData getMetadata',
    routines: 'get list',
    tables: 'get getData list',
  },
  'roles/bigquery.routineMetadataViewer': {
    datasets: 'get',
    models: 'getMetadata',
    routines: 'get list',
    tables: 'get list',
  },
  'roles/bigquery.connectionAdmin': {
    connections: 'create delegate delete get getIamPolicy list setIamPolicy update updateTag use',
  },
  'roles/bigquery.connectionUser': {
    connections: 'get getIamPolicy list use',
  },
  'roles/bigquery.studioUser': {
    config: 'get',
    jobs: 'create',
    readsessions: 'create getData update',
  },
};

/** Permissions of each role, in full: `bigquery.tables.getData`. */
export const PREDEFINED_ROLES: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(ROLES).map(([role, types]) => [
    role,
    new Set(
      Object.entries(types).flatMap(([type, verbs]) => verbs.split(' ').map((verb) => `bigquery.${type}.${verb}`)),
    ),
  ]),
);

/** Every permission that one of these roles holds. */
export const BIGQUERY_PERMISSIONS: readonly string[] = [
  ...new Set([...PREDEFINED_ROLES.values()].flatMap((permissions) => [...permissions])),
].toSorted();

export function permissionsOf(role: string): ReadonlySet<string> {
  return PREDEFINED_ROLES.get(role) ?? new Set();
}

/** The permissions of `held` that are not in `others`. */
export function without(held: ReadonlySet<string>, ...others: readonly ReadonlySet<string>[]): Set<string> {
  return new Set([...held].filter((permission) => !others.some((other) => other.has(permission))));
}

/** The roles whose permissions are all held, without those that another of them includes. */
export function rolesWithin(held: ReadonlySet<string>): string[] {
  const isWithin = (part: ReadonlySet<string>, whole: ReadonlySet<string>): boolean => without(part, whole).size === 0;
  const within = [...PREDEFINED_ROLES].filter(([, permissions]) => isWithin(permissions, held));
  return within
    .filter(([, own]) => !within.some(([, other]) => other.size > own.size && isWithin(own, other)))
    .map(([role]) => role);
}

// GoogleSQL as BigQuery speaks it: which language features and rewriters the analyser runs with.

/** Features of BigQuery that ZetaSQL's "maximum features" leaves out. */
const ADDED_FEATURES = [
  'FEATURE_V_1_4_GROUPING_SETS',
  'FEATURE_V_1_4_GROUPING_BUILTIN',
  'FEATURE_CREATE_TABLE_CLONE',
  'FEATURE_V_1_3_COLLATION_SUPPORT',
  'FEATURE_TIME_BUCKET_FUNCTIONS',
  'FEATURE_ALTER_COLUMN_SET_DATA_TYPE',
  'FEATURE_INTERVAL_TYPE',
  'FEATURE_V_1_4_ORDERED_PRIMARY_KEYS',
  'FEATURE_V_1_4_COLLATION_IN_WITH_RECURSIVE',
  'FEATURE_V_1_4_COLLATION_IN_EXPLICIT_CAST',
  'FEATURE_V_1_4_SET_OPERATION_COLUMN_PROPAGATION_MODE',
  'FEATURE_V_1_4_CORRESPONDING_BY',
  'FEATURE_V_1_4_LIKE_ANY_SOME_ALL_ARRAY',
  'FEATURE_V_1_4_LIKE_ANY_SOME_ALL_SUBQUERY',
  'FEATURE_CREATE_VIEWS_WITH_COLUMN_OPTIONS',
];

/** Features that BigQuery does not have, or whose typing differs from BigQuery's. */
const REMOVED_FEATURES = new Set([
  'FEATURE_PROTO_BASE',
  'FEATURE_V_1_1_ARRAY_EQUALITY',
  'FEATURE_V_1_3_DML_RETURNING',
  'FEATURE_V_1_3_UNNEST_AND_FLATTEN_ARRAYS',
  'FEATURE_V_1_4_SQL_MACROS',
]);

export function languageFeatures(maximum: readonly string[]): string[] {
  return [...new Set([...maximum, ...ADDED_FEATURES])].filter((f) => !REMOVED_FEATURES.has(f));
}

/** The kinds of statement that the compiler has. The analyser refuses all others by name. */
export const STATEMENT_KINDS = [
  'RESOLVED_QUERY_STMT',
  'RESOLVED_CREATE_TABLE_STMT',
  'RESOLVED_CREATE_TABLE_AS_SELECT_STMT',
  'RESOLVED_CREATE_VIEW_STMT',
  'RESOLVED_CREATE_SCHEMA_STMT',
  'RESOLVED_DROP_STMT',
  'RESOLVED_INSERT_STMT',
  'RESOLVED_UPDATE_STMT',
  'RESOLVED_DELETE_STMT',
  'RESOLVED_MERGE_STMT',
  'RESOLVED_TRUNCATE_STMT',
];

/** Each turns a construct into plain scans and subqueries, so that the compiler never sees it. */
export const REWRITES = [
  'REWRITE_PIVOT',
  'REWRITE_UNPIVOT',
  'REWRITE_ARRAY_FILTER_TRANSFORM',
  'REWRITE_ARRAY_INCLUDES',
  'REWRITE_LIKE_ANY_ALL',
  'REWRITE_BUILTIN_FUNCTION_INLINER',
  'REWRITE_WITH_EXPR',
  'REWRITE_GROUPING_SET',
  'REWRITE_FLATTEN',
  'REWRITE_TYPEOF_FUNCTION',
  'REWRITE_NULLIFERROR_FUNCTION',
  'REWRITE_SET_OPERATION_CORRESPONDING',
];

/** BigQuery's other names of INT64 that this ZetaSQL does not know. */
export const INT64_ALIASES = ['INT', 'INTEGER', 'BIGINT', 'SMALLINT', 'TINYINT', 'BYTEINT'];

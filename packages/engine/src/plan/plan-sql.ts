// The SQL of a plan: one query that evaluates the model once, compares it with what the
// destination has, and yields one row per change. Pure: text in, text out.
//
// Shape (every name is used once, so that BigQuery cannot evaluate the model twice):
//
//   model ─► identified ─► counted ─► one row per identifier ─┐
//                                     records (what was sent) ─┴► FULL JOIN ─► operation ─► ordinal
//
// An incremental model is read from its checkpoint on and joined LEFT: what it does not show
// is not known to be gone.
//
// Columns of the plan: our own, and the model's as `c_<name>`, so that no name of the
// user's can meet one of ours.
import type { Column } from '../run/api.ts';
import type { TableRef } from '../source/source.ts';
import { literal, quoted } from './state-tables.ts';

export const QUARANTINE = { attempts: 5, days: 14 } as const;

export type PlanSqlInput = {
  /** The model's query, one statement without a semicolon. */
  readonly modelSql: string;
  readonly columns: readonly Column[];
  readonly key: Column;
  /** Names of the columns that the mapping uses, or all. */
  readonly mapped: ReadonlySet<string> | 'all';
  /** Version of the mapping; a part of every checksum. */
  readonly version: string;
  /** Undefined when the table does not exist yet. */
  readonly records: TableRef | undefined;
  readonly rejects: TableRef | undefined;
  /** Carry the mapped values as JSON (`sent`), to be kept beside the checksum. */
  readonly keepValues: boolean;
  /** Bytes of JSON past which a record is set aside: of all mapped columns, and of one. */
  readonly maxRecordBytes: number;
  readonly maxColumnBytes: number;
  /** Changes past this number are left for the next plan. */
  readonly maxChanges: number;
  readonly incremental?: Incremental;
};

/** How an incremental model is read. */
export type Incremental = {
  /** TIMESTAMP, DATETIME or DATE. */
  readonly column: Column;
  /** Rows from this moment on, it included, are read; undefined reads all. BigQuery's text of the type. */
  readonly since: string | undefined;
};

/** Prefix of the model's columns in a plan. */
export const COLUMN_PREFIX = 'c_';

/**
 * Rows: `ordinal` (0-based and dense over changes, NULL for others), `operation` (added,
 * updated, deleted; `invalid` and `quarantined` are not changes), `reason`, `record_id`,
 * `checksum`, `base` (the record's checksum in the state that the plan was made from, NULL
 * when it was not sent before), `copies` (rows of the model behind this one), `known` (the
 * record was sent before), `sent` and `previous` (mapped values now and as last sent),
 * `c_<column>`…
 */
export function planSql(input: PlanSqlInput): string {
  const carried = input.columns.map((column) => `${COLUMN_PREFIX}${column.name}`);
  const list = (prefix: string): string => carried.map((name) => `,\n    ${prefix}${name_(name)}`).join('');
  return `WITH sluice_model AS (
${input.modelSql}
),
sluice_identified AS (
  SELECT
    ${identifier(input.key)} AS record_id${input.columns.map((column) => `,\n    m.${name_(column.name)} AS ${name_(COLUMN_PREFIX + column.name)}`).join('')}
  FROM sluice_model AS m${sinceSql(input)}
),
sluice_counted AS (
  SELECT
    i.record_id,
    COUNT(*) AS copies${input.columns.map((column) => `,\n    ${oneOfCopies(column, input)} AS ${name_(COLUMN_PREFIX + column.name)}`).join('')}
  FROM sluice_identified AS i
  GROUP BY i.record_id
),
sluice_current AS (
  SELECT
    c.record_id,
    c.copies,
    TRUE AS present,
    ${mappedJson(input)} AS mapped${list('c.')}
  FROM sluice_counted AS c
),
sluice_hashed AS (
  SELECT
    h.record_id,
    h.copies,
    h.present,
    h.mapped,
    ${tooLargeSql(input)} AS too_large,
    TO_HEX(MD5(CONCAT(${literal(`${input.version}:`)}, h.mapped))) AS checksum${list('h.')}
  FROM sluice_current AS h
),
sluice_joined AS (
  SELECT
    COALESCE(n.record_id, r.record_id) AS record_id,
    IF(n.present IS NULL, r.checksum, n.checksum) AS checksum,
    r.checksum AS base,
    r.record_id IS NOT NULL AS known,
    n.too_large AS too_large,
    IFNULL(n.copies, 0) AS copies,
    ${input.keepValues ? 'n.mapped' : 'CAST(NULL AS STRING)'} AS sent,
    r.sent AS previous,
    CASE
      WHEN n.present IS NULL THEN 'deleted'
      WHEN n.record_id IS NULL OR n.copies > 1 OR n.too_large IS NOT NULL THEN 'invalid'
      WHEN r.record_id IS NULL THEN 'added'
      WHEN r.checksum IS NULL OR r.checksum <> n.checksum THEN 'updated'
      ELSE 'unchanged'
    END AS operation${list('n.')}
  FROM sluice_hashed AS n
  ${input.incremental === undefined ? 'FULL OUTER' : 'LEFT'} JOIN ${recordsSource(input.records)} AS r
  ON n.record_id = r.record_id
),
sluice_sorted AS (
  SELECT
    j.record_id,
    j.checksum,
    j.base,
    j.known,
    j.too_large,
    j.copies,
    j.sent,
    j.previous,
    CASE
      WHEN j.operation = 'invalid' THEN 'invalid'
      WHEN x.checksum = j.checksum AND (x.attempts >= ${QUARANTINE.attempts} OR x.first_time < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${QUARANTINE.days} DAY)) THEN 'quarantined'
      ELSE j.operation
    END AS operation${list('j.')}
  FROM sluice_joined AS j
  LEFT JOIN ${rejectsSource(input.rejects)} AS x
  ON j.record_id = x.record_id
  WHERE j.operation <> 'unchanged'
)
SELECT * FROM (
  SELECT
    IF(s.operation IN ('added', 'updated', 'deleted'), ROW_NUMBER() OVER (PARTITION BY s.operation IN ('added', 'updated', 'deleted')) - 1, NULL) AS ordinal,
    s.operation,
    CASE
      WHEN s.operation <> 'invalid' THEN NULL
      WHEN s.record_id IS NULL THEN 'null_identifier'
      WHEN s.copies > 1 THEN 'duplicate_identifier'
      ELSE s.too_large
    END AS reason,
    s.record_id,
    s.checksum,
    s.base,
    s.copies,
    s.known,
    s.sent,
    s.previous${list('s.')}
  FROM sluice_sorted AS s
) AS p
WHERE p.ordinal IS NULL OR p.ordinal < ${input.maxChanges}`;
}

/**
 * Counts per operation and reason with a few samples, from a plan table or from the
 * plan's own query; one more row, operation `records`, counts what the destination has.
 */
export function summarySql(input: {
  readonly plan: TableRef | string;
  readonly records: TableRef | undefined;
  /** Columns to sample changes with; none takes no samples. */
  readonly sample?: { readonly columns: readonly Column[]; readonly size: number };
}): string {
  const from = typeof input.plan === 'string' ? `(\n${input.plan}\n)` : quoted(input.plan);
  const { sample } = input;
  const carried = (sample?.columns ?? []).map((column) => name_(COLUMN_PREFIX + column.name));
  const sampled =
    sample === undefined
      ? ''
      : `,
  ARRAY_AGG(
    IF(p.ordinal IS NULL, NULL, STRUCT(${['record_id', 'sent', 'previous', ...carried].map((name) => `p.${name} AS ${name}`).join(', ')}))
    IGNORE NULLS LIMIT ${sample.size}
  ) AS changes`;
  return `SELECT
  p.operation AS operation,
  p.reason AS reason,
  COUNT(*) AS records,
  SUM(p.copies) AS copies,
  COUNTIF(p.known) AS known,
  ARRAY_AGG(IF(p.operation = 'invalid', p.record_id, NULL) IGNORE NULLS LIMIT 10) AS sample_ids${sampled}
FROM ${from} AS p
GROUP BY p.operation, p.reason${
    input.records === undefined
      ? ''
      : `
UNION ALL
SELECT 'records', NULL, COUNT(*), 0, 0, NULL${sample === undefined ? '' : ', NULL'}
FROM ${quoted(input.records)}`
  }`;
}

/**
 * One row: `watermark`, up to where an incremental model is dealt with once every change of
 * the plan is: its latest time, but never the future, and not past a row that was set aside.
 */
export function watermarkSql(plan: TableRef, column: Column, since: string | undefined): string {
  const time = `p.${name_(COLUMN_PREFIX + column.name)}`;
  const before = since === undefined ? 'NULL' : literal(since);
  const now = `CURRENT_${column.type}()`;
  return `SELECT
  CAST(IF(
    COUNTIF(p.operation = 'invalid' AND ${time} IS NOT NULL) > 0,
    MIN(IF(p.operation = 'invalid', ${time}, NULL)),
    LEAST(${now}, IFNULL(GREATEST(MAX(${time}), IFNULL(CAST(${before} AS ${column.type}), MAX(${time}))), CAST(${before} AS ${column.type})))
  ) AS STRING) AS watermark
FROM ${quoted(plan)} AS p`;
}

/** The records of a plan whose state is no longer the one that the plan was made from. */
export function movedSql(plan: TableRef, records: TableRef): string {
  return `SELECT
  COUNT(*) AS moved,
  ARRAY_AGG(p.record_id LIMIT 10) AS sample_ids
FROM ${quoted(plan)} AS p
LEFT JOIN ${quoted(records)} AS r
ON p.record_id = r.record_id
WHERE p.ordinal IS NOT NULL AND IFNULL(p.base, '') <> IFNULL(r.checksum, '')`;
}

/** The changes of an earlier plan once more, as a plan of its own: all, the rejected ones, or those of some records. */
export function replaySql(input: {
  readonly plan: TableRef;
  readonly outcomes: TableRef | undefined;
  readonly records: TableRef;
  readonly rows: 'all' | 'rejected';
  /** A query parameter `@ids` holds a JSON array of identifiers. */
  readonly byIds: boolean;
}): string {
  const { plan, outcomes, records, rows, byIds } = input;
  const rejected =
    rows === 'all' || outcomes === undefined
      ? ''
      : `
  AND p.ordinal IN (
    SELECT ordinal
    FROM (
      SELECT ordinal, COUNTIF(o.outcome = 'delivered') AS delivered, COUNTIF(o.outcome = 'rejected') AS rejected
      FROM ${quoted(outcomes)} AS o
      CROSS JOIN UNNEST(GENERATE_ARRAY(o.first, o.last)) AS ordinal
      GROUP BY ordinal
    ) AS d
    WHERE d.rejected > 0 AND d.delivered = 0
  )`;
  const chosen = byIds ? `\n  AND p.record_id IN UNNEST(JSON_VALUE_ARRAY(@ids))` : '';
  return `SELECT
  ROW_NUMBER() OVER () - 1 AS ordinal,
  r.checksum AS base,
  p.* EXCEPT (ordinal, base)
FROM ${quoted(plan)} AS p
LEFT JOIN ${quoted(records)} AS r
ON p.record_id = r.record_id
WHERE p.ordinal IS NOT NULL${rejected}${chosen}`;
}

/** GoogleSQL text that makes the identifier a STRING. */
export function identifier(key: Column): string {
  const column = `m.${name_(key.name)}`;
  if (key.type === 'STRING') return column;
  return key.type === 'BYTES' ? `TO_BASE64(${column})` : `CAST(${column} AS STRING)`;
}

/**
 * The mapped columns as JSON text, in the order of their names. JSON tells apart NULL, ''
 * and NaN, and keeps microseconds: so does the checksum over it.
 */
function mappedJson(input: PlanSqlInput): string {
  const names = mappedColumns(input)
    .map((column) => column.name)
    .toSorted();
  if (names.length === 0) return `'{}'`;
  return `TO_JSON_STRING(STRUCT(${names.map((name) => `c.${name_(COLUMN_PREFIX + name)} AS ${name_(name)}`).join(', ')}))`;
}

/**
 * Rows from the checkpoint on. It is included: rows of the same moment may have come later,
 * and those that were sent are found unchanged. Rows without a time, and rejected records,
 * are always looked at.
 */
function sinceSql(input: PlanSqlInput): string {
  const { incremental, rejects } = input;
  if (incremental?.since === undefined) return '';
  const column = `m.${name_(incremental.column.name)}`;
  const again =
    rejects === undefined
      ? ''
      : `\n    OR ${identifier(input.key)} IN (SELECT x.record_id FROM ${quoted(rejects)} AS x WHERE x.record_id IS NOT NULL)`;
  return `\n  WHERE ${column} >= CAST(${literal(incremental.since)} AS ${incremental.column.type}) OR ${column} IS NULL${again}`;
}

/**
 * Grouping costs less than numbering the copies. Records that have several are invalid, so
 * that their values may come from any of them; but the checkpoint must not move past the earliest.
 */
function oneOfCopies(column: Column, { incremental }: PlanSqlInput): string {
  const value = `i.${name_(COLUMN_PREFIX + column.name)}`;
  return column.name === incremental?.column.name ? `MIN(${value})` : `ANY_VALUE(${value})`;
}

/** Types whose JSON is short whatever the value. */
const SHORT_TYPES = /^(BOOL|INT64|FLOAT64|NUMERIC|BIGNUMERIC|DATE|TIME|DATETIME|TIMESTAMP|INTERVAL|RANGE<.*>)$/;

/**
 * The reason for which a record is too large, or NULL. Columns are measured one by one only
 * when all of them together are longer than one may be.
 */
function tooLargeSql(input: PlanSqlInput): string {
  const { maxRecordBytes, maxColumnBytes } = input;
  const long = mappedColumns(input).filter((column) => !SHORT_TYPES.test(column.type));
  const columns = long
    .map(
      (column) =>
        `BYTE_LENGTH(IFNULL(TO_JSON_STRING(h.${name_(COLUMN_PREFIX + column.name)}), '')) > ${maxColumnBytes}`,
    )
    .join(' OR ');
  return `CASE WHEN BYTE_LENGTH(h.mapped) > ${maxRecordBytes} THEN 'record_too_large'${
    columns === '' ? '' : ` WHEN BYTE_LENGTH(h.mapped) > ${maxColumnBytes} AND (${columns}) THEN 'column_too_large'`
  } END`;
}

function mappedColumns({ columns, mapped }: PlanSqlInput): Column[] {
  return columns.filter((column) => mapped === 'all' || mapped.has(column.name));
}

function recordsSource(records: TableRef | undefined): string {
  if (records !== undefined) return quoted(records);
  return `(SELECT CAST(NULL AS STRING) AS record_id, CAST(NULL AS STRING) AS checksum, CAST(NULL AS STRING) AS sent LIMIT 0)`;
}

function rejectsSource(rejects: TableRef | undefined): string {
  if (rejects !== undefined) return quoted(rejects);
  return `(SELECT CAST(NULL AS STRING) AS record_id, CAST(NULL AS STRING) AS checksum, CAST(NULL AS INT64) AS attempts, CAST(NULL AS TIMESTAMP) AS first_time LIMIT 0)`;
}

/** A quoted column name. BigQuery's column names cannot hold a backquote or a backslash. */
function name_(name: string): string {
  return `\`${name}\``;
}

// bigquery.tabledata.insertAll: rows that are there at once, each with its own errors; repeated
// insertIds are dropped; template tables. Source: "Using the legacy streaming API",
// TableDataInsertAllRequest of the REST v2 reference.
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BigQueryError } from '../../bigquery-error.ts';
import { checkTableId } from '../../catalog/table-rules.ts';
import { ingestionTimeOf, nameOf, type Table } from '../../catalog/tables.ts';
import type { TableRef } from '../../googlesql/statement.ts';
import { jsonSource } from '../../jobs/load/json.ts';
import type { BadRow, LoadSource } from '../../jobs/load/source.ts';
import { leftOutDefaults, withDefaults, type LeftOut } from '../../jobs/default-values.ts';
import { visibleTable } from '../../jobs/table-lookup.ts';
import { changeInPlace, commitTable, fill, insertInto } from '../../jobs/write-table.ts';
import type { Services } from '../../services.ts';
import { identifier } from '../../storage/duckdb.ts';
import type { RequestContext } from '../route.ts';
import { invalidField, optionalFlag, optionalList, optionalText } from './fields.ts';
import type { InsertIds } from './insert-ids.ts';
import { authorize, requireTable, tableOf } from './tables.ts';

/** "Quotas and limits: streaming inserts". */
const MAX_INSERT_ROWS = 50_000;
const MAX_REQUEST_BYTES = 10 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

/** `index`: its place in the request. */
type Row = { readonly index: number; readonly insertId: string | undefined; readonly json: unknown };

type RowErrors = { readonly index: number; readonly errors: readonly Record<string, string>[] };

/** Rows that leave out the same columns that have a default, and how they are read. */
type Group = {
  readonly rows: readonly Row[];
  readonly names: readonly string[];
  readonly leftOut: LeftOut;
  readonly source: LoadSource;
  readonly bad: readonly BadRow[];
};

export async function insertAll(services: Services, context: RequestContext, seen: InsertIds): Promise<unknown> {
  const { ref: named, resource, dataset } = tableOf(context);
  authorize(services, context, 'bigquery.tables.updateData', resource);
  authorize(services, context, 'bigquery.tables.get', resource);
  authorize(services, context, 'bigquery.datasets.get', dataset);
  const { body, headers } = context;
  if (Number(headers['content-length'] ?? 0) > MAX_REQUEST_BYTES)
    throw new BigQueryError('invalid', `Request payload size exceeds the limit: ${MAX_REQUEST_BYTES} bytes.`, {
      httpStatus: 413,
    });
  const suffix = optionalText(body, 'templateSuffix') ?? '';
  const ref = suffix === '' ? named : { ...named, tableId: `${named.tableId}${suffix}` };
  if (suffix !== '') authorizeInstance(services, context, ref, suffix);
  const rows = parseRows(body);
  const skipsInvalid = optionalFlag(body, 'skipInvalidRows') ?? false;
  const ignoresUnknown = optionalFlag(body, 'ignoreUnknownValues') ?? false;
  return services.lock.hold(nameOf(ref), context.signal, async () => {
    const table = suffix === '' ? requireTable(services, ref) : await instanceOf(services, context, named, ref);
    if (table.kind !== 'TABLE' || table.physicalId === undefined)
      throw new BigQueryError('invalid', `${nameOf(ref)} is not a table that takes rows.`);
    const known = seen.of(table.physicalId, services.clock());
    const fresh = withoutRepeated(rows, known);
    const errors = requiredErrors(table, fresh);
    await using files = new AsyncDisposableStack();
    const groups: Group[] = [];
    for (const some of byLeftOut(
      table,
      fresh.filter(({ index }) => !errors.has(index)),
    )) {
      const file = join(services.directory.spool, `insert-${randomUUID()}.ndjson`);
      files.defer(() => rm(file, { force: true }));
      const group = await readGroup(services, context, table, some, file, ignoresUnknown);
      for (const cell of group.bad) addError(errors, some.rows[cell.row - 1]!.index, cell);
      groups.push(group);
    }
    const kind = 'bigquery#tableDataInsertAllResponse';
    const insertErrors = [...errors.values()];
    if (errors.size > 0 && !skipsInvalid) {
      const stopped = fresh
        .filter(({ index }) => !errors.has(index))
        .map(({ index }) => ({ index, errors: [STOPPED] }));
      return { kind, insertErrors: inOrder([...insertErrors, ...stopped]) };
    }
    const good = fresh.filter(({ index }) => !errors.has(index));
    if (good.length > 0) {
      await insert(services, context, table, groups);
      for (const { insertId } of good) if (insertId !== undefined) known.add(insertId);
    }
    return { kind, ...(insertErrors.length === 0 ? {} : { insertErrors: inOrder(insertErrors) }) };
  });
}

/** Of rows that are right, in a request of which others are not. */
const STOPPED = { reason: 'stopped', location: '', debugInfo: '', message: '' };

function inOrder(errors: readonly RowErrors[]): readonly RowErrors[] {
  return errors.toSorted((a, b) => a.index - b.index);
}

function parseRows(body: Readonly<Record<string, unknown>>): readonly Row[] {
  const rows = optionalList(body, 'rows') ?? [];
  if (rows.length === 0) throw new BigQueryError('invalid', 'No rows present in the request.');
  if (rows.length > MAX_INSERT_ROWS)
    throw new BigQueryError(
      'invalid',
      `Too many rows present in the request, limit: ${MAX_INSERT_ROWS} row count: ${rows.length}.`,
    );
  return rows.map((row, index) => {
    const { insertId, json } = (row ?? {}) as { readonly insertId?: unknown; readonly json?: unknown };
    return { index, insertId: typeof insertId === 'string' && insertId !== '' ? insertId : undefined, json };
  });
}

/** Without those whose insertId is known, or comes earlier in the request. */
function withoutRepeated(rows: readonly Row[], known: { has(id: string): boolean }): readonly Row[] {
  const own = new Set<string>();
  return rows.filter(({ insertId }) => {
    if (insertId === undefined) return true;
    if (known.has(insertId) || own.has(insertId)) return false;
    own.add(insertId);
    return true;
  });
}

function authorizeInstance(services: Services, context: RequestContext, ref: TableRef, suffix: string): void {
  if (!/^\w+$/.test(suffix)) throw invalidField('templateSuffix', 'it may have letters, digits and underscores only');
  checkTableId(ref);
  const { projectId, datasetId } = ref;
  // "Required if you use a template table to create the table automatically."
  if (visibleTable(services, context.principal, ref) === undefined)
    authorize(services, context, 'bigquery.tables.create', { kind: 'dataset', projectId, datasetId });
  authorize(services, context, 'bigquery.tables.updateData', { kind: 'table', ...ref });
}

/** The instance table `{template}{suffix}`, made with the template's schema and layout. The caller holds its lock. */
async function instanceOf(
  services: Services,
  { signal }: RequestContext,
  template: TableRef,
  ref: TableRef,
): Promise<Table> {
  const { kind, properties } = requireTable(services, template);
  if (kind !== 'TABLE') throw new BigQueryError('invalid', `${nameOf(template)} is not a table that takes rows.`);
  const known = services.tables.get(ref);
  if (known !== undefined) return known;
  const { schema, timePartitioning, rangePartitioning, clustering } = properties;
  const own = {
    schema,
    ...(timePartitioning === undefined ? {} : { timePartitioning }),
    ...(rangePartitioning === undefined ? {} : { rangePartitioning }),
    ...(clustering === undefined ? {} : { clustering }),
  };
  const run = { services, signal, timeoutMs: TIMEOUT_MS };
  const { physicalId } = await fill(run, ref.projectId, schema.fields, undefined, ingestionTimeOf(own));
  const defaultMs = services.datasets.get(ref.projectId, ref.datasetId)?.properties.defaultTableExpirationMs;
  const expirationMs = defaultMs === undefined ? undefined : services.clock() + Number(defaultMs);
  return commitTable(services, { ref, kind, physicalId, expirationMs, properties: own }, 'create', () => undefined);
}

/** A column with a default that a row leaves out takes its default: rows that leave out the same go together. */
function byLeftOut(
  table: Table,
  rows: readonly Row[],
): readonly { readonly rows: readonly Row[]; readonly absent: ReadonlySet<string> }[] {
  const defaults = table.properties.schema.fields
    .filter((field) => field.defaultValueExpression !== undefined)
    .map((field) => field.name.toLowerCase());
  const groups = new Map<string, { rows: Row[]; absent: Set<string> }>();
  for (const row of rows) {
    const given = new Set(
      defaults.length === 0 ? [] : Object.keys(row.json as object).map((name) => name.toLowerCase()),
    );
    const absent = defaults.filter((name) => !given.has(name));
    const key = absent.join(',');
    const group = groups.get(key) ?? { rows: [], absent: new Set(absent) };
    group.rows.push(row);
    groups.set(key, group);
  }
  return [...groups.values()];
}

async function readGroup(
  services: Services,
  { principal, signal }: RequestContext,
  table: Table,
  { rows, absent }: { readonly rows: readonly Row[]; readonly absent: ReadonlySet<string> },
  file: string,
  ignoreUnknownValues: boolean,
): Promise<Group> {
  const fields = table.properties.schema.fields.filter((field) => !absent.has(field.name.toLowerCase()));
  const names = fields.map((field) => field.name);
  const leftOut = await leftOutDefaults(services, principal.email, table, names);
  const lines = rows.map(({ json }) => `${JSON.stringify(json)}\n`);
  await writeFile(file, lines.join(''), { mode: 0o600 });
  const longestRowBytes = lines.reduce((longest, line) => Math.max(longest, Buffer.byteLength(line)), 0);
  const text = { files: [{ path: file, name: 'the rows', size: 0 }], longestRowBytes };
  const reading = { autodetect: false, ignoreUnknownValues, maxBadRecords: 0 };
  return services.duckdb.use({ signal, timeoutMs: TIMEOUT_MS }, async (session) => {
    const source = await jsonSource(session, reading, text, fields);
    return { rows, names, leftOut, source, bad: await source.badRows!(session, MAX_INSERT_ROWS) };
  });
}

/** All groups in one transaction. The caller holds the table's lock. */
async function insert(
  services: Services,
  { signal }: RequestContext,
  table: Table,
  groups: readonly Group[],
): Promise<void> {
  await changeInPlace(
    { services, signal, timeoutMs: TIMEOUT_MS },
    {
      ref: table.ref,
      expected: table,
      body: async (session, name) => {
        let changed = 0;
        for (const { names, leftOut, source, bad } of groups) {
          const columns = [...names, ...leftOut.names].map(identifier).join(', ');
          const rowsSql = bad.length > 0 ? source.selectGood! : source.select();
          changed += await insertInto(session, name, columns, withDefaults(rowsSql, leftOut));
        }
        return { changed, outcome: { statistics: {} } };
      },
    },
  );
}

function requiredErrors(table: Table, rows: readonly Row[]): Map<number, RowErrors> {
  const required = table.properties.schema.fields.filter(
    (field) => field.mode === 'REQUIRED' && field.defaultValueExpression === undefined,
  );
  const errors = new Map<number, RowErrors>();
  for (const { index, json } of rows) {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      errors.set(index, {
        index,
        errors: [{ reason: 'invalid', location: '', debugInfo: '', message: 'The row is not an object.' }],
      });
      continue;
    }
    const given = json as Record<string, unknown>;
    const absent = required.filter((field) => given[field.name] === undefined || given[field.name] === null);
    if (absent.length > 0) {
      errors.set(index, {
        index,
        errors: absent.map((field) => ({
          reason: 'invalid',
          location: field.name,
          debugInfo: '',
          message: `Missing required field: ${field.name}.`,
        })),
      });
    }
  }
  return errors;
}

function addError(errors: Map<number, RowErrors>, index: number, cell: BadRow): void {
  const unknown = cell.value === 'no such field';
  const error = {
    reason: 'invalid',
    location: cell.column,
    debugInfo: '',
    message: unknown
      ? `no such field: ${cell.column}.`
      : `Cannot convert value to ${cell.type.toLowerCase()} (bad value): ${cell.value}`,
  };
  errors.set(index, { index, errors: [...(errors.get(index)?.errors ?? []), error] });
}

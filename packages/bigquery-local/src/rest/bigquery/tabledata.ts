// bigquery.tabledata.*: list pages of rows, and streaming inserts.
import { randomUUID } from 'node:crypto';
import { writeFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BigQueryError } from '../../bigquery-error.ts';
import { nameOf, type Table } from '../../catalog/tables.ts';
import { jsonSource } from '../../jobs/load/json.ts';
import type { BadRow } from '../../jobs/load/source.ts';
import { requireAllRows } from '../../jobs/row-access.ts';
import { leftOutDefaults, withDefaults } from '../../jobs/default-values.ts';
import { changeInPlace, insertInto } from '../../jobs/write-table.ts';
import type { Services } from '../../services.ts';
import { identifier } from '../../storage/duckdb.ts';
import type { Page } from '../../storage/table-rows.ts';
import { JsonText } from '../json-text.ts';
import type { RequestContext, Route } from '../route.ts';
import {
  decodeToken,
  encodeToken,
  invalidField,
  optionalCount,
  optionalFlag,
  optionalList,
  optionalObject,
  optionalText,
} from './fields.ts';
import { InsertIds } from './insert-ids.ts';
import { authorize, requireTable, tableOf } from './tables.ts';

const DEFAULT_PAGE_ROWS = 100_000;
const MAX_INSERT_ROWS = 50_000;

export function tabledataRoutes(services: Services): Route[] {
  const path = '/projects/:projectId/datasets/:datasetId/tables/:tableId';
  const seen = new InsertIds();
  return [
    {
      method: 'GET',
      path: `${path}/data`,
      operation: 'bigquery.tabledata.list',
      handle: (context) => listRows(services, context),
    },
    {
      method: 'POST',
      path: `${path}/insertAll`,
      operation: 'bigquery.tabledata.insertAll',
      handle: (context) => insertAll(services, context, seen),
    },
  ];
}

async function listRows(services: Services, context: RequestContext): Promise<JsonText> {
  const { ref, resource } = tableOf(context);
  authorize(services, context, 'bigquery.tables.getData', resource);
  const table = requireTable(services, ref);
  if (table.kind === 'VIEW' || table.kind === 'MATERIALIZED_VIEW')
    throw new BigQueryError('invalid', `Cannot list a table of type ${table.kind}.`);
  requireAllRows(services, context.principal, ref);
  const page = await readPage(services, context, table, context.query);
  const nextToken = pageTokenOf(table, page);
  return JsonText.withRows(
    {
      kind: 'bigquery#tableDataList',
      etag: table.etag,
      totalRows: String(page.totalRows),
      ...(nextToken === undefined ? {} : { pageToken: nextToken }),
    },
    page.rowsJson,
  );
}

/** `startIndex`, `maxResults`, `pageToken`, `selectedFields` and the timestamp format, as in the query string. */
export async function readPage(
  services: Services,
  context: RequestContext,
  table: Table,
  query: Readonly<Record<string, unknown>>,
): Promise<Page> {
  const format =
    optionalFlag(query, 'formatOptions.useInt64Timestamp') ??
    optionalFlag(optionalObject(query, 'formatOptions') ?? {}, 'useInt64Timestamp');
  const token = decodeToken(optionalText(query, 'pageToken'));
  const selectedFields = optionalText(query, 'selectedFields');
  const maxResults = Math.min(optionalCount(query, 'maxResults') ?? DEFAULT_PAGE_ROWS, DEFAULT_PAGE_ROWS);
  if (table.physicalId === undefined) return { rowsJson: '[]', rowCount: 0, totalRows: 0n, nextIndex: undefined };
  return services.rows.page({
    table,
    startIndex: token === undefined ? BigInt(optionalCount(query, 'startIndex') ?? 0) : indexOf(token, table),
    maxResults,
    selectedFields: selectedFields === undefined || selectedFields === '' ? undefined : selectedFields.split(','),
    useInt64Timestamp: format === true,
    signal: context.signal,
  });
}

export function pageTokenOf(table: Table, page: Page): string | undefined {
  return page.nextIndex === undefined ? undefined : encodeToken(`${table.physicalId}:${page.nextIndex}`);
}

function indexOf(token: string, table: Table): bigint {
  const match = /^(\w+):(\d{1,18})$/.exec(token);
  // The rows of another table, or of this one before it was replaced, are not these.
  if (match === null || match[1] !== table.physicalId)
    throw invalidField('pageToken', 'it is not a token of this list, or the table was replaced');
  return BigInt(match[2]!);
}

type RowErrors = { readonly index: number; readonly errors: readonly Record<string, string>[] };

async function insertAll(services: Services, context: RequestContext, seen: InsertIds): Promise<unknown> {
  const { ref, resource, dataset } = tableOf(context);
  authorize(services, context, 'bigquery.tables.updateData', resource);
  authorize(services, context, 'bigquery.tables.get', resource);
  authorize(services, context, 'bigquery.datasets.get', dataset);
  const { body } = context;
  if (optionalText(body, 'templateSuffix') !== undefined)
    throw new BigQueryError('notImplemented', 'templateSuffix is not supported by the local BigQuery.');
  const rows = (optionalList(body, 'rows') ?? []).map((row) => row as { insertId?: unknown; json?: unknown });
  if (rows.length === 0) throw new BigQueryError('invalid', 'No rows present in the request.');
  if (rows.length > MAX_INSERT_ROWS)
    throw new BigQueryError('invalid', `The request has more than ${MAX_INSERT_ROWS} rows.`);
  const skipInvalid = optionalFlag(body, 'skipInvalidRows') ?? false;
  const ignoreUnknownValues = optionalFlag(body, 'ignoreUnknownValues') ?? false;
  return services.lock.hold(nameOf(ref), context.signal, async () => {
    const table = requireTable(services, ref);
    if (table.kind !== 'TABLE' || table.physicalId === undefined)
      throw new BigQueryError('invalid', `${nameOf(ref)} is not a table that takes rows.`);
    const absent = absentDefaults(table, rows);
    const fields = table.properties.schema.fields.filter((field) => !absent.has(field.name.toLowerCase()));
    const names = fields.map((field) => field.name);
    const leftOut = await leftOutDefaults(services, context.principal.email, table, names);
    const known = seen.of(table.physicalId, services.clock());
    const fresh = rows
      .map((row, index) => ({ row, index }))
      .filter(({ row }) => typeof row.insertId !== 'string' || !known.has(row.insertId));
    const missing = requiredErrors(table, fresh);
    const file = join(services.directory.spool, `insert-${randomUUID()}.ndjson`);
    try {
      const send = fresh.filter(({ index }) => !missing.has(index));
      const lines = send.map(({ row }) => `${JSON.stringify(row.json ?? {})}\n`);
      await writeFile(file, lines.join(''), { mode: 0o600 });
      const longestRowBytes = lines.reduce((longest, line) => Math.max(longest, Buffer.byteLength(line)), 0);
      const text = { files: [{ path: file, name: 'the rows', size: 0 }], longestRowBytes };
      const reading = { autodetect: false, ignoreUnknownValues, maxBadRecords: 0 };
      const { source, bad } = await services.duckdb.use(
        { signal: context.signal, timeoutMs: 60_000 },
        async (session) => {
          const opened = await jsonSource(session, reading, text, fields);
          return { source: opened, bad: send.length === 0 ? [] : await opened.badRows!(session, MAX_INSERT_ROWS) };
        },
      );
      const errors = new Map<number, RowErrors>(missing);
      for (const cell of bad) addError(errors, send[cell.row - 1]!.index, cell);
      const insertErrors = [...errors.values()].toSorted((a, b) => a.index - b.index);
      if (errors.size > 0 && !skipInvalid) {
        const stopped = fresh
          .filter(({ index }) => !errors.has(index))
          .map(({ index }) => ({ index, errors: [{ reason: 'stopped', location: '', debugInfo: '', message: '' }] }));
        return {
          kind: 'bigquery#tableDataInsertAllResponse',
          insertErrors: [...insertErrors, ...stopped].toSorted((a, b) => a.index - b.index),
        };
      }
      const good = fresh.filter(({ index }) => !errors.has(index));
      if (good.length > 0) {
        const columns = [...names, ...leftOut.names].map(identifier).join(', ');
        const goodRows = errors.size > 0 ? source.selectGood! : source.select();
        await changeInPlace(
          { services, signal: context.signal, timeoutMs: 60_000 },
          {
            ref,
            expected: table,
            body: async (session, name) => ({
              changed: await insertInto(session, name, columns, withDefaults(goodRows, leftOut)),
              outcome: { statistics: {} },
            }),
          },
        );
        for (const { row } of good) if (typeof row.insertId === 'string') known.add(row.insertId);
      }
      return { kind: 'bigquery#tableDataInsertAllResponse', ...(insertErrors.length === 0 ? {} : { insertErrors }) };
    } finally {
      await rm(file, { force: true });
    }
  });
}

/** Columns, in lower case, that have a default and that no row gives. One that only some rows give is refused. */
function absentDefaults(table: Table, rows: readonly { json?: unknown }[]): ReadonlySet<string> {
  const keys = rows.map(({ json }) => new Set(Object.keys(json ?? {}).map((key) => key.toLowerCase())));
  const absent = new Set<string>();
  for (const { name, defaultValueExpression } of table.properties.schema.fields) {
    if (defaultValueExpression === undefined) continue;
    const givers = keys.filter((own) => own.has(name.toLowerCase())).length;
    if (givers === 0) absent.add(name.toLowerCase());
    else if (givers < keys.length)
      throw new BigQueryError(
        'notImplemented',
        `Rows of one request of which some give column ${name}, which has a default value, and some do not, are not supported by the local BigQuery: send them in two requests.`,
      );
  }
  return absent;
}

function requiredErrors(
  table: Table,
  rows: readonly { readonly row: { json?: unknown }; readonly index: number }[],
): Map<number, RowErrors> {
  const required = table.properties.schema.fields.filter(
    (field) => field.mode === 'REQUIRED' && field.defaultValueExpression === undefined,
  );
  const errors = new Map<number, RowErrors>();
  for (const { row, index } of rows) {
    if (typeof row.json !== 'object' || row.json === null || Array.isArray(row.json)) {
      errors.set(index, {
        index,
        errors: [{ reason: 'invalid', location: '', debugInfo: '', message: 'The row is not an object.' }],
      });
      continue;
    }
    const json = row.json as Record<string, unknown>;
    const absent = required.filter((field) => json[field.name] === undefined || json[field.name] === null);
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

// bigquery.tabledata.*: list pages of rows, and streaming inserts.
import { BigQueryError } from '../../bigquery-error.ts';
import type { Table } from '../../catalog/tables.ts';
import { requireAllRows } from '../../jobs/row-access.ts';
import type { Services } from '../../services.ts';
import type { Page } from '../../storage/table-rows.ts';
import { JsonText } from '../json-text.ts';
import type { RequestContext, Route } from '../route.ts';
import {
  decodeToken,
  encodeToken,
  invalidField,
  optionalCount,
  optionalObject,
  optionalText,
  optionalFlag,
} from './fields.ts';
import { insertAll } from './insert-all.ts';
import { InsertIds } from './insert-ids.ts';
import { authorize, requireTable, tableOf } from './tables.ts';

const DEFAULT_PAGE_ROWS = 100_000;

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

// Names of tables and datasets as queries write them: `p.d.t`, `d.t`, `t`, with any part
// or the whole in back quotes.
import { invalidQuery, unsupported } from './analyzer/analyzer-error.ts';
import type { BigQueryError } from '../bigquery-error.ts';
import type { AnalyzeRequest, TableRef } from './statement.ts';

/** One to three parts: a back-quoted name with dots is several parts; a project may hold dots (`example.com:p`). */
export function splitPath(path: readonly string[]): string[] {
  const parts = path.join('.').split('.');
  if (parts.some((p) => p.toUpperCase() === 'INFORMATION_SCHEMA')) throw unsupported('INFORMATION_SCHEMA');
  if (parts.at(-1)!.includes('$')) throw unsupported('A partition decorator');
  if (parts.length <= 3) return parts;
  return [parts.slice(0, -2).join('.'), parts.at(-2)!, parts.at(-1)!];
}

/** The parts of a name of INFORMATION_SCHEMA, such as `p`.`region-us`.INFORMATION_SCHEMA.X; undefined for every other name. */
export function systemViewPath(path: readonly string[]): string[] | undefined {
  const parts = path.join('.').split('.');
  return parts.at(-2)?.toUpperCase() === 'INFORMATION_SCHEMA' ? parts : undefined;
}

export function unqualifiedTable(tableId: string): BigQueryError {
  return invalidQuery(`Table "${tableId}" must be qualified with a dataset (e.g. dataset.table).`);
}

/** The table that a CREATE, DROP or DML statement names. */
export function targetTable(path: readonly string[], request: AnalyzeRequest): TableRef {
  const parts = splitPath(path);
  const tableId = parts.at(-1)!;
  if (tableId.endsWith('*')) throw invalidQuery(`A wildcard table cannot be created, changed or dropped: ${tableId}`);
  const { temporary } = request;
  const ofSession = parts.length === 2 && parts[0]!.toUpperCase() === '_SESSION';
  if (temporary !== undefined && (ofSession || parts.length === 1) && temporary.has(tableId))
    return { projectId: temporary.projectId, datasetId: temporary.datasetId, tableId };
  if (parts.length === 3) return { projectId: parts[0]!, datasetId: parts[1]!, tableId };
  if (parts.length === 2) return { projectId: request.defaultProject, datasetId: parts[0]!, tableId };
  if (request.defaultDataset === undefined) throw unqualifiedTable(tableId);
  return { ...request.defaultDataset, tableId };
}

/** The dataset that a CREATE or DROP SCHEMA names. */
export function targetDataset(
  path: readonly string[],
  request: AnalyzeRequest,
): { projectId: string; datasetId: string } {
  const parts = path.join('.').split('.');
  const datasetId = parts.at(-1)!;
  return { projectId: parts.length === 1 ? request.defaultProject : parts.slice(0, -1).join('.'), datasetId };
}

/** The table that CREATE TEMP TABLE names. */
export function temporaryTable(path: readonly string[], request: AnalyzeRequest): TableRef {
  const parts = splitPath(path);
  const tableId = parts.at(-1)!;
  if (tableId.endsWith('*')) throw invalidQuery(`A wildcard table cannot be created, changed or dropped: ${tableId}`);
  if (parts.length > 2 || (parts.length === 2 && parts[0]!.toUpperCase() !== '_SESSION'))
    throw invalidQuery(`A temporary table has no project and no dataset: ${parts.join('.')}`);
  if (request.temporary === undefined) throw invalidQuery('Use of CREATE TEMPORARY TABLE requires a script or session');
  return { projectId: request.temporary.projectId, datasetId: request.temporary.datasetId, tableId };
}

import { BigQueryError } from '../bigquery-error.ts';
import type { TableRef } from './denied.ts';

/**
 * The 403 for what needs all rows of a table ("The TRUE filter") when row access policies
 * hide some from the caller. NOTE The text is ours: Google's is not public.
 */
export function allRowsDenied({ projectId, datasetId, tableId }: TableRef): BigQueryError {
  const name = `${projectId}:${datasetId}.${tableId}`;
  return new BigQueryError(
    'accessDenied',
    `Access Denied: Table ${name}: User does not have permission to access all rows of table ${name}. The operation needs a row access policy with the filter TRUE for this user.`,
  );
}

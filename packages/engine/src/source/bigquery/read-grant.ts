// What to grant when BigQuery refuses to read a table. Its text names the table but not
// the permission: reading takes `bigquery.tables.getData` on each table and view of a query.
import type { SourceConfig } from '../../run/api.ts';
import { DEFAULT_STATE_DATASET } from '../../plan/state-tables.ts';

const REFUSED = /Table (\S+):(\w+)\.(.+?): User does not have permission to query table/;

/** Words with the smallest grant, or undefined when the text is not about reading a table. */
export function readGrant(message: string, source: SourceConfig): string | undefined {
  const [, projectId, datasetId, tableId] = REFUSED.exec(message) ?? [];
  if (projectId === undefined || datasetId === undefined || tableId === undefined) return undefined;
  const to = `TO "serviceAccount:${source.credentials.client_email}"`;
  const schema = `\`${projectId}\`.${datasetId}`;
  if (datasetId === (source.stateDataset ?? DEFAULT_STATE_DATASET))
    return `Grant the service account bigquery.tables.getData on the state dataset: GRANT \`roles/bigquery.dataEditor\` ON SCHEMA ${schema} ${to}; if there is no such dataset yet, bigquery.datasets.create on the project lets Sluice create it. Test connection tells what else is missing.`;
  return `Grant the service account bigquery.tables.getData on ${datasetId}.${tableId}: GRANT \`roles/bigquery.dataViewer\` ON TABLE ${schema}.\`${tableId}\` ${to}; for a view write ON VIEW, for the whole dataset ON SCHEMA ${schema}.`;
}

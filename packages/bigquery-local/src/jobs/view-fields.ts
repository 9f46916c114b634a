import type { Principal } from '../access/decision.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { TableReference } from '../catalog/datasets.ts';
import type { FieldSchema } from '../catalog/schema.ts';
import { fieldOf } from '../googlesql/values/schema.ts';
import type { Services } from '../services.ts';
import { authorizeStatement } from './authorize-statement.ts';
import { JobTableLookup } from './table-lookup.ts';

/** The schema of a view's query, which its author must be allowed to read. */
export async function viewFields(
  services: Services,
  principal: Principal,
  view: TableReference,
  query: string,
): Promise<readonly FieldSchema[]> {
  if (query.trim() === '') throw new BigQueryError('invalid', 'Required parameter is missing: view.query');
  using lookup = new JobTableLookup(services, {
    principal,
    defaultProject: view.projectId,
    defaultDataset: undefined,
    location: undefined,
  });
  try {
    const analyzed = await services.sql.analyze({
      sql: query,
      lookup,
      defaultProject: view.projectId,
      definesView: true,
      sessionUser: principal.email,
    });
    if (analyzed.statement.kind !== 'SELECT')
      throw new BigQueryError('invalidQuery', 'The query of a view must be a SELECT.', { location: 'query' });
    authorizeStatement(services, principal, analyzed);
    return analyzed.statement.query.columns.map(fieldOf);
  } catch (error) {
    throw lookup.denial ?? error;
  }
}

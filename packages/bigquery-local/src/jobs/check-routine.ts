// A routine that comes without a statement (REST): its body is analysed as that of the statement which
// would make it, with the caller's rights to what it names.
import type { Principal } from '../access/decision.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { RoutineProperties } from '../catalog/routines.ts';
import { definitionText } from '../googlesql/routines/definition.ts';
import { tokenize } from '../googlesql/desugar/tokens.ts';
import type { RoutineRef } from '../googlesql/statement.ts';
import type { Services } from '../services.ts';
import { authorizeStatement } from './authorize-statement.ts';
import { JobTableLookup } from './table-lookup.ts';

/** Throws what is wrong with the body, or the 403 for what it reads. */
export async function checkRoutine(
  services: Services,
  principal: Principal,
  ref: RoutineRef,
  properties: RoutineProperties,
): Promise<void> {
  if (properties.language === 'JAVASCRIPT') return;
  using lookup = new JobTableLookup(services, {
    principal,
    defaultProject: ref.projectId,
    defaultDataset: undefined,
    location: services.datasets.get(ref.projectId, ref.datasetId)?.location,
  });
  const analyzed = await services.sql
    .analyze({
      sql: definitionText(properties),
      lookup,
      defaultProject: ref.projectId,
      sessionUser: principal.email,
    })
    .catch((error: unknown) => {
      throw lookup.denial ?? error;
    });
  const { statement } = analyzed;
  const made =
    statement.kind === 'CREATE_TEMP_FUNCTION'
      ? statement.routine.properties
      : 'properties' in statement
        ? statement.properties
        : undefined;
  if (made?.routineType !== properties.routineType || !isWhole(properties.definitionBody, made.definitionBody))
    throw new BigQueryError('invalid', 'Invalid value for definitionBody: expected the body of a routine and no more');
  if (lookup.denialOfNamed !== undefined) throw lookup.denialOfNamed;
  const routine = { name: ref.routineId, properties };
  authorizeStatement(services, principal, {
    ...analyzed,
    statement: { kind: 'CREATE_TEMP_FUNCTION', mode: 'default', routine },
  });
}

/** Whether what the analyser took for the body is all of it, but for comments and white space around. */
function isWhole(given: string, taken: string): boolean {
  const texts = (sql: string): string => JSON.stringify(tokenize(sql).map(({ text }) => text));
  return texts(given) === texts(taken);
}

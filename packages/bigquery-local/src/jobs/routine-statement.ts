// CREATE and DROP of functions, table functions and procedures ("Data definition language").
import { BigQueryError } from '../bigquery-error.ts';
import type { JobOutcome } from '../catalog/jobs.ts';
import { routineExists, routineNameOf, routineNotFound, type RoutineType } from '../catalog/routines.ts';
import type { RoutineRef, Statement } from '../googlesql/statement.ts';
import type { Services } from '../services.ts';
import type { Execution } from './execution.ts';

type CreateRoutine = Extract<
  Statement,
  { readonly kind: 'CREATE_FUNCTION' | 'CREATE_TABLE_FUNCTION' | 'CREATE_PROCEDURE' }
>;
type DropRoutine = Extract<Statement, { readonly kind: 'DROP_FUNCTION' | 'DROP_TABLE_FUNCTION' | 'DROP_PROCEDURE' }>;

const TYPES: Readonly<Record<DropRoutine['kind'], readonly RoutineType[]>> = {
  DROP_FUNCTION: ['SCALAR_FUNCTION', 'AGGREGATE_FUNCTION'],
  DROP_TABLE_FUNCTION: ['TABLE_VALUED_FUNCTION'],
  DROP_PROCEDURE: ['PROCEDURE'],
};

/** Synchronous in effect: the statement and its job end in one transaction. */
export function runRoutineStatement(
  execution: Execution,
  statement: CreateRoutine | DropRoutine,
  statistics: Record<string, unknown>,
): JobOutcome {
  const { services } = execution;
  return services.db.transaction(() => {
    const operation = 'properties' in statement ? create(services, statement) : drop(services, statement);
    const query = {
      ...(statistics['query'] as Record<string, unknown>),
      ddlOperationPerformed: operation,
      ddlTargetRoutine: statement.target,
    };
    const outcome: JobOutcome = { statistics: { ...statistics, query } };
    execution.finish(outcome);
    return outcome;
  });
}

/** Throws `invalid` for an id that no routine can have. */
export function checkRoutineId(ref: RoutineRef): void {
  if (!/^[A-Za-z_]\w{0,255}$/.test(ref.routineId))
    throw new BigQueryError(
      'invalid',
      `Invalid routine ID "${ref.routineId}". Routine IDs must be alphanumeric (plus underscores), must not start with a digit and must be at most 256 characters long.`,
    );
}

function create(services: Services, statement: CreateRoutine): string {
  const { target, mode, properties } = statement;
  checkRoutineId(target);
  if (services.datasets.get(target.projectId, target.datasetId) === undefined)
    throw new BigQueryError('notFound', `Not found: Dataset ${target.projectId}:${target.datasetId}`);
  const old = services.routines.get(target);
  if (old !== undefined && mode === 'if_not_exists') return 'SKIP';
  if (old !== undefined && mode === 'default') throw routineExists(target);
  services.routines.put(target, properties, 'replace');
  return old === undefined ? 'CREATE' : 'REPLACE';
}

function drop(services: Services, { kind, target, ifExists }: DropRoutine): string {
  const routine = services.routines.get(target);
  if (routine === undefined) {
    if (ifExists) return 'SKIP';
    throw routineNotFound(target);
  }
  const { routineType } = routine.properties;
  if (!TYPES[kind].includes(routineType))
    throw new BigQueryError(
      'invalidQuery',
      `Cannot drop ${routineNameOf(target)} which has type ${routineType}. An object of type ${TYPES[kind][0]} was expected.`,
      { location: 'query' },
    );
  services.routines.delete(target);
  return 'DROP';
}

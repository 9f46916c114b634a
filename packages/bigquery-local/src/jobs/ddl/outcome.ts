// What a DDL job tells of itself: `ddlOperationPerformed` and its target.
import type { JobOutcome } from '../../catalog/jobs.ts';
import type { TableRef } from '../../googlesql/statement.ts';
import type { Execution } from '../execution.ts';

type Statistics = Readonly<Record<string, unknown>>;
type Operation = 'CREATE' | 'REPLACE' | 'SKIP' | 'ALTER' | 'DROP';

export function done(execution: Execution, outcome: JobOutcome): JobOutcome {
  execution.finish(outcome);
  return outcome;
}

export function tableOutcome(statistics: Statistics, operation: Operation, target: TableRef): JobOutcome {
  return { ...outcome(statistics, operation, { ddlTargetTable: target }), destination: target };
}

export function schemaOutcome(
  statistics: Statistics,
  operation: Operation,
  target: { readonly projectId: string; readonly datasetId: string },
): JobOutcome {
  return outcome(statistics, operation, { ddlTargetDataset: target });
}

function outcome(statistics: Statistics, operation: Operation, target: object): JobOutcome {
  const query = { ...(statistics['query'] as object), ddlOperationPerformed: operation, ...target };
  return { statistics: { ...statistics, query } };
}

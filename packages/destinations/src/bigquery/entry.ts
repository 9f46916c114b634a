// The BigQuery destination for the registry.
import { AppError } from '@sluice/core';
import type { AuthenticationResult, ConnectionSpec, DestinationSpec, OpenDestination } from '@sluice/destination-kit';
import { openSession, sessionColumns } from '@sluice/destination-kit';
import { fixedRowColumns } from '../connection-settings.ts';
import type { DestinationEntry, OpenOptions } from '../entry.ts';
import { BigQueryCalls } from './client.ts';
import { authenticationOf } from './errors.ts';
import { BigQuerySession } from './session.ts';
import { connectionProblems, targetOf, targetProblems, withRow } from './settings.ts';
import { bigqueryShape } from './shape.ts';
import { describeTable } from './table.ts';

/** Load jobs at once; each waits mostly for BigQuery. */
const CONCURRENCY = 4;

export const bigqueryEntry: DestinationEntry = {
  type: bigqueryShape.slug,
  name: bigqueryShape.name,
  origin: 'native',
  shape: () => bigqueryShape,
  checkConnection: connectionProblems,
  check: targetProblems,
  columns: (spec) => sessionColumns(bigqueryShape, withRow(spec)),
  open,
  testAuthentication,
};

async function open(spec: DestinationSpec): Promise<OpenDestination> {
  const target = targetOf(spec);
  try {
    const calls = new BigQueryCalls(spec);
    const table = await describeTable(calls, target, fixedRowColumns(spec.fields));
    const batch = bigqueryShape.actions[spec.action]?.batch ?? { maxRows: 10_000, maxBytes: 10_000_000 };
    const session = new BigQuerySession(calls, target, table);
    return openSession(bigqueryShape, withRow(spec), session, { batching: { ...batch, concurrency: CONCURRENCY } });
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown;
    const { result, code, message } = authenticationOf(thrown);
    throw new AppError(`BigQuery cannot be used in ${target.project}.${target.dataset}: ${message}`, {
      code,
      kind: result === 'invalid' ? 'unauthenticated' : 'unavailable',
      origin: 'destination',
      where: 'settings',
      fix: 'check project, dataset, credentials and endpoint, and that the service account has the roles BigQuery Job User on the project and BigQuery Data Editor on the dataset',
      cause: thrown,
    });
  }
}

async function testAuthentication(
  spec: ConnectionSpec,
  _options: OpenOptions,
  signal: AbortSignal,
): Promise<AuthenticationResult> {
  try {
    await new BigQueryCalls(spec).testJobs(signal);
    return { result: 'valid' };
  } catch (error) {
    return authenticationOf(error);
  }
}

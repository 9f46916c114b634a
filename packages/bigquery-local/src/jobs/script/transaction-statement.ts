// BEGIN, COMMIT and ROLLBACK TRANSACTION of a script or session.
import { BigQueryError } from '../../bigquery-error.ts';
import type { Child } from './child-jobs.ts';
import type { ScriptRun } from './script-run.ts';
import { StorageTransaction } from './storage-transaction.ts';

export async function transactionStatement(
  run: ScriptRun,
  kind: 'begin_transaction' | 'commit' | 'rollback',
  child: Child,
): Promise<void> {
  const { state, children, execution } = run.options;
  const { services, projectId } = execution;
  const invalid = (message: string): BigQueryError => new BigQueryError('invalidQuery', message, { location: 'query' });
  switch (kind) {
    case 'begin_transaction':
      await children.note(child, 'BEGIN_TRANSACTION', async () => {
        if (state.transaction !== undefined)
          throw invalid(
            'Cannot begin a transaction: a transaction is already in progress. Nested transactions are not supported.',
          );
        state.transaction = await StorageTransaction.begin(services, state.transactions, projectId);
      });
      return;
    case 'commit':
      await children.note(child, 'COMMIT_TRANSACTION', async () => {
        const { transaction } = state;
        if (transaction === undefined) throw invalid('Cannot commit: there is no transaction in progress.');
        state.transaction = undefined;
        await transaction.commit();
      });
      return;
    case 'rollback':
      await children.note(child, 'ROLLBACK_TRANSACTION', async () => {
        if (state.transaction === undefined) throw invalid('Cannot roll back: there is no transaction in progress.');
        await state.rollback();
      });
  }
}

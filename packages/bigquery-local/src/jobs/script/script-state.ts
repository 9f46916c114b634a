// What a script leaves to its next statement, and a session to its next job.
import type { Principal } from '../../access/decision.ts';
import type { TemporaryRoutine } from '../../googlesql/statement.ts';
import type { Services } from '../../services.ts';
import type { DatasetRef } from '../table-lookup.ts';
import type { OpenTransactions, StorageTransaction } from './storage-transaction.ts';
import { TemporaryTables } from './temporary-tables.ts';
import { VariableScope } from './variable-scope.ts';

export class ScriptState implements AsyncDisposable {
  readonly transactions: OpenTransactions;
  readonly variables = new VariableScope();
  readonly temporary: TemporaryTables;
  /** By name in lower case. */
  readonly temporaryRoutines = new Map<string, TemporaryRoutine>();
  transaction: StorageTransaction | undefined;
  defaultDataset: DatasetRef | undefined;
  queryLabel: string | undefined;
  rowCount: bigint | undefined;
  lastJobId: string | undefined;

  constructor(
    services: Services,
    transactions: OpenTransactions,
    owner: { readonly principal: Principal; readonly projectId: string; readonly location: string },
  ) {
    this.transactions = transactions;
    this.temporary = new TemporaryTables(services, owner.principal, owner.projectId, owner.location);
  }

  /** Ends the transaction, if one is open, without its changes. */
  async rollback(): Promise<void> {
    const { transaction } = this;
    this.transaction = undefined;
    await transaction?.rollback();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rollback();
    await this.temporary[Symbol.asyncDispose]();
  }
}

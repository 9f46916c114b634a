// What the code of a job gets to do its work.
import type { Principal } from '../access/decision.ts';
import type { JobOutcome } from '../catalog/jobs.ts';
import type { Services } from '../services.ts';
import type { StorageTransaction } from './script/storage-transaction.ts';

export type Execution = {
  readonly services: Services;
  readonly principal: Principal;
  readonly projectId: string;
  readonly jobId: string;
  /** Aborts when the job is cancelled or the server stops. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number | undefined;
  /** The multi-statement transaction that the statement is part of. */
  readonly transaction?: StorageTransaction;
  /**
   * Records the job as done. Called once, inside the catalog transaction that makes the
   * job's effect visible, so that after a crash the job and its effect agree.
   */
  finish(outcome: JobOutcome): void;
};

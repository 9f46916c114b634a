// Where parts are put: an object store, a server's folder or a local one. What a store
// throws is either a `StoreFailure`, which says what it means for the batch, or an error of
// a socket, which the retry table sorts.
import type { BatchResult } from '@sluice/destination-kit';

export type Part = {
  /** With `/` between folders, without one at its beginning. */
  readonly key: string;
  readonly body: Buffer;
  /** A MIME type. */
  readonly contentType: string;
};

export interface ObjectStore extends AsyncDisposable {
  /**
   * Durable and visible as a whole when it settles; the same key again leaves the same object.
   * Ends soon after `signal` does.
   */
  put(part: Part, signal: AbortSignal): Promise<void>;
}

type Cause = Extract<BatchResult, { kind: 'failed' }>['cause'];

export class StoreFailure extends Error {
  readonly reason: Cause;
  readonly code: string;

  constructor(reason: Cause, code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
    this.code = code;
  }
}

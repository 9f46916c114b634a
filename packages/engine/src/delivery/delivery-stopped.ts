// The ways in which a destination ends a delivery before its plan is through.
import { AppError } from '@sluice/core';
import type { Refusal } from './doubt.ts';

/** The destination says that no batch can succeed, or it is down; the sync ends here. */
export class DeliveryStopped extends AppError {
  /** Set when the destination may be tried again after this time, in milliseconds from now. */
  readonly retryInMs: number | undefined;

  constructor(message: string, code: string, fix: string, retryInMs?: number) {
    super(message, { code, kind: 'unavailable', origin: 'destination', fix });
    this.retryInMs = retryInMs;
  }
}

type Why = { readonly code: string; readonly message: string };

const NEXT = 'what was not delivered is sent by the next sync.';

export function refusesEveryRequest({ code, message }: Why): DeliveryStopped {
  return new DeliveryStopped(
    `The destination refuses every request: ${clip(message)} (${code})`,
    'DESTINATION_REFUSES',
    `Check the settings and credentials of the destination; ${NEXT}`,
  );
}

export function refusesEveryRecord({ code, message, address }: Refusal): DeliveryStopped {
  return new DeliveryStopped(
    `The destination refuses every record: ${clip(message)} (${code})`,
    'DESTINATION_REFUSES',
    address === undefined
      ? `Compare the mapping's fields with what the destination expects; ${NEXT}`
      : `Check the address in ${address}, and that it accepts this kind of request; ${NEXT}`,
  );
}

/** `retryAfterMs`: as the destination asked; 0 when it did not. */
export function notAvailable({ code, message }: Why, retryAfterMs: number): DeliveryStopped {
  return new DeliveryStopped(
    `The destination is not available: ${clip(message)} (${code})`,
    'DESTINATION_UNAVAILABLE',
    `Check that the destination can be reached and try again; ${NEXT}`,
    retryAfterMs,
  );
}

/** Rows that a transaction held are not at the destination: none of them counts as delivered. */
export function transactionFailed(step: 'begin' | 'commit', { code, message }: Why): DeliveryStopped {
  return new DeliveryStopped(
    step === 'begin'
      ? `The destination could not begin a transaction: ${clip(message)} (${code})`
      : `The destination could not commit the transaction: ${clip(message)} (${code}); it holds none of the records`,
    step === 'begin' ? 'DESTINATION_BEGIN_FAILED' : 'DESTINATION_COMMIT_FAILED',
    `Look at the destination's own log for the reason; ${NEXT}`,
  );
}

/** Destinations may answer with whole pages of HTML. */
export function clip(message: string): string {
  return message.length <= 500 ? message : `${message.slice(0, 499)}…`;
}

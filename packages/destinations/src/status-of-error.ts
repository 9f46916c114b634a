// What a request's error says about its one row, as an entry of an answer per row.
import { RequestError, failureOfThrown, segmentCore } from '@sluice/destination-kit';

const LATER = 503;
const REFUSED = 422;

export function statusOfError(error: unknown): { readonly status: number; readonly message: string } {
  const { cause, message } = failureOfThrown(error, (text) => text);
  const { response } = (error ?? {}) as { response?: { status?: unknown } };
  const status = error instanceof segmentCore.HTTPError ? response?.status : undefined;
  if (typeof status === 'number') return { status, message };
  return { status: cause === 'later' || error instanceof RequestError ? LATER : REFUSED, message };
}

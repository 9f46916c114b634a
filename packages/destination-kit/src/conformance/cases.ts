// The cases of the conformance suite and what a destination must make of each: the retry
// table's answer, never a row that counts as delivered although the other side refused it.
import type { BatchResult } from '../destination.ts';
import { verdictOfStatus } from '../run/classify.ts';

/** Statuses that every destination is shown, each as the answer to all its requests. */
export const STATUS_CASES = [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503] as const;

export const CASES = [
  'success',
  'partial failure',
  'whole batch refused',
  'invalid rows',
  ...STATUS_CASES.map((status) => `status ${status}` as const),
  'slow answer',
  'no answer',
  'reset mid-body',
  'huge answer',
  'malformed answer',
  'redirect',
  'duplicate delivery',
  'deletes',
  'unicode',
  '5 MB row',
  'abort',
  'secrets',
] as const;

export type CaseName = (typeof CASES)[number];

export type CaseResult = {
  readonly name: CaseName;
  /**
   * `ok`: as the retry table says. `differs`: no harm, but another answer than the table's, because
   * the definition sorts the vendor's answers itself. `none`: the vendor's API or the definition has no
   * such thing. `fails`: a promise is broken.
   */
  readonly verdict: 'ok' | 'differs' | 'none' | 'fails';
  /** Why it is not `ok`. */
  readonly note?: string;
};

/** What became of a batch, in one word. */
export type Ending = 'delivered' | 'rejected' | 'later' | 'stop' | 'mixed';

export function endingOf(result: BatchResult): Ending {
  if (result.kind === 'failed') return result.cause === 'rows' ? 'rejected' : result.cause;
  const kinds = new Set(result.outcomes.map(({ outcome }) => outcome));
  if (kinds.size !== 1) return 'mixed';
  const [only] = kinds;
  return only === 'retry' ? 'later' : (only ?? 'mixed');
}

export function expectedOf(status: number): Ending {
  const { cause } = verdictOfStatus(status);
  return cause === 'rows' ? 'rejected' : cause === 'done' ? 'delivered' : cause;
}

/** `differs` as long as no row counts as delivered. */
export function judge(name: CaseName, ending: Ending, expected: Ending): CaseResult {
  if (ending === expected) return { name, verdict: 'ok' };
  if (ending === 'delivered' || ending === 'mixed') {
    return { name, verdict: 'fails', note: `says ${ending}, expected ${expected}` };
  }
  return { name, verdict: 'differs', note: WORDS[ending] };
}

const WORDS: Readonly<Record<Ending, string>> = {
  delivered: 'delivered',
  rejected: 'rejects the rows',
  later: 'tries again',
  stop: 'stops the sync',
  mixed: 'mixed',
};

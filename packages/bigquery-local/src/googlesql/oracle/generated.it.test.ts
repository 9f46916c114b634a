// Random expressions and queries: DuckDB and ZetaSQL's reference evaluator agree about every value and about failing.
// The seed is fixed; GENERATED_SEED and GENERATED_RUNS (a factor) in the environment widen the search. What is found
// shrinks to the smallest text that still differs.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Agreement } from './agreement.ts';
import { anyExpression } from './expressions.ts';
import { query } from './queries.ts';

const SEED = Number(process.env['GENERATED_SEED'] ?? 20_251_121);
const FACTOR = Number(process.env['GENERATED_RUNS'] ?? 1);
const TIMEOUT_MS = 300_000 * Math.max(1, FACTOR);

let agreement: Agreement;

beforeAll(async () => {
  agreement = await Agreement.start();
}, 60_000);

afterAll(async () => {
  await agreement?.[Symbol.asyncDispose]();
});

type Counts = { readonly runs: number; readonly same: number; readonly answered: number };

/** Checks random texts until one differs, which it throws with both answers; else how many agreed, and how many of those with rows. */
async function searched(texts: fc.Arbitrary<string>, base: number): Promise<Counts> {
  const runs = Math.round(base * FACTOR);
  let [same, answered] = [0, 0];
  const property = fc.asyncProperty(texts, async (sql) => {
    const { kind, ours, theirs } = await agreement.check(sql);
    if (kind === 'different')
      throw new Error(`${sql}\nours:   ${JSON.stringify(ours)}\ntheirs: ${JSON.stringify(theirs)}`);
    if (kind !== 'same') return;
    same++;
    if ('rows' in ours) answered++;
  });
  await fc.assert(property, { seed: SEED, numRuns: runs, endOnFailure: false });
  return { runs, same, answered };
}

/** A generator of nothing but refused or failing texts would prove nothing. */
function expectSubstance({ runs, same, answered }: Counts): void {
  expect(same).toBeGreaterThan(runs * 0.9);
  expect(answered).toBeGreaterThan(runs * 0.6);
}

const selected = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> => texts.map((text) => `SELECT ${text}`);

describe('what is made at random', () => {
  test(
    'expressions of one call have the evaluator’s values and failures',
    async () => {
      const counts = await searched(selected(anyExpression({ depth: 1, failing: true })), 200);
      expect(counts.runs).toBeGreaterThan(0);
      expectSubstance(counts);
    },
    TIMEOUT_MS,
  );

  test(
    'nested expressions have the evaluator’s values',
    async () => {
      const counts = await searched(selected(anyExpression({ depth: 3, failing: false })), 150);
      expect(counts.runs).toBeGreaterThan(0);
      expectSubstance(counts);
    },
    TIMEOUT_MS,
  );

  test(
    'queries have the evaluator’s rows',
    async () => {
      const counts = await searched(query(), 150);
      expect(counts.runs).toBeGreaterThan(0);
      expectSubstance(counts);
    },
    TIMEOUT_MS,
  );
});

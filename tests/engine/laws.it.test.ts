// The laws of the plan, with random data: the SQL on the local BigQuery against a model of
// a few lines in JavaScript. A destination that remembers everything is the judge.
import { createRegistry } from '@sluice/destinations';
import { planChanges, planMapping } from '@sluice/engine';
import type { MappingConfig, SyncReport } from '@sluice/engine';
import { OPERATIONS } from '@sluice/core';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWorkbench, stateTable } from './workbench.ts';
import type { Workbench } from './workbench.ts';

const RUNS = 4;
const registry = createRegistry();
let bench: Workbench;
let scene = 0;
beforeAll(async () => {
  bench = await openWorkbench();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

type Row = { readonly id: string | null; readonly v: string | null; readonly n: number | null };
type Content = { readonly v: string | null; readonly n: number | null };

const IDS = ['a', 'b', 'c', 'A', 'é', '', ' ', '0', "it's", 'x"y'] as const;
const VALUES = ['', 'NULL', 'null', 'x', '1', "'", '\\', 'ü'] as const;
const row = fc.record({
  id: fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...IDS) }, { weight: 1, arbitrary: fc.constant(null) }),
  v: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...VALUES) }, { weight: 1, arbitrary: fc.constant(null) }),
  n: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: -2, max: 2 }) }, { weight: 1, arbitrary: fc.constant(null) }),
});
const rows = fc.array(row, { maxLength: 14 });

function literal(text: string | null): string {
  return text === null ? 'CAST(NULL AS STRING)' : `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
function sqlOf(content: readonly Row[]): string {
  const structs = content.map(
    ({ id, v, n }) =>
      `STRUCT(${literal(id)} AS id, ${literal(v)} AS v, ${n === null ? 'CAST(NULL AS INT64)' : n} AS n)`,
  );
  const empty = `SELECT CAST(NULL AS STRING) AS id, CAST(NULL AS STRING) AS v, CAST(NULL AS INT64) AS n FROM UNNEST([1]) WHERE FALSE`;
  return content.length === 0 ? empty : `SELECT id, v, n FROM UNNEST([${structs.join(', ')}])`;
}
function mappingOf(id: string, content: readonly Row[]): MappingConfig {
  const guards = { allowEmptyModel: true, maxDeletedShare: 1, minInvalidRows: 1000 };
  return bench.mapping(id, sqlOf(content), { guards, batchSize: 3 });
}

/** What a plan must say, from what was sent and what the model holds. */
function expected(
  sent: ReadonlyMap<string, Content>,
  content: readonly Row[],
): { plan: Map<string, string>; next: Map<string, Content> } {
  const copies = new Map<string, Row[]>();
  for (const each of content) if (each.id !== null) copies.set(each.id, [...(copies.get(each.id) ?? []), each]);
  const plan = new Map<string, string>();
  const next = new Map<string, Content>();
  for (const [id, [first, ...others]] of copies) {
    const before = sent.get(id);
    // An ambiguous record stays as it is.
    if (others.length > 0 || first === undefined) {
      if (before !== undefined) next.set(id, before);
      continue;
    }
    const now = { v: first.v, n: first.n };
    next.set(id, now);
    if (before === undefined) plan.set(id, 'added');
    else if (before.v !== now.v || before.n !== now.n) plan.set(id, 'updated');
  }
  for (const id of sent.keys()) if (!copies.has(id)) plan.set(id, 'deleted');
  return { plan, next };
}

/** What the destination has, after all that it accepted. */
function remember(sent: Map<string, Content>): Map<string, Content> {
  const has = new Map(sent);
  for (const { id, kind, row: columns } of bench.take()) {
    if (kind === 'deleted') has.delete(String(id));
    else {
      const { v, n } = columns as Content;
      has.set(String(id), { v, n });
    }
  }
  return has;
}

const sorted = <T>(map: ReadonlyMap<string, T>): [string, T][] => [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));

async function planOf(mapping: MappingConfig): Promise<Map<string, string>> {
  const { planId = '' } = await planMapping(bench.source, mapping, { registry, save: true });
  const plan = new Map<string, string>();
  for await (const change of planChanges(bench.source, mapping, planId)) {
    expect(plan.has(change.recordId), `one change per record: ${change.recordId}`).toBe(false);
    plan.set(change.recordId, change.operation);
  }
  return plan;
}

/** Every change of the plan has exactly one outcome. */
function checkOutcomes({ plan, outcomes }: SyncReport): void {
  for (const operation of OPERATIONS) {
    const { delivered, rejected, deferred, skipped } = outcomes[operation];
    expect(delivered + rejected + deferred + skipped, `outcomes of ${operation}`).toBe(plan[operation]);
  }
}

test(
  'applying plan(a, b) to a gives b; plan(b, b) is empty; the order of rows does not matter',
  { timeout: 300_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(rows, rows, async (a, b) => {
        const id = `law_${(scene += 1)}`;
        bench.take();
        checkOutcomes(await bench.sync(mappingOf(id, a)));
        const sent = remember(new Map());
        expect(sorted(sent)).toEqual(sorted(expected(new Map(), a).next));

        const { plan, next } = expected(sent, b);
        expect(sorted(await planOf(mappingOf(id, b)))).toEqual(sorted(plan));
        expect(sorted(await planOf(mappingOf(id, b.toReversed())))).toEqual(sorted(plan));
        checkOutcomes(await bench.sync(mappingOf(id, b)));
        expect(sorted(remember(sent))).toEqual(sorted(next));
        expect(await planOf(mappingOf(id, b))).toEqual(new Map());
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  },
);

test(
  'whatever is refused or cut off, the state is what the destination accepted, and it ends in agreement',
  { timeout: 300_000 },
  async () => {
    const trouble = fc.record({
      content: rows,
      refused: fc.subarray([...IDS], { maxLength: 3 }),
      cancelAfter: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(trouble, { minLength: 2, maxLength: 3 }), async (rounds) => {
        const id = `trouble_${(scene += 1)}`;
        bench.take();
        let has = new Map<string, Content>();
        let last: readonly Row[] = [];
        const doubtful = new Set<string>();
        for (const { content, refused, cancelAfter } of rounds) {
          bench.answer = (batch) =>
            batch.some((each) => (refused as string[]).includes(String(each['id'])))
              ? { status: 400, body: 'no' }
              : undefined;
          const cancel = new AbortController();
          let batches = 0;
          const report = await bench.sync(mappingOf(id, content), {
            signal: cancel.signal,
            onStep: (step) => {
              if (step === 'batch' && ++batches === cancelAfter) cancel.abort(new Error('stop'));
            },
          });
          checkOutcomes(report);
          has = remember(has);
          last = content;
          const state = await bench.rows(`SELECT record_id FROM ${stateTable(`records_${id}`)} ORDER BY record_id`);
          // A request that was cut off may have been accepted all the same: then the next sync sends it again.
          const known = new Set(state.map((each) => each['record_id']));
          const inFlight = report.reasons.some((reason) => reason.code === 'OUTCOME_UNKNOWN');
          const unknown = [...has.keys(), ...known].filter((each) => known.has(each) !== has.has(String(each)));
          // What nobody could know stays out of the comparison; without a report of it there is none.
          for (const each of inFlight ? unknown : []) doubtful.add(String(each));
          expect(
            unknown.filter((each) => !doubtful.has(String(each))),
            'accepted or in the state, but not both',
          ).toEqual([]);
        }
        bench.answer = undefined;
        await bench.sync(mappingOf(id, last));
        has = remember(has);
        const { next } = expected(has, last);
        const sure = (map: ReadonlyMap<string, Content>): [string, Content][] =>
          sorted(map).filter(([each]) => !doubtful.has(each));
        expect(sure(has)).toEqual(sure(next));
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  },
);

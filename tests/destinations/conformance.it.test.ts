import { readFileSync, writeFileSync } from 'node:fs';
import type { ActionDefinition } from '@sluice/destination-kit';
import { CASES, runCases, segmentCore } from '@sluice/destination-kit';
import { createRegistry } from '@sluice/destinations';
import { beforeAll, expect, it, vi } from 'vitest';
import { catalogueEntries } from '../../packages/destinations/src/catalogue/entries.ts';
import { perRowActions } from '../../packages/destinations/src/catalogue/per-row.ts';
import type { DestinationEntry } from '../../packages/destinations/src/entry.ts';
import type { ConformanceRecord, DestinationRecord } from './conformance-record.ts';
import { RECORD_PATH, casesOf, passes, readRecord, recordText } from './conformance-record.ts';
import { conformancePage, destinationsPage, pages, unformatted } from './pages.ts';
import { actionsToTry, subjectOf } from './subjects.ts';
import { untestable } from './vendors.ts';

// Regenerate with UPDATE_CONFORMANCE=1, format the pages in docs/ and read the difference.
const update = process.env['UPDATE_CONFORMANCE'] === '1';
const AT_ONCE = 8;
const logged: string[] = [];
let record: ConformanceRecord;

beforeAll(async () => {
  for (const entry of catalogueEntries)
    for (const name of entry.shape().environment ?? []) vi.stubEnv(name, 'zQ7secretEnvironment0123456789');
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const)
    vi.spyOn(console, method).mockImplementation(
      (...parts: unknown[]) => void logged.push(parts.map(String).join(' ')),
    );
  const queue = [...catalogueEntries];
  const found: [string, DestinationRecord][] = [];
  const work = async (): Promise<void> => {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift())
      found.push([entry.type, await recordOf(entry)]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  vi.restoreAllMocks();
  record = Object.fromEntries(found);
  if (update) {
    writeFileSync(RECORD_PATH, recordText(record));
    writeFileSync(pages.conformance, conformancePage(record));
    writeFileSync(pages.destinations, destinationsPage(createRegistry(), record));
  }
}, 300_000);

it('finds what the checked-in record says, destination by destination and case by case', () => {
  expect(record).toEqual(readRecord());
});

it('breaks no promise, and at least 150 destinations go through every case', () => {
  const broken = Object.entries(record).filter(([, each]) => each.action !== undefined && !passes(each));
  expect(broken.map(([type, { cases }]) => [type, cases])).toEqual([]);
  expect(Object.values(record).filter(passes).length).toBeGreaterThanOrEqual(150);
});

it('knows which actions answer row by row', () => {
  const seen = Object.entries(record).flatMap(([type, { perRow }]) => perRow.map((action) => `${type}:${action}`));
  expect(seen.filter((each) => !perRowActions.has(each))).toEqual([]);
});

it('writes no secret into the logs', () => {
  expect(logged.filter((line) => line.includes('zQ7secret'))).toEqual([]);
});

it('has a page for people that is up to date', () => {
  expect(unformatted(readFileSync(pages.conformance, 'utf8'))).toBe(unformatted(conformancePage(readRecord())));
});

async function recordOf(entry: DestinationEntry): Promise<DestinationRecord> {
  const actions = actionsToTry(entry);
  const reason = untestable[entry.type];
  if (reason !== undefined) return { delivering: 0, actions: actions.length, perRow: [], cases: {}, untested: reason };
  const without = Object.fromEntries(CASES.filter((name) => name !== 'success').map((name) => [name, 'not now']));
  const perRow = new Set<string>();
  watchAnswers(entry, perRow);
  const delivering: string[] = [];
  let firstFailure: string | undefined;
  for (const action of actions) {
    const failure = await tryAction(entry, action, without);
    if (failure === undefined) delivering.push(action);
    else firstFailure ??= failure;
  }
  const [action] = delivering;
  const counts = { delivering: delivering.length, actions: actions.length, perRow: [...perRow].sort() };
  if (action === undefined) return { ...counts, cases: {}, untested: firstFailure ?? 'has no action' };
  return { action, ...counts, cases: casesOf(await runCases(subjectOf(entry, action))) };
}

/** Undefined when a good row is delivered, else why not. */
async function tryAction(
  entry: DestinationEntry,
  action: string,
  without: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  try {
    const [result] = await runCases({ ...subjectOf(entry, action), without });
    return result?.verdict === 'ok' ? undefined : (result?.note ?? 'not delivered').slice(0, 160);
  } catch (error) {
    return String(error).slice(0, 160);
  }
}

function watchAnswers(entry: DestinationEntry, perRow: Set<string>): void {
  for (const [key, action] of Object.entries(entry.shape().actions)) {
    const definition = action as { -readonly [K in keyof ActionDefinition]: ActionDefinition[K] };
    const original = definition.performBatch?.bind(definition);
    if (original === undefined) continue;
    definition.performBatch = async (request, data) => {
      const answer: unknown = await original(request, data);
      if (answer instanceof segmentCore.MultiStatusResponse) perRow.add(key);
      return answer;
    };
  }
}

// The checked-in result of the conformance run: what each destination of the catalogue did in
// each case.
import { readFileSync } from 'node:fs';
import type { CaseName, CaseResult } from '@sluice/destination-kit';
import { CASES } from '@sluice/destination-kit';

export type DestinationRecord = {
  /** The action that went through all cases. Absent when none delivered. */
  readonly action?: string;
  /** Actions that delivered a good row, of all. */
  readonly delivering: number;
  readonly actions: number;
  /** Actions with answers per row. */
  readonly perRow: readonly string[];
  /** Cases that are not `ok`, each as `verdict: note`. */
  readonly cases: Readonly<Partial<Record<CaseName, string>>>;
  /** Why no action delivered. */
  readonly untested?: string;
};

export type ConformanceRecord = Readonly<Record<string, DestinationRecord>>;

export const RECORD_PATH = new URL('conformance.jsonl', import.meta.url);

export function readRecord(): ConformanceRecord {
  const lines = readFileSync(RECORD_PATH, 'utf8').trim().split('\n');
  return Object.fromEntries(lines.map((line) => JSON.parse(line) as [string, DestinationRecord]));
}

/** One destination per line, so that a change is seen where it happened. */
export function recordText(record: ConformanceRecord): string {
  const types = Object.keys(record).sort();
  return `${types.map((type) => JSON.stringify([type, record[type]])).join('\n')}\n`;
}

export function casesOf(results: readonly CaseResult[]): DestinationRecord['cases'] {
  return Object.fromEntries(
    results
      .filter(({ verdict, note }) => verdict !== 'ok' || note !== undefined)
      .map(({ name, verdict, note }) => [name, note === undefined ? verdict : `${verdict}: ${note}`]),
  );
}

/** `ok`, `differs`, `none` or `fails`. */
export function verdictOf({ cases }: DestinationRecord, name: CaseName): string {
  return cases[name]?.split(':')[0] ?? 'ok';
}

export function passes(record: DestinationRecord): boolean {
  return record.action !== undefined && CASES.every((name) => verdictOf(record, name) !== 'fails');
}

// Reads the answer of `summarySql`: how many changes of each kind, what was set aside, samples.
import type { JsonObject, JsonValue, Operation } from '@sluice/core';
import { OPERATIONS } from '@sluice/core';
import type { Column, InvalidReason, InvalidRows, PlanCounts, PlannedChange } from '../run/api.ts';
import { parseJson } from '../source/json.ts';
import { COLUMN_PREFIX } from './plan-sql.ts';

export type PlanFigures = {
  readonly counts: PlanCounts;
  readonly invalid: readonly InvalidRows[];
  /** Records that the state holds before this sync. */
  readonly stateRecords: number;
  /** Rows of the model. */
  readonly modelRows: number;
  /** Added, updated and deleted: the rows to deliver. */
  readonly changes: number;
  /** Only rows from the model's checkpoint on were looked at; deletes were not looked for. */
  readonly incremental?: true;
  /** The plan holds as many changes as one sync may have; more may be left for the next. */
  readonly capped?: true;
};

/** `knownRecords`: what the state holds, where the answer has no row about it. */
export function figuresOf(rows: readonly JsonObject[], knownRecords = 0): PlanFigures {
  const records = new Map<string, number>();
  const invalid: InvalidRows[] = [];
  let knownSetAside = 0;
  let copies = 0;
  let stateRecords = knownRecords;
  for (const row of rows) {
    const operation = row['operation'] as string;
    if (operation === 'records') {
      stateRecords = Number(row['records']);
      continue;
    }
    records.set(operation, (records.get(operation) ?? 0) + Number(row['records']));
    copies += Number(row['copies']);
    if (operation !== 'added') knownSetAside += Number(row['known']);
    if (operation === 'invalid') {
      invalid.push({
        reason: row['reason'] as InvalidReason,
        rows: Number(row['copies']),
        sampleIds: (row['sample_ids'] ?? []) as string[],
      });
    }
  }
  const of = (operation: string): number => records.get(operation) ?? 0;
  const unchanged = Math.max(0, stateRecords - knownSetAside);
  return {
    counts: {
      added: of('added'),
      updated: of('updated'),
      deleted: of('deleted'),
      unchanged,
      invalid: invalid.reduce((sum, entry) => sum + entry.rows, 0),
      quarantined: of('quarantined'),
    },
    invalid,
    stateRecords,
    modelRows: copies + unchanged,
    changes: of('added') + of('updated') + of('deleted'),
  };
}

/** The sampled changes, in the order added, updated, deleted. */
export function samplesOf(
  rows: readonly JsonObject[],
  columns: readonly Column[],
  sends: ReadonlySet<Operation>,
): PlannedChange[] {
  return OPERATIONS.flatMap((operation) => {
    const row = rows.find((candidate) => candidate['operation'] === operation);
    const changes = (row?.['changes'] ?? []) as JsonObject[];
    return changes.map((change): PlannedChange => {
      const values: JsonObject = {};
      for (const column of columns) values[column.name] = change[COLUMN_PREFIX + column.name] ?? null;
      return plannedChange(operation, change, values, sends);
    });
  });
}

/** One change of a plan's row with `record_id`, `sent` and `previous`. */
export function plannedChange(
  operation: Operation,
  row: JsonObject,
  columns: JsonObject,
  sends: ReadonlySet<Operation>,
): PlannedChange {
  const previous = jsonObject(row['previous']);
  const current = jsonObject(row['sent']);
  return {
    operation,
    recordId: row['record_id'] as string,
    columns,
    ...(previous === undefined ? {} : { previous }),
    ...(previous === undefined || current === undefined ? {} : { changed: differing(previous, current) }),
    sent: sends.has(operation),
  };
}

function jsonObject(value: JsonValue | undefined): JsonObject | undefined {
  return typeof value === 'string' ? (parseJson(value) as JsonObject) : undefined;
}

function differing(previous: JsonObject, current: JsonObject): string[] {
  const names = new Set([...Object.keys(previous), ...Object.keys(current)]);
  return [...names].filter((name) => JSON.stringify(previous[name]) !== JSON.stringify(current[name]));
}

// What the tests of destinations with a server of their own share: changes out of plain
// records, and their delivery without an engine.
import type { Change, JsonObject, Operation } from '@sluice/core';
import type { BatchResult, OpenDestination, Prepared } from '@sluice/destination-kit';
import { settingText } from './connection-settings.ts';

/** One change per record; its column `id` is the identifier. A deleted record has null in all its columns. */
export function changesOf(operation: Operation, records: readonly JsonObject[], firstOrdinal = 0): Change[] {
  return records.map((columns, index) => ({
    ordinal: firstOrdinal + index,
    operation,
    recordId: settingText(columns['id']),
    checksum: `c${firstOrdinal + index}`,
    columns: operation === 'deleted' ? Object.fromEntries(Object.keys(columns).map((name) => [name, null])) : columns,
  }));
}

/** @throws Error with the message of a row that the destination does not even prepare. */
export async function deliver(
  destination: OpenDestination,
  operation: Operation,
  records: readonly JsonObject[],
  options: { readonly signal?: AbortSignal; readonly idempotencyKey?: string; readonly firstOrdinal?: number } = {},
): Promise<BatchResult> {
  const rows = changesOf(operation, records, options.firstOrdinal).map((change): Prepared => {
    const row = destination.prepare(change);
    if ('outcome' in row) throw new Error(row.message);
    return row;
  });
  const { signal = new AbortController().signal, idempotencyKey = 'k' } = options;
  return destination.deliver(rows, { signal, idempotencyKey });
}

export function allDelivered(rows: number): BatchResult {
  return { kind: 'rows', outcomes: Array.from({ length: rows }, () => ({ outcome: 'delivered' })) };
}

/** What opening a destination ends with, when it must not open. */
export async function thrownBy(opening: Promise<unknown>): Promise<Error & { readonly code?: string; fix?: string }> {
  try {
    await opening;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it opened');
}

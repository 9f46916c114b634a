// What every destination must keep to, whatever it sends and wherever: the checks behind
// the engine's guarantees. It belongs to no test framework; it returns what is wrong.
import type { Change, JsonObject } from '@sluice/core';
import type { BatchResult, OpenDestination, Prepared, Rejection } from '../destination.ts';

export type ConformanceSubject = {
  /** Opens the destination anew, against a receiver that accepts everything. */
  open(): Promise<OpenDestination>;
  /** What the registry says the mapping under test reads. */
  readonly reads: ReadonlySet<string> | 'all';
  /** Columns of a record that the mapping under test accepts. */
  readonly columns: JsonObject;
};

/** Texts that say which promise is broken; empty for a destination that conforms. */
export async function conformanceProblems(subject: ConformanceSubject): Promise<readonly string[]> {
  const problems: string[] = [];
  const require = (holds: boolean, promise: string): void => void (holds || problems.push(promise));
  const { columns, reads } = subject;
  const destination = await subject.open();
  const options = { signal: new AbortController().signal, idempotencyKey: 'conformance' };

  const { batching } = destination;
  require(batching.maxRows >= 1 && batching.maxBytes >= 1 && batching.concurrency >= 1, 'batching has positive limits');

  for (const change of oddChanges(columns)) {
    const before = JSON.stringify(change);
    try {
      const row = destination.prepare(change);
      require('payload' in row || row.outcome === 'rejected', 'prepare gives a payload or a rejection');
    } catch {
      problems.push(`prepare does not throw for ${before.slice(0, 80)}`);
    }
    require(JSON.stringify(change) === before, 'prepare leaves the change as it is');
  }

  const changes = Array.from({ length: 7 }, (_, ordinal) => changeOf(ordinal, columns));
  const rows = changes.map((change) => destination.prepare(change)).filter(isPrepared);
  require(rows.length === changes.length, 'the good record is accepted');
  const share = batching.maxBytes / Math.max(1, batching.maxRows);
  require(rows.every(({ bytes, payload }) => {
    const size = Buffer.byteLength(JSON.stringify(payload));
    return bytes === size || (bytes > size && bytes <= share);
  }), "bytes is the payload's size as JSON");
  require(samePayload(destination, reads, columns), 'the mapping reads no column beside those in `reads`');

  require(isComplete(await destination.deliver([], options), 0), 'an empty batch is delivered without outcomes');
  const size = Math.max(1, Math.min(batching.maxRows, 3));
  for (let from = 0; from < rows.length; from += size) {
    const batch = rows.slice(from, from + size);
    const result = await destination.deliver(batch, options);
    require(isComplete(result, batch.length), 'a batch that is accepted has one outcome per row, delivered');
  }
  const cancelled = await destination.deliver(rows.slice(0, 1), { ...options, signal: AbortSignal.abort() });
  require(cancelled.kind === 'failed' &&
    cancelled.cause === 'later', 'a cancelled delivery fails with the cause `later`');
  await destination.flush();
  await destination.flush();

  await destination[Symbol.asyncDispose]();
  try {
    await destination[Symbol.asyncDispose]();
  } catch {
    problems.push('it may be disposed twice');
  }
  const late = await destination.deliver(rows.slice(0, 1), options).catch(() => undefined);
  require(late?.kind === 'failed', 'a delivery after its end fails without a throw');
  return problems;
}

function changeOf(ordinal: number, columns: JsonObject): Change {
  return { ordinal, operation: 'added', recordId: `r${ordinal}`, checksum: `c${ordinal}`, columns };
}

/** Records that a mapping may not like, but must survive. */
function oddChanges(columns: JsonObject): Change[] {
  const every = (value: JsonObject[string]): JsonObject =>
    Object.fromEntries(Object.keys(columns).map((name) => [name, value]));
  const deleted: Change = { ...changeOf(0, every(null)), operation: 'deleted' };
  const odd = [
    {},
    every(''),
    every([]),
    every({ deep: { list: [null] } }),
    every('\u0000"\n\ud800'),
    every('9'.repeat(50)),
  ];
  return [deleted, ...odd.map((record, index) => changeOf(index, record))];
}

function samePayload(destination: OpenDestination, read: ReadonlySet<string> | 'all', columns: JsonObject): boolean {
  if (read === 'all') return true;
  const kept = Object.fromEntries(Object.entries(columns).filter(([name]) => read.has(name)));
  const payloadOf = (record: JsonObject): string => JSON.stringify(destination.prepare(changeOf(0, record)));
  const withoutChange = (text: string): unknown => (JSON.parse(text) as { payload?: unknown }).payload;
  return JSON.stringify(withoutChange(payloadOf(columns))) === JSON.stringify(withoutChange(payloadOf(kept)));
}

function isPrepared(row: Prepared | Rejection): row is Prepared {
  return 'payload' in row;
}

function isComplete(result: BatchResult, rows: number): boolean {
  return (
    result.kind === 'rows' &&
    result.outcomes.length === rows &&
    result.outcomes.every(({ outcome }) => outcome === 'delivered')
  );
}

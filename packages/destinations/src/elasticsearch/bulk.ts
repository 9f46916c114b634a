// The lines of a bulk request and what its answer says about each document
// (https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk,
// https://docs.opensearch.org/latest/api-reference/document-apis/bulk/).
import { hash } from 'node:crypto';
import type { JsonObject, JsonValue } from '@sluice/core';
import type { BatchResult, Prepared, Rejection, RowOutcome } from '@sluice/destination-kit';
import type { Target } from './settings.ts';

/** Of `_id`, in both systems. */
const MAX_ID_BYTES = 512;
const DELIVERED: RowOutcome = { outcome: 'delivered' };

/** Only what is needed of an answer that repeats every document otherwise. */
export const ANSWER_PARTS =
  'errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason';

/** Undefined for a change that the mode leaves alone. */
export function linesOf(target: Target, { change, payload }: Prepared): string | Rejection | undefined {
  const { mode, merge } = target;
  const { operation, recordId, checksum } = change;
  if (mode === 'append') {
    const id = hash('sha256', JSON.stringify([target.syncId, operation, recordId, checksum]));
    const row = { ...rowOf(payload) };
    if (target.operationField !== undefined) row[target.operationField] = operation;
    if (target.recordIdField !== undefined) row[target.recordIdField] = recordId;
    return checked(id, `${JSON.stringify({ create: { _id: id } })}\n${JSON.stringify(row)}\n`);
  }
  if (operation === 'deleted') {
    if (mode !== 'mirror' && mode !== 'delete') return undefined;
    return checked(recordId, `${JSON.stringify({ delete: { _id: recordId } })}\n`);
  }
  if (mode === 'delete') return undefined;
  const row = rowOf(payload);
  const action =
    mode === 'add'
      ? [{ create: { _id: recordId } }, row]
      : mode === 'update'
        ? [{ update: { _id: recordId } }, { doc: row }]
        : merge
          ? [{ update: { _id: recordId } }, { doc: row, doc_as_upsert: true }]
          : [{ index: { _id: recordId } }, row];
  return checked(recordId, `${action.map((each) => JSON.stringify(each)).join('\n')}\n`);
}

function checked(id: string, lines: string): string | Rejection {
  if (id === '' || Buffer.byteLength(id) > MAX_ID_BYTES)
    return {
      outcome: 'rejected',
      code: 'ID_UNFIT',
      message: `the identifier has ${Buffer.byteLength(id)} bytes, but an _id has 1 to ${MAX_ID_BYTES}`,
    };
  // JSON writes half of a surrogate pair as an escape that no server takes for a text.
  if (/\\ud[89a-f]/i.test(lines.replaceAll('\\\\', '')))
    return { outcome: 'rejected', code: 'VALUE_UNFIT', message: 'half of a surrogate pair is no Unicode text' };
  return lines;
}

type Item = {
  readonly status?: number;
  readonly error?: {
    readonly type?: string;
    readonly reason?: string;
    readonly caused_by?: { readonly reason?: string };
  };
};

/** `sent`: how many documents the request had. Undefined when the answer is none of a bulk request. */
export function outcomesOf(
  answer: JsonValue,
  sent: number,
  mode: Target['mode'],
): readonly RowOutcome[] | Extract<BatchResult, { kind: 'failed' }> | undefined {
  const items = (answer as { items?: unknown } | null)?.items;
  if (!Array.isArray(items) || items.length !== sent) return undefined;
  const outcomes: RowOutcome[] = [];
  for (const each of items as readonly Readonly<Record<string, Item | undefined>>[]) {
    const [[action, item] = []] = Object.entries(each);
    const outcome = item === undefined ? undefined : outcomeOf(action ?? '', item, mode);
    if (outcome === undefined || 'kind' in outcome) return outcome;
    outcomes.push(outcome);
  }
  return outcomes;
}

function outcomeOf(
  action: string,
  { status, error }: Item,
  mode: Target['mode'],
): RowOutcome | Extract<BatchResult, { kind: 'failed' }> | undefined {
  if (typeof status !== 'number') return undefined;
  if (status >= 200 && status < 300) return DELIVERED;
  const code = error?.type ?? `HTTP_${status}`;
  const message = [error?.reason ?? `status ${status}`, error?.caused_by?.reason].filter(Boolean).join(': ');
  const noIndex = code === 'index_not_found_exception';
  // It is not there, as it should be; or it is there already, which is all that was wanted.
  if (status === 404 && !noIndex && (action === 'delete' || mode === 'update')) return DELIVERED;
  if (status === 409 && action === 'create') return DELIVERED;
  if (status === 404 && action === 'delete') return DELIVERED;
  if (code === 'cluster_block_exception') return { outcome: 'retry', code, message };
  if (noIndex || status === 401 || status === 403 || code === 'index_closed_exception')
    return { kind: 'failed', cause: 'stop', code, message };
  if (status === 408 || status === 409 || status === 429 || status >= 500) return { outcome: 'retry', code, message };
  return { outcome: 'rejected', code, message };
}

function rowOf({ row }: JsonObject): JsonObject {
  return typeof row === 'object' && row !== null && !Array.isArray(row) ? row : {};
}

// From an answer to one outcome per row, as the mapping says that it is to be read.
import type { JsonObject } from '@sluice/core';
import type { ClientResponse } from '@sluice/destination-kit';
import { segmentCore } from '@sluice/destination-kit';
import { valueAt } from './place.ts';
import { includesStatus, statusesOf } from './statuses.ts';

type MultiStatus = InstanceType<typeof segmentCore.MultiStatusResponse>;
/** `unknown`: the answer says nothing about the row, which may have been delivered. */
type Verdict = 'delivered' | 'unknown' | { readonly status: number; readonly message: string };

const REFUSED = 422;
const MAX_MESSAGE = 300;

/** Throws when the answer speaks for all rows and is no success. */
export function outcomesOf(response: ClientResponse, rows: readonly JsonObject[], method: string): MultiStatus {
  const [first = {}] = rows;
  const success = statusesOf(textOf(first['success_statuses'] ?? '200-299')) ?? [];
  if (!includesStatus(success, response.status)) throw refusalOf(response, first, method);
  const place = textOf(first['results_at']);
  const verdicts: readonly Verdict[] =
    place === '' ? rows.map(() => 'delivered') : verdictsOf(valueAt(parsed(response), place), rows, first);
  return multiStatusOf(verdicts);
}

export function multiStatusOf(verdicts: readonly Verdict[]): MultiStatus {
  const answer = new segmentCore.MultiStatusResponse();
  for (const verdict of verdicts) {
    // Without what was sent: an entry then stands for itself, also beside a status that the
    // mapping alone takes for a success.
    if (verdict === 'delivered') answer.pushSuccessResponse({ status: 200, sent: undefined, body: undefined });
    else if (verdict === 'unknown')
      answer.pushErrorResponse({
        status: REFUSED,
        errormessage: 'the answer says nothing about this row; it may have been delivered',
      });
    else answer.pushErrorResponse({ status: verdict.status, errormessage: verdict.message });
  }
  return answer;
}

function refusalOf(response: ClientResponse, row: JsonObject, method: string): Error {
  const { status, url } = response;
  const retry = statusesOf(textOf(row['retry_statuses'])) ?? [];
  if (includesStatus(retry, status))
    return new segmentCore.RetryableError(
      `${new URL(url).host} answered ${status}: ${excerpt(response.content)}`,
      status,
    );
  if (!response.ok) return new segmentCore.HTTPError(response, { url, method }, { method });
  return Object.assign(new Error(`${new URL(url).host} answered ${status}, which success_statuses leaves out`), {
    code: 'UNEXPECTED_STATUS',
    status: REFUSED,
  });
}

function verdictsOf(results: unknown, rows: readonly JsonObject[], fields: JsonObject): Verdict[] {
  const failuresOnly = fields['results_are'] === 'failures';
  const list = Array.isArray(results) ? (results as readonly unknown[]) : undefined;
  // Who lists failures may leave the list out when there are none.
  if (list === undefined) return rows.map(() => (failuresOnly && (results ?? null) === null ? 'delivered' : 'unknown'));
  const [id, index] = [textOf(fields['result_id']), textOf(fields['result_index'])];
  const found: Verdict[] = rows.map(() => (failuresOnly ? 'delivered' : 'unknown'));
  const places = new Map(rows.map((row, place) => [textOf(row['row_id'] ?? row['record_id']), place]));
  let stray = false;
  for (const [position, result] of list.entries()) {
    const place =
      id !== ''
        ? places.get(textOf(valueAt(result, id)))
        : index === ''
          ? position
          : Number(valueAt(result, index) ?? NaN);
    if (place === undefined || !(place in found)) stray = true;
    else found[place] = verdictOf(result, fields, failuresOnly);
  }
  // A failure that names no row of ours may be that of any.
  return stray && failuresOnly ? found.map((each) => (each === 'delivered' ? 'unknown' : each)) : found;
}

function verdictOf(result: unknown, fields: JsonObject, failuresOnly: boolean): Verdict {
  const [statusAt, messageAt] = [textOf(fields['result_status']), textOf(fields['result_message'])];
  const status = statusAt === '' ? undefined : valueAt(result, statusAt);
  const said = messageAt === '' ? undefined : valueAt(result, messageAt);
  const number =
    typeof status === 'number' || (typeof status === 'string' && /^\d{3}$/.test(status)) ? Number(status) : undefined;
  const message = excerpt(
    said === undefined || said === null || said === ''
      ? `the result says ${JSON.stringify(status ?? result)}`
      : textOf(said),
  );
  const refused = { status: number !== undefined && number >= 400 && number < 600 ? number : REFUSED, message };
  if (failuresOnly) return refused;
  if (statusAt === '')
    return said === undefined || said === null || said === '' || said === false ? 'delivered' : refused;
  const words = [fields['result_success'] ?? []].flat().map((word) => textOf(word).toLowerCase());
  const good =
    status === true ||
    (number !== undefined &&
      includesStatus(statusesOf(textOf(fields['success_statuses'] ?? '200-299')) ?? [], number)) ||
    (typeof status === 'string' && words.includes(status.toLowerCase()));
  return good ? 'delivered' : refused;
}

function parsed({ content, data }: ClientResponse): unknown {
  if (typeof data === 'object') return data;
  try {
    return JSON.parse(content) as unknown;
  } catch {
    return undefined;
  }
}

function excerpt(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, MAX_MESSAGE);
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

// Any HTTP API: one request per row or batch, and one outcome per row out of the answer.
import type { JsonObject } from '@sluice/core';
import type { DestinationDefinition, ExecuteInput, RequestClient } from '@sluice/destination-kit';
import { statusOfError } from '../status-of-error.ts';
import { multiStatusOf, outcomesOf } from './outcomes.ts';
import { authOf, placesOf, requestOf, testUrlOf } from './request-of.ts';
import { sendFields, settingFields } from './shape.ts';

const DELETES_AT_ONCE = 4;

export const httpApi: DestinationDefinition = {
  name: 'HTTP API',
  slug: 'http-api',
  description: 'Sends rows to any HTTP API, one by one or in batches, and reads an outcome per row out of the answer.',
  authentication: {
    scheme: 'custom',
    fields: settingFields,
    testAuthentication: (request, data) => request(testUrlOf((data as ExecuteInput).settings)),
  },
  extendRequest: ({ settings }) => authOf(settings),
  actions: {
    send: {
      title: 'Send rows',
      description:
        'A request per row or batch. Deleted records are sent like all others, with empty columns, or to a path of their own.',
      fields: sendFields,
      capabilities: { perRowOutcomes: true, deletes: 'keyed' },
      perform: (request, { payload, settings }) => send(request, settings, [payload as JsonObject], true),
      performBatch: (request, { payload, settings }) =>
        send(request, settings, payload as readonly JsonObject[], false),
    },
  },
};

async function send(
  request: RequestClient,
  settings: JsonObject,
  rows: readonly JsonObject[],
  single: boolean,
): Promise<unknown> {
  const [first = {}] = rows;
  const { operation, delete_path: path } = first;
  // Batches are all deletes, or without any: `operation` is one of their keys.
  const deletes = operation === 'deleted' && typeof path === 'string' && path !== '';
  if (deletes && placesOf(path).length > 0) return deleteEach(request, settings, rows);
  const { url, options } = requestOf(settings, rows, deletes, single);
  return outcomesOf(await request(url, options), rows, options.method ?? 'POST');
}

/** Several requests for one batch: what happened to one says nothing about the others. */
async function deleteEach(request: RequestClient, settings: JsonObject, rows: readonly JsonObject[]): Promise<unknown> {
  const verdicts: Parameters<typeof multiStatusOf>[0][number][] = rows.map(() => 'delivered');
  const queue = [...rows.entries()];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [place, row] = next;
      try {
        const { url, options } = requestOf(settings, [row], true, true);
        outcomesOf(await request(url, options), [{ ...row, results_at: '' }], options.method ?? 'DELETE');
      } catch (error) {
        if (rows.length === 1) throw error;
        verdicts[place] = statusOfError(error);
      }
    }
  };
  await Promise.all(Array.from({ length: DELETES_AT_ONCE }, work));
  return multiStatusOf(verdicts);
}

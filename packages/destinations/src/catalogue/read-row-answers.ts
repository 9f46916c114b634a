// Taguchi answers 200 with one code per row. The definition works these out and then drops
// them, so that refused rows would count as delivered. Here they are read.
import type { ActionDefinition, DestinationDefinition, ExecuteInput, RequestClient } from '@sluice/destination-kit';
import { segmentCore } from '@sluice/destination-kit';

type RowAnswer = { readonly code?: unknown; readonly description?: unknown };

export function readRowAnswers(definition: DestinationDefinition): DestinationDefinition {
  return {
    ...definition,
    actions: Object.fromEntries(Object.entries(definition.actions).map(([key, action]) => [key, reading(action)])),
  };
}

function reading(action: ActionDefinition): ActionDefinition {
  return {
    ...action,
    perform: (request, data) => answersOf(request, data, (watched) => action.perform(watched, data)),
    ...(action.performBatch === undefined
      ? {}
      : {
          performBatch: (request, data) => answersOf(request, data, (watched) => action.performBatch?.(watched, data)),
        }),
  };
}

/** A MultiStatus with one entry per row; a row without an answer has none. */
async function answersOf(
  request: RequestClient,
  { payload }: ExecuteInput,
  run: (watched: RequestClient) => unknown,
): Promise<unknown> {
  let answer: unknown;
  await run(async (url, options) => {
    const response = await request(url, options);
    answer = response.data;
    return response;
  });
  const sent = [payload].flat();
  const result = new segmentCore.MultiStatusResponse();
  for (const row of (Array.isArray(answer) ? answer : []).slice(0, sent.length) as RowAnswer[]) {
    const body = sent[result.length()];
    if (typeof row.code === 'number' && row.code >= 200 && row.code < 300) {
      result.pushSuccessResponse({ status: row.code, sent: body, body: row });
    } else {
      const errormessage = typeof row.description === 'string' ? row.description : 'the row was refused';
      result.pushErrorResponse({ status: typeof row.code === 'number' ? row.code : 500, errormessage, sent: body });
    }
  }
  return result;
}

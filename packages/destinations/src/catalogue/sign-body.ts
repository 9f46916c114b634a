// The signature of the catalogue's webhooks. Their definitions sign the first row of a batch
// and not the body that they send, so that a receiver that checks the signature refuses
// every batch. Here `X-Signature` is the hex HMAC-SHA1 of the exact body, which for a single
// row is what the definitions compute too.
import { createHmac } from 'node:crypto';
import type { JsonObject } from '@sluice/core';
import type {
  ActionDefinition,
  DestinationDefinition,
  ExecuteInput,
  RequestClient,
  RequestOptions,
} from '@sluice/destination-kit';

export function signBody(definition: DestinationDefinition): DestinationDefinition {
  return {
    ...definition,
    extendRequest: (data) => {
      const { sharedSecret: _, ...settings } = data.settings;
      // Without its secret the definition signs nothing.
      return data.payload === undefined ? {} : (definition.extendRequest?.(withOwn(data, { settings })) ?? {});
    },
    actions: Object.fromEntries(Object.entries(definition.actions).map(([key, action]) => [key, signed(action)])),
  };
}

function signed(action: ActionDefinition): ActionDefinition {
  return {
    ...action,
    perform: (request, data) => action.perform(signing(request, data.settings), data),
    ...(action.performBatch === undefined
      ? {}
      : {
          performBatch: (request, data) =>
            // Without the metrics, which would write every row's address and headers as text.
            action.performBatch?.(signing(request, data.settings), withOwn(data, { statsContext: undefined })),
        }),
  };
}

/** A copy would make the events, which are made when somebody reads them. */
function withOwn(data: ExecuteInput, own: Partial<ExecuteInput>): ExecuteInput {
  return Object.assign(Object.create(data) as ExecuteInput, own);
}

function signing(request: RequestClient, { sharedSecret }: JsonObject): RequestClient {
  if (typeof sharedSecret !== 'string' || sharedSecret === '') return request;
  return (url, options = {}) => {
    const { json, ...rest } = options;
    if (json === undefined) return request(url, options);
    const body = JSON.stringify(json);
    const headers = {
      ...plainHeaders(rest.headers),
      'content-type': 'application/json',
      'X-Signature': createHmac('sha1', sharedSecret).update(body, 'utf8').digest('hex'),
    };
    return request(url, { ...rest, body, headers });
  };
}

/** Without those that are set here. */
function plainHeaders(headers: RequestOptions['headers']): Record<string, string | undefined> {
  const entries = headers instanceof Headers ? [...headers] : Object.entries(headers ?? {});
  return Object.fromEntries(
    entries.filter(([name]) => name.toLowerCase() !== 'content-type' && name.toLowerCase() !== 'x-signature'),
  );
}

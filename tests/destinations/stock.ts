// The package's own runtime (`Destination` of `@segment/actions-core`), for comparison only:
// its client can wait for ever, so it never runs in the product. Its requests are led to a
// local server by replacing Node's own `request`, which its client uses.
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import type { JsonObject } from '@sluice/core';
import type { DestinationDefinition, SegmentEvent } from '@sluice/destination-kit';
import { verdictOfStatus } from '@sluice/destination-kit';

const require = createRequire(import.meta.url);
const core = require('@segment/actions-core') as { readonly Destination: new (definition: object) => StockDestination };

type StockInput = {
  readonly mapping: JsonObject;
  readonly settings: JsonObject;
  readonly auth: object | undefined;
  readonly features: object;
  readonly statsContext: object;
  readonly subscriptionMetadata: object;
};

type StockDestination = {
  executeAction(action: string, input: StockInput & { readonly event: SegmentEvent }): Promise<unknown>;
  executeBatch(
    action: string,
    input: StockInput & { readonly events: readonly SegmentEvent[] },
  ): Promise<readonly { readonly status?: number }[]>;
};

/** What became of a row, in the words of the retry table. */
export type RowEnding = 'delivered' | 'rejected' | 'later' | 'stop';

/** Leads every request that the stock client makes to this port, until it is disposed; also those with an agent of their own. */
export function leadNodeTo(port: number): Disposable {
  const before = [http.request, https.request] as const;
  const agent = Object.assign(new http.Agent({ keepAlive: false }), {
    createConnection: () => connect(port, '127.0.0.1'),
  });
  const led = ((options: http.RequestOptions, onResponse?: (response: http.IncomingMessage) => void) =>
    before[0]({ ...options, protocol: 'http:', agent }, onResponse)) as typeof http.request;
  http.request = led;
  https.request = led;
  return {
    [Symbol.dispose]: () => {
      [http.request, https.request] = before;
    },
  };
}

export type StockCall = {
  readonly action: string;
  readonly batch: boolean;
  readonly events: readonly SegmentEvent[];
  readonly mapping: JsonObject;
  readonly settings: JsonObject;
  readonly auth: object | undefined;
};

/** One ending per event. The definition's name is its slug, so that schemas have keys that are URIs. */
export async function runStock(definition: DestinationDefinition, call: StockCall): Promise<RowEnding[]> {
  const destination = new core.Destination({ ...definition, name: definition.slug });
  const nothing = (): void => undefined;
  const input: StockInput = {
    mapping: call.mapping,
    settings: call.settings,
    auth: call.auth,
    features: {},
    statsContext: {
      statsClient: {
        incr: nothing,
        observe: nothing,
        set: nothing,
        histogram: nothing,
        _name: nothing,
        _tags: nothing,
      },
      tags: [],
    },
    subscriptionMetadata: { actionConfigId: 's', destinationConfigId: 'm', actionId: call.action, sourceId: 'm' },
  };
  try {
    if (call.batch) {
      const nodes = await destination.executeBatch(call.action, { ...input, events: call.events });
      return nodes.map(({ status }) => endingOfStatus(status ?? 500));
    }
    const [event] = call.events;
    if (event !== undefined) await destination.executeAction(call.action, { ...input, event });
    return ['delivered'];
  } catch (error) {
    const { response, status, name } = error as { response?: { status?: number }; status?: number; name?: string };
    const ending = name === 'AggregateAjvError' ? 'rejected' : endingOfStatus(response?.status ?? status ?? 500);
    return call.events.map(() => ending);
  }
}

export function endingOfStatus(status: number): RowEnding {
  const { cause } = verdictOfStatus(status);
  if (cause === 'done') return 'delivered';
  return cause === 'rows' ? 'rejected' : cause;
}

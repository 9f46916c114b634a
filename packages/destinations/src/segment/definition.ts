// Segment's HTTP Tracking API: all calls go through /batch. Segment answers that it has taken
// a batch, not what became of its messages.
import type { JsonObject } from '@sluice/core';
import type {
  ActionDefinition,
  DestinationDefinition,
  ExecuteInput,
  RequestClient,
  SegmentEvent,
} from '@sluice/destination-kit';
import { segmentCore } from '@sluice/destination-kit';
import { statusOfError } from '../status-of-error.ts';
import type { Message } from './messages.ts';
import { cutBodies, messageOf } from './messages.ts';
import type { Call } from './shape.ts';
import { CALLS, TITLES, callFields, settingFields } from './shape.ts';

const ENDPOINTS: Readonly<Record<string, string>> = {
  us: 'https://api.segment.io/v1',
  eu: 'https://events.eu1.segmentapis.com/v1',
};
const HEAD = '{"batch":[';

export const segment: DestinationDefinition = {
  name: 'Segment',
  slug: 'segment',
  description:
    "Sends rows to a source of a Segment workspace through Segment's HTTP API, from where Segment passes them on.",
  authentication: { scheme: 'custom', fields: settingFields },
  extendRequest: ({ settings }) => ({ username: settings['write_key'] as string, password: '' }),
  actions: Object.fromEntries(CALLS.map((call) => [call, actionOf(call)])),
};

function actionOf(call: Call): ActionDefinition {
  return {
    title: TITLES[call],
    description: `One ${call} call per row. A deleted record is sent like any other, with empty columns.`,
    fields: callFields[call],
    // Segment drops a message whose id it has seen; the ids of a batch that is sent again are the same.
    capabilities: { perRowOutcomes: true, idempotent: true, success: 'accepted' },
    perform: (request, data) => send(request, data, call, [data.payload as JsonObject], [data.rawData as SegmentEvent]),
    performBatch: (request, data) =>
      send(request, data, call, data.payload as readonly JsonObject[], data.rawData as readonly SegmentEvent[]),
  };
}

async function send(
  request: RequestClient,
  { settings }: ExecuteInput,
  call: Call,
  rows: readonly JsonObject[],
  events: readonly SegmentEvent[],
): Promise<unknown> {
  const verdicts: ({ readonly status: number; readonly message: string } | undefined)[] = rows.map(() => undefined);
  const messages: Message[] = [];
  for (const [place, payload] of rows.entries()) {
    const { messageId = '', timestamp = '' } = events[place] ?? {};
    const message = messageOf(call, payload, { messageId, timestamp }, place);
    if ('text' in message) messages.push(message);
    else verdicts[place] = { status: message.status, message: message.reason };
  }
  const tail = `],"sentAt":"${new Date().toISOString()}"}`;
  const bodies = cutBodies(messages, HEAD.length + tail.length);
  for (const body of bodies) {
    try {
      await request(`${endpointOf(settings)}/batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: HEAD + body.map(({ text }) => text).join(',') + tail,
      });
    } catch (error) {
      // The answer of all rows: the retry table sorts it with all that it says.
      if (body.length === rows.length) throw error;
      for (const { row } of body) verdicts[row] = statusOfError(error);
    }
  }
  const answer = new segmentCore.MultiStatusResponse();
  for (const verdict of verdicts) {
    if (verdict === undefined) answer.pushSuccessResponse({ status: 200, sent: undefined, body: undefined });
    else answer.pushErrorResponse({ status: verdict.status, errormessage: verdict.message });
  }
  return answer;
}

function endpointOf({ endpoint, region }: JsonObject): string {
  if (typeof endpoint === 'string' && endpoint !== '') return endpoint.replace(/\/+$/, '');
  return ENDPOINTS[region === 'eu' ? 'eu' : 'us'] as string;
}

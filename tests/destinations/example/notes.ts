// An HTTP destination: one request per batch, one answer per row.
import type { DestinationDefinition, RequestClient } from '@sluice/destination-kit';
import { segmentCore } from '@sluice/destination-kit';

type Note = { readonly id: string; readonly text?: string | null };
type Answer = { readonly results: readonly { readonly status: number; readonly message?: string }[] };

export const notes: DestinationDefinition = {
  name: 'Notes',
  slug: 'notes',
  description: 'Keeps one note per record.',
  authentication: {
    scheme: 'custom',
    fields: {
      apiKey: { label: 'API key', description: 'From the settings of your account.', type: 'password', required: true },
    },
    testAuthentication: (request) => request('https://api.notes.example/me'),
  },
  extendRequest: ({ settings }) => ({ headers: { authorization: `Bearer ${settings['apiKey'] as string}` } }),
  actions: {
    upsert: {
      title: 'Upsert note',
      description: 'Creates the note or changes its text.',
      fields: {
        id: { label: 'Id', description: 'Names the note.', type: 'string', required: true },
        text: { label: 'Text', description: 'What it says.', type: 'text' },
        // The vendor takes 100 notes per request.
        batch_size: { label: 'Batch size', type: 'integer', default: 100, maximum: 100, unsafe_hidden: true },
      },
      capabilities: { perRowOutcomes: true, idempotent: true },
      rateLimit: { requestsPerSecond: 10, burst: 20 },
      perform: (request, data) => send(request, [data.payload as Note]),
      performBatch: (request, data) => send(request, data.payload as readonly Note[]),
    },
  },
};

/** What it throws goes through the retry table: here the client's HTTPError. */
async function send(request: RequestClient, rows: readonly Note[]): Promise<unknown> {
  const response = await request('https://api.notes.example/notes', { method: 'PUT', json: { notes: rows } });
  const { results } = response.data as Answer;
  const outcome = new segmentCore.MultiStatusResponse();
  for (const [index, sent] of rows.entries()) {
    const { status = 500, message = 'no answer for this note' } = results[index] ?? {};
    if (status < 300) outcome.pushSuccessResponse({ status, sent, body: {} });
    else outcome.pushErrorResponse({ status, errormessage: message, sent });
  }
  return outcome;
}

// A destination that speaks no HTTP: a shape and a session.
import type { BatchResult, DestinationShape, DestinationSpec, OpenDestination, Session } from '@sluice/destination-kit';
import { openSession } from '@sluice/destination-kit';

export const shelf: DestinationShape = {
  name: 'Shelf',
  slug: 'shelf',
  description: 'Keeps records in a map.',
  authentication: { scheme: 'custom', fields: {} },
  actions: {
    put: {
      title: 'Put',
      description: 'Puts the record at its place, or takes it away.',
      fields: {
        place: { label: 'Place', description: 'Where it lies.', type: 'string', required: true },
        thing: { label: 'Thing', description: 'What lies there.', type: 'string', allowNull: true },
      },
      batch: { maxRows: 500, maxBytes: 4_000_000 },
      capabilities: { perRowOutcomes: true, idempotent: true, deletes: 'keyed', ordered: true },
    },
  },
};

export function openShelf(spec: DestinationSpec, things: Map<string, unknown>): OpenDestination {
  const session: Session = {
    deliver: async (batch): Promise<BatchResult> => {
      for (const { change, payload } of batch) {
        if (change.operation === 'deleted') things.delete(change.recordId);
        else things.set(change.recordId, payload['thing']);
      }
      return { kind: 'rows', outcomes: batch.map(() => ({ outcome: 'delivered' })) };
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
  const batch = shelf.actions['put']?.batch ?? { maxRows: 1, maxBytes: 1_000_000 };
  // One batch at a time: the rows arrive in the plan's order.
  return openSession(shelf, spec, session, { batching: { ...batch, concurrency: 1 } });
}

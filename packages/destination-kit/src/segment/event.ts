// The event that a mapping reads: one change in the shape of Segment's reverse-ETL
// events (https://segment.com/docs/connections/reverse-etl/), with the model's columns
// under `properties`. A deleted record has all its columns, each null.
import { hash } from 'node:crypto';
import type { Change, JsonObject, Operation } from '@sluice/core';
import type { AudienceSpec } from '../destination.ts';

export type SegmentEvent = {
  readonly type: 'track';
  readonly event: 'new' | 'updated' | 'deleted';
  readonly __segment_id: string;
  /** Equal for equal content of one record in one sync, however often it is sent. */
  readonly messageId: string;
  readonly timestamp: string;
  readonly receivedAt: string;
  readonly properties: JsonObject;
  /** Only in mappings that keep an audience. */
  readonly context?: { readonly personas: Personas };
};

/** What Segment's platform tells a destination about the audience of a row. */
type Personas = {
  readonly computation_key: string;
  readonly computation_class: 'audience';
  readonly computation_id: string;
  readonly external_audience_id?: string;
  readonly audience_settings: JsonObject;
};

const EVENT_NAMES: Readonly<Record<Operation, SegmentEvent['event']>> = {
  added: 'new',
  updated: 'updated',
  deleted: 'deleted',
};

/** The first parts of a path (`$.properties…`) that an event can have. */
export const EVENT_ROOTS: readonly string[] = [
  'type',
  'event',
  '__segment_id',
  'messageId',
  'timestamp',
  'receivedAt',
  'properties',
];

export type EventContext = {
  readonly mappingId: string;
  readonly syncId: string;
  /** ISO 8601, the same for all events of one open destination. */
  readonly timestamp: string;
  readonly audience?: AudienceSpec;
};

/** `withMessageId: false` leaves that text empty, for mappings that do not read it: it takes a hash per row. */
export function eventOf(change: Change, context: EventContext, withMessageId = true): SegmentEvent {
  const { audience } = context;
  return {
    type: 'track',
    event: EVENT_NAMES[change.operation],
    __segment_id: change.recordId,
    messageId: withMessageId ? messageIdOf(change, context) : '',
    timestamp: context.timestamp,
    receivedAt: context.timestamp,
    // Who is in the model is a member; who has left it is none.
    properties:
      audience === undefined ? change.columns : { ...change.columns, [audience.key]: change.operation !== 'deleted' },
    ...(audience === undefined ? {} : { context: { personas: personasOf(audience) } }),
  };
}

export function personasOf({ key, externalId, settings }: AudienceSpec): Personas {
  return {
    computation_key: key,
    computation_class: 'audience',
    computation_id: key,
    ...(externalId === undefined ? {} : { external_audience_id: externalId }),
    audience_settings: settings ?? {},
  };
}

// JSON keeps the parts apart: ("a","bc") and ("ab","c") must not meet.
function messageIdOf(change: Change, context: EventContext): string {
  const parts = [context.mappingId, context.syncId, change.recordId, change.checksum];
  return hash('sha256', JSON.stringify(parts)).slice(0, 32);
}

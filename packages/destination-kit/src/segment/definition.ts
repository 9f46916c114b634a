// The shape of a destination definition: Segment's `DestinationDefinition`, as far as
// Sluice runs it (https://github.com/segmentio/action-destinations, README and
// packages/core/src/destination-kit). Catalogue entries and native HTTP destinations
// are both written in it, so that one runner serves both.
import type { JsonObject, JsonValue } from '@sluice/core';
import type { RequestClient, RequestOptions } from '../request/options.ts';
import type { SegmentEvent } from './event.ts';

type FieldChoice = string | { readonly label: string; readonly value: JsonValue };

/** One field of an action (`InputField`) or one setting (`GlobalSetting`). */
export type InputField = {
  readonly label: string;
  readonly description?: string;
  /** `string`, `text`, `password`, `number`, `integer`, `boolean`, `datetime`, `object`, `hidden`. */
  readonly type: string;
  /** An object is a condition on other fields; such a field counts as optional. */
  readonly required?: boolean | object;
  readonly multiple?: boolean;
  readonly default?: JsonValue;
  readonly choices?: readonly FieldChoice[];
  readonly maximum?: number;
};

/** The second argument of `perform` and `performBatch`. */
export type ExecuteInput = {
  readonly payload: JsonObject | readonly JsonObject[];
  readonly settings: JsonObject;
  readonly rawData: SegmentEvent | readonly SegmentEvent[];
  readonly rawMapping: JsonObject;
  readonly syncMode: string | undefined;
  readonly matchingKey: string | undefined;
  readonly audienceMembership?: boolean | readonly (boolean | undefined)[];
  readonly hookOutputs: JsonObject;
  readonly features: Readonly<Record<string, boolean>>;
  readonly statsContext: unknown;
  readonly stateContext: unknown;
  readonly transactionContext: unknown;
  readonly logger: unknown;
  readonly subscriptionMetadata: unknown;
  readonly signal: AbortSignal;
};

/** What an action takes, without how it does it. */
export type ActionShape = {
  readonly title: string;
  readonly description: string;
  readonly fields: Readonly<Record<string, InputField>>;
  readonly syncMode?: {
    readonly default: string;
    readonly choices: readonly { readonly label: string; readonly value: string }[];
  };
};

/** What a destination takes: enough to describe it and to check a configuration. */
export type DestinationShape = {
  readonly name: string;
  readonly slug: string;
  readonly description?: string;
  readonly authentication?: { readonly scheme: string; readonly fields: Readonly<Record<string, InputField>> };
  readonly actions: Readonly<Record<string, ActionShape>>;
};

export type ActionDefinition = ActionShape & {
  readonly hooks?: Readonly<Record<string, unknown>>;
  perform(request: RequestClient, data: ExecuteInput): unknown;
  performBatch?(request: RequestClient, data: ExecuteInput): unknown;
};

export type DestinationDefinition = Omit<DestinationShape, 'actions'> & {
  extendRequest?(data: ExecuteInput): RequestOptions;
  readonly actions: Readonly<Record<string, ActionDefinition>>;
};

/** Keys of a mapping that steer the runner and are no fields of the action. */
export const RESERVED_KEYS: ReadonlySet<string> = new Set([
  '__segment_internal_sync_mode',
  '__segment_internal_matching_key',
  '__segment_internal_directive',
  'retlOnMappingSave',
  'onMappingSave',
  'enable_batching',
  'batch_size',
  'batch_bytes',
  'batch_keys',
]);

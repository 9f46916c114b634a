// The shape of a destination definition: Segment's `DestinationDefinition`, as far as
// Sluice runs it (https://github.com/segmentio/action-destinations, README and
// packages/core/src/destination-kit). Catalogue entries and native HTTP destinations
// are both written in it, so that one runner serves both.
import type { JsonObject, JsonValue } from '@sluice/core';
import type { RateLimit } from '../destination.ts';
import type { Capabilities } from '../info.ts';
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
  readonly minimum?: number;
  readonly maximum?: number;
  readonly format?: string;
  readonly allowNull?: boolean;
  readonly placeholder?: string;
  /** True, or the function that asks the vendor (in fields of hooks). */
  readonly dynamic?: unknown;
  readonly properties?: Readonly<Record<string, InputField>>;
  readonly additionalProperties?: boolean;
  readonly depends_on?: unknown;
  readonly unsafe_hidden?: boolean;
};

/** OAuth tokens as definitions read them. */
export type AuthTokens = {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly refreshTokenUrl?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
};

/** The second argument of `perform` and `performBatch`. */
export type ExecuteInput = {
  readonly payload: JsonObject | readonly JsonObject[];
  readonly settings: JsonObject;
  readonly auth?: AuthTokens;
  readonly audienceSettings?: JsonObject;
  readonly personasContext?: unknown;
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
  readonly dynamicFields?: Readonly<Record<string, unknown>>;
  readonly hooks?: Readonly<Record<string, HookShape>>;
  /** Beside what the definition itself shows. */
  readonly capabilities?: Partial<Capabilities>;
  /** Of an action that is no `ActionDefinition`; the vendor's documented limit. */
  readonly batch?: { readonly maxRows: number; readonly maxBytes: number };
  readonly rateLimit?: RateLimit;
};

export type HookShape = {
  readonly label?: string;
  readonly description?: string;
  readonly inputFields?: Readonly<Record<string, InputField>>;
  readonly outputTypes?: Readonly<Record<string, { readonly label?: string; readonly type?: string }>>;
};

/** What a destination takes: enough to describe it and to check a configuration. */
export type DestinationShape = {
  readonly name: string;
  readonly slug: string;
  readonly description?: string;
  readonly authentication?: {
    readonly scheme: string;
    readonly fields: Readonly<Record<string, InputField>>;
    readonly testAuthentication?: unknown;
    readonly refreshAccessToken?: unknown;
  };
  /** Environment variables that the definition reads secrets from. */
  readonly environment?: readonly string[];
  readonly audienceFields?: Readonly<Record<string, InputField>>;
  readonly audienceConfig?: { readonly createAudience?: unknown; readonly getAudience?: unknown };
  readonly actions: Readonly<Record<string, ActionShape>>;
};

type DynamicFieldFunction = (request: RequestClient, data: object) => unknown;

export type HookDefinition = HookShape & {
  performHook(request: RequestClient, data: object): unknown;
};

export type ActionDefinition = Omit<ActionShape, 'hooks' | 'dynamicFields'> & {
  readonly hooks?: Readonly<Record<string, HookDefinition>>;
  /** A function per field, or, for the parts of an object, a record of functions. */
  readonly dynamicFields?: Readonly<
    Record<string, DynamicFieldFunction | Readonly<Record<string, DynamicFieldFunction>>>
  >;
  perform(request: RequestClient, data: ExecuteInput): unknown;
  performBatch?(request: RequestClient, data: ExecuteInput): unknown;
};

export type DestinationDefinition = Omit<DestinationShape, 'actions' | 'authentication' | 'audienceConfig'> & {
  readonly authentication?: {
    readonly scheme: string;
    readonly fields: Readonly<Record<string, InputField>>;
    /** Throws when the settings are not valid. */
    testAuthentication?(request: RequestClient, data: object): unknown;
    refreshAccessToken?(request: RequestClient, data: object): unknown;
  };
  readonly audienceConfig?: {
    createAudience?(request: RequestClient, data: object): unknown;
    getAudience?(request: RequestClient, data: object): unknown;
  };
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

// The `data` argument of `perform` and `performBatch`.
import type { JsonObject } from '@sluice/core';
import type { AudienceSpec } from '../destination.ts';
import { segmentCore } from '../segment/core.ts';
import type { ActionDefinition, AuthTokens, ExecuteInput } from '../segment/definition.ts';
import type { SegmentEvent } from '../segment/event.ts';
import { personasOf } from '../segment/event.ts';

export const SYNC_MODES: ReadonlySet<unknown> = new Set(['add', 'update', 'upsert', 'delete', 'mirror']);

const silent = (): void => undefined;

/** Definitions report metrics and logs to Segment's platform; here both go nowhere. */
export const statsClient = {
  observe: silent,
  incr: silent,
  set: silent,
  histogram: silent,
  _name: (name: string) => name,
  _tags: (tags: readonly string[] = []) => tags,
};
export const logger = {
  level: 'silent',
  name: 'sluice',
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  crit: silent,
  log: silent,
  withTags: silent,
};

/** What is the same for all calls of one sync. */
export type InputBase = {
  readonly action: ActionDefinition;
  readonly actionKey: string;
  readonly settings: JsonObject;
  readonly mapping: JsonObject;
  readonly syncId: string;
  readonly mappingId: string;
  readonly audience?: AudienceSpec;
};

/**
 * `rawData` holds the events of exactly the rows in `payload`, in the same order; few
 * definitions read it, so it is made when one does.
 */
export function batchInput(
  base: InputBase,
  payload: readonly JsonObject[],
  makeEvents: () => readonly SegmentEvent[],
  signal: AbortSignal,
  auth?: AuthTokens,
): ExecuteInput {
  const syncMode = syncModeOf(base);
  let events: readonly SegmentEvent[] | undefined;
  const rawData = (): readonly SegmentEvent[] => (events ??= makeEvents());
  // Without a sync mode or an audience no reverse-ETL row has a membership.
  const membership =
    syncMode === undefined && base.audience === undefined
      ? payload.map(() => undefined)
      : rawData().map((event) => segmentCore.resolveAudienceMembership(event, syncMode));
  return {
    ...commonInput(base, syncMode, signal, auth),
    payload,
    get rawData() {
      return rawData();
    },
    audienceMembership: membership,
  };
}

export function singleInput(
  base: InputBase,
  payload: JsonObject,
  event: SegmentEvent,
  signal: AbortSignal,
  auth?: AuthTokens,
): ExecuteInput {
  const syncMode = syncModeOf(base);
  const membership = segmentCore.resolveAudienceMembership(event, syncMode);
  return {
    ...commonInput(base, syncMode, signal, auth),
    payload,
    rawData: event,
    ...(typeof membership === 'boolean' ? { audienceMembership: membership } : {}),
  };
}

function commonInput(
  { action, actionKey, settings, mapping, syncId, mappingId, audience }: InputBase,
  syncMode: string | undefined,
  signal: AbortSignal,
  auth: AuthTokens | undefined,
) {
  const matchingKey = mapping['__segment_internal_matching_key'];
  const transaction: Record<string, string> = {};
  const state = new Map<string, string>();
  const personas = audience === undefined ? undefined : personasOf(audience);
  return {
    settings,
    ...(auth === undefined ? {} : { auth }),
    // The stock runtime gives an empty object where there is no audience.
    audienceSettings: personas?.audience_settings ?? {},
    ...(personas === undefined ? {} : { personasContext: personas }),
    rawMapping: mapping,
    syncMode,
    matchingKey: typeof matchingKey === 'string' && matchingKey !== '' ? matchingKey : undefined,
    hookOutputs: hookOutputsOf(action, mapping),
    features: {},
    statsContext: { statsClient, tags: [] },
    logger,
    // Definitions that cache across calls use this as the key that separates customers.
    subscriptionMetadata: {
      actionConfigId: syncId,
      destinationConfigId: mappingId,
      actionId: actionKey,
      sourceId: mappingId,
    },
    transactionContext: {
      transaction,
      setTransaction: (key: string, value: string) => {
        transaction[key] = value;
      },
    },
    stateContext: {
      getRequestContext: (key: string) => state.get(key),
      setResponseContext: (key: string, value: string) => void state.set(key, value),
    },
    signal,
  };
}

function syncModeOf({ action, mapping }: InputBase): string | undefined {
  const mode = mapping['__segment_internal_sync_mode'];
  return action.syncMode !== undefined && typeof mode === 'string' && SYNC_MODES.has(mode) ? mode : undefined;
}

function hookOutputsOf(action: ActionDefinition, mapping: JsonObject): JsonObject {
  const outputs: JsonObject = {};
  for (const hook of Object.keys(action.hooks ?? {})) {
    const saved = mapping[hook];
    if (saved !== undefined && saved !== null) outputs[hook] = saved;
  }
  return outputs;
}

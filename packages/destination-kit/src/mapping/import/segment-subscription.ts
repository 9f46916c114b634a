// Reads mappings as Segment's Public API gives them: destination subscriptions
// (https://docs.segmentapis.com/tag/Destinations, "Get Subscription from Destination" and "List
// Subscriptions from Destination"). Promise: what cannot be carried over is named, with what to do
// about it; nothing is dropped in silence.
import type { JsonObject, JsonValue, Operation } from '@sluice/core';
import { AppError } from '@sluice/core';
import type { ActionInfo } from '../../info.ts';
import { RESERVED_KEYS } from '../../segment/definition.ts';
import { EVENT_ROOTS } from '../../segment/event.ts';
import { mappingReferences } from '../columns.ts';
import { isPlainObject } from '../compile.ts';

export type SegmentSubscription = {
  readonly id?: string;
  readonly name: string;
  readonly actionId?: string;
  readonly actionSlug?: string;
  readonly destinationId?: string;
  /** `reverseETLModelId` in requests. */
  readonly modelId?: string;
  readonly enabled: boolean;
  readonly trigger: string;
  readonly settings: JsonObject;
  readonly schedule?: JsonValue;
};

/** Something of Segment's mapping that the imported one lacks, or that has to be looked at. */
export type NotCarried = { readonly what: string; readonly why: string; readonly fix?: string };

export type ImportedMapping = {
  /** As Segment shows it. */
  readonly title: string;
  readonly fields: JsonObject;
  readonly syncMode?: string;
  /** Absent when the sync mode says it, or the trigger could not be read. */
  readonly send?: readonly Operation[];
  readonly notCarried: readonly NotCarried[];
};

const SYNC_MODE = '__segment_internal_sync_mode';
const MAX_SUBSCRIPTIONS = 200;

/** One subscription, a list of them, or an answer of the API around either. Throws an AppError `NOT_A_SUBSCRIPTION`. */
export function parseSubscriptions(document: JsonValue): readonly SegmentSubscription[] {
  let value: JsonValue | undefined = document;
  for (let depth = 0; depth < 4 && isPlainObject(value); depth += 1) {
    const inner: JsonValue | undefined =
      value['subscriptions'] ?? value['subscription'] ?? (isPlainObject(value['settings']) ? undefined : value['data']);
    if (inner === undefined) break;
    value = inner;
  }
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.length > MAX_SUBSCRIPTIONS) throw notOne(`it holds ${list.length} subscriptions`);
  return list.map((each, index) => subscriptionOf(each, list.length === 1 ? '' : `subscription ${index + 1} `));
}

function subscriptionOf(value: JsonValue | undefined, which: string): SegmentSubscription {
  if (!isPlainObject(value)) throw notOne(`${which}is not an object`);
  const { name, trigger, settings, enabled } = value;
  if (typeof name !== 'string' || name === '') throw notOne(`${which}has no "name"`);
  if (typeof trigger !== 'string') throw notOne(`${which}has no "trigger"`);
  // Terraform's export of the same object holds the settings as text.
  const parsed = typeof settings === 'string' ? jsonObjectOf(settings) : settings;
  if (!isPlainObject(parsed)) throw notOne(`${which}has no "settings"`);
  const text = (key: string): string | undefined => {
    const found = value[key];
    return typeof found === 'string' && found !== '' ? found : undefined;
  };
  const optional = {
    id: text('id'),
    actionId: text('actionId'),
    actionSlug: text('actionSlug'),
    destinationId: text('destinationId'),
    modelId: text('modelId') ?? text('reverseETLModelId'),
    schedule: value['reverseETLSchedule'] ?? undefined,
  };
  return {
    name,
    trigger,
    settings: parsed as JsonObject,
    enabled: enabled !== false,
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, found]) => found !== undefined),
    ) as Partial<SegmentSubscription>),
  };
}

function jsonObjectOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function notOne(why: string): AppError {
  return new AppError(`the file is not a mapping of Segment's: ${why}`, {
    code: 'NOT_A_SUBSCRIPTION',
    kind: 'invalid',
    fix: 'Save the answer of GET /destinations/{destinationId}/subscriptions/{id} of the Public API.',
  });
}

/** The action that a subscription is for; by its slug, its key or its title. */
export function actionOf(subscription: SegmentSubscription, actions: readonly ActionInfo[]): ActionInfo | undefined {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  const wanted = [subscription.actionSlug, subscription.name].filter((text) => text !== undefined);
  for (const text of wanted) {
    const found =
      actions.find(({ key }) => key === text) ??
      single(actions.filter(({ key, title }) => [plain(key), plain(title)].includes(plain(text))));
    if (found !== undefined) return found;
  }
  return undefined;
}

function single<T>(found: readonly T[]): T | undefined {
  return found.length === 1 ? found[0] : undefined;
}

export function importSubscription(subscription: SegmentSubscription, action: ActionInfo): ImportedMapping {
  const notCarried: NotCarried[] = [];
  const { [SYNC_MODE]: mode, ...settings } = subscription.settings;
  const syncMode = syncModeOf(mode, action, notCarried);
  const operations = operationsOf(subscription.trigger);
  if (operations === undefined) {
    notCarried.push({
      what: `trigger: ${subscription.trigger}`,
      why: 'only triggers on new, updated and deleted rows can be carried over',
      fix:
        syncMode === undefined
          ? 'Set send, and put the other conditions into the model as WHERE.'
          : 'Put the conditions into the model as WHERE.',
    });
  }
  const fields = fieldsOf(settings, action, notCarried);
  if (!subscription.enabled) {
    notCarried.push({
      what: 'enabled: false',
      why: 'Sluice pauses mappings in the warehouse',
      fix: 'sluice pause MAPPING',
    });
  }
  const { schedule } = subscription;
  if (schedule !== undefined) {
    notCarried.push({
      what: `schedule: ${scheduleText(schedule)}`,
      why: 'sluice.yaml holds no schedules',
      fix: 'Run sluice sync from a scheduler.',
    });
  }
  notCarried.push({
    what: 'settings of the destination',
    why: 'Segment does not export credentials',
    fix: 'Set them in destinations; OAuth: sluice destinations connect NAME.',
  });
  return {
    title: subscription.name,
    fields,
    ...(syncMode === undefined ? {} : { syncMode }),
    ...(syncMode === undefined && operations !== undefined ? { send: operations } : {}),
    notCarried,
  };
}

function syncModeOf(mode: JsonValue | undefined, action: ActionInfo, notCarried: NotCarried[]): string | undefined {
  if (mode === undefined || mode === null || mode === '') return undefined;
  const choices = action.syncModes?.choices ?? [];
  if (typeof mode === 'string' && choices.includes(mode)) return mode;
  notCarried.push({
    what: `sync mode: ${JSON.stringify(mode)}`,
    why:
      choices.length === 0
        ? `the action ${action.key} has no sync modes`
        : `the action ${action.key} has ${choices.join(', ')}`,
    ...(choices.length === 0 ? {} : { fix: 'Choose one as sync_mode.' }),
  });
  return undefined;
}

const OPERATION_OF: Readonly<Record<string, Operation>> = { new: 'added', updated: 'updated', deleted: 'deleted' };

/** Of Segment's query language for triggers, `event = "new" or event = "updated"`; undefined for anything else. */
export function operationsOf(trigger: string): readonly Operation[] | undefined {
  const inner = trigger.trim().replace(/^\((.*)\)$/s, '$1');
  const found = inner.split(/\s+or\s+/i).map((part) => {
    const match = /^\(?\s*event\s*=\s*"(new|updated|deleted)"\s*\)?$/.exec(part.trim());
    return match === null ? undefined : OPERATION_OF[match[1] ?? ''];
  });
  if (found.some((each) => each === undefined)) return undefined;
  const set = new Set(found);
  return (['added', 'updated', 'deleted'] as const).filter((each) => set.has(each));
}

function fieldsOf(settings: JsonObject, action: ActionInfo, notCarried: NotCarried[]): JsonObject {
  const known = new Set([...action.fields.map(({ name }) => name), ...RESERVED_KEYS]);
  const fields: JsonObject = {};
  for (const [name, value] of Object.entries(settings)) {
    if (!known.has(name)) {
      notCarried.push({ what: `field ${name}`, why: `the action ${action.key} has no such field` });
      continue;
    }
    const foreign = foreignRoots(name, value);
    if (foreign.length === 0) {
      fields[name] = value;
      continue;
    }
    const only = mappingReferences({ [name]: value }).length === foreign.length;
    if (!only) fields[name] = value;
    notCarried.push({
      what: `field ${name}${only ? '' : ', in part'}`,
      why: `it reads ${[...new Set(foreign)].join(', ')}, which rows of a model do not have`,
      fix: only ? 'Map a column of the model instead.' : 'Look at the field: that part is always absent.',
    });
  }
  return fields;
}

/** Paths into events of other sources: `$.context.ip`, `$.traits.email`. */
function foreignRoots(name: string, value: JsonValue): string[] {
  return mappingReferences({ [name]: value }).flatMap(({ keys }) => {
    const root = keys === 'all' ? undefined : keys[0];
    return root === undefined || EVENT_ROOTS.includes(root) ? [] : [`$.${(keys as readonly string[]).join('.')}`];
  });
}

function scheduleText(schedule: JsonValue): string {
  if (!isPlainObject(schedule)) return JSON.stringify(schedule);
  const { strategy, config } = schedule;
  return [strategy, config]
    .filter((part) => part !== undefined && part !== null)
    .map((part) => (typeof part === 'string' ? part : JSON.stringify(part)))
    .join(' ');
}

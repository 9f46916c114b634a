// `then` is a key of the `@if` directive.
/* oxlint-disable unicorn/no-thenable */
import { describe, expect, it } from 'vitest';
import type { ActionInfo, FieldInfo } from '../../info.ts';
import { actionOf, importSubscription, operationsOf, parseSubscriptions } from './segment-subscription.ts';

const field = (name: string): FieldInfo => ({ name, label: name, description: '', type: 'string', required: false });
const action = (key: string, title: string, names: readonly string[], modes?: readonly string[]): ActionInfo => ({
  key,
  title,
  description: '',
  fields: names.map(field),
  dynamicFields: [],
  hooks: [],
  capabilities: {
    perRowOutcomes: false,
    idempotent: false,
    deletes: 'none',
    transactions: false,
    success: 'delivered',
    ordered: false,
  },
  ...(modes === undefined ? {} : { syncModes: { default: modes[0] ?? '', choices: modes } }),
});

const subscription = {
  id: 'tMxeCYHiNTMcGYezAsmnJH',
  name: 'Upsert Contact',
  actionId: 'oiFvX4YXwyaPVysi1t7mtz',
  actionSlug: 'upsertContact',
  destinationId: '68a8397575648f91febfb6f0',
  modelId: '99ajX6rZiHagThqHiS8z62',
  enabled: true,
  trigger: 'event = "new" or event = "updated"',
  settings: { email: { '@path': '$.properties.email' } },
};

describe('parseSubscriptions', () => {
  it.each([
    ['a subscription', subscription],
    ['the answer to Get', { data: { subscription } }],
    ['the answer to List', { data: { subscriptions: [subscription], pagination: {} } }],
    ['settings as text', { ...subscription, settings: JSON.stringify(subscription.settings) }],
  ])('reads %s', (_, document) => {
    expect(parseSubscriptions(document)).toEqual([subscription]);
  });

  it.each([
    [[], '0 subscriptions'],
    ['text', 'is not an object'],
    [{ data: {} }, 'has no "name"'],
    [{ ...subscription, settings: null }, 'has no "settings"'],
    [[subscription, { name: 'x' }], 'subscription 2 has no "trigger"'],
  ])('refuses %j', (document, message) => {
    expect(() => parseSubscriptions(document)).toThrow(expect.objectContaining({ code: 'NOT_A_SUBSCRIPTION' }));
    expect(() => parseSubscriptions(document)).toThrow(message);
  });
});

it.each([
  ['event = "new"', ['added']],
  ['event = "deleted" or event = "new"', ['added', 'deleted']],
  ['(event = "new" or event = "updated")', ['added', 'updated']],
  ['event="new" or event="updated" or event="deleted"', ['added', 'updated', 'deleted']],
  ['type = "track"', undefined],
  ['event = "new" and properties.a = 1', undefined],
  ['event = "other"', undefined],
])('reads the trigger %s', (trigger, expected) => {
  expect(operationsOf(trigger)).toEqual(expected);
});

it('finds the action by its slug, its key or its title, and never by chance', () => {
  const actions = [action('upsertContact', 'Upsert Contact', []), action('a', 'Same', []), action('b', 'Same', [])];
  const [parsed] = parseSubscriptions(subscription);
  const named = (more: object) => actionOf({ ...parsed, ...more } as never, actions)?.key;
  expect(named({})).toBe('upsertContact');
  expect(named({ actionSlug: 'upsert-contact', name: 'x' })).toBe('upsertContact');
  expect(named({ actionSlug: 'zzz', name: 'Upsert contact' })).toBe('upsertContact');
  expect(named({ actionSlug: 'zzz', name: 'Same' })).toBeUndefined();
});

describe('importSubscription', () => {
  const run = (more: object, modes?: readonly string[]) => {
    const [parsed] = parseSubscriptions({ ...subscription, ...more });
    if (parsed === undefined) throw new Error('nothing was parsed');
    return importSubscription(
      parsed,
      action('upsertContact', 'Upsert Contact', ['email', 'ip', 'name', 'when'], modes),
    );
  };
  const what = ({ notCarried }: ReturnType<typeof run>): string[] => notCarried.map((each) => each.what);

  it('carries directives, kinds of changes and reserved keys over as they are', () => {
    const settings = {
      email: { '@if': { exists: { '@path': '$.properties.email' }, then: { '@path': '$.properties.email' } } },
      when: { '@path': '$.timestamp' },
      batch_size: 100,
      onMappingSave: { inputs: {}, outputs: { id: '7' } },
    };
    const imported = run({ settings });
    expect(imported).toMatchObject({ title: 'Upsert Contact', fields: settings, send: ['added', 'updated'] });
    expect(what(imported)).toEqual(['settings of the destination']);
  });

  it('takes the sync mode in the place of the trigger', () => {
    const settings = { __segment_internal_sync_mode: 'upsert' };
    const imported = run({ settings }, ['add', 'upsert']);
    expect(imported.syncMode).toBe('upsert');
    expect(imported.send).toBeUndefined();
    expect(imported.fields).toEqual({});
    expect(what(run({ settings }))).toContain('sync mode: "upsert"');
    expect(what(run({ settings }, ['add']))).toContain('sync mode: "upsert"');
  });

  it('names everything that is not carried over, with what to do', () => {
    const imported = run({
      enabled: false,
      trigger: 'type = "track"',
      reverseETLSchedule: { strategy: 'PERIODIC', config: { interval: '1h' } },
      settings: {
        ip: { '@path': '$.context.ip' },
        name: { '@template': '{{properties.name}} {{traits.title}}' },
        gone: 1,
      },
    });
    expect(imported.fields).toEqual({ name: { '@template': '{{properties.name}} {{traits.title}}' } });
    expect(imported.send).toBeUndefined();
    expect(what(imported)).toEqual([
      'trigger: type = "track"',
      'field ip',
      'field name, in part',
      'field gone',
      'enabled: false',
      'schedule: PERIODIC {"interval":"1h"}',
      'settings of the destination',
    ]);
    expect(imported.notCarried.find((each) => each.what === 'field ip')?.why).toContain('$.context.ip');
  });
});

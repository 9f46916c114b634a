import type { JsonObject } from '@sluice/core';
import type { DestinationSpec } from '@sluice/destination-kit';
import { describe, expect, it } from 'vitest';
import { createRegistry } from './registry.ts';

const registry = createRegistry();
const columns = ['iata', 'name', 'flights'];
const good: JsonObject = { url: 'https://example.com/hook', method: 'POST', data: { '@path': '$.properties' } };

function check(fields: JsonObject, more: Partial<DestinationSpec> = {}) {
  return registry.validate(
    { type: 'actions-webhook', action: 'send', settings: {}, fields, mappingId: 'm', syncId: 's', ...more },
    columns,
  );
}

describe('the registry', () => {
  it('lists and describes what it offers', () => {
    expect(registry.list()).toEqual(
      expect.arrayContaining([
        { type: 'actions-webhook', name: 'Webhook' },
        { type: 'actions-braze-cloud', name: 'Braze Cloud Mode (Actions)' },
        { type: 'file', name: 'File' },
      ]),
    );
    const webhook = registry.describe('actions-webhook');
    expect(webhook?.settings.map((field) => [field.name, field.type, field.required])).toEqual([
      ['sharedSecret', 'password', false],
    ]);
    expect(webhook?.actions[0]?.fields.find((field) => field.name === 'url')).toMatchObject({
      required: true,
      type: 'string',
    });
    expect(registry.describe('nothing')).toBeUndefined();
  });

  it('finds nothing wrong with a good mapping', () => {
    expect(check(good)).toEqual([]);
    expect(
      check({ ...good, data: { id: { '@path': '$.__segment_id' }, n: { '@template': '{{properties.name}}' } } }),
    ).toEqual([]);
    expect(check({ url: 'https://example.com', data: {}, enable_batching: true, batch_size: 50 })).toEqual([]);
  });

  it.each([
    ['an unknown type', good, { type: 'webhok' }, 'type', 'there is no destination of type "webhok"'],
    ['an unknown action', good, { action: 'sent' }, 'action', 'has no action "sent"'],
    ['an unknown field', { ...good, dta: 1 }, {}, 'fields.dta', 'has no field "dta"'],
    [
      'a missing field',
      { method: 'POST', data: {} },
      {},
      'fields.url',
      'the field "url" (URL) of the action send is missing',
    ],
    ['missing data', { url: 'https://example.com' }, {}, 'fields.data', 'the field "data" is missing'],
    ['a wrong type', { ...good, headers: 'x' }, {}, 'fields.headers', 'must be an object'],
    ['a value that is no choice', { ...good, method: 'BREW' }, {}, 'fields.method', 'POST'],
    ['a bad URL', { ...good, url: 'no url' }, {}, 'fields.url', 'URI'],
    [
      'an unknown column',
      { ...good, data: { n: { '@path': '$.properties.nam' } } },
      {},
      'fields.data.n',
      'the model has no column "nam"',
    ],
    [
      'a column in the wrong place',
      { ...good, data: { n: { '@path': '$.name' } } },
      {},
      'fields.data.n',
      'no row has "name"',
    ],
    ['an unknown directive', { ...good, data: { '@pth': 'x' } }, {}, 'fields.data', 'no directive "@pth"'],
    ['one inside a field', { ...good, data: { id: { '@pth': 'x' } } }, {}, 'fields.data.id', 'no directive "@pth"'],
    [
      'a directive without its value',
      { ...good, data: { id: { '@path': 5 } } },
      {},
      'fields.data',
      'the directive is not valid',
    ],
    [
      'a template that does not close',
      { ...good, data: { id: { '@template': '{{ properties.name }} of {{properties.id' } } },
      {},
      'fields.data.id',
      'the template has a "{{" without',
    ],
    ['a bad batch size', { ...good, batch_size: 'many' }, {}, 'fields.batch_size', 'whole number'],
    ['an unknown setting', good, { settings: { secret: 'abcdef' } }, 'settings.secret', 'has no setting "secret"'],
    [
      'a setting of the wrong type',
      good,
      { settings: { sharedSecret: 5 } },
      'settings.sharedSecret',
      'must be a string but is a number',
    ],
  ])('refuses %s, at its place', (_, fields: JsonObject, more: Partial<DestinationSpec>, path, message) => {
    const problems = check(fields, more);
    const problem = problems.find((item) => item.path === path && item.message.includes(message));
    expect(problem ?? problems).toMatchObject({ severity: 'error' });
  });

  it('suggests what was meant', () => {
    expect(check({ ...good, dta: 1 })[0]?.fix).toContain('did you mean "data"?');
    expect(check({ ...good, data: { '@path': '$.properties.Name' } })[0]?.fix).toContain('did you mean "name"?');
    expect(check({ ...good, data: { n: { '@path': '$.name' } } })[0]?.fix).toContain('$.properties.name');
    expect(check({ ...good, data: { n: { '@pth': '$.name' } } })[0]?.fix).toContain('did you mean "@path"?');
    expect(check(good, { action: 'sent' })[0]?.fix).toContain('did you mean "send"?');
  });

  it('takes templates with braces that are no placeholders', () => {
    for (const template of [
      '{"a":{"b":"{{properties.name}}"}}',
      '{{{properties.name}}}',
      '{ {',
      'a}}',
      '{{ properties.name }}',
    ])
      expect(check({ ...good, data: { n: { '@template': template } } })).toEqual([]);
  });

  it('warns when records that are deleted could not be told apart', () => {
    const deletes = { operations: ['added', 'deleted'] } as const;
    expect(check({ ...good, data: { id: { '@path': '$.properties.iata' } } }, deletes)).toMatchObject([
      {
        severity: 'warning',
        path: 'fields',
        message: expect.stringContaining('deleted'),
        fix: expect.stringContaining('$.__segment_id'),
      },
    ]);
    expect(check({ ...good, data: { id: { '@path': '$.__segment_id' } } }, deletes)).toEqual([]);
    expect(check({ ...good, data: { '@path': '$.properties' } }, { operations: ['added'] })).toEqual([]);
  });

  it('never shows the value of a setting', () => {
    expect(
      JSON.stringify(check(good, { settings: { sharedSecret: { a: 'hunter22' }, other: 'hunter22' } })),
    ).not.toContain('hunter22');
  });

  it('takes a shared secret with batches and with single rows', () => {
    const settings = { sharedSecret: 'hunter22' };
    expect(check({ ...good, enable_batching: true }, { settings })).toEqual([]);
    expect(check(good, { settings })).toEqual([]);
  });

  it('says why a destination of the catalogue is not offered', () => {
    expect(check(good, { type: 'actions-segment' })).toMatchObject([
      { path: 'type', message: expect.stringContaining('is not offered: it sends nothing by itself') },
    ]);
    expect(registry.list().map(({ type }) => type)).not.toContain('actions-segment');
  });

  it.each([
    ['webhook', 'actions-webhook'],
    ['hubspot', 'actions-hubspot-cloud'],
    ['actions-webhok', 'actions-webhook'],
    ['Google Sheets', 'actions-google-sheets'],
  ])('knows what %s may stand for', (typed, meant) => {
    expect(check(good, { type: typed })[0]?.fix).toContain(`"${meant}"`);
  });

  it('wants the tokens of a destination that signs in with OAuth, and no others', () => {
    const connection = { type: 'actions-google-sheets', settings: {} };
    expect(registry.validateConnection(connection)).toMatchObject([{ path: 'credentials' }]);
    expect(registry.validateConnection({ ...connection, credentials: { accessToken: 't' } })).toEqual([]);
    expect(
      registry.validateConnection({ type: 'actions-webhook', settings: {}, credentials: { accessToken: 't' } }),
    ).toMatchObject([{ path: 'credentials' }]);
  });

  it('names the environment variables that a definition reads', () => {
    const connection = { type: 'actions-google-enhanced-conversions', settings: {}, credentials: { accessToken: 't' } };
    expect(registry.validateConnection(connection)).toMatchObject([
      { path: 'environment', message: 'the environment variable ADWORDS_DEVELOPER_TOKEN is not set' },
    ]);
    expect(registry.describe('actions-google-enhanced-conversions')?.authentication).toEqual({
      scheme: 'oauth2',
      canTest: true,
      canRefresh: true,
      environment: ['ADWORDS_DEVELOPER_TOKEN'],
    });
  });

  it('does not open what is not valid', async () => {
    const spec = {
      type: 'actions-webhook',
      action: 'send',
      settings: {},
      fields: { url: 'x' },
      mappingId: 'm',
      syncId: 's',
    };
    await expect(registry.open(spec)).rejects.toMatchObject({ code: 'INVALID_DESTINATION', kind: 'invalid' });
    await expect(registry.open({ ...spec, type: 'nothing' })).rejects.toThrow(
      'there is no destination of type "nothing"',
    );
  });

  it('opens what is valid with the batches that the mapping asks for', async () => {
    const open = async (fields: JsonObject) =>
      registry.open({ type: 'actions-webhook', action: 'send', settings: {}, fields, mappingId: 'm', syncId: 's' });
    await using single = await open(good);
    await using batched = await open({ ...good, enable_batching: true });
    await using sized = await open({ ...good, batch_size: 25 });
    expect([single, batched, sized].map((destination) => destination.batching.maxRows)).toEqual([1, 1000, 25]);
    expect(
      registry.columns({
        type: 'actions-webhook',
        action: 'send',
        settings: {},
        fields: good,
        mappingId: 'm',
        syncId: 's',
      }),
    ).toBe('all');
  });
});

import type { JsonObject } from '@sluice/core';
import { expect, it } from 'vitest';
import { Receiver } from '../conformance/receiver.ts';
import type { DestinationSpec } from '../destination.ts';
import type { DestinationDefinition } from '../segment/definition.ts';
import {
  askAudience,
  askDynamicField,
  performDefinitionHook,
  testDefinitionAuthentication,
} from './definition-connection.ts';

const definition: DestinationDefinition = {
  name: 'Lists',
  slug: 'test-lists',
  authentication: {
    scheme: 'custom',
    fields: { apiKey: { label: 'Key', type: 'password', required: true } },
    testAuthentication: (request) => request('https://api.example/me'),
  },
  extendRequest: ({ settings }) => ({ headers: { authorization: `Bearer ${settings['apiKey'] as string}` } }),
  audienceConfig: {
    createAudience: async (request, data) => {
      const { audienceName } = data as { audienceName: string };
      const response = await request('https://api.example/audiences', { method: 'post', json: { audienceName } });
      return { externalId: (response.data as { id: string }).id };
    },
  },
  actions: {
    add: {
      title: 'Add',
      description: '',
      fields: {},
      perform: () => undefined,
      dynamicFields: {
        list: async (request, data) => {
          const { page } = data as { page?: string };
          const response = await request(`https://api.example/lists?page=${page ?? 1}`);
          return response.data;
        },
        items: {
          sku: (_request, data) => {
            const { dynamicFieldContext } = data as { dynamicFieldContext: JsonObject };
            return { choices: [{ label: 'chosen', value: `item ${JSON.stringify(dynamicFieldContext)}` }] };
          },
          __keys__: () => ({ choices: [{ value: 'colour' }], error: undefined }),
        },
        broken: () => ({ choices: [], error: { message: 'no lists yet', code: 'EMPTY' } }),
      },
      hooks: {
        retlOnMappingSave: {
          label: 'Make a list',
          inputFields: { name: { label: 'Name', type: 'string', required: true } },
          performHook: async (request, data) => {
            const { hookInputs } = data as { hookInputs: JsonObject };
            const response = await request('https://api.example/lists', { method: 'post', json: hookInputs });
            return { savedData: response.data, successMessage: 'made' };
          },
        },
      },
    },
  },
};

const spec: DestinationSpec = {
  type: 'test-lists',
  action: 'add',
  settings: { apiKey: 'hunter22' },
  fields: {},
  mappingId: 'm',
  syncId: 's',
  audience: { key: 'buyers' },
};
const quiet = (): AbortSignal => new AbortController().signal;

async function start(vendor: Receiver['vendor']) {
  const receiver = await Receiver.start(vendor);
  return { receiver, options: { fetchTimeoutMs: 30_000, userAgent: 'test', connector: receiver.connector } };
}

it('tells valid, refused and unreachable credentials apart, and those that cannot be tested', async () => {
  const { receiver, options } = await start(() => undefined);
  await using _receiver = receiver;
  const test = () => testDefinitionAuthentication(definition, spec, options, quiet());
  expect(await test()).toEqual({ result: 'valid' });
  expect(receiver.requests[0]?.headers.authorization).toBe('Bearer hunter22');
  receiver.behaviour = { kind: 'echo', status: 401 };
  const refused = await test();
  expect(refused).toMatchObject({ result: 'invalid' });
  expect(JSON.stringify(refused)).not.toContain('hunter22');
  receiver.behaviour = { kind: 'status', status: 503 };
  expect(await test()).toMatchObject({ result: 'unavailable' });
  receiver.behaviour = { kind: 'silent' };
  expect(
    await testDefinitionAuthentication(definition, spec, { ...options, fetchTimeoutMs: 100 }, quiet()),
  ).toMatchObject({ result: 'unavailable' });
  const untested = { ...definition, authentication: { scheme: 'custom', fields: {} } };
  expect(await testDefinitionAuthentication(untested, spec, options, quiet())).toEqual({ result: 'untested' });
});

it('gives the choices of a field, page by page, and of the parts of objects and lists', async () => {
  const { receiver, options } = await start(({ path }) => ({
    body: path.endsWith('page=2')
      ? { choices: [{ label: 'B', value: 2 }] }
      : { choices: [{ label: 'A', value: 'a' }, {}], nextPage: '2' },
  }));
  await using _receiver = receiver;
  const ask = (request: Parameters<typeof askDynamicField>[2]) =>
    askDynamicField(definition, spec, request, options, quiet());
  expect(await ask({ field: 'list' })).toEqual({
    kind: 'choices',
    choices: [{ label: 'A', value: 'a' }],
    nextPage: '2',
  });
  expect(await ask({ field: 'list', page: '2' })).toEqual({ kind: 'choices', choices: [{ label: 'B', value: '2' }] });
  expect(await ask({ field: 'items.[3].sku' })).toEqual({
    kind: 'choices',
    choices: [{ label: 'chosen', value: 'item {"selectedArrayIndex":3}' }],
  });
  expect(await ask({ field: 'items', part: 'keys' })).toEqual({
    kind: 'choices',
    choices: [{ label: 'colour', value: 'colour' }],
  });
  expect(await ask({ field: 'broken' })).toEqual({ kind: 'failed', code: 'EMPTY', message: 'no lists yet' });
  for (const field of ['other', 'items', 'items.other', 'constructor', '__proto__.toString'])
    expect(await ask({ field })).toMatchObject({ kind: 'failed', code: 'NOT_DYNAMIC' });
  receiver.behaviour = { kind: 'status', status: 403 };
  expect(await ask({ field: 'list' })).toMatchObject({ kind: 'failed' });
});

it('runs a hook with checked inputs and gives what the mapping has to keep', async () => {
  const { receiver, options } = await start(() => ({ body: { id: 'list-1' } }));
  await using _receiver = receiver;
  const run = (inputs: JsonObject) =>
    performDefinitionHook(definition, spec, 'retlOnMappingSave', inputs, options, quiet());
  expect(await run({ name: 'Buyers' })).toEqual({
    kind: 'saved',
    value: { inputs: { name: 'Buyers' }, outputs: { id: 'list-1' } },
    message: 'made',
  });
  expect(await run({})).toMatchObject({ kind: 'failed', code: 'HOOK_INPUT_INVALID' });
  expect(await performDefinitionHook(definition, spec, 'onMappingSave', {}, options, quiet())).toMatchObject({
    kind: 'failed',
    code: 'NO_HOOK',
  });
});

it('makes an audience, and says when the destination cannot', async () => {
  const { receiver, options } = await start(() => ({ body: { id: 17 } }));
  await using _receiver = receiver;
  expect(await askAudience('createAudience', definition, spec, options, quiet())).toEqual({
    kind: 'audience',
    externalId: '17',
  });
  expect(JSON.parse(receiver.requests[0]?.body ?? '')).toEqual({ audienceName: 'buyers' });
  expect(await askAudience('getAudience', definition, spec, options, quiet())).toMatchObject({ code: 'NO_AUDIENCE' });
  receiver.vendor = () => ({ body: {} });
  expect(await askAudience('createAudience', definition, spec, options, quiet())).toMatchObject({
    code: 'NO_AUDIENCE_ID',
  });
});

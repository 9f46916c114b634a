import { expect, it } from 'vitest';
import type { ActionDefinition } from '../segment/definition.ts';
import { createPayloadMaker, withoutEmpty } from './payload.ts';

const schema = {
  type: 'object',
  properties: {
    text: { type: 'string' },
    nullable: { type: ['string', 'null'] },
    count: { type: 'number' },
    list: { type: 'array', items: { type: 'number' } },
    nested: { type: 'object', properties: { count: { type: 'number' } } },
    open: { type: 'object' },
  },
};

it('drops null unless the field allows it, and an empty text unless the field is one', () => {
  const row = {
    text: '',
    nullable: null,
    count: '',
    list: [1, null, ''],
    nested: { count: null },
    open: { kept: null },
    unknown: null,
  };
  expect(withoutEmpty(row, schema)).toEqual({
    text: '',
    nullable: null,
    list: [1],
    nested: {},
    open: { kept: null },
    unknown: null,
  });
});

it('drops empty texts at the top level of single rows only', () => {
  expect(withoutEmpty({ text: '', nested: {} }, schema, true)).toEqual({ nested: {} });
});

const action = (fields: ActionDefinition['fields']): ActionDefinition => ({
  title: '',
  description: '',
  fields,
  perform: () => undefined,
});

it('coerces to the types of the fields and removes what is no field', () => {
  const make = createPayloadMaker(
    'payload-test',
    'a',
    action({ n: { label: 'N', type: 'number' }, tags: { label: 'Tags', type: 'string', multiple: true } }),
    false,
  );
  expect(make({ n: '5', tags: 'one', enable_batching: true })).toEqual({ n: 5, tags: ['one'] });
});

it('names everything that is wrong with a row at once', () => {
  const make = createPayloadMaker(
    'payload-test',
    'b',
    action({ id: { label: 'Id', type: 'string', required: true }, n: { label: 'N', type: 'number' } }),
    false,
  );
  expect(() => make({ n: 'x' })).toThrow(/required.*'id'.*N must be a number/);
});

it('removes reserved keys where an action has no fields', () => {
  expect(
    createPayloadMaker(
      'payload-test',
      'c',
      action({}),
      false,
    )({ a: 1, batch_size: 5, __segment_internal_sync_mode: 'add' }),
  ).toEqual({ a: 1 });
});

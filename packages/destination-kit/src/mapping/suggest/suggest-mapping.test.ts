import { describe, expect, it } from 'vitest';
import type { FieldInfo } from '../../info.ts';
import { parseColumnType } from './column-type.ts';
import { SYNONYMS } from './synonyms.ts';
import { suggestMapping } from './suggest-mapping.ts';
import { wordsOf } from './words.ts';

const field = (name: string, more: Partial<FieldInfo> = {}): FieldInfo => ({
  name,
  label: name,
  description: '',
  type: 'string',
  required: false,
  ...more,
});
const column = (name: string, type = 'STRING', description?: string) => ({
  name,
  type,
  ...(description === undefined ? {} : { description }),
});
const suggest = (columns: readonly ReturnType<typeof column>[], fields: readonly FieldInfo[], key = 'id') =>
  suggestMapping(columns, key, { fields });

describe('suggestMapping', () => {
  it('matches names however they are written, and names of one meaning', () => {
    const { suggestions } = suggest(
      [column('e_mail'), column('GivenName'), column('tel_no'), column('ZIP'), column('LTV', 'NUMERIC')],
      [
        field('emailAddress'),
        field('first_name'),
        field('phone', { label: 'Telephone Number' }),
        field('postalCode'),
        field('lifetime_value', { type: 'number' }),
      ],
    );
    expect(suggestions.map(({ field: name, columns, score }) => [name, columns[0], score])).toEqual([
      ['emailAddress', 'e_mail', 0.9],
      ['first_name', 'GivenName', 0.9],
      ['phone', 'tel_no', 1],
      ['postalCode', 'ZIP', 0.9],
      ['lifetime_value', 'LTV', 0.9],
    ]);
    for (const { reason } of suggestions) expect(reason).not.toBe('');
  });

  it('lets required fields choose first, and no column fill two', () => {
    const { suggestions, missing, unusedColumns } = suggest(
      [column('work_email'), column('nonsense_column')],
      [
        field('email'),
        field('contact_email', { required: true }),
        field('campaign', { required: true, label: 'Campaign' }),
      ],
    );
    expect(suggestions).toMatchObject([{ field: 'contact_email', columns: ['work_email'], required: true }]);
    expect(missing).toEqual([{ field: 'campaign', label: 'Campaign', description: '' }]);
    expect(unusedColumns).toEqual(['nonsense_column']);
  });

  it.each([
    ['BOOL', 'number'],
    ['STRING', 'object'],
    ['STRUCT<a STRING>', 'string'],
    ['ARRAY<STRING>', 'string'],
    ['FLOAT64', 'boolean'],
  ])('never offers a %s for a %s', (type, wanted) => {
    expect(suggest([column('size', type)], [field('size', { type: wanted })]).suggestions).toEqual([]);
  });

  it('is less sure where the type or the content may not fit, and says so', () => {
    const { suggestions } = suggest(
      [column('amount'), column('created_at', 'INT64'), column('tags')],
      [
        field('amount', { type: 'number', required: true }),
        field('created_at', { format: 'date-time' }),
        field('tags', { type: 'string[]' }),
      ],
    );
    expect(suggestions.map(({ score, reason }) => [score, reason])).toEqual([
      [0.7, 'same name; the text must be a number'],
      [0.8, 'same name; must be a time'],
      [0.7, 'same name; one value becomes a list'],
    ]);
  });

  it('sends the identifier so that deleted records have it, and only where a record is meant', () => {
    const { fields, missing } = suggest(
      [column('id', 'INT64'), column('name')],
      [
        field('external_id', { required: true }),
        field('spreadsheet_id', { required: true }),
        field('number', { type: 'number' }),
      ],
    );
    expect(fields).toEqual({ external_id: { '@path': '$.__segment_id' } });
    expect(missing.map((each) => each.field)).toEqual(['spreadsheet_id']);
  });

  it('shares no more than words that mean something', () => {
    const names = [column('first_name'), column('order_date', 'DATE'), column('country_code')];
    const fields = [
      field('spreadsheet_name', { required: true }),
      field('last_name'),
      field('zip_code'),
      field('birth_date'),
    ];
    expect(suggest(names, fields).suggestions).toEqual([]);
  });

  it('fills parts of objects, lists of objects and what is left over', () => {
    const { fields, suggestions } = suggest(
      [
        column('address_city'),
        column('zip'),
        column('orders', 'ARRAY<STRUCT<sku STRING, qty INT64, note STRING>>'),
        column('is_vip', 'BOOL'),
      ],
      [
        field('address', { type: 'object', properties: [field('city'), field('postal_code')] }),
        field('orders', {
          type: 'object[]',
          properties: [field('product_id', { required: true }), field('quantity', { type: 'integer' })],
        }),
        field('headers', { type: 'object', label: 'Headers' }),
        field('custom_attributes', { type: 'object' }),
      ],
    );
    expect(fields).toEqual({
      address: { city: { '@path': '$.properties.address_city' }, postal_code: { '@path': '$.properties.zip' } },
      orders: {
        '@arrayPath': ['$.properties.orders', { product_id: { '@path': '$.sku' }, quantity: { '@path': '$.qty' } }],
      },
      custom_attributes: { is_vip: { '@path': '$.properties.is_vip' } },
    });
    expect(suggestions.find(({ field: name }) => name === 'custom_attributes')?.reason).toContain('fit nowhere else');
  });

  it('reads descriptions of columns, and takes no default of a definition', () => {
    const { fields } = suggest(
      [column('c17', 'STRING', 'Email address')],
      [
        field('email'),
        field('event', { default: { '@path': '$.event' } }),
        field('batch_size', { type: 'number', default: 100 }),
        field('secret', { hidden: true }),
      ],
    );
    expect(fields).toEqual({ email: { '@path': '$.properties.c17' } });
  });
});

it('reads types of columns', () => {
  expect(parseColumnType('NUMERIC(10, 2)')).toEqual({ kind: 'scalar', name: 'NUMERIC' });
  expect(parseColumnType('ARRAY<STRUCT<a STRING, `b` ARRAY<INT64>, STRUCT<c DATE>>>')).toEqual({
    kind: 'list',
    of: {
      kind: 'struct',
      fields: [
        { name: 'a', type: { kind: 'scalar', name: 'STRING' } },
        { name: 'b', type: { kind: 'list', of: { kind: 'scalar', name: 'INT64' } } },
        { name: '_field_3', type: { kind: 'struct', fields: [{ name: 'c', type: { kind: 'scalar', name: 'DATE' } }] } },
      ],
    },
  });
});

it('holds each synonym once, as names are read', () => {
  const all = SYNONYMS.flat();
  expect(all.filter((name, index) => all.indexOf(name) !== index)).toEqual([]);
  expect(all.filter((name) => wordsOf(name).meaning === undefined)).toEqual([]);
});

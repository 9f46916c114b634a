import { describe, expect, test } from 'vitest';
import { dbtModelSql, findDbtModel, readManifest, selectDbtModels } from './dbt-manifest.ts';

const node = (name: string, more: object = {}): object => ({
  resource_type: 'model',
  name,
  package_name: 'shop',
  database: 'acme-prod',
  schema: 'marts',
  alias: name,
  original_file_path: `models/marts/${name}.sql`,
  description: '',
  tags: [],
  columns: {},
  config: { enabled: true, materialized: 'table' },
  ...more,
});

const column = (name: string, description = ''): object => ({ name, description, data_type: 'STRING', tags: [] });

const tested = (test_: string, attached: string, column_name: string): object => ({
  resource_type: 'test',
  name: `${test_}_${column_name}`,
  attached_node: attached,
  test_metadata: { name: test_, kwargs: { column_name, model: '{{ get_where_subquery(ref()) }}' } },
});

function manifest(nodes: Record<string, object>, version = 12, adapter = 'bigquery'): string {
  return JSON.stringify({
    metadata: {
      dbt_schema_version: `https://schemas.getdbt.com/dbt/manifest/v${version}.json`,
      dbt_version: '1.8.0',
      adapter_type: adapter,
    },
    nodes,
    sources: {},
  });
}

const project = (version = 12) =>
  readManifest(
    manifest(
      {
        'model.shop.customers': node('customers', {
          description: 'One row per customer.\nAnd more.',
          tags: ['nightly', 'crm'],
          columns: { id: column('id', 'the key'), email: column('email') },
        }),
        'test.shop.unique_id': tested('unique', 'model.shop.customers', 'id'),
        'test.shop.not_null_id': tested('not_null', 'model.shop.customers', 'id'),
        'test.shop.unique_email': tested('unique', 'model.shop.customers', 'email'),
        'model.shop.orders': node('orders', {
          alias: 'fct_orders',
          config: { materialized: 'incremental', unique_key: 'order_id' },
        }),
        'model.shop.stg_orders': node('stg_orders', {
          original_file_path: 'models/staging/stg_orders.sql',
          config: { materialized: 'ephemeral' },
        }),
        'seed.shop.countries': node('countries', { resource_type: 'seed', original_file_path: 'seeds/countries.csv' }),
        'analysis.shop.x': node('x', { resource_type: 'analysis' }),
      },
      version,
    ),
    'target/manifest.json',
  );

describe('readManifest', () => {
  test.each([9, 10, 11, 12])('reads relation, columns, descriptions and tags of schema v%i', (version) => {
    expect(findDbtModel(project(version), 'customers')).toEqual({
      uniqueId: 'model.shop.customers',
      name: 'customers',
      packageName: 'shop',
      path: 'models/marts/customers.sql',
      relation: '`acme-prod`.`marts`.`customers`',
      description: 'One row per customer.\nAnd more.',
      tags: ['nightly', 'crm'],
      columns: [
        { name: 'id', description: 'the key', dataType: 'STRING' },
        { name: 'email', description: '', dataType: 'STRING' },
      ],
      key: 'id',
    });
  });

  test('knows the key from tests or from the configuration, and the alias', () => {
    const orders = findDbtModel(project(), 'shop.orders');
    expect([orders.key, orders.relation]).toEqual(['order_id', '`acme-prod`.`marts`.`fct_orders`']);
    expect(findDbtModel(project(), 'seed.shop.countries').key).toBeUndefined();
  });

  test.each([
    ['{', 'it is not JSON'],
    ['{}', 'it has no metadata.dbt_schema_version'],
    ['[]', 'it has no metadata.dbt_schema_version'],
    [manifest({}, 8), 'its schema is v8; v9 to v12 are known'],
    [manifest({}, 13), 'its schema is v13'],
    [manifest({}, 12, 'snowflake'), 'its project is for snowflake, not for BigQuery'],
  ])('refuses what is no manifest of BigQuery: %#', (text, message) => {
    expect(() => readManifest(text, 'target/manifest.json')).toThrow(
      expect.objectContaining({
        code: 'DBT_MANIFEST_INVALID',
        where: 'target/manifest.json',
        message: expect.stringContaining(message) as string,
      }) as Error,
    );
  });

  test('a relation whose name could leave its quotes is not used', () => {
    const evil = readManifest(
      manifest({ 'model.shop.evil': node('evil', { schema: 'a`; DROP TABLE x; --' }) }),
      'm.json',
    );
    expect(evil.models).toEqual([]);
    expect(() => findDbtModel(evil, 'evil')).toThrow(/does not say where its relation is/);
  });
});

describe('findDbtModel', () => {
  test('suggests what was probably meant', () => {
    expect(() => findDbtModel(project(), 'custmers')).toThrow(
      expect.objectContaining({
        code: 'DBT_NODE_UNKNOWN',
        fix: expect.stringContaining('"customers"') as string,
      }) as Error,
    );
    expect(() => findDbtModel(project(), 'zzz')).toThrow(
      expect.objectContaining({
        fix: expect.stringContaining('It has: customers, orders, countries') as string,
      }) as Error,
    );
  });

  test('says why an ephemeral model cannot be read', () => {
    expect(() => findDbtModel(project(), 'stg_orders')).toThrow(/ephemeral/);
  });

  test('a name in two packages must be written out', () => {
    const two = readManifest(
      manifest({ 'model.a.t': node('t', { package_name: 'a' }), 'model.b.t': node('t', { package_name: 'b' }) }),
      'm.json',
    );
    expect(() => findDbtModel(two, 't')).toThrow(expect.objectContaining({ code: 'DBT_NODE_AMBIGUOUS' }) as Error);
    expect(findDbtModel(two, 'b.t').uniqueId).toBe('model.b.t');
  });
});

test('selectDbtModels takes tags, folders and names', () => {
  const names = (...words: string[]): string[] => selectDbtModels(project(), words).map((model) => model.name);
  expect(names()).toEqual(['customers', 'orders', 'countries']);
  expect(names('tag:crm')).toEqual(['customers']);
  expect(names('path:models/marts')).toEqual(['customers', 'orders']);
  expect(names('path:models/mar')).toEqual([]);
  expect(names('c*')).toEqual(['customers', 'countries']);
  expect(names('c*', 'path:seeds')).toEqual(['countries']);
});

test('dbtModelSql is one query over the relation, whatever the description says', () => {
  expect(dbtModelSql(findDbtModel(project(), 'customers'))).toBe(
    '-- dbt: model.shop.customers (models/marts/customers.sql)\n-- One row per customer.\nSELECT *\nFROM `acme-prod`.`marts`.`customers`',
  );
});

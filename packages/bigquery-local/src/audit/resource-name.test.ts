import { expect, it } from 'vitest';

import { parseResourceName, resourceName } from './resource-name.ts';

it.each([
  ['projects/shop-data', 'projects/shop-data'],
  ['projects/shop-data/datasets/sales', 'projects/shop-data/datasets/sales'],
  ['projects/shop-data/datasets/sales/tables/orders', 'projects/shop-data/datasets/sales/tables/orders'],
  ['shop-data.sales', 'projects/shop-data/datasets/sales'],
  ['shop-data.sales.orders', 'projects/shop-data/datasets/sales/tables/orders'],
  ['shop-data:sales.orders', 'projects/shop-data/datasets/sales/tables/orders'],
  ['projects/shop-data/datasets/sales/routines/f', 'projects/shop-data/datasets/sales/routines/f'],
  ['gs://files', 'projects/_/buckets/files'],
  ['gs://files/a/b.csv', 'projects/_/buckets/files/objects/a/b.csv'],
  ['projects/_/buckets/files/objects/o', 'projects/_/buckets/files/objects/o'],
  ['projects/p/serviceAccounts/s@p.iam.gserviceaccount.com', 'projects/p/serviceAccounts/s@p.iam.gserviceaccount.com'],
  ['example.com:shop.sales.orders', 'projects/example.com:shop/datasets/sales/tables/orders'],
])('%s is %s', (text, name) => {
  expect(resourceName(parseResourceName(text)!)).toBe(name);
});

it.each([
  '',
  'shop-data',
  'projects/',
  'projects/p/tables/t',
  'projects/p/datasets/d/routines/',
  'gs://',
  'a/b.c',
  'p.d.t.x',
])('"%s" is the name of nothing', (text) => {
  expect(parseResourceName(text)).toBeUndefined();
});

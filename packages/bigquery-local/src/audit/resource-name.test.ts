import { expect, it } from 'vitest';

import { parseResourceName, resourceName } from './resource-name.ts';

it.each([
  ['projects/shop-data', 'projects/shop-data'],
  ['projects/shop-data/datasets/sales', 'projects/shop-data/datasets/sales'],
  ['projects/shop-data/datasets/sales/tables/orders', 'projects/shop-data/datasets/sales/tables/orders'],
  ['shop-data.sales', 'projects/shop-data/datasets/sales'],
  ['shop-data.sales.orders', 'projects/shop-data/datasets/sales/tables/orders'],
  ['shop-data:sales.orders', 'projects/shop-data/datasets/sales/tables/orders'],
  ['example.com:shop.sales.orders', 'projects/example.com:shop/datasets/sales/tables/orders'],
])('%s is %s', (text, name) => {
  expect(resourceName(parseResourceName(text)!)).toBe(name);
});

it.each(['', 'shop-data', 'projects/', 'projects/p/tables/t', 'a/b.c', 'p.d.t.x'])(
  '"%s" is the name of nothing',
  (text) => {
    expect(parseResourceName(text)).toBeUndefined();
  },
);

import type { JsonObject } from '@sluice/core';
import { expect, it } from 'vitest';
import { differences } from './compare.ts';

it('finds records that are missing, different or should be gone, whatever the order of their fields', () => {
  const rows = [['{"id":"a","n":1}'], ['{"id":"b","n":2}'], ['{"id":"c","n":null}']];
  const held = new Map<string, JsonObject>([
    ['a', { n: 1, id: 'a' }],
    ['b', { id: 'b', n: 3 }],
    ['d', { id: 'd', n: 4 }],
  ]);
  expect(differences(rows, 'id', held)).toEqual([
    'b is {"id":"b","n":3}, not {"id":"b","n":2}',
    'c is missing',
    'd should be gone',
  ]);
  expect(differences([['{"id":"z","n":-0.0}']], 'id', new Map([['z', { id: 'z', n: 0 }]]))).toEqual([]);
  expect(differences(rows.slice(0, 1), 'id', new Map([['a', { id: 'a', n: 1 }]]))).toEqual([]);
});

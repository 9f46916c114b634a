import { expect, test } from 'vitest';
import type { MappingConfig } from '../run/api.ts';
import { mappingVersion } from './mapping-version.ts';

const mapping = (fields: MappingConfig['destination']['fields'], settings = {}): MappingConfig => ({
  name: 'm',
  id: 'm',
  model: { name: 'x', sql: 'SELECT 1', key: 'id' },
  operations: ['added'],
  destination: { name: 'd', type: 'actions-webhook', action: 'send', settings, fields },
});

test('does not change with the order of keys, nor with settings', () => {
  expect(mappingVersion(mapping({ a: 1, b: { c: 2, d: 3 } }))).toBe(
    mappingVersion(mapping({ b: { d: 3, c: 2 }, a: 1 }, { token: 'x' })),
  );
});

test('changes with what is sent', () => {
  expect(mappingVersion(mapping({ a: { '@path': '$.x' } }))).not.toBe(
    mappingVersion(mapping({ a: { '@path': '$.y' } })),
  );
});

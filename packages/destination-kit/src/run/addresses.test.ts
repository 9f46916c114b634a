import { expect, test } from 'vitest';
import { addressFinder } from './addresses.ts';

const find = addressFinder({
  settings: { endpoint: 'https://api.example.com/v1', token: 'secret' },
  fields: {
    url: 'https://hooks.example.com/in?key=1',
    other: { '@literal': 'http://127.0.0.1:8080' },
    varying: { '@path': '$.properties.url' },
  },
});

test('names the place of the configured address that answered', () => {
  expect(find(404, 'https://hooks.example.com/in?key=1')).toBe('fields.url');
  expect(find(405, 'https://api.example.com/v1?page=2')).toBe('settings.endpoint');
  expect(find(410, 'http://127.0.0.1:8080/')).toBe('fields.other');
});

test('an address that a definition puts together, and an answer about the record, is not about the configuration', () => {
  expect(find(404, 'https://api.example.com/v1/contacts/17')).toBeUndefined();
  expect(find(422, 'https://hooks.example.com/in')).toBeUndefined();
});

import { readFileSync, writeFileSync } from 'node:fs';
import { createRegistry } from '@sluice/destinations';
import { expect, it } from 'vitest';
import { readRecord } from './conformance-record.ts';
import { nativeTests } from './natives.ts';
import { destinationsPage, pages, unformatted } from './pages.ts';

const registry = createRegistry();

it('docs/destinations.md says what the registry offers (UPDATE_CONFORMANCE=1 writes it anew)', () => {
  const page = destinationsPage(registry, readRecord());
  if (process.env['UPDATE_CONFORMANCE'] === '1') writeFileSync(pages.destinations, page);
  expect(unformatted(readFileSync(pages.destinations, 'utf8'))).toBe(unformatted(page));
});

it('every native destination names its tests, and the record holds every other', () => {
  const record = readRecord();
  const natives = registry.list().filter(({ type }) => !(type in record));
  expect(Object.keys(nativeTests).sort()).toEqual(natives.map(({ type }) => type).sort());
});

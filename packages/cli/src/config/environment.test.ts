import { expect, it } from 'vitest';
import { expand } from './environment.ts';
import type { MissingVariable } from './environment.ts';
import { suggest } from './suggest.ts';

it('replaces references anywhere in nested values and leaves escaped ones', () => {
  const missing: MissingVariable[] = [];
  const value = { a: ['${X}-${Y}', 1, null], b: { c: '$${X}' }, d: '$X {X} {{X}}' };
  expect(expand(value, [], { X: '1', Y: '${X}' }, missing)).toEqual({
    a: ['1-${X}', 1, null],
    b: { c: '${X}' },
    d: '$X {X} {{X}}',
  });
  expect(missing).toEqual([]);
});

it('reports what is missing with the path inside the document, and never another value', () => {
  const missing: MissingVariable[] = [];
  expand({ a: ['x', '${TOKEN}'], b: '${not a name}' }, ['settings'], { TOKEM: 'secret' }, missing);
  expect(missing.map(({ path, message }) => [path, message])).toEqual([
    [['settings', 'a', 1], 'environment variable TOKEN is not set'],
    [['settings', 'b'], '"${not a name}" does not name an environment variable'],
  ]);
  expect(JSON.stringify(missing)).not.toContain('secret');
});

it('suggests a word only when it is near', () => {
  expect(suggest('locatoin', ['location', 'project'])).toBe('location');
  expect(suggest('keyfile', ['keyFile'])).toBe('keyFile');
  expect(suggest('xyz', ['location', 'project'])).toBeUndefined();
});

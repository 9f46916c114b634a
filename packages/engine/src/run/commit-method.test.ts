import { expect, test } from 'vitest';
import { commitMethod } from './commit-method.ts';

const now = Date.parse('2026-01-02T00:00:00Z');

test('a mapping that is synced every minute does not use up the modifications of its table', () => {
  let last: string | undefined;
  let replaced = 0;
  for (let at = now; at < now + 86_400_000; at += 60_000) {
    if (commitMethod(last, at, 'k').kind === 'replace') replaced += 1;
    last = new Date(at).toISOString();
  }
  expect(replaced).toBe(1);
});

test('a mapping that is synced less often takes the cheaper way', () => {
  expect(commitMethod(undefined, now, 'k')).toEqual({ kind: 'replace', jobKey: 'k' });
  expect(commitMethod(new Date(now - 120_000).toISOString(), now, 'k').kind).toBe('replace');
  expect(commitMethod(new Date(now - 119_000).toISOString(), now, 'k').kind).toBe('merge');
});

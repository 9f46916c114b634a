import { expect, it } from 'vitest';
import { parseRetryAfter } from './retry-after.ts';

it.each([
  ['seconds', '12', 12_000],
  ['an HTTP date', 'Thu, 01 Jan 1970 00:00:30 GMT', 30_000],
  ['a date in the past', 'Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['nonsense', 'soon', undefined],
  ['nothing', null, undefined],
  ['more than an hour', '999999', 3_600_000],
])('reads Retry-After given as %s', (_, value, expected) => {
  expect(parseRetryAfter(value, 0)).toBe(expected);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { endOfPrefix } from './names.ts';
import { parseContentRange } from './resumable-uploads.ts';

const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }).filter((text) => text.isWellFormed());
const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe('the end of a prefix', () => {
  test('is behind every name that begins with it, and not behind any other that is greater', () => {
    fc.assert(
      fc.property(name, name, (prefix, other) => {
        const end = endOfPrefix(prefix);
        const inside = compare(other, prefix) >= 0 && (end === undefined || compare(other, end) < 0);
        expect(inside).toBe(other.startsWith(prefix));
        expect(end === undefined || compare(prefix + other, end) < 0).toBe(true);
      }),
    );
  });

  test('skips surrogates, and is none for the greatest names', () => {
    expect(endOfPrefix('a/')).toBe('a0');
    expect(endOfPrefix('\ud7ff')).toBe('\ue000');
    expect(endOfPrefix('a\u{10ffff}')).toBe('b');
    expect(endOfPrefix('\u{10ffff}')).toBeUndefined();
    expect(endOfPrefix('')).toBeUndefined();
  });
});

describe('Content-Range', () => {
  test('has a range, an open end or a question', () => {
    expect(parseContentRange('bytes 0-524287/2000000')).toEqual({ start: 0, end: 524_288, total: 2_000_000 });
    expect(parseContentRange('bytes 5-9/*')).toEqual({ start: 5, end: 10, total: undefined });
    expect(parseContentRange('bytes 5-*/*')).toEqual({ start: 5, end: undefined, total: undefined });
    expect(parseContentRange('bytes */10')).toEqual({ start: undefined, end: undefined, total: 10 });
  });

  test.each(['bytes 5-4/10', 'bytes 0-10/10', 'bytes 11-*/10', 'bytes -5/10', '0-4/10', 'bytes 0-4', 'bytes x-y/z'])(
    '%s is refused',
    (header) => {
      expect(() => parseContentRange(header)).toThrow('Failed to parse Content-Range header');
    },
  );
});

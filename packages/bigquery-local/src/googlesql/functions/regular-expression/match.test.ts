// The matcher by itself: leftmost-first matches with their groups, in time linear in the text.
import { describe, expect, it } from 'vitest';
import { RegularExpression } from './match.ts';
import { patternShape } from './shape.ts';

const codes = (text: string): number[] => Array.from(text, (c) => c.codePointAt(0)!);

function find(pattern: string, text: string, from = 0): readonly number[] | undefined {
  return RegularExpression.of(pattern).find(codes(text), from);
}

describe('a regular expression', () => {
  it('finds the leftmost match, and of those the first by order, not the longest', () => {
    expect(find('a|ab', 'xab')).toEqual([1, 2]);
    expect(find('ab|a', 'xab')).toEqual([1, 3]);
    expect(find('a*?b', 'aab')).toEqual([0, 3]);
  });

  it('gives the last round of a group, and -1 for one that took no part', () => {
    expect(find('(a|b)+', 'abab')).toEqual([0, 4, 3, 4]);
    expect(find('(a)|b', 'b')).toEqual([0, 1, -1, -1]);
    expect(find('(?:(a)|b)*', 'ab')).toEqual([0, 2, 0, 1]);
  });

  it('starts where it is told and still sees what lies before', () => {
    expect(find('^b', 'ab', 1)).toBeUndefined();
    expect(find(String.raw`\bb`, 'a b', 2)).toEqual([2, 3]);
    expect(find('(?m)^b', 'a\nb')).toEqual([2, 3]);
  });

  it('needs no more than linear time where backtracking would need exponential', () => {
    expect(find('(a*)*b', 'a'.repeat(2000))).toBeUndefined();
    expect(find('(?:a?){50}a{50}', 'a'.repeat(50))).toEqual([0, 50]);
  });

  it('works on bytes too', () => {
    const expression = RegularExpression.of('\u00ff.', true);
    expect(expression.find(Uint8Array.of(1, 255, 0), 0)).toEqual([1, 3]);
  });

  it('refuses a pattern that would become too large', () => {
    expect(() => RegularExpression.of('((a{1000}){1000}){1000}')).toThrow('pattern too large');
  });

  it.each([
    ['(', 'missing ): ('],
    ['[a', 'missing ]: [a'],
    ['*', 'no argument for repetition operator: *'],
    ['a**', 'bad repetition operator: **'],
    [String.raw`\8`, String.raw`invalid escape sequence: \8`],
    ['a{2000}', 'invalid repetition size: {2000}'],
  ])('names what is wrong with %s', (pattern, reason) => {
    expect(() => RegularExpression.of(pattern)).toThrow(`Cannot parse regular expression: ${reason}`);
  });

  it('knows the shape of a pattern without a text', () => {
    expect(patternShape('a(b)?')).toEqual({ groups: 1, mayBeEmpty: false, mayLeaveGroupOut: true });
    expect(patternShape('(a*)')).toEqual({ groups: 1, mayBeEmpty: true, mayLeaveGroupOut: false });
    expect(patternShape('(')).toBeUndefined();
  });
});

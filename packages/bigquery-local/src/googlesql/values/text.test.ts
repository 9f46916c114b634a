import { describe, expect, test } from 'vitest';
import {
  dateText,
  datetimeText,
  decimalText,
  floatText,
  intervalText,
  timestampSecondsText,
  timeText,
} from './text.ts';

describe('the REST texts of values', () => {
  test('a timestamp keeps its microseconds, which a double would lose', () => {
    expect(timestampSecondsText(1_577_836_800_123_456n)).toBe('1.577836800123456E9');
    expect(timestampSecondsText(253_402_300_799_999_999n)).toBe('2.53402300799999999E11');
  });
  test('a timestamp near the epoch is plain, as Java writes doubles', () => {
    expect(timestampSecondsText(0n)).toBe('0.0');
    expect(timestampSecondsText(86_400_000_000n)).toBe('86400.0');
    expect(timestampSecondsText(-1_500_000n)).toBe('-1.5');
    expect(timestampSecondsText(1n)).toBe('1.0E-6');
    expect(timestampSecondsText(9_999_999_000_000n)).toBe('9999999.0');
    expect(timestampSecondsText(10_000_000_000_000n)).toBe('1.0E7');
  });
  test.each([
    [1, '1.0'],
    [-0.5, '-0.5'],
    [1e7, '1.0E7'],
    [1234567.5, '1234567.5'],
    [0.001, '0.001'],
    [0.0001, '1.0E-4'],
    [-0, '-0.0'],
    [Number.NaN, 'NaN'],
    [-Infinity, '-Infinity'],
    [0.1 + 0.2, '0.30000000000000004'],
  ])('the float %d is %s', (value, text) => {
    expect(floatText(value)).toBe(text);
  });
  test('dates and times before 1970 and in year 1', () => {
    expect(dateText(-719_162)).toBe('0001-01-01');
    expect(datetimeText(-1n)).toBe('1969-12-31T23:59:59.999999');
    expect(timeText(3_723_000_000n)).toBe('01:02:03');
    expect(timeText(500_000n)).toBe('00:00:00.500000');
  });
  test('decimals lose trailing zeros only', () => {
    expect(decimalText(1_500_000_000n, 9)).toBe('1.5');
    expect(decimalText(-100_000_000_000n, 9)).toBe('-100');
    expect(decimalText(-1n, 9)).toBe('-0.000000001');
  });
  test('intervals have a sign for each part', () => {
    expect(intervalText(-14, 3, -3_723_500_000n)).toBe('-1-2 3 -1:2:3.500');
  });
});

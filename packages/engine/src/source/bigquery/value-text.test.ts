import { expect, it } from 'vitest';
import {
  dateText,
  datetimeText,
  decimalText,
  floatValue,
  intervalText,
  timestampText,
  timestampTextOf,
  timeText,
} from './value-text.ts';

it.each([
  [dateText(-1), '1969-12-31'],
  [dateText(-719_162), '0001-01-01'],
  [dateText(2_932_896), '9999-12-31'],
  [timeText(0n), '00:00:00'],
  [timeText(86_399_999_999n), '23:59:59.999999'],
  [datetimeText(-1n), '1969-12-31T23:59:59.999999'],
  [datetimeText(0n), '1970-01-01T00:00:00'],
  [timestampText(0n), '1970-01-01T00:00:00.000Z'],
  [timestampText(-1n), '1969-12-31T23:59:59.999999Z'],
  [timestampText(253_402_300_799_999_999n), '9999-12-31T23:59:59.999999Z'],
  [decimalText(1_500_000_000n, 9), '1.5'],
  [decimalText(-1n, 9), '-0.000000001'],
  [decimalText(0n, 9), '0'],
  [decimalText(10n ** 38n, 38), '1'],
  [intervalText(14, 3, 14_706_789_000n), '1-2 3 4:5:6.789'],
  [intervalText(-1, -2, -1n), '-0-1 -2 -0:0:0.000001'],
  [floatValue(Number.NaN), 'NaN'],
  [floatValue(Number.NEGATIVE_INFINITY), '-Infinity'],
  [floatValue(0.1), 0.1],
])('%s', (text, expected) => {
  expect(text).toBe(expected);
});

it.each([
  0,
  -1,
  999,
  1000,
  1_780_272_000_000_000,
  1_780_272_000_123_456,
  -86_400_000_001,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
])('writes the moment %d alike from a number and from a BigInt', (micros) => {
  expect(timestampTextOf(micros)).toBe(timestampText(BigInt(micros)));
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonSize, jsonSizeBound, rowSizer } from './json-size.ts';

const value = fc.anything({
  withDate: true,
  withNullPrototype: true,
  withUnicodeString: true,
  key: fc.string({ unit: 'grapheme' }),
  values: [
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(null, undefined, '\ud800', '\u001f', 'a"b\\', -0, 1e21, 5e-324, -Number.MIN_VALUE),
  ],
});
const runs = { numRuns: Number(process.env['SLUICE_PROPERTY_RUNS'] ?? 3000) };

it('is the size of the JSON text, whatever the value', () => {
  fc.assert(
    fc.property(value, (each) => {
      expect(jsonSize(each)).toBe(Buffer.byteLength(JSON.stringify(each) ?? ''));
    }),
    runs,
  );
});

it('has a bound that is never less', () => {
  fc.assert(
    fc.property(value, (each) => {
      expect(jsonSizeBound(each)).toBeGreaterThanOrEqual(jsonSize(each));
    }),
    runs,
  );
});

it('sizes rows exactly as soon as their size could end a batch', () => {
  const text = (length: number) => ({ text: 'x'.repeat(length) });
  const size = rowSizer({ maxRows: 10, maxBytes: 1000 });
  expect(size(text(10))).toBeLessThanOrEqual(100);
  expect(size(text(80))).toBe(jsonSize(text(80)));
  expect(size(text(900))).toBe(jsonSize(text(900)));
});

it('does not take a member of the name toJSON for a method', () => {
  for (const each of [{ toJSON: 1, a: 2 }, { a: { toJSON: () => 'x' } }])
    expect(jsonSize(each)).toBe(Buffer.byteLength(JSON.stringify(each)));
});

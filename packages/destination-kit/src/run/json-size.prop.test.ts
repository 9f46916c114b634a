import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonSize } from './json-size.ts';

it('is the size of the JSON text, whatever the value', () => {
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
      fc.constantFrom(null, undefined, '\ud800', 'a"b\\', -0, 1e21, 5e-324),
    ],
  });
  fc.assert(
    fc.property(value, (each) => {
      expect(jsonSize(each)).toBe(Buffer.byteLength(JSON.stringify(each) ?? ''));
    }),
    { numRuns: Number(process.env['SLUICE_PROPERTY_RUNS'] ?? 3000) },
  );
});

it('does not take a member of the name toJSON for a method', () => {
  for (const each of [{ toJSON: 1, a: 2 }, { a: { toJSON: () => 'x' } }])
    expect(jsonSize(each)).toBe(Buffer.byteLength(JSON.stringify(each)));
});

// `then` is a key of the `@if` directive.
/* oxlint-disable unicorn/no-thenable */
import type { JsonObject, JsonValue } from '@sluice/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mappingKit } from '../segment/core.ts';
import { mappedColumns } from './columns.ts';
import { compileMapping } from './compile.ts';

// Names are few, so that paths hit; some are awkward on purpose.
const name = fc.constantFrom('a', 'b', 'name', 'B c', 'x-y', '0', 'length');
const text = fc.constantFrom('', 'a', 'Ab', '{{properties.b}}', '{{{properties.a}}}', 'O"k', '0', ' ');
const scalar: fc.Arbitrary<JsonValue> = fc.oneof(text, fc.constantFrom<JsonValue>(null, 0, 1, -2.5, true, false));
const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const columns = fc.dictionary(name, value, { maxKeys: 6, noNullPrototype: true });

const path = fc
  .tuple(
    fc.constantFrom('$.properties.', 'properties.', '$.', '', '$.__segment_id', '$.properties', '$', '.'),
    fc.constantFrom('', 'a', 'b', 'name', 'a.b', 'a[0]', 'a[0].b', "['B c']", 'x-y', 'a.b.name', 'a.length', '"a.b"'),
  )
  .map((parts) => parts.join(''));
const template = fc
  .array(
    fc.oneof(
      text,
      path.map((place) => `{{${place}}}`),
      path.map((place) => `{{{ ${place} }}}`),
      path.map((place) => `{{ ${place} }}`),
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join(''));

const { node } = fc.letrec<{ node: JsonValue; directive: JsonValue; plain: JsonValue }>((tie) => {
  const one = (directive: string, argument: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonValue> =>
    argument.map((inner) => ({ [directive]: inner }));
  const some = tie('node');
  return {
    node: fc.oneof({ maxDepth: 4, depthSize: 'small' }, scalar, tie('directive'), tie('plain')),
    plain: fc.oneof(fc.array(some, { maxLength: 3 }), fc.dictionary(name, some, { maxKeys: 3, noNullPrototype: true })),
    directive: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      one('@path', path),
      one('@template', template),
      one('@path', some),
      one('@literal', some),
      one('@excludeWhenNull', some),
      one('@if', fc.record({ exists: some, then: some, else: some }, { requiredKeys: [] })),
      one('@if', fc.record({ blank: some, then: some, else: some }, { requiredKeys: ['blank'] })),
      one(
        '@case',
        fc.record({ operator: fc.constantFrom('lower', 'upper', 'title', ''), value: some }, { requiredKeys: [] }),
      ),
      one(
        '@replace',
        fc.record(
          {
            value: some,
            pattern: fc.constantFrom('a', '.', 'b', 'far too long text'),
            replacement: fc.constantFrom('', 'z'),
            ignorecase: fc.boolean(),
            global: fc.boolean(),
          },
          { requiredKeys: ['value', 'pattern'] },
        ),
      ),
      one(
        '@arrayPath',
        fc.tuple(fc.oneof(path, some), some).map((pair): JsonValue => pair),
      ),
      one(
        '@flatten',
        fc.record(
          { value: some, separator: fc.constantFrom('.', '_'), omitArrays: fc.boolean() },
          { requiredKeys: ['value', 'separator'] },
        ),
      ),
      one('@json', fc.record({ value: some, mode: fc.constantFrom('encode', 'decode') })),
      one(
        '@merge',
        fc.record({ direction: fc.constantFrom('left', 'right'), objects: fc.array(some, { maxLength: 3 }) }),
      ),
      one('@transform', fc.record({ apply: some, mapping: some })),
      one('@liquid', fc.constantFrom('{{properties.a}}!', '{{properties.name | upcase}}', '{% for x in y %}', '')),
      one('@unknown', some),
    ),
  };
});
const mapping = fc.dictionary(name, node, { maxKeys: 4, noNullPrototype: true });

type Result = { readonly value: unknown } | 'error';

function attempt(run: () => unknown): Result {
  try {
    return { value: run() };
  } catch {
    return 'error';
  }
}

const runs = Number(process.env['SLUICE_PROPERTY_RUNS'] ?? 3000);
/** Generous: it guards against hanging, not against a busy machine. */
const TIMEOUT_MS = 30_000 + runs * 20;

describe('compileMapping', { timeout: TIMEOUT_MS }, () => {
  it('gives what mapping-kit gives, or fails where it fails', () => {
    let compared = 0;
    fc.assert(
      fc.property(mapping, columns, (fields, row) => {
        const event = { event: 'new', __segment_id: '7', properties: row };
        const expected = attempt(() => mappingKit.transform(structuredClone(fields), event));
        const actual = attempt(() => compileMapping(fields)(event));
        if (expected !== 'error') compared += 1;
        expect(actual).toStrictEqual(expected);
      }),
      { numRuns: runs },
    );
    // Guards against a generator that makes nothing but errors.
    expect(compared).toBeGreaterThan(runs / 10);
  });

  it('reads no column that mappedColumns does not name', () => {
    fc.assert(
      fc.property(mapping, columns, (fields, row) => {
        const read = mappedColumns(fields);
        fc.pre(read !== 'all');
        const kept = Object.fromEntries(Object.entries(row).filter(([column]) => read.has(column)));
        const compiled = attempt(() => compileMapping(fields));
        fc.pre(compiled !== 'error');
        const map = compileMapping(fields);
        const withAll = attempt(() => map({ event: 'new', properties: row }));
        expect(attempt(() => map({ event: 'new', properties: kept }))).toStrictEqual(withAll);
      }),
      { numRuns: runs },
    );
  });

  it('gives results that share nothing with the event or the mapping', () => {
    const fields: JsonObject = { whole: { '@path': '$.properties' }, fixed: { deep: [{ x: 1 }] } };
    const event = { properties: { list: [{ y: 1 }] } };
    const map = compileMapping(fields);
    const first = map(event) as { whole: { list: { y: number }[] }; fixed: { deep: { x: number }[] } };
    first.whole.list[0] = { y: 2 };
    first.fixed.deep[0] = { x: 2 };
    expect(event).toEqual({ properties: { list: [{ y: 1 }] } });
    expect(map(event)).toEqual({ whole: { list: [{ y: 1 }] }, fixed: { deep: [{ x: 1 }] } });
  });

  it('gives what mapping-kit gives for a directive over all fields', () => {
    const root = fc.oneof(
      node.map((apply) => ({ '@transform': { apply } })),
      fc.constantFrom<JsonValue>(
        { '@transform': { apply: { whole: { '@path': '$.properties' } } } },
        { '@transform': { apply: { properties: { '@path': '$.properties.a' } } } },
        { '@transform': {} },
        { '@merge': { direction: 'left', objects: [] } },
        { '@transform': { apply: {} }, more: 1 },
        'text',
      ),
    );
    fc.assert(
      fc.property(mapping, root, columns, (fields, directive, row) => {
        const whole = { ...fields, __segment_internal_directive: directive };
        const event = { event: 'new', __segment_id: '7', properties: row };
        const expected = attempt(() => mappingKit.transform(structuredClone(whole), event));
        expect(attempt(() => compileMapping(whole)(event))).toStrictEqual(expected);
      }),
      { numRuns: runs },
    );
  });

  it('lets absent values hide others in a merge, as mapping-kit does', () => {
    const absent = { '@path': '$.properties.none' };
    const fields: JsonObject = {
      right: { '@merge': { direction: 'right', objects: [{ a: 1, b: 1 }, { a: absent }] } },
      left: { '@merge': { direction: 'left', objects: [{ a: absent }, { a: 1, b: 1 }] } },
      nulls: { '@merge': { direction: 'right', objects: [{ a: 1 }, { '@excludeWhenNull': { a: null } }] } },
      text: { '@merge': { direction: 'right', objects: [{ a: 1 }, { '@liquid': 'xy' }] } },
    };
    const event = { properties: {} };
    const expected = { right: { b: 1 }, left: { b: 1 }, nulls: {}, text: { 0: 'x', 1: 'y', a: 1 } };
    expect(mappingKit.transform(structuredClone(fields), event)).toEqual(expected);
    expect(compileMapping(fields)(event)).toEqual(expected);
  });

  it('leaves the mapping it was given untouched', () => {
    const fields: JsonObject = { a: { '@replace': { value: { '@path': '$.properties.a' }, pattern: 'x' } } };
    const before = structuredClone(fields);
    expect(compileMapping(fields)({ properties: { a: 'axb' } })).toEqual({ a: 'ab' });
    expect(fields).toEqual(before);
  });
});

// actions-core does not export its `removeEmptyValues`; the test finds the file beside
// its entry point.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { JsonValue } from '@sluice/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { JsonSchema } from '../segment/core.ts';
import { segmentCore } from '../segment/core.ts';
import { withoutEmpty } from './payload.ts';

const require = createRequire(import.meta.url);
const file = join(dirname(require.resolve('@segment/actions-core')), 'remove-empty-values.js');
const { removeEmptyValues } = require(file) as {
  removeEmptyValues: (value: unknown, schema: JsonSchema | undefined, root: boolean) => unknown;
};

const name = fc.constantFrom('a', 'b', 'c');
const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom<JsonValue>(null, '', 'x', 0, 1, false, true),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));

const type = fc.constantFrom('string', 'text', 'password', 'number', 'integer', 'boolean', 'datetime', 'object');
const { fields } = fc.letrec<{ fields: Record<string, unknown> }>((tie) => ({
  fields: fc.dictionary(
    name,
    fc.record(
      {
        label: fc.constant('Field'),
        type,
        multiple: fc.boolean(),
        allowNull: fc.boolean(),
        properties: fc.option(tie('fields'), { nil: undefined, maxDepth: 2 }),
        choices: fc.constant(['x', 'y']),
      },
      { requiredKeys: ['label', 'type'] },
    ),
    { maxKeys: 3, noNullPrototype: true },
  ),
}));
const row = fc.dictionary(name, value, { maxKeys: 3, noNullPrototype: true });

it("drops what actions-core drops, for every shape of an action's fields", () => {
  fc.assert(
    fc.property(fields, row, fc.boolean(), (shape, mapped, single) => {
      const schema = segmentCore.fieldsToJsonSchema(shape);
      const expected = removeEmptyValues(structuredClone(mapped), schema, single);
      expect(withoutEmpty(mapped, schema, single)).toStrictEqual(expected);
    }),
    { numRuns: Number(process.env['SLUICE_PROPERTY_RUNS'] ?? 3000) },
  );
});

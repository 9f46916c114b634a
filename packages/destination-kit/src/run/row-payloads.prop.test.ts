// What a mapping says alike for every row is validated once; the payloads must be those of
// a runner that validates everything for every row.
import type { JsonObject, JsonValue } from '@sluice/core';
import { messageOf } from '@sluice/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileMapping } from '../mapping/compile.ts';
import type { ActionDefinition, InputField } from '../segment/definition.ts';
import { createPayloadMaker, createRowPayloads } from './payload.ts';

const name = fc.constantFrom('a', 'b', 'c', 'd');
const value = fc.oneof(
  fc.constantFrom<JsonValue>(null, '', 'x', 'https://example.com', '5', 0, 1.5, true),
  fc.array(fc.constantFrom<JsonValue>('x', '', null, 1), { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('k', 'l'), fc.constantFrom<JsonValue>('x', null, 2), { noNullPrototype: true }),
);
const field: fc.Arbitrary<InputField> = fc
  .record(
    {
      label: fc.constant('Field'),
      type: fc.constantFrom('string', 'number', 'integer', 'boolean', 'object', 'datetime', 'password'),
      required: fc.oneof(fc.boolean(), fc.constant({ conditions: [{ fieldKey: 'a', operator: 'is', value: 'x' }] })),
      multiple: fc.boolean(),
      allowNull: fc.boolean(),
      format: fc.constantFrom('uri', 'email'),
    },
    { requiredKeys: ['label', 'type'] },
  )
  .map(({ format, ...rest }) =>
    rest.type === 'string' && rest.multiple !== true && format !== undefined ? { ...rest, format } : rest,
  );
const node = fc.oneof(
  value,
  name.map((column): JsonValue => ({ '@path': `$.properties.${column}` })),
  name.map((column): JsonValue => ({ deep: { '@path': `$.properties.${column}` } })),
);

let actions = 0;

it('gives the payloads, and refuses the rows, that validation of the whole row does', () => {
  fc.assert(
    fc.property(
      fc.dictionary(name, field, { minKeys: 1, noNullPrototype: true }),
      fc.dictionary(name, node, { noNullPrototype: true }),
      fc.array(fc.dictionary(name, value, { noNullPrototype: true }), { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      (fields, nodes, rows, single) => {
        const mapping: JsonObject = Object.fromEntries(Object.entries(nodes).filter(([key]) => key in fields));
        const action = { title: '', description: '', fields, perform: () => undefined } as ActionDefinition;
        actions += 1;
        const whole = createPayloadMaker('row-payloads', `whole${actions}`, action, single);
        const map = compileMapping(mapping);
        const split = createRowPayloads('row-payloads', `split${actions}`, action, mapping, single);
        for (const properties of rows) {
          const event = { properties };
          expect(attempt(() => split.makePayload(split.map(event)))).toEqual(attempt(() => whole(map(event))));
        }
      },
    ),
    { numRuns: Number(process.env['SLUICE_PROPERTY_RUNS'] ?? 60) },
  );
}, 60_000);

function attempt(make: () => JsonObject): string {
  try {
    // With the order of the keys: it shows in the request.
    return JSON.stringify(make());
  } catch (error) {
    return messageOf(error);
  }
}

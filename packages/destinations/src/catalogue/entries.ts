// The entries of Segment's catalogue that Sluice offers. An entry is added here after its
// definition was checked for hosts, shared state and secrets that it expects.
import type { DestinationDefinition, DestinationSpec, Diagnostic } from '@sluice/destination-kit';
import { columnsRead, error, mappingReferences, openDefinition } from '@sluice/destination-kit';
import type { DestinationEntry } from '../entry.ts';
import { loadDefinition } from './load.ts';
import { checkWebhook } from './webhook.ts';

export const catalogueEntries: readonly DestinationEntry[] = [
  catalogueEntry({
    type: 'actions-webhook',
    name: 'Webhook',
    directory: 'webhook',
    description:
      'Sends rows as JSON over HTTP. One request per row with the row as the body, or, with enable_batching: true or a batch_size, one request per batch with an array of rows.',
    // The catalogue's default for it is made for event streams; without one the webhook would send nothing.
    requiredFields: ['data'],
    check: checkWebhook,
  }),
];

type CatalogueOffer = {
  readonly type: string;
  readonly name: string;
  readonly directory: string;
  readonly description: string;
  /** Fields that a mapping must have although the definition leaves them open. */
  readonly requiredFields: readonly string[];
  check(spec: DestinationSpec, definition: DestinationDefinition): readonly Diagnostic[];
};

function catalogueEntry(offer: CatalogueOffer): DestinationEntry {
  let loaded: DestinationDefinition | undefined;
  const definition = (): DestinationDefinition => (loaded ??= loadDefinition(offer.directory));
  return {
    type: offer.type,
    name: offer.name,
    shape: () => ({ ...definition(), description: offer.description }),
    check: (spec) => [
      ...offer.requiredFields
        .filter((name) => spec.fields[name] === undefined && !('__segment_internal_directive' in spec.fields))
        .map((name) =>
          error(
            `fields.${name}`,
            `the field "${name}" is missing`,
            `add ${name} to the mapping's fields, for example ${name}: { "@path": "$.properties" }`,
          ),
        ),
      ...deletedRecordProblems(spec),
      ...offer.check(spec, definition()),
    ],
    columns: (spec) => columnsRead(definition(), spec),
    open: async (spec, { fetchTimeoutMs, userAgent }) =>
      openDefinition(definition(), spec, { fetchTimeoutMs, userAgent }),
  };
}

/** All columns of a deleted record are null: what does not read its identifier says nothing about which it was. */
function deletedRecordProblems(spec: DestinationSpec): Diagnostic[] {
  if (spec.operations?.includes('deleted') !== true) return [];
  const named = mappingReferences(spec.fields).some(
    ({ keys }) => keys === 'all' || keys.length === 0 || keys[0] === '__segment_id',
  );
  if (named) return [];
  return [
    {
      severity: 'warning',
      path: 'fields',
      message:
        'the mapping sends deleted records but not their identifier: the columns of a deleted record are all null',
      fix: 'map a field to { "@path": "$.__segment_id" }, or leave "deleted" out of what the mapping sends',
    },
  ];
}

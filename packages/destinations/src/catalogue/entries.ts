// The entries of Segment's catalogue in the registry: the package's definitions, loaded on
// first use, with what `details.ts` knows beside them.
import type {
  Capabilities,
  DestinationDefinition,
  DestinationShape,
  DestinationSpec,
  Diagnostic,
} from '@sluice/destination-kit';
import { columnsRead, error, mappingReferences, openDefinition } from '@sluice/destination-kit';
import { definitionCalls, runnerOptionsOf } from '../definition-entry.ts';
import type { DestinationEntry } from '../entry.ts';
import type { Details } from './details.ts';
import { details } from './details.ts';
import { loadDefinition } from './load.ts';
import type { Offer } from './offers.ts';
import { offers } from './offers.ts';
import { perRowActions } from './per-row.ts';

export const catalogueEntries: readonly DestinationEntry[] = offers.map((offer) =>
  catalogueEntry(offer, details[offer.type] ?? {}),
);

function catalogueEntry(offer: Offer, detail: Details): DestinationEntry {
  let loaded: DestinationDefinition | undefined;
  const definition = (): DestinationDefinition => (loaded ??= withDetails(offer, detail));
  return {
    type: offer.type,
    name: offer.name,
    origin: 'catalogue',
    http: detail.ownClient === undefined,
    shape: (): DestinationShape => definition(),
    check: (spec) => [
      ...missingFields(spec, detail.requiredFields?.[spec.action] ?? []),
      ...deletedRecordProblems(spec),
    ],
    columns: (spec) => columnsRead(definition(), spec),
    open: async (spec, options) => openDefinition(definition(), spec, runnerOptionsOf(options)),
    ...definitionCalls(definition),
  };
}

function withDetails({ type, name, directory }: Offer, detail: Details): DestinationDefinition {
  const original = loadDefinition(directory);
  const mended = detail.mend?.(original) ?? original;
  const hidden = new Set(detail.withoutSettings?.names ?? []);
  const { authentication, audienceConfig } = mended;
  return {
    ...mended,
    slug: type,
    name,
    ...(detail.description === undefined ? {} : { description: detail.description }),
    ...(detail.environment === undefined ? {} : { environment: detail.environment }),
    ...(authentication === undefined
      ? {}
      : {
          authentication: {
            ...authentication,
            fields: Object.fromEntries(Object.entries(authentication.fields ?? {}).filter(([key]) => !hidden.has(key))),
          },
        }),
    actions: Object.fromEntries(
      Object.entries(mended.actions).map(([key, action]) => [
        key,
        {
          ...action,
          ...(detail.rateLimit === undefined ? {} : { rateLimit: detail.rateLimit }),
          capabilities: {
            ...(perRowActions.has(`${type}:${key}`) ? { perRowOutcomes: true } : {}),
            ...deletesByName(key, action.syncMode === undefined, audienceConfig !== undefined),
            ...detail.capabilities?.['*'],
            ...detail.capabilities?.[key],
          },
        },
      ]),
    ),
  };
}

/** Without a sync mode, the catalogue says by an action's key what it removes. */
function deletesByName(key: string, withoutMode: boolean, isAudience: boolean): Partial<Capabilities> {
  if (!withoutMode) return {};
  if (isAudience) return { deletes: 'membership' };
  if (!/^(remove|delete|unsubscribe|unassign)/i.test(key)) return {};
  return { deletes: /(from|list|audience|cohort|group|segment|contactList)/i.test(key) ? 'membership' : 'keyed' };
}

function missingFields(spec: DestinationSpec, names: readonly string[]): Diagnostic[] {
  if ('__segment_internal_directive' in spec.fields) return [];
  return names
    .filter((name) => spec.fields[name] === undefined)
    .map((name) =>
      error(
        `fields.${name}`,
        `the field "${name}" is missing`,
        `add ${name} to the mapping's fields, for example ${name}: { "@path": "$.properties" }`,
      ),
    );
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

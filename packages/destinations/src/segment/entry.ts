// Segment for the registry.
import type { DestinationSpec, Diagnostic } from '@sluice/destination-kit';
import { error } from '@sluice/destination-kit';
import { definitionEntry } from '../definition-entry.ts';
import type { DestinationEntry } from '../entry.ts';
import { segment } from './definition.ts';

const entry = definitionEntry(segment, idProblems);

export const segmentEntry: DestinationEntry = {
  ...entry,
  // Segment answers 200 whatever the write key is.
  testAuthentication: async () => ({ result: 'untested' }),
  checkConnection: ({ settings: { endpoint } }) =>
    typeof endpoint !== 'string' || endpoint === '' || /^https?:\/\/[^?#@\s]+$/.test(endpoint)
      ? []
      : [error('settings.endpoint', 'the endpoint must be a URL', 'for example https://events.example.com/v1')],
  columns: (spec) => entry.columns(filledIn(spec)),
  open: (spec, options) => entry.open(filledIn(spec), options),
};

function idProblems({ action, fields }: DestinationSpec): Diagnostic[] {
  if (action === 'alias' || '__segment_internal_directive' in fields) return [];
  if ((fields['userId'] ?? fields['anonymousId'] ?? null) !== null) return [];
  return [error('fields.userId', 'the mapping has neither a userId nor an anonymousId', 'map one of them')];
}

/** With the defaults that are paths, and so not among the fixed ones. */
function filledIn(spec: DestinationSpec): DestinationSpec {
  const names = Object.keys(segment.actions[spec.action]?.fields ?? {});
  const defaults = ['traits', 'properties'].filter((name) => names.includes(name));
  return {
    ...spec,
    fields: { ...Object.fromEntries(defaults.map((name) => [name, { '@path': '$.properties' }])), ...spec.fields },
  };
}

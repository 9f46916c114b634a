// The HTTP API for the registry.
import type { DestinationSpec } from '@sluice/destination-kit';
import { definitionEntry } from '../definition-entry.ts';
import type { DestinationEntry } from '../entry.ts';
import { httpApi } from './definition.ts';
import { httpFieldProblems, httpSettingProblems } from './problems.ts';

const entry = definitionEntry(httpApi, httpFieldProblems);

export const httpApiEntry: DestinationEntry = {
  ...entry,
  checkConnection: httpSettingProblems,
  columns: (spec) => entry.columns(filledIn(spec)),
  open: (spec, options) => entry.open(filledIn(spec), options),
  testAuthentication: async (spec, options, signal) => {
    if (!spec.settings['test_path']) return { result: 'untested' };
    return (await entry.testAuthentication?.(spec, options, signal)) ?? { result: 'untested' };
  },
};

/** With what the rows themselves say. Rows are told apart by operation only where deletes go elsewhere. */
function filledIn(spec: DestinationSpec): DestinationSpec {
  const { delete_path: path } = spec.fields;
  const apart = typeof path === 'string' && path !== '' ? { operation: { '@path': '$.event' } } : {};
  return {
    ...spec,
    fields: {
      body: { '@path': '$.properties' },
      ...spec.fields,
      record_id: { '@path': '$.__segment_id' },
      ...apart,
    },
  };
}

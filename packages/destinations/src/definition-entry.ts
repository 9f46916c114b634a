// Registry entries of destinations that are written as definitions, of the catalogue or native.
import type { DestinationDefinition, DestinationSpec, Diagnostic, RunnerOptions } from '@sluice/destination-kit';
import {
  askAudience,
  askDynamicField,
  columnsRead,
  openDefinition,
  performDefinitionHook,
  testDefinitionAuthentication,
} from '@sluice/destination-kit';
import type { DestinationEntry, OpenOptions } from './entry.ts';

/** The entry of a native destination that speaks HTTP. `check` finds problems that the fields alone do not show. */
export function definitionEntry(
  definition: DestinationDefinition,
  check: (spec: DestinationSpec, modelColumns: readonly string[]) => readonly Diagnostic[] = () => [],
): DestinationEntry {
  return {
    type: definition.slug,
    name: definition.name,
    origin: 'native',
    http: true,
    shape: () => definition,
    check,
    columns: (spec) => columnsRead(definition, spec),
    open: async (spec, options) => openDefinition(definition, spec, runnerOptionsOf(options)),
    ...definitionCalls(() => definition),
  };
}

export function runnerOptionsOf(options: OpenOptions): RunnerOptions {
  const { fetchTimeoutMs, userAgent, tokens, saveCredentials, renewCredentials, runner } = options;
  return {
    fetchTimeoutMs,
    userAgent,
    ...(tokens === undefined ? {} : { tokens }),
    ...(saveCredentials === undefined ? {} : { saveCredentials }),
    ...(renewCredentials === undefined ? {} : { renewCredentials }),
    ...runner,
  };
}

type Calls = Required<
  Pick<DestinationEntry, 'testAuthentication' | 'dynamicField' | 'performHook' | 'createAudience' | 'getAudience'>
>;

export function definitionCalls(definition: () => DestinationDefinition): Calls {
  return {
    testAuthentication: (spec, options, signal) =>
      testDefinitionAuthentication(definition(), spec, runnerOptionsOf(options), signal),
    dynamicField: (spec, request, options, signal) =>
      askDynamicField(definition(), spec, request, runnerOptionsOf(options), signal),
    performHook: (spec, hook, inputs, options, signal) =>
      performDefinitionHook(definition(), spec, hook, inputs, runnerOptionsOf(options), signal),
    createAudience: (spec, options, signal) =>
      askAudience('createAudience', definition(), spec, runnerOptionsOf(options), signal),
    getAudience: (spec, options, signal) =>
      askAudience('getAudience', definition(), spec, runnerOptionsOf(options), signal),
  };
}

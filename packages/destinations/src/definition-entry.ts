// The calls of a registry entry that are the same for every destination that is written as
// a definition, of the catalogue or native.
import type { DestinationDefinition, RunnerOptions } from '@sluice/destination-kit';
import {
  askAudience,
  askDynamicField,
  performDefinitionHook,
  testDefinitionAuthentication,
} from '@sluice/destination-kit';
import type { DestinationEntry, OpenOptions } from './entry.ts';

export function runnerOptionsOf(options: OpenOptions): RunnerOptions {
  const { fetchTimeoutMs, userAgent, tokens, saveCredentials, runner } = options;
  return {
    fetchTimeoutMs,
    userAgent,
    ...(tokens === undefined ? {} : { tokens }),
    ...(saveCredentials === undefined ? {} : { saveCredentials }),
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

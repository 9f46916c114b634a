// Switches on a way of working that a definition has, but that Segment's platform rolls out
// by a feature flag.
import type { ActionDefinition, DestinationDefinition, ExecuteInput } from '@sluice/destination-kit';

export function withFeature(name: string): (definition: DestinationDefinition) => DestinationDefinition {
  return (definition) => ({
    ...definition,
    actions: Object.fromEntries(
      Object.entries(definition.actions).map(([key, action]) => [key, switchedOn(action, name)]),
    ),
  });
}

function switchedOn(action: ActionDefinition, name: string): ActionDefinition {
  if (action.performBatch === undefined) return action;
  return {
    ...action,
    performBatch: (request, data) => {
      // Not a copy: some of what it holds is made when it is read.
      const own: ExecuteInput = Object.assign(Object.create(data) as ExecuteInput, { features: { [name]: true } });
      return action.performBatch?.(request, own);
    },
  };
}

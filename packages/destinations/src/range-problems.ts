// Numbers outside the bounds that their fields state.
import type { JsonObject } from '@sluice/core';
import type { Diagnostic, InputField } from '@sluice/destination-kit';
import { error } from '@sluice/destination-kit';

/** `at` is `settings` or `fields`. Values that are no numbers are another check's affair. */
export function rangeProblems(
  fields: Readonly<Record<string, InputField>> | undefined,
  values: JsonObject,
  at: 'settings' | 'fields',
): Diagnostic[] {
  return Object.entries(fields ?? {}).flatMap(([name, { minimum, maximum }]) => {
    const value = values[name];
    if (typeof value !== 'number' || !(value < (minimum ?? value) || value > (maximum ?? value))) return [];
    const bounds = minimum === undefined ? `at most ${maximum}` : `from ${minimum} to ${maximum ?? 'any'}`;
    return [error(`${at}.${name}`, `${name} is ${value}`, `a number ${bounds}`)];
  });
}

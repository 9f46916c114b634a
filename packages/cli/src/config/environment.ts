// `${NAME}` in sluice.yaml: replaced when, and only when, the thing that holds it is used.
// `$${NAME}` stands for the text `${NAME}`. The values never reach an error message.
import type { JsonValue } from '@sluice/core';
import { didYouMean } from './suggest.ts';
import type { Path } from './document.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export type MissingVariable = { readonly path: Path; readonly message: string; readonly fix: string };

const reference = /\$(\$?)\{([^}]*)\}/g;
const validName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Replaces the references in every string inside `value`; missing ones are added to `missing`. */
export function expand(value: JsonValue, path: Path, environment: Environment, missing: MissingVariable[]): JsonValue {
  if (typeof value === 'string') return expandText(value, path, environment, missing);
  if (Array.isArray(value)) return value.map((item, index) => expand(item, [...path, index], environment, missing));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, expand(item, [...path, key], environment, missing)]),
    );
  }
  return value;
}

export function expandText(text: string, path: Path, environment: Environment, missing: MissingVariable[]): string {
  return text.replaceAll(reference, (whole, escaped: string, name: string) => {
    if (escaped !== '') return whole.slice(1);
    if (!validName.test(name)) {
      missing.push({
        path,
        message: `"${whole}" does not name an environment variable`,
        fix: 'Write ${NAME} with letters, digits and "_"; write $${…} for the text itself.',
      });
      return '';
    }
    const value = environment[name];
    if (value === undefined || value === '') {
      missing.push({
        path,
        message: `environment variable ${name} is ${value === undefined ? 'not set' : 'empty'}`,
        fix: fixOf(name, environment),
      });
      return '';
    }
    return value;
  });
}

/** A near name is offered only when it looks like a typing error of the same variable. */
function fixOf(name: string, environment: Environment): string {
  const near = didYouMean(name, Object.keys(environment));
  const hint = near.startsWith('Did you mean') ? ` ${near}` : '';
  return `Set it before running the command: export ${name}=…${hint}`;
}

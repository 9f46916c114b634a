// What can be wrong with the directives of a mapping before any row is seen: names that
// mapping-kit does not have, templates that do not close, and whatever mapping-kit's own
// validation refuses. Each at its place inside the mapping.
import type { JsonObject, JsonValue } from '@sluice/core';
import { messageOf } from '@sluice/core';
import type { Diagnostic } from '../destination.ts';
import { isPlainObject } from '../mapping/compile.ts';
import { validateDirectives } from '../segment/core.ts';
import { nearest } from './nearest.ts';

/** The directives that mapping-kit registers. */
export const DIRECTIVES: readonly string[] = [
  '@path',
  '@template',
  '@literal',
  '@if',
  '@case',
  '@replace',
  '@arrayPath',
  '@flatten',
  '@json',
  '@merge',
  '@transform',
  '@excludeWhenNull',
  '@liquid',
];

export function directiveProblems(fields: JsonObject): Diagnostic[] {
  const problems: Diagnostic[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (name === '__segment_internal_directive') continue;
    const found = [...problemsIn(value, `fields.${name}`)];
    problems.push(...found);
    if (found.length > 0) continue;
    try {
      validateDirectives({ [name]: value });
    } catch (thrown) {
      problems.push({
        severity: 'error',
        path: `fields.${name}`,
        message: `the directive is not valid: ${directiveMessage(thrown)}`,
        fix: `the directives are: ${DIRECTIVES.join(', ')}`,
      });
    }
  }
  return problems;
}

function* problemsIn(node: JsonValue, at: string): Generator<Diagnostic> {
  if (Array.isArray(node)) {
    for (const [index, item] of node.entries()) yield* problemsIn(item, `${at}.${index}`);
    return;
  }
  if (!isPlainObject(node)) return;
  for (const [key, value] of Object.entries(node)) {
    if (!key.startsWith('@')) {
      yield* problemsIn(value, `${at}.${key}`);
      continue;
    }
    if (!DIRECTIVES.includes(key)) {
      const near = nearest(key, DIRECTIVES);
      const list = `the directives are: ${DIRECTIVES.join(', ')}`;
      yield {
        severity: 'error',
        path: at,
        message: `there is no directive "${key}"`,
        fix: near === undefined ? list : `did you mean "${near}"? ${list}`,
      };
    } else if (key === '@template' && typeof value === 'string') yield* templateProblems(value, at);
    yield* problemsIn(value, at);
  }
}

/** mapping-kit sends a placeholder that does not close as it stands. */
function* templateProblems(template: string, at: string): Generator<Diagnostic> {
  const open = template.replaceAll(/\{\{\{?[^{}]+\}\}\}?/g, '').indexOf('{{');
  if (open === -1) return;
  yield {
    severity: 'error',
    path: at,
    message: `the template has a "{{" without a name and "}}" behind it, and would be sent as it stands`,
    fix: 'write each column as {{ properties.name }}',
  };
}

// One error, or an aggregate that iterates over its errors and shows stacks in its message.
function directiveMessage(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null && Symbol.iterator in thrown) {
    return [...(thrown as Iterable<unknown>)].map(messageOf).join(' ');
  }
  return messageOf(thrown);
}

// Checks a configured action against its destination's shape and the model's columns
// before anything is sent. Finds all problems at once; never repeats a setting's value.
import type { JsonObject, JsonValue } from '@sluice/core';
import { messageOf } from '@sluice/core';
import type { ConnectionSpec, DestinationSpec, Diagnostic } from '../destination.ts';
import { isConstant, mappingReferences } from '../mapping/columns.ts';
import { isPlainObject } from '../mapping/compile.ts';
import { hasUsableDefault } from '../run/batching.ts';
import { SYNC_MODES } from '../run/execute-input.ts';
import { segmentCore } from '../segment/core.ts';
import type { ActionShape, DestinationShape, InputField } from '../segment/definition.ts';
import { RESERVED_KEYS } from '../segment/definition.ts';
import { EVENT_ROOTS } from '../segment/event.ts';
import { directiveProblems } from './directives.ts';
import { nearest } from './nearest.ts';

export function validateSpec(
  shape: DestinationShape,
  spec: DestinationSpec,
  modelColumns: readonly string[],
): Diagnostic[] {
  const settings = connectionProblems(shape, spec);
  const action = Object.hasOwn(shape.actions, spec.action) ? shape.actions[spec.action] : undefined;
  if (action === undefined)
    return [...settings, unknownName('action', `${shape.slug} has no action`, spec.action, Object.keys(shape.actions))];
  const directives = directiveProblems(spec.fields);
  if (directives.length > 0) return [...settings, ...fieldNameProblems(shape, spec, action), ...directives];
  return [
    ...settings,
    ...fieldNameProblems(shape, spec, action),
    ...literalProblems(shape.slug, spec.action, action, spec.fields),
    ...controlProblems(action, spec.fields),
    ...columnProblems(spec.fields, modelColumns),
  ];
}

export function error(path: string, message: string, fix?: string): Diagnostic {
  return { severity: 'error', path, message, ...(fix === undefined ? {} : { fix }) };
}

function unknownName(path: string, text: string, name: string, known: readonly string[]): Diagnostic {
  const similar = nearest(name, known);
  const list = known.length === 0 ? 'there are none' : `there are: ${known.join(', ')}`;
  return error(path, `${text} "${name}"`, similar === undefined ? list : `did you mean "${similar}"? ${list}`);
}

/** What is wrong with the settings and credentials, without a mapping. */
export function connectionProblems(shape: DestinationShape, spec: ConnectionSpec): Diagnostic[] {
  const problems = settingProblems(shape, spec.settings);
  const scheme = shape.authentication?.scheme;
  const oauth = scheme === 'oauth2' || scheme === 'oauth-managed';
  if (oauth && (spec.credentials?.accessToken ?? '') === '') {
    problems.push(
      error(
        'credentials',
        `${shape.slug} signs in with OAuth, and there is no access token`,
        'set its OAuth client (oauth.client_id, oauth.client_secret) and run: sluice destinations connect NAME',
      ),
    );
  }
  if (!oauth && spec.credentials !== undefined) {
    problems.push(error('credentials', `${shape.slug} does not sign in with OAuth`, 'remove the credentials'));
  }
  for (const name of shape.environment ?? []) {
    if ((process.env[name] ?? '') !== '') continue;
    problems.push(
      error('environment', `the environment variable ${name} is not set`, `set ${name} for the process that syncs`),
    );
  }
  if ('audience' in spec) problems.push(...audienceProblems(shape, spec as DestinationSpec));
  return problems;
}

function audienceProblems(shape: DestinationShape, { audience }: DestinationSpec): Diagnostic[] {
  if (audience === undefined) return [];
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(audience.key)) {
    return [error('audience.key', 'the key of an audience consists of letters, digits and _, at most 128')];
  }
  return fieldValueProblems(
    shape.slug,
    'audience field',
    shape.audienceFields ?? {},
    audience.settings ?? {},
    'audience.settings',
  );
}

function settingProblems(shape: DestinationShape, settings: JsonObject): Diagnostic[] {
  return fieldValueProblems(shape.slug, 'setting', shape.authentication?.fields ?? {}, settings, 'settings');
}

/** Values that a user types, against their fields; `word` says what they are. */
function fieldValueProblems(
  slug: string,
  word: string,
  fields: Readonly<Record<string, InputField>>,
  values: JsonObject,
  at: string,
): Diagnostic[] {
  const problems: Diagnostic[] = [];
  for (const name of Object.keys(values)) {
    if (!Object.hasOwn(fields, name))
      problems.push(unknownName(`${at}.${name}`, `${slug} has no ${word}`, name, Object.keys(fields)));
  }
  for (const [name, field] of Object.entries(fields)) {
    const value = values[name];
    const path = `${at}.${name}`;
    if (value === undefined || value === null || value === '') {
      if (field.required === true && !hasUsableDefault(field, false))
        problems.push(error(path, `the ${word} "${name}" (${field.label}) is missing`, `set ${path}`));
      continue;
    }
    const expected = expectedType(field);
    if (expected !== undefined && !hasType(value, expected, field)) {
      problems.push(error(path, `the ${word} "${name}" must be a ${expected} but is ${article(typeName(value))}`));
    } else if (field.choices !== undefined && ![value].flat().every((each) => choiceValues(field).includes(each))) {
      const choices = choiceValues(field).map((choice) => JSON.stringify(choice));
      problems.push(error(path, `the ${word} "${name}" must be one of ${choices.join(', ')}`));
    } else problems.push(...rangeProblems(path, name, field, value));
  }
  return problems;
}

/** Of a number; for texts the bounds are lengths, which the schema checks. */
function rangeProblems(path: string, name: string, { minimum, maximum }: InputField, value: JsonValue): Diagnostic[] {
  if (typeof value !== 'number' || !(value < (minimum ?? value) || value > (maximum ?? value))) return [];
  const bounds = minimum === undefined ? `at most ${maximum}` : `from ${minimum} to ${maximum ?? 'any'}`;
  return [error(path, `${name} is ${value}`, `a number ${bounds}`)];
}

function fieldNameProblems(
  shape: DestinationShape,
  { action: actionKey, fields, audience }: DestinationSpec,
  action: ActionShape,
): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const known = Object.keys(action.fields);
  for (const name of Object.keys(fields)) {
    if (Object.hasOwn(action.fields, name) || RESERVED_KEYS.has(name)) continue;
    problems.push(unknownName(`fields.${name}`, `the action ${actionKey} of ${shape.slug} has no field`, name, known));
  }
  // A root directive makes the fields when it runs; then each row is checked.
  if ('__segment_internal_directive' in fields) return problems;
  for (const [name, field] of Object.entries(action.fields)) {
    const hasDefault = hasUsableDefault(field, audience !== undefined);
    if (field.required !== true || (fields[name] ?? undefined) !== undefined) continue;
    if (hasDefault && fields[name] === undefined) continue;
    problems.push(
      error(
        `fields.${name}`,
        `the field "${name}" (${field.label}) of the action ${actionKey} is missing`,
        `add ${name} to the mapping's fields`,
      ),
    );
  }
  return problems;
}

/** Values that are the same for every row are checked now, with the schema that rows meet later. */
function literalProblems(slug: string, actionKey: string, action: ActionShape, fields: JsonObject): Diagnostic[] {
  const problems: Diagnostic[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const field = action.fields[name];
    if (field === undefined || value === null || !isConstant(value) || containsDirective(value)) continue;
    // Only this field, and not required: its own rules are what is asked.
    const schema = segmentCore.fieldsToJsonSchema({ [name]: { ...field, required: false } });
    try {
      segmentCore.validateSchema({ [name]: structuredClone(value) }, schema, {
        schemaKey: `${slug}:${actionKey}:field:${name}`,
      });
      problems.push(...rangeProblems(`fields.${name}`, name, field, value));
    } catch (thrown) {
      problems.push(error(`fields.${name}`, messageOf(thrown)));
    }
  }
  return problems;
}

function containsDirective(value: JsonValue): boolean {
  if (Array.isArray(value)) return value.some(containsDirective);
  if (!isPlainObject(value)) return false;
  return Object.entries(value).some(([key, item]) => key.startsWith('@') || containsDirective(item));
}

function controlProblems(action: ActionShape, fields: JsonObject): Diagnostic[] {
  const problems: Diagnostic[] = [];
  for (const name of ['batch_size', 'batch_bytes']) {
    const value = fields[name];
    if (value !== undefined && !(typeof value === 'number' && Number.isInteger(value) && value >= 0)) {
      problems.push(error(`fields.${name}`, `${name} must be a whole number`));
    }
  }
  const batching = fields['enable_batching'];
  if (batching !== undefined && typeof batching !== 'boolean') {
    problems.push(error('fields.enable_batching', 'enable_batching must be true or false'));
  }
  if (action.syncMode !== undefined) {
    const choices = action.syncMode.choices.map((choice) => choice.value);
    const mode = fields['__segment_internal_sync_mode'];
    if (typeof mode !== 'string' || !SYNC_MODES.has(mode) || !choices.includes(mode)) {
      problems.push(
        error('fields.__segment_internal_sync_mode', `the action needs a sync mode, one of ${choices.join(', ')}`),
      );
    }
  }
  return problems;
}

function columnProblems(fields: JsonObject, modelColumns: readonly string[]): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const columns = new Set(modelColumns);
  for (const { at, keys } of mappingReferences(fields)) {
    if (keys === 'all' || keys.length === 0) continue;
    const [root, column] = keys;
    if (root !== undefined && !EVENT_ROOTS.includes(root) && root !== 'userId' && root !== 'context') {
      const near = columns.has(root) ? root : nearest(root, columns);
      const fix =
        near === undefined
          ? `an event has: ${EVENT_ROOTS.join(', ')}`
          : `did you mean $.properties.${near}? Columns are under $.properties`;
      problems.push(error(at, `no row has "${root}"`, fix));
    } else if (root === 'properties' && column !== undefined && !columns.has(column)) {
      problems.push(unknownName(at, 'the model has no column', column, modelColumns));
    }
  }
  return problems;
}

function choiceValues(field: InputField): JsonValue[] {
  return (field.choices ?? []).map((choice) => (typeof choice === 'string' ? choice : choice.value));
}

function expectedType(field: InputField): 'string' | 'number' | 'boolean' | 'list' | 'object' | undefined {
  if (field.multiple === true) return 'list';
  switch (field.type) {
    case 'string':
    case 'text':
    case 'password':
      return 'string';
    case 'number':
    case 'integer':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'object':
      return 'object';
    default:
      return undefined;
  }
}

function hasType(value: JsonValue, expected: string, field: InputField): boolean {
  return expected === typeName(value) && !(field.type === 'integer' && !Number.isInteger(value));
}

function typeName(value: JsonValue): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}

function article(noun: string): string {
  return noun === 'object' ? `an ${noun}` : `a ${noun}`;
}

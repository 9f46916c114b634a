// From the fields of a mapping to what the session needs, and what is wrong with them.
import type { ConnectionSpec, DestinationShape, DestinationSpec, Diagnostic } from '@sluice/destination-kit';
import { error, withLiteralDefaults } from '@sluice/destination-kit';
import { settingText } from '../connection-settings.ts';

export type SyncMode = 'mirror' | 'upsert' | 'add' | 'update' | 'delete' | 'append';

export type Target = {
  readonly index: string;
  readonly mode: SyncMode;
  readonly merge: boolean;
  readonly createIndex: boolean;
  readonly refresh: boolean;
  readonly pipeline?: string;
  readonly operationField?: string;
  readonly recordIdField?: string;
  /** Part of the identity of appended documents. */
  readonly syncId: string;
};

/** https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create: names of indices. */
const INDEX = /^(?!\.{1,2}$)[^-_+\\/*?"<>| ,#:A-Z\s][^\\/*?"<>| ,#:A-Z\s]*$/;

/** The spec must have passed validation. */
export function targetOf(shape: DestinationShape, spec: DestinationSpec): Target {
  const action = shape.actions[spec.action];
  if (action === undefined) throw new TypeError(`${shape.name} has no action ${spec.action}`);
  const fields = withLiteralDefaults(action, spec.fields);
  const mode = fields['__segment_internal_sync_mode'] ?? 'mirror';
  const named = (field: string, name: 'pipeline' | 'operationField' | 'recordIdField'): Partial<Target> =>
    settingText(fields[field]) === '' ? {} : { [name]: settingText(fields[field]) };
  return {
    index: settingText(fields['index']),
    mode: spec.action === 'append' ? 'append' : (mode as SyncMode),
    merge: fields['write'] === 'merge',
    createIndex: fields['create_index'] === true,
    refresh: fields['refresh'] === true,
    ...named('pipeline', 'pipeline'),
    ...named('operation_field', 'operationField'),
    ...named('record_id_field', 'recordIdField'),
    syncId: spec.syncId,
  };
}

/** With the row's default, which is a path and so not among the fixed ones. */
export function withRow(spec: DestinationSpec): DestinationSpec {
  return { ...spec, fields: { row: { '@path': '$.properties' }, ...spec.fields } };
}

export function nodeProblems({ settings }: ConnectionSpec): Diagnostic[] {
  const { node, api_key: apiKey, user, password } = settings;
  const problems: Diagnostic[] = [];
  if (typeof node === 'string' && node !== '' && !/^https?:\/\/[^/?#@\s]+(\/[^?#@\s]*)?$/.test(node))
    problems.push(
      error(
        'settings.node',
        'node must be a URL that begins with http:// or https://, without user, password or query',
        'put user and password into settings of their own',
      ),
    );
  if (settingText(apiKey) !== '' && settingText(user) !== '')
    problems.push(error('settings.api_key', 'give an API key, or user and password, but not both'));
  if (settingText(password) !== '' && settingText(user) === '')
    problems.push(error('settings.user', 'there is a password but no user', 'set settings.user'));
  return problems;
}

/** The index is one for the whole mapping. */
export function targetProblems({ fields }: DestinationSpec): Diagnostic[] {
  const problems: Diagnostic[] = [];
  for (const field of ['index', 'pipeline', 'write', 'create_index', 'refresh', 'operation_field', 'record_id_field']) {
    const value = fields[field];
    if (typeof value === 'object' && value !== null)
      problems.push(error(`fields.${field}`, `${field} must be a fixed value, the same for every row`));
  }
  const { index } = fields;
  if (typeof index === 'string' && (!INDEX.test(index) || Buffer.byteLength(index) > 255))
    problems.push(
      error(
        'fields.index',
        `"${index}" cannot be an index`,
        'small letters, digits, dots, dashes and underscores; it does not begin with one of - _ +',
      ),
    );
  return problems;
}

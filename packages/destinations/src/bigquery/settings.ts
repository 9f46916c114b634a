// From the settings of a connection and the fields of a mapping to what the session needs.
import type { JsonObject } from '@sluice/core';
import type { ConnectionSpec, DestinationSpec, Diagnostic } from '@sluice/destination-kit';
import { error, withLiteralDefaults } from '@sluice/destination-kit';
import { settingText } from '../connection-settings.ts';
import { bigqueryShape } from './shape.ts';

export type SyncMode = 'mirror' | 'upsert' | 'add' | 'update' | 'delete' | 'append';

export type Target = {
  readonly project: string;
  readonly dataset: string;
  readonly table: string;
  readonly stagingDataset: string;
  /** Empty for `append`. */
  readonly key: readonly string[];
  readonly mode: SyncMode;
  readonly operationColumn?: string;
  readonly recordIdColumn?: string;
  /** Columns to make when they are missing, with their types. */
  readonly columnTypes: ReadonlyMap<string, string>;
};

export type KeyFile = {
  readonly client_email: string;
  readonly private_key: string;
  readonly private_key_id?: string;
};

/** Names of columns that the staging table has for itself begin so. */
export const OWN_PREFIX = '_sluice_';

const DATASET = /^[A-Za-z0-9_]{1,1024}$/;
/** https://cloud.google.com/bigquery/docs/tables#table_naming, without what would have to be escaped. */
const TABLE = /^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]{1,1024}$/u;
const COLUMN = /^[\p{L}\p{N}_ &%=+:'<>#|-]{1,300}$/u;
const COLUMN_TYPE =
  /^(?:ARRAY<)?(STRING|BYTES|INT64|FLOAT64|NUMERIC|BIGNUMERIC|BOOL|DATE|TIME|DATETIME|TIMESTAMP|JSON)>?$/;

/** Undefined when the text is no service account's key. */
export function keyFileOf(text: string): KeyFile | undefined {
  try {
    const key = JSON.parse(text) as Partial<KeyFile> | null;
    return typeof key?.client_email === 'string' && typeof key.private_key === 'string' ? (key as KeyFile) : undefined;
  } catch {
    return undefined;
  }
}

/** What a type of `column_types` means in the API's schema. */
export function fieldOfType(name: string, type: string): { name: string; type: string; mode: string } {
  const base = COLUMN_TYPE.exec(type)?.[1] ?? type;
  return { name, type: base, mode: type.startsWith('ARRAY<') ? 'REPEATED' : 'NULLABLE' };
}

export function connectionProblems({ settings }: ConnectionSpec): Diagnostic[] {
  const { project, credentials, endpoint } = settings;
  const problems: Diagnostic[] = [];
  if (typeof project === 'string' && project !== '' && !/^[a-z0-9.:-]{1,100}$/.test(project))
    problems.push(error('settings.project', `"${project}" cannot be the id of a project`));
  if (typeof endpoint === 'string' && endpoint !== '' && !/^https?:\/\/[^/?#@\s]+\/?$/.test(endpoint))
    problems.push(error('settings.endpoint', 'the endpoint must be a URL without a path'));
  if (typeof credentials === 'string' && credentials !== '' && keyFileOf(credentials) === undefined)
    problems.push(
      error(
        'settings.credentials',
        'the credentials are not the JSON key of a service account',
        'paste the whole file, with client_email and private_key',
      ),
    );
  return problems;
}

/** The spec must have passed validation. */
export function targetOf(spec: DestinationSpec): Target {
  const action = bigqueryShape.actions[spec.action];
  if (action === undefined) throw new TypeError(`BigQuery has no action ${spec.action}`);
  const fields = withLiteralDefaults(action, spec.fields);
  const mode = fields['__segment_internal_sync_mode'] ?? 'mirror';
  const named = (field: string, name: 'operationColumn' | 'recordIdColumn'): Partial<Target> =>
    settingText(fields[field]) === '' ? {} : { [name]: settingText(fields[field]) };
  const dataset = settingText(fields['dataset']);
  const types = Object.entries((fields['column_types'] ?? {}) as JsonObject);
  return {
    project: settingText(spec.settings['project']),
    dataset,
    table: settingText(fields['table']),
    stagingDataset: settingText(fields['staging_dataset']) || dataset,
    key: [fields['key'] ?? []].flat().map(settingText),
    mode: spec.action === 'append' ? 'append' : (mode as SyncMode),
    ...named('operation_column', 'operationColumn'),
    ...named('record_id_column', 'recordIdColumn'),
    columnTypes: new Map(types.map(([name, type]) => [name, settingText(type)])),
  };
}

/** With the row's default, which is a path and so not among the fixed ones. */
export function withRow(spec: DestinationSpec): DestinationSpec {
  return { ...spec, fields: { row: { '@path': '$.properties' }, ...spec.fields } };
}

const NAMES: Readonly<Record<string, RegExp>> = {
  dataset: DATASET,
  staging_dataset: DATASET,
  table: TABLE,
  key: COLUMN,
  operation_column: COLUMN,
  record_id_column: COLUMN,
};

/** Table and key are one for the whole mapping. */
export function targetProblems(spec: DestinationSpec): Diagnostic[] {
  const problems: Diagnostic[] = [];
  for (const [field, allowed] of Object.entries(NAMES)) {
    for (const name of [spec.fields[field] ?? []].flat()) {
      if (typeof name !== 'string')
        problems.push(error(`fields.${field}`, `${field} must be a fixed name, the same for every row`));
      else if (!allowed.test(name)) problems.push(error(`fields.${field}`, `"${name}" cannot be a name in BigQuery`));
    }
  }
  const { key, column_types: types } = spec.fields;
  const mode = spec.fields['__segment_internal_sync_mode'] ?? 'mirror';
  const deletes =
    mode === 'delete' || (mode === 'mirror' && (spec.operations === undefined || spec.operations.includes('deleted')));
  if (spec.action === 'sync' && Array.isArray(key) && key.length > 1 && deletes)
    problems.push(
      error(
        'fields.key',
        'deleted records are found by one identifier, but the key has several columns',
        'use the sync mode upsert, or a table with a single key column',
      ),
    );
  if (Array.isArray(key) && new Set(key).size !== key.length)
    problems.push(error('fields.key', 'a key column is named twice'));
  if (typeof types === 'object' && types !== null && !Array.isArray(types))
    for (const [name, type] of Object.entries(types)) {
      const fits =
        typeof type === 'string' && COLUMN_TYPE.test(type) && type.startsWith('ARRAY<') === type.endsWith('>');
      if (!fits || !COLUMN.test(name))
        problems.push(
          error(
            `fields.column_types.${name}`,
            fits ? `"${name}" cannot be a column` : `${JSON.stringify(type)} is no type of a column`,
            'write a type such as INT64 or ARRAY<STRING>; STRUCT columns have to be made by hand',
          ),
        );
    }
  return problems;
}

/** In GoogleSQL. Only of names that `targetProblems` lets through or the server told. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('\\', String.raw`\\`).replaceAll('`', '\\`')}\``;
}

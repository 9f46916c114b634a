// From the settings of a connection and the fields of a mapping to what the session needs.
import type { JsonObject } from '@sluice/core';
import type { ConnectionSpec, DestinationSpec, Diagnostic } from '@sluice/destination-kit';
import { error, withLiteralDefaults, withSettingDefaults } from '@sluice/destination-kit';
import type { PoolOptions } from 'mysql2';
import { settingText, tlsOptions } from '../connection-settings.ts';
import { mysqlShape } from './shape.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** https://dev.mysql.com/doc/refman/8.4/en/identifier-length.html */
const MAX_IDENTIFIER_CHARACTERS = 64;
/** Words with at most one length: nothing that could end the definition of a column. */
const COLUMN_TYPE = /^[A-Za-z][A-Za-z0-9_ ]{0,60}(\([0-9]{1,5}(, ?[0-9]{1,5})?\))?[A-Za-z0-9_ ]{0,60}$/;

export type SyncMode = 'mirror' | 'upsert' | 'add' | 'update' | 'delete' | 'append';

export type Target = {
  readonly database: string;
  readonly table: string;
  /** Empty for `append`. */
  readonly key: readonly string[];
  readonly mode: SyncMode;
  readonly operationColumn?: string;
  readonly recordIdColumn?: string;
  /** Columns to make when they are missing. */
  readonly columnTypes: ReadonlyMap<string, string>;
};

export function connectionOptions({ settings }: ConnectionSpec): PoolOptions & { readonly host: string } {
  const values = withSettingDefaults(mysqlShape.authentication?.fields, settings);
  const { host, port, database, user, password } = values;
  const tls = tlsOptions(values);
  return {
    host: settingText(host),
    port: Number(port),
    database: settingText(database),
    user: settingText(user),
    ...(settingText(password) === '' ? {} : { password: settingText(password) }),
    ...(tls === undefined ? {} : { ssl: { ...tls, verifyIdentity: tls.rejectUnauthorized } }),
    charset: 'utf8mb4',
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableKeepAlive: true,
    // A server must not be able to ask for files of this machine.
    flags: ['-LOCAL_FILES'],
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
  };
}

/** The spec must have passed validation. */
export function targetOf(spec: DestinationSpec): Target {
  const action = mysqlShape.actions[spec.action];
  if (action === undefined) throw new TypeError(`MySQL has no action ${spec.action}`);
  const fields = withLiteralDefaults(action, spec.fields);
  const mode = fields['__segment_internal_sync_mode'] ?? 'mirror';
  const named = (field: string, name: 'operationColumn' | 'recordIdColumn'): Partial<Target> =>
    settingText(fields[field]) === '' ? {} : { [name]: settingText(fields[field]) };
  const types = Object.entries((fields['column_types'] ?? {}) as JsonObject);
  return {
    database: settingText(spec.settings['database']),
    table: settingText(fields['table']),
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

/** Table and key are one for the whole mapping. */
export function targetProblems(spec: DestinationSpec): Diagnostic[] {
  const problems: Diagnostic[] = [];
  for (const field of ['table', 'key', 'operation_column', 'record_id_column']) {
    const value = spec.fields[field];
    if (value === undefined || value === null) continue;
    for (const name of [value].flat()) {
      if (typeof name === 'string') problems.push(...nameProblems(`fields.${field}`, name));
      else problems.push(error(`fields.${field}`, `${field} must be a fixed name, the same for every row`));
    }
  }
  return [...problems, ...keyProblems(spec), ...columnTypeProblems(spec.fields)];
}

function nameProblems(path: string, name: string): Diagnostic[] {
  const fits = name !== '' && !name.includes('\0') && name.isWellFormed() && name.length <= MAX_IDENTIFIER_CHARACTERS;
  if (fits && !name.endsWith(' ')) return [];
  return [
    error(
      path,
      `"${name}" cannot be a name in MySQL`,
      `names have 1 to ${MAX_IDENTIFIER_CHARACTERS} characters and do not end with a space`,
    ),
  ];
}

function keyProblems({ action, fields, operations }: DestinationSpec): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const { key } = fields;
  if (!Array.isArray(key)) return problems;
  const mode = fields['__segment_internal_sync_mode'] ?? 'mirror';
  const deletes =
    mode === 'delete' || (mode === 'mirror' && (operations === undefined || operations.includes('deleted')));
  if (action === 'sync' && key.length > 1 && deletes)
    problems.push(
      error(
        'fields.key',
        'deleted records are found by one identifier, but the key has several columns',
        'use the sync mode upsert, or a table with a single key column',
      ),
    );
  if (new Set(key).size !== key.length) problems.push(error('fields.key', 'a key column is named twice'));
  return problems;
}

function columnTypeProblems({ column_types: types }: JsonObject): Diagnostic[] {
  if (typeof types !== 'object' || types === null || Array.isArray(types)) return [];
  return Object.entries(types).flatMap(([name, type]) => {
    const path = `fields.column_types.${name}`;
    if (typeof type === 'string' && COLUMN_TYPE.test(type)) return nameProblems(path, name);
    return [error(path, `${JSON.stringify(type)} is no type of a column`, 'write a type such as varchar(200)')];
  });
}

export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

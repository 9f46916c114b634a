// From the settings of a connection and the fields of a mapping to what the session needs.
import type { ConnectionSpec, DestinationSpec, Diagnostic } from '@sluice/destination-kit';
import { error, withLiteralDefaults, withSettingDefaults } from '@sluice/destination-kit';
import type { PoolConfig } from 'pg';
import { postgresShape } from './shape.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** PostgreSQL cuts longer names without a word, and two names may become one. */
const MAX_IDENTIFIER_BYTES = 63;

export type SyncMode = 'mirror' | 'upsert' | 'add' | 'update' | 'delete' | 'append';

export type Target = {
  readonly schema: string;
  readonly table: string;
  /** Empty for `append`. */
  readonly key: readonly string[];
  readonly mode: SyncMode;
  readonly operationColumn?: string;
  readonly recordIdColumn?: string;
};

/** `statementTimeoutMs` bounds each statement on the server's side. */
export function poolConfig({ settings }: ConnectionSpec, statementTimeoutMs: number): PoolConfig {
  const values = withSettingDefaults(postgresShape.authentication?.fields, settings);
  const { host, port, database, user, password, ssl, ca } = values;
  return {
    host: text(host),
    port: Number(port),
    database: text(database),
    user: text(user),
    ...(password === undefined || password === null ? {} : { password: text(password) }),
    ssl: ssl === 'disable' ? false : { rejectUnauthorized: ssl === 'verify-full', ...(ca ? { ca: text(ca) } : {}) },
    application_name: 'sluice',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    keepAlive: true,
    // Timestamps and dates arrive in ISO 8601; the session's own zone must not shift the rest.
    options: '-c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601 -c client_encoding=UTF8',
  };
}

/** The spec must have passed validation. */
export function targetOf(spec: DestinationSpec): Target {
  const action = postgresShape.actions[spec.action];
  if (action === undefined) throw new TypeError(`PostgreSQL has no action ${spec.action}`);
  const fields = withLiteralDefaults(action, spec.fields);
  const mode = fields['__segment_internal_sync_mode'] ?? 'mirror';
  const named = (field: string, name: 'operationColumn' | 'recordIdColumn'): Partial<Target> =>
    typeof fields[field] === 'string' && fields[field] !== '' ? { [name]: fields[field] } : {};
  return {
    schema: text(fields['schema']),
    table: text(fields['table']),
    key: [fields['key'] ?? []].flat().map(text),
    mode: spec.action === 'append' ? 'append' : (mode as SyncMode),
    ...named('operation_column', 'operationColumn'),
    ...named('record_id_column', 'recordIdColumn'),
  };
}

/** With the row's default, which is a path and so not among the fixed ones. */
export function withRow(spec: DestinationSpec): DestinationSpec {
  return { ...spec, fields: { row: { '@path': '$.properties' }, ...spec.fields } };
}

/** Table and key are one for the whole mapping; names that PostgreSQL would cut are refused. */
export function targetProblems(spec: DestinationSpec): Diagnostic[] {
  const problems: Diagnostic[] = [];
  for (const field of ['schema', 'table', 'key', 'operation_column', 'record_id_column']) {
    const value = spec.fields[field];
    if (value === undefined || value === null) continue;
    for (const name of [value].flat()) {
      if (typeof name !== 'string') {
        problems.push(error(`fields.${field}`, `${field} must be a fixed name, the same for every row`));
      } else if (name === '' || name.includes('\0') || Buffer.byteLength(name) > MAX_IDENTIFIER_BYTES) {
        problems.push(
          error(
            `fields.${field}`,
            `"${name}" cannot be a name in PostgreSQL`,
            `names have 1 to ${MAX_IDENTIFIER_BYTES} bytes`,
          ),
        );
      }
    }
  }
  const { key } = spec.fields;
  const { operations } = spec;
  const mode = spec.fields['__segment_internal_sync_mode'] ?? 'mirror';
  const deletes =
    mode === 'delete' || (mode === 'mirror' && (operations === undefined || operations.includes('deleted')));
  if (spec.action === 'sync' && Array.isArray(key) && key.length > 1 && deletes) {
    problems.push(
      error(
        'fields.key',
        'deleted records are found by one identifier, but the key has several columns',
        'use the sync mode upsert, or a table with a single key column',
      ),
    );
  }
  if (Array.isArray(key) && new Set(key).size !== key.length)
    problems.push(error('fields.key', 'a key column is named twice'));
  return problems;
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function text(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number') throw new TypeError('a setting is not a text');
  return String(value);
}

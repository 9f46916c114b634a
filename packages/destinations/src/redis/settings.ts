// From the settings of a connection and the fields of a mapping to what the session needs.
import type { ConnectionSpec, DestinationSpec, Diagnostic } from '@sluice/destination-kit';
import { error, withLiteralDefaults, withSettingDefaults } from '@sluice/destination-kit';
import type { createClient } from 'redis';
import { settingText, tlsOptions } from '../connection-settings.ts';
import { ID_PLACEHOLDER, redisShape } from './shape.ts';

const CONNECT_TIMEOUT_MS = 10_000;

export type ClientOptions = NonNullable<Parameters<typeof createClient>[0]>;

export type Store = 'hash' | 'json' | 'text' | 'set' | 'stream';
export type SyncMode = 'mirror' | 'upsert' | 'add' | 'update' | 'delete';

export type Target = {
  readonly store: Store;
  /** With `{id}` for the record's identifier, but for `set` and `stream`. */
  readonly key: string;
  readonly mode: SyncMode;
};

export function clientOptions({ settings }: ConnectionSpec): ClientOptions {
  const values = withSettingDefaults(redisShape.authentication?.fields, settings);
  const { host, port, database, user, password } = values;
  const tls = tlsOptions(values);
  const address = { host: settingText(host), port: Number(port), connectTimeout: CONNECT_TIMEOUT_MS };
  return {
    // The session connects again itself, so that no command waits unseen.
    socket: {
      ...address,
      reconnectStrategy: false,
      ...(tls === undefined ? {} : { tls: true, servername: address.host, ...tls }),
    },
    ...(typeof user === 'string' && user !== '' ? { username: user } : {}),
    ...(typeof password === 'string' && password !== '' ? { password } : {}),
    ...(Number(database) === 0 ? {} : { database: Number(database) }),
    name: 'sluice',
    // Understood by every version of the server.
    RESP: 2,
    maintNotifications: 'disabled',
    disableOfflineQueue: true,
  };
}

/** `user@host:port/database`, for messages. */
export function placeOf({ settings }: ConnectionSpec): string {
  const { host, port, database, user } = withSettingDefaults(redisShape.authentication?.fields, settings);
  return `${typeof user === 'string' && user !== '' ? `${user}@` : ''}${settingText(host)}:${settingText(port)}/${settingText(database)}`;
}

/** The spec must have passed validation. */
export function targetOf(spec: DestinationSpec): Target {
  const action = redisShape.actions[spec.action];
  if (action === undefined) throw new TypeError(`Redis has no action ${spec.action}`);
  const fields = withLiteralDefaults(action, spec.fields);
  return {
    store: spec.action as Store,
    key: settingText(fields['key']),
    mode: (fields['__segment_internal_sync_mode'] ?? 'mirror') as SyncMode,
  };
}

/** With the row's default, which is a path and so not among the fixed ones. */
export function withRow(spec: DestinationSpec): DestinationSpec {
  if (redisShape.actions[spec.action]?.fields['row'] === undefined) return spec;
  return { ...spec, fields: { row: { '@path': '$.properties' }, ...spec.fields } };
}

/** A deleted record has nothing but its identifier, so the key cannot be made of columns. */
export function keyProblems({ action, fields: { key } }: DestinationSpec): Diagnostic[] {
  if (key === undefined || key === null) return [];
  if (typeof key !== 'string' || key === '' || !key.isWellFormed())
    return [
      error(
        'fields.key',
        `key must be a fixed text, the same for every row`,
        `write customer:${ID_PLACEHOLDER} or the like`,
      ),
    ];
  const perRecord = action === 'hash' || action === 'json' || action === 'text';
  if (perRecord && !key.includes(ID_PLACEHOLDER))
    return [
      error(
        'fields.key',
        `the key "${key}" is the same for every record, so that each would overwrite the one before`,
        `put ${ID_PLACEHOLDER} where the record's identifier belongs, for example ${key}:${ID_PLACEHOLDER}`,
      ),
    ];
  if (!perRecord && key.includes(ID_PLACEHOLDER))
    return [error('fields.key', `the key of a ${action} is one for all records`, `leave ${ID_PLACEHOLDER} out`)];
  return [];
}

// The connection of a configured destination: its client, its provider and its stored tokens.
import { AppError } from '@sluice/core';
import type { Connection, RegistryOptions, StoredConnection } from '@sluice/destinations';
import { credentialsOf, endpointsOf, renewConnection } from '@sluice/destinations';
import type { MappingConfig } from '@sluice/engine';
import type { DestinationConfig, Project } from '../config/project.ts';
import type { Io } from '../io.ts';
import type { FileStore } from './store.ts';
import { connectionKey, credentialsDirectory, openStore } from './store.ts';

export type OpenConnection = {
  readonly store: FileStore;
  readonly connection: Connection;
  readonly stored: StoredConnection | undefined;
};

/** Undefined for a destination without `oauth`. */
export async function openConnection(
  io: Io,
  project: Project,
  destination: DestinationConfig,
): Promise<OpenConnection | undefined> {
  const { name, type, settings, oauth, connection: shared } = destination;
  if (oauth === undefined) return undefined;
  const endpoints = placedEndpoints(project, destination, () => endpointsOf(type, oauth, settings));
  const store = await openStore(credentialsDirectory(io.environment, io.cwd), project.directory);
  const key = await connectionKey(project.directory, name, shared);
  const { clientId, clientSecret } = oauth;
  const client = { clientId, ...(clientSecret === undefined ? {} : { clientSecret }) };
  return { store, connection: { name, key, client, endpoints }, stored: await store.read(key) };
}

/** What a connection adds to a destination: tokens, and settings that the provider told. */
export async function withConnection<Target extends Pick<DestinationConfig, 'settings'>>(
  io: Io,
  project: Project,
  destination: DestinationConfig,
  target: Target,
): Promise<{
  readonly target: Target & Pick<MappingConfig['destination'], 'credentials'>;
  readonly registry: RegistryOptions;
}> {
  const open = await openConnection(io, project, destination);
  if (open?.stored === undefined) return { target, registry: {} };
  const { store, connection, stored } = open;
  if (stored.type !== destination.type || stored.clientId !== connection.client.clientId) {
    throw new AppError(`the destination "${destination.name}" was connected with another OAuth client or type`, {
      code: 'CONNECTION_CHANGED',
      kind: 'invalid',
      where: project.placeOf(['destinations', destination.name, 'oauth']),
      fix: `Connect it again: sluice destinations connect ${destination.name}`,
    });
  }
  return {
    target: {
      ...target,
      settings: { ...stored.grant.settings, ...target.settings },
      credentials: credentialsOf(stored.grant, connection),
    },
    registry: { renewCredentials: (_spec, stale) => renewConnection(store, connection, stale) },
  };
}

function placedEndpoints<T>(project: Project, { name }: DestinationConfig, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(`destination "${name}": ${error.message}`, {
      code: error.code,
      kind: error.kind,
      where: project.placeOf(['destinations', name, ...(error.where ?? '').split('.')]),
      ...(error.fix === undefined ? {} : { fix: error.fix }),
    });
  }
}

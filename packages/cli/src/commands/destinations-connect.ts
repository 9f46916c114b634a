// Signing in to a configured destination with OAuth, forgetting that, and asking whether its
// credentials are right.
import { spawn } from 'node:child_process';
import { AppError } from '@sluice/core';
import { authorize, createRegistry, providerOf } from '@sluice/destinations';
import type { StoredConnection } from '@sluice/destinations';
import type { DestinationConfig, Project } from '../config/project.ts';
import { openConnection, withConnection } from '../credentials/connections.ts';
import type { OpenConnection } from '../credentials/connections.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { authenticationLines, connectedLines, signInLines } from '../views/connect.ts';
import type { ConnectOptions } from './destinations-program.ts';
import { answer, loadProject, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

/** `{ destination, provider, connectedAt, expiresAt?, scopes?, settings, file, authentication }`. */
export async function destinationsConnectCommand(io: Io, name: string, options: ConnectOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options, 'entries');
  const destination = project.destination(name);
  const { store, connection } = await connectionOf(io, project, destination);
  const { endpoints, client } = connection;
  const grant = await authorize(endpoints, client, {
    signal: io.signal,
    waitMs: options.timeout * 1000,
    onReady: (url, redirectUri) => {
      io.err(`${signInLines(endpoints, url, redirectUri, session.errStyle).join('\n')}\n`);
      if (options.browser && io.errIsTerminal) openBrowser(url);
    },
    onRefused: () => io.err('An answer that does not belong to this sign-in was refused; still waiting.\n'),
  });
  const stored: StoredConnection = {
    type: destination.type,
    clientId: client.clientId,
    grant,
    connectedAt: new Date().toISOString(),
  };
  await store.exclusively(connection.key, () => store.write(connection.key, stored));
  const authentication = await testCredentials(io, project, destination);
  const { expiresAt, scopes, settings, refreshToken } = grant;
  const document = {
    destination: name,
    provider: endpoints.provider,
    connectedAt: stored.connectedAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(scopes === undefined ? {} : { scopes }),
    settings,
    renewable: refreshToken !== undefined,
    file: store.fileOf(connection.key),
    authentication,
  };
  answer(session, document, () => connectedLines(document, session.style));
  return authentication.result === 'invalid' ? EXIT.failed : EXIT.ok;
}

/** `{ destination, disconnected }`. */
export async function destinationsDisconnectCommand(io: Io, name: string, options: GlobalOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options, 'entries');
  const { store, connection } = await connectionOf(io, project, project.destination(name));
  const disconnected = await store.exclusively(connection.key, () => store.remove(connection.key));
  answer(session, { destination: name, disconnected }, () => [
    disconnected
      ? `The tokens of ${name} are forgotten. They stay valid at ${connection.endpoints.provider} until they are revoked there.`
      : `${name} was not connected.`,
  ]);
  return EXIT.ok;
}

/** `{ destination, authentication: { result, code?, message? } }`. */
export async function destinationsTestCommand(io: Io, name: string, options: GlobalOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const project = await loadProject(io, options, 'entries');
  const authentication = await testCredentials(io, project, project.destination(name));
  answer(session, { destination: name, authentication }, () =>
    authenticationLines(name, authentication, session.style),
  );
  return authentication.result === 'valid' || authentication.result === 'untested' ? EXIT.ok : EXIT.failed;
}

async function testCredentials(io: Io, project: Project, destination: DestinationConfig) {
  const { type, settings } = destination;
  const { target, registry } = await withConnection(io, project, destination, { type, settings });
  return createRegistry({ baseDirectory: project.directory, ...registry }).testAuthentication(target, {
    signal: io.signal,
  });
}

async function connectionOf(io: Io, project: Project, destination: DestinationConfig): Promise<OpenConnection> {
  const { name, type } = destination;
  const registry = createRegistry({ baseDirectory: project.directory });
  const scheme = registry.describe(type)?.authentication.scheme;
  if (scheme !== 'oauth2' && scheme !== 'oauth-managed') {
    const unknown = registry.validateConnection({ type, settings: {} }).find(({ path }) => path === 'type');
    throw new AppError(unknown?.message ?? `the destination "${name}" (${type}) does not sign in with OAuth`, {
      code: 'NOT_OAUTH',
      kind: 'invalid',
      where: project.placeOf(['destinations', name, 'type']),
      fix: unknown?.fix ?? `Its credentials are settings: sluice destinations show ${type}`,
    });
  }
  const open = await openConnection(io, project, destination);
  if (open !== undefined) return open;
  const registration = providerOf(type)?.registration;
  throw new AppError(`the destination "${name}" has no OAuth client`, {
    code: 'NO_OAUTH_CLIENT',
    kind: 'invalid',
    where: project.placeOf(['destinations', name]),
    fix: `Register one at the vendor and set oauth: { client_id: …, client_secret: \${VARIABLE} }.${registration === undefined ? '' : ` ${registration}`}`,
  });
}

/** Where it cannot be opened, the address on the screen is enough. */
function openBrowser(url: string): void {
  const command = { darwin: 'open', win32: 'explorer' }[process.platform as string] ?? 'xdg-open';
  const child = spawn(command, [url], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}

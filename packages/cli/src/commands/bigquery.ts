import path from 'node:path';
import { issueUserToken, startBigQuery } from '@sluice/bigquery-local';
import { AppError } from '@sluice/core';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { answer, sessionOf } from './session.ts';
import type { GlobalOptions } from './session.ts';

export type BigQueryStartOptions = GlobalOptions & {
  readonly dataDir: string;
  readonly port: number;
  readonly grpcPort?: number;
  readonly host?: string;
  readonly project?: string;
  readonly owner?: string;
  readonly anonymousAs?: string;
};

/** Runs the local BigQuery until SIGINT or SIGTERM. */
export async function bigQueryStartCommand(io: Io, options: BigQueryStartOptions): Promise<ExitCode> {
  const session = sessionOf(io, options);
  if ((options.project === undefined) !== (options.owner === undefined)) {
    throw new AppError('--project and --owner belong together', {
      code: 'USAGE',
      kind: 'invalid',
      fix: 'Name both (--project ID --owner EMAIL), or none and create the project with the Resource Manager API.',
    });
  }
  const dataDir = path.resolve(io.cwd, options.dataDir);
  const server = await startBigQuery({
    dataDir,
    port: options.port,
    ...(options.grpcPort === undefined ? {} : { grpcPort: options.grpcPort }),
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.project === undefined || options.owner === undefined
      ? {}
      : { project: options.project, owner: options.owner }),
    ...(options.anonymousAs === undefined ? {} : { anonymousAs: options.anonymousAs }),
  }).catch((error: unknown): never => {
    throw startError(error, options);
  });
  try {
    if (session.json)
      io.out(`${JSON.stringify({ event: 'ready', restUrl: server.restUrl, grpcAddress: server.grpcAddress })}\n`);
    else {
      io.out(`The local BigQuery answers at ${server.restUrl}, its Storage Read API at ${server.grpcAddress} (gRPC)\n`);
      if (options.anonymousAs !== undefined)
        io.err(`warning: every caller without credentials is ${options.anonymousAs}\n`);
      io.err(
        `Data: ${dataDir}. A user's access token: sluice bigquery token EMAIL --data-dir ${options.dataDir}. Stop with Ctrl-C.\n`,
      );
    }
    await aborted(io.signal);
  } finally {
    await server.close();
  }
  return EXIT.ok;
}

export async function bigQueryTokenCommand(
  io: Io,
  email: string,
  options: GlobalOptions & { readonly dataDir: string; readonly scope?: readonly string[] },
): Promise<ExitCode> {
  const session = sessionOf(io, options);
  const token = await issueUserToken({
    dataDir: path.resolve(io.cwd, options.dataDir),
    email,
    ...(options.scope === undefined ? {} : { scopes: options.scope }),
  });
  answer(session, { email, token }, () => [token]);
  return EXIT.ok;
}

/** What keeps the server from starting, in the words of the command's options. */
function startError(error: unknown, options: BigQueryStartOptions): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error;
  if ('code' in error && error.code === 'EACCES') {
    return new AppError(`port ${options.port} may not be used by this user`, {
      code: 'PORT_UNAVAILABLE',
      kind: 'unavailable',
      where: `--port ${options.port}`,
      fix: 'Choose another port, or --port 0 for any free one.',
      cause: error,
    });
  }
  // BigQuery's own refusal of --project, --owner or --anonymous-as.
  if (error.name !== 'BigQueryError') return error;
  return new AppError(error.message, {
    code: 'INVALID_ARGUMENT',
    kind: 'invalid',
    fix: 'Correct --project, --owner or --anonymous-as.',
    cause: error,
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

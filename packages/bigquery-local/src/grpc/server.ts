// The gRPC server of the Storage Read API. As over REST, every call finds out who calls,
// checks the token's scopes and asks for its permissions before it says anything.
import {
  logVerbosity,
  Server,
  ServerCredentials,
  setLogVerbosity,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { AppError } from '@sluice/core';
import { randomUUID } from 'node:crypto';
import type { Permission, Principal } from '../access/decision.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import { principalFor, requireScope } from '../auth/scopes.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { Services } from '../services.ts';
import { operatingOn, ReadSessions, type ReadSession, type RowRange } from './read-sessions.ts';
import {
  readService,
  writeService,
  WRITE_METHODS,
  type RowsResponse,
  type WireCreateReadSession,
  type WireReadRows,
  type WireSplit,
} from './read-wire.ts';
import { statusOf } from './status.ts';

/** Names of the methods in the audit log and in the access matrix. */
export const READ_OPERATIONS = ['CreateReadSession', 'ReadRows', 'SplitReadStream'].map(
  (method) => `bigquerystorage.BigQueryRead.${method}`,
);

/** Calls of ReadRows at once: each holds two reads' rows in memory. */
const MAX_READERS = 200;
const CREATE_TIMEOUT_MS = 30 * 60_000;
/** A client that takes nothing for this long has gone away. */
const STALLED_MS = 15 * 60_000;

export type GrpcServerOptions = {
  readonly services: Services;
  readonly authenticator: Authenticator;
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal;
};

export type GrpcServer = AsyncDisposable & { readonly port: number };

type Caller = { readonly principal: Principal };

type Call = Pick<ServerUnaryCall<unknown, unknown>, 'metadata' | 'on'>;

export async function createGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { services, stopping } = options;
  // The library would write to stderr what it also throws.
  setLogVerbosity(logVerbosity.NONE);
  await using resources = new AsyncDisposableStack();
  const sessions = resources.use(new ReadSessions(services.clock));
  const server = new Server({
    'grpc.max_receive_message_length': 4 * 1024 ** 2,
    'grpc-node.flow_control_window': 16 * 1024 ** 2,
  });
  let readers = 0;

  const run = async <T>(
    call: Call,
    operation: string,
    body: (caller: Caller, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const [header] = call.metadata.get('authorization');
    const authentication = await options.authenticator.authenticate(
      header === undefined ? undefined : String(header),
      new Date(services.clock()),
    );
    requireScope(authentication, operation);
    const principal = principalFor(authentication, operation);
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort(new BigQueryError('stopped', 'The client cancelled the call.')));
    return services.audit.during({ operation, requestId: randomUUID() }, () =>
      body({ principal }, AbortSignal.any([gone.signal, stopping])),
    );
  };

  const unary =
    <Request, Response>(
      method: string,
      body: (request: Request, caller: Caller, signal: AbortSignal) => Promise<Response>,
    ) =>
    (call: ServerUnaryCall<Request, Response>, answer: (error: object | null, value?: Response) => void): void => {
      run(call, `bigquerystorage.BigQueryRead.${method}`, (caller, signal) => body(call.request, caller, signal)).then(
        (value) => answer(null, value),
        (error: unknown) => answer(failed(services, method, error)),
      );
    };

  server.addService(readService(), {
    CreateReadSession: unary('CreateReadSession', async (request: WireCreateReadSession, { principal }, signal) => {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(CREATE_TIMEOUT_MS)]);
      // Arrow is loaded at the first call: an idle server does without.
      const { createReadSession } = await import('./create-read-session.ts');
      const { session, bytes } = await createReadSession(services, sessions, principal, request, limited);
      return sessionMessage(session, bytes, request);
    }),
    SplitReadStream: unary('SplitReadStream', async (request: WireSplit, { principal }) => {
      const { session, range } = find(services, sessions, principal, 'bigquery.readsessions.update', request.name);
      return splitMessage(sessions, session, range, request);
    }),
    ReadRows: (call: ServerWritableStream<WireReadRows, RowsResponse>): void => {
      run(call, 'bigquerystorage.BigQueryRead.ReadRows', async ({ principal }, signal) => {
        const { readStream, offset } = call.request;
        const { session, range } = find(services, sessions, principal, 'bigquery.readsessions.getData', readStream);
        if (readers >= MAX_READERS)
          throw new BigQueryError(
            'rateLimitExceeded',
            operatingOn(readStream, `the local BigQuery serves at most ${MAX_READERS} calls of ReadRows at once`),
          );
        const { readRows } = await import('./read-rows.ts');
        readers++;
        session.readers++;
        try {
          for await (const response of readRows(session, readStream, range, Number(offset), signal)) {
            if (!call.write(response)) await drained(call, signal);
            session.usedMs = services.clock();
          }
        } finally {
          readers--;
          session.readers--;
        }
      }).then(
        () => call.end(),
        (error: unknown) => call.emit('error', failed(services, 'ReadRows', error)),
      );
    },
  });
  server.addService(
    writeService(),
    Object.fromEntries(WRITE_METHODS.map((method) => [method, refuseWrite(options, method)])),
  );
  const port = await bind(server, options);
  resources.defer(() => server.forceShutdown());
  const owned = resources.move();
  return { port, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The session of a stream, for who may: no one else learns whether it exists. */
function find(
  services: Services,
  sessions: ReadSessions,
  principal: Principal,
  permission: Permission,
  stream: string,
): { readonly session: ReadSession; readonly range: RowRange } {
  const match = /^projects\/([^/]+)\/locations\/[^/]+\/sessions\/[^/]+\/streams\/[^/]+$/.exec(stream);
  if (match === null)
    throw new BigQueryError(
      'invalid',
      `Invalid resource field value in the request: '${stream}' is not projects/{project}/locations/{location}/sessions/{session}/streams/{stream}.`,
    );
  const projectId = match[1]!;
  if (!services.access.decide(principal, permission, { kind: 'project', projectId }).allowed)
    throw new BigQueryError(
      'accessDenied',
      operatingOn(stream, `the user does not have '${permission}' permission for '${stream}'`),
    );
  return sessions.find(stream);
}

function sessionMessage(session: ReadSession, bytes: bigint, request: WireCreateReadSession): object {
  const schema =
    session.format === 'ARROW'
      ? { arrowSchema: { serializedSchema: session.schema } }
      : { avroSchema: { schema: Buffer.from(session.schema).toString('utf8') } };
  return {
    ...request.readSession,
    name: session.name,
    expireTime: { seconds: Math.floor(session.expiresMs / 1000), nanos: (session.expiresMs % 1000) * 1e6 },
    ...schema,
    streams: [...session.streams.keys()].map((name) => ({ name })),
    estimatedTotalBytesScanned: String(bytes),
    estimatedRowCount: String(session.snapshot.rows),
    estimatedTotalPhysicalFileSize: String(bytes),
  };
}

/** Both empty when there is nothing to split. */
function splitMessage(
  sessions: ReadSessions,
  session: ReadSession,
  range: RowRange,
  { name, fraction }: WireSplit,
): object {
  if (!(fraction > 0 && fraction < 1))
    throw new BigQueryError('invalid', operatingOn(name, `fraction ${fraction} is not between 0 and 1`));
  const rows = range.to - range.from;
  const at = range.from + Math.max(1, Math.min(rows - 1, Math.round(rows * fraction)));
  const parts = rows < 2 ? undefined : sessions.split(session, at, range);
  return parts === undefined ? {} : { primaryStream: { name: parts[0] }, remainderStream: { name: parts[1] } };
}

function refuseWrite(options: GrpcServerOptions, method: string): (call: Call, answer?: unknown) => void {
  return (call, answer) => {
    const refuse = async (): Promise<never> => {
      const [header] = call.metadata.get('authorization');
      await options.authenticator.authenticate(
        header === undefined ? undefined : String(header),
        new Date(options.services.clock()),
      );
      throw new BigQueryError(
        'notImplemented',
        `BigQueryWrite.${method} is not supported by the local BigQuery: use load jobs, DML or tabledata.insertAll.`,
      );
    };
    refuse().catch((error: unknown) => {
      const status = failed(options.services, method, error);
      if (typeof answer === 'function') (answer as (error: object) => void)(status);
      else (call as unknown as NodeJS.EventEmitter).emit('error', status);
    });
  };
}

function failed(services: Services, method: string, error: unknown): object {
  const status = statusOf(error);
  if (!(error instanceof BigQueryError)) services.log.error({ err: error, method }, 'gRPC call failed');
  return status;
}

function drained(call: ServerWritableStream<WireReadRows, RowsResponse>, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = AbortSignal.any([signal, AbortSignal.timeout(STALLED_MS)]);
  const onAbort = (): void => reject(stop.reason as Error);
  if (stop.aborted) onAbort();
  stop.addEventListener('abort', onAbort, { once: true });
  call.once('drain', resolve);
  return promise.finally(() => {
    stop.removeEventListener('abort', onAbort);
    call.removeListener('drain', resolve);
  });
}

async function bind(server: Server, { host, port }: GrpcServerOptions): Promise<number> {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (cause, bound) => {
      if (cause === null) resolve(bound);
      else
        reject(
          new AppError(`Port ${port} on ${host} cannot be used for gRPC: ${cause.message}`, {
            code: 'PORT_IN_USE',
            kind: 'conflict',
            where: address,
            fix: 'Stop the process that uses it, or choose another --grpc-port (0 = any free one).',
            cause,
          }),
        );
    });
  });
}

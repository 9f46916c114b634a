// Typed calls to the analyser, with a deadline each. Restarts the process when it has
// died; a call that was cut off by that is made once more.
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { createRequire } from 'node:module';
import path from 'node:path';

import { analyzerError, isGrpcError } from './analyzer-error.ts';
import { ZetaSqlProcess, zetasqlDirectory, type ZetaSqlProcessOptions } from './process.ts';

const MAX_MESSAGE_BYTES = 128 * 1024 * 1024;
const UNAVAILABLE = 14;
const MAX_NESTING = 2000;

/** A decoded protocol buffer message: plain objects, longs and enums as strings. */
export type Message = { readonly [key: string]: unknown };

type Method = (
  request: Message,
  options: { deadline: number },
  callback: (error: Error | null, response?: Message) => void,
) => unknown;

type Service = new (address: string, credentials: grpc.ChannelCredentials, options: grpc.ClientOptions) => grpc.Client;

export type Rpc =
  | 'Analyze'
  | 'ExtractTableNamesFromStatement'
  | 'GetBuiltinFunctions'
  | 'GetLanguageOptions'
  | 'Parse'
  | 'RegisterCatalog'
  | 'UnregisterCatalog';

export type ZetaSqlClientOptions = ZetaSqlProcessOptions & {
  /** Deadline of one call in milliseconds. Default 30,000. */
  readonly callTimeoutMs?: number;
};

type Connection = { readonly process: ZetaSqlProcess; readonly stub: grpc.Client };

export class ZetaSqlClient implements AsyncDisposable {
  readonly #options: ZetaSqlClientOptions;
  readonly #service: Service;
  #connection: Promise<Connection> | undefined;
  #generation = 0;
  #closed = false;

  constructor(options: ZetaSqlClientOptions = {}) {
    this.#options = options;
    this.#service = loadService();
  }

  /** Counts the analyser's starts: what was registered in an earlier one is gone. */
  get generation(): number {
    return this.#generation;
  }

  /** Process id of the analyser, for tests of its restart. */
  async pid(): Promise<number> {
    return (await this.#connect()).process.pid;
  }

  /**
   * Makes one call. Throws BigQueryErrors. A request that depends on what this very process
   * knows is given as a function, which is asked again when the call is repeated on another.
   */
  async call(rpc: Rpc, request: Message | (() => Promise<Message>)): Promise<Message> {
    try {
      return await this.#callOnce(rpc, request);
    } catch (error) {
      if (!isGrpcError(error) || error.code !== UNAVAILABLE || this.#closed) throw analyzerError(error);
    }
    try {
      return await this.#callOnce(rpc, request);
    } catch (error) {
      throw analyzerError(error);
    }
  }

  async #callOnce(rpc: Rpc, request: Message | (() => Promise<Message>)): Promise<Message> {
    const { stub, process } = await this.#connect();
    const method = (stub as unknown as Record<string, Method>)[rpc];
    if (method === undefined) throw new Error(`The analyser has no call ${rpc}.`);
    const message = typeof request === 'function' ? await request() : request;
    const deadline = Date.now() + (this.#options.callTimeoutMs ?? 30_000);
    try {
      return await new Promise<Message>((resolve, reject) => {
        method.call(stub, message, { deadline }, (error, response) =>
          error === null ? resolve(response ?? {}) : reject(error),
        );
      });
    } catch (error) {
      if (isGrpcError(error) && error.code === UNAVAILABLE) {
        // A dying process drops the connection before its exit is known to us.
        await Promise.race([process.exited, new Promise((resolve) => setTimeout(resolve, 500).unref())]);
      }
      throw error;
    }
  }

  #connect(): Promise<Connection> {
    if (this.#closed) throw new Error('The GoogleSQL analyser is closed.');
    this.#connection ??= this.#open();
    return this.#connection;
  }

  async #open(): Promise<Connection> {
    try {
      const process = await ZetaSqlProcess.start(this.#options);
      const stub = new this.#service(process.address, grpc.credentials.createInsecure(), {
        'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
        'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
        'grpc.enable_http_proxy': 0,
      });
      this.#generation += 1;
      void process.exited.then(() => {
        stub.close();
        this.#connection = undefined;
      });
      return { process, stub };
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const opened = await this.#connection?.catch(() => undefined);
    opened?.stub.close();
    await opened?.process[Symbol.asyncDispose]();
  }
}

/**
 * protobufjs refuses messages nested deeper than 100. A resolved expression takes about four
 * messages for each level of a query's text, so that a concatenation of 25 strings would fail.
 */
function allowNesting(): void {
  const fromLoader = createRequire(createRequire(import.meta.url).resolve('@grpc/proto-loader'));
  const protobuf = fromLoader('protobufjs') as { util: { recursionLimit: number }; Reader: { recursionLimit: number } };
  protobuf.util.recursionLimit = Math.max(protobuf.util.recursionLimit, MAX_NESTING);
  protobuf.Reader.recursionLimit = Math.max(protobuf.Reader.recursionLimit, MAX_NESTING);
}

function loadService(): Service {
  allowNesting();
  const protos = path.join(zetasqlDirectory(), 'protos');
  const definition = loadSync('local_service.proto', {
    includeDirs: [protos],
    keepCase: false,
    longs: String,
    enums: String,
    oneofs: true,
  });
  const root = grpc.loadPackageDefinition(definition) as unknown as {
    zetasql: { local_service: { ZetaSqlLocalService: Service } };
  };
  return root.zetasql.local_service.ZetaSqlLocalService;
}

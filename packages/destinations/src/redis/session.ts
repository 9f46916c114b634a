// One sync's rows into one Redis server. The commands of a batch go out as one pipeline
// over one connection, in order, and each row has its own reply. A connection that broke is
// replaced at the next batch.
import { messageOf } from '@sluice/core';
import type { BatchResult, DeliverOptions, Prepared, RowOutcome, Session } from '@sluice/destination-kit';
import { createClient } from 'redis';
import { HASH_SCRIPT, UnfitRow, commandOf } from './commands.ts';
import { verdictOf } from './errors.ts';
import type { Verdict } from './errors.ts';
import type { ClientOptions, Target } from './settings.ts';

type Client = ReturnType<typeof createClient>;
type Connection = { readonly client: Client; readonly script: string };

const DELIVERED: RowOutcome = { outcome: 'delivered' };

/** Connects, signs in and answers the name of the loaded script. */
export async function connect(options: ClientOptions, signal?: AbortSignal): Promise<Connection> {
  const client = createClient(options);
  // A connection that breaks is noticed by the commands that are under way.
  client.on('error', () => undefined);
  const stop = (): void => destroy(client);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await client.connect();
    signal?.throwIfAborted();
    const script = await client.sendCommand<string>(['SCRIPT', 'LOAD', HASH_SCRIPT]);
    return { client, script };
  } catch (error) {
    destroy(client);
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

export function destroy(client: Pick<Client, 'isOpen' | 'destroy'>): void {
  if (client.isOpen) client.destroy();
}

export class RedisSession implements Session {
  readonly #options: ClientOptions;
  readonly #target: Target;
  #connection: Connection | undefined;

  constructor(options: ClientOptions, target: Target, connection: Connection) {
    this.#options = options;
    this.#target = target;
    this.#connection = connection;
  }

  async deliver(batch: readonly Prepared[], { signal }: DeliverOptions): Promise<BatchResult> {
    if (this.#connection?.client.isReady !== true) this.#drop();
    this.#connection ??= await connect(this.#options, signal);
    const { client, script } = this.#connection;
    // The replies of what was sent before the cancel are not waited for.
    const abort = (): void => this.#drop();
    signal.addEventListener('abort', abort, { once: true });
    try {
      return this.#resultOf(await Promise.all(batch.map((row) => this.#send(client, script, row))));
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#drop();
  }

  /** Commands that are issued without a pause between them travel together. */
  async #send(client: Client, script: string, row: Prepared): Promise<RowOutcome | Verdict | Error> {
    let command: string[] | undefined;
    try {
      command = commandOf(this.#target, row, script);
    } catch (error) {
      if (!(error instanceof UnfitRow)) throw error;
      return { outcome: 'rejected', code: 'VALUE_UNFIT', message: error.message };
    }
    if (command === undefined) return DELIVERED;
    try {
      await client.sendCommand(command);
      return DELIVERED;
    } catch (error) {
      return verdictOf(error) ?? (error instanceof Error ? error : new Error(messageOf(error)));
    }
  }

  #resultOf(replies: readonly (RowOutcome | Verdict | Error)[]): BatchResult {
    const outcomes: RowOutcome[] = [];
    for (const reply of replies) {
      if (reply instanceof Error) {
        this.#drop();
        return {
          kind: 'failed',
          cause: 'later',
          code: 'CONNECTION_LOST',
          message: messageOf(reply),
          maybeDelivered: true,
        };
      }
      if ('outcome' in reply) {
        outcomes.push(reply);
        continue;
      }
      const { cause, code, message } = reply;
      if (cause === 'stop') return { kind: 'failed', cause, code, message };
      // The script is loaded again, and a server that became a replica is left.
      if (code === 'NOSCRIPT' || code === 'READONLY') this.#drop();
      outcomes.push({ outcome: cause === 'rows' ? 'rejected' : 'retry', code, message });
    }
    return { kind: 'rows', outcomes };
  }

  #drop(): void {
    const { client } = this.#connection ?? {};
    this.#connection = undefined;
    if (client !== undefined) destroy(client);
  }
}

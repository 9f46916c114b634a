// Puts files on a server over SFTP, each under a temporary name until it is whole. One
// connection at a time, opened when it is needed and replaced when it was lost.
import { hash, timingSafeEqual } from 'node:crypto';
import path from 'node:path';
import { messageOf } from '@sluice/core';
import type { AuthenticationResult, ConnectionSpec, Diagnostic } from '@sluice/destination-kit';
import { error, withSettingDefaults } from '@sluice/destination-kit';
import SftpClient from 'ssh2-sftp-client';
import type { ObjectStore, Part } from '../object-store/object-store.ts';
import { StoreFailure } from '../object-store/object-store.ts';
import { sftpShape } from './shape.ts';

const CONNECT_TIMEOUT_MS = 15_000;
const KEEP_ALIVE_MS = 10_000;
/** Ends the name of a file that is not whole yet. */
const UNFINISHED = '.part';
const FINGERPRINT = /^SHA256:([A-Za-z0-9+/]{43})=?$/;

type Settings = {
  readonly where: string;
  readonly directory: string;
  readonly fingerprint: string | undefined;
  readonly connect: SftpClient.ConnectOptions;
};

export function sftpSettingProblems({ settings }: ConnectionSpec): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const { host, password, private_key: key, host_key_fingerprint: fingerprint, directory } = settings;
  if (typeof host === 'string' && /[\s/@]/.test(host))
    problems.push(error('settings.host', 'the host must be a name or an address, without a scheme, user or path'));
  if (!password && !key)
    problems.push(error('settings.password', 'there is neither a password nor a private key', 'set one of them'));
  if (typeof key === 'string' && key !== '' && !key.includes('PRIVATE KEY'))
    problems.push(error('settings.private_key', 'that is no private key', 'paste the whole file, its first line too'));
  if (typeof fingerprint === 'string' && fingerprint !== '') {
    if (!FINGERPRINT.test(fingerprint))
      problems.push(error('settings.host_key_fingerprint', 'the fingerprint must look like SHA256: and 43 characters'));
  } else if (settings['accept_unknown_host_key'] !== true) {
    problems.push(
      error(
        'settings.host_key_fingerprint',
        "the fingerprint of the server's key is missing",
        "ssh-keyscan HOST | ssh-keygen -lf - prints it; compare it with what the server's keeper says",
      ),
    );
  }
  if (typeof directory === 'string' && /[\0\n]/.test(directory))
    problems.push(error('settings.directory', 'the directory has characters that no path has'));
  return problems;
}

export function sftpSettings({ settings }: ConnectionSpec): Settings {
  const values = withSettingDefaults(sftpShape.authentication?.fields, settings);
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [host, port, username] = [text('host') ?? '', Number(values['port']), text('user') ?? ''];
  const [password, privateKey, passphrase] = [text('password'), text('private_key'), text('passphrase')];
  return {
    where: `${username}@${host}:${port}`,
    directory: text('directory') ?? '.',
    fingerprint: FINGERPRINT.exec(text('host_key_fingerprint') ?? '')?.[1],
    connect: {
      host,
      port,
      username,
      readyTimeout: CONNECT_TIMEOUT_MS,
      keepaliveInterval: KEEP_ALIVE_MS,
      keepaliveCountMax: 3,
      // Many servers ask for the password in a dialogue of their own.
      ...(password === undefined ? {} : { password, tryKeyboard: true }),
      ...(privateKey === undefined ? {} : { privateKey }),
      ...(passphrase === undefined ? {} : { passphrase }),
    },
  };
}

type Connection = { readonly client: SftpClient; lost: boolean };

export class SftpStore implements ObjectStore {
  readonly #settings: Settings;
  readonly #folders = new Set<string>();
  #connection: Connection | undefined;
  /** One file at a time: they share a connection. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  put(part: Part, signal: AbortSignal): Promise<void> {
    const turn = this.#last.then(() => this.#put(part, signal));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#drop();
  }

  async #put({ key, body }: Part, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const target = path.posix.join(this.#settings.directory, key);
    const work = this.#write(body, target, signal);
    try {
      // The library leaves waiting whoever waits for a connection that it was told to end.
      await Promise.race([work, aborted.promise]);
    } catch (thrown) {
      work.catch(() => undefined);
      if (signal.aborted || !isAnswer(thrown)) await this.#drop();
      throw failureOf(thrown, this.#settings.where);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  // Nothing waits for what is cancelled, so each step asks before it goes on.
  async #write(body: Buffer, target: string, signal: AbortSignal): Promise<void> {
    const client = await this.#connected();
    signal.throwIfAborted();
    await this.#makeFolder(client, path.posix.dirname(target));
    signal.throwIfAborted();
    await client.put(body, `${target}${UNFINISHED}`);
    signal.throwIfAborted();
    await replace(client, `${target}${UNFINISHED}`, target);
  }

  async #connected(): Promise<SftpClient> {
    if (this.#connection?.lost === false) return this.#connection.client;
    await this.#drop();
    const connection: Connection = { client: quietClient(() => (connection.lost = true)), lost: false };
    this.#connection = connection;
    await connect(connection.client, this.#settings);
    return connection.client;
  }

  async #makeFolder(client: SftpClient, folder: string): Promise<void> {
    if (folder === '.' || folder === '/' || this.#folders.has(folder)) return;
    if ((await client.exists(folder)) === false) await client.mkdir(folder, true);
    this.#folders.add(folder);
  }

  async #drop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) await end(connection.client);
  }
}

export async function testSftp(spec: ConnectionSpec): Promise<AuthenticationResult> {
  const settings = sftpSettings(spec);
  const client = quietClient(() => undefined);
  try {
    await connect(client, settings);
    if ((await client.exists(settings.directory)) === 'd') return { result: 'valid' };
    return {
      result: 'invalid',
      code: 'NO_DIRECTORY',
      message: `there is no directory ${settings.directory} on ${settings.where}`,
    };
  } catch (thrown) {
    const failure = failureOf(thrown, settings.where);
    return failure.reason === 'later'
      ? { result: 'unavailable', code: failure.code, message: failure.message }
      : { result: 'invalid', code: failure.code, message: failure.message };
  } finally {
    await end(client);
  }
}

/** The library prints errors that nobody waits for; here they only tell that the connection is gone. */
function quietClient(onLost: () => void): SftpClient {
  return new SftpClient('sluice', { error: onLost, end: onLost, close: onLost });
}

type KeyboardDialogue = readonly [
  name: string,
  instructions: string,
  language: string,
  prompts: readonly { readonly prompt: string; readonly echo?: boolean }[],
  finish: (answers: string[]) => void,
];

async function connect(client: SftpClient, { connect: options, fingerprint, where }: Settings): Promise<void> {
  let seen: string | undefined;
  const hostVerifier = (key: Buffer): boolean => {
    seen = hash('sha256', key, 'base64').replace(/=$/, '');
    return fingerprint === undefined || timingSafeEqual(Buffer.from(seen), Buffer.from(fingerprint));
  };
  const { password = '' } = options;
  client.on('keyboard-interactive', (...[, , , prompts, finish]: KeyboardDialogue) =>
    // A dialogue that shows what is typed asks for something else.
    finish(prompts.map(({ echo }) => (echo === true ? '' : password))),
  );
  try {
    await client.connect({ ...options, hostVerifier });
  } catch (thrown) {
    if (fingerprint !== undefined && seen !== undefined && seen !== fingerprint)
      throw new StoreFailure(
        'stop',
        'HOST_KEY_MISMATCH',
        `the key of ${where} has the fingerprint SHA256:${seen}, not the one in settings.host_key_fingerprint; find out why before you change it`,
        thrown,
      );
    throw thrown;
  }
}

// OpenSSH replaces a file in one step when it is asked by its own name for it; others only
// rename to a name that is free.
async function replace(client: SftpClient, from: string, to: string): Promise<void> {
  try {
    await client.posixRename(from, to);
  } catch (thrown) {
    if (!/does not support|unsupported/i.test(messageOf(thrown))) throw thrown;
    await client.delete(to, true);
    await client.rename(from, to);
  }
}

async function end(client: SftpClient): Promise<void> {
  const limit = Promise.withResolvers<void>();
  const timer = setTimeout(limit.resolve, CONNECT_TIMEOUT_MS);
  await Promise.race([client.end().catch(() => undefined), limit.promise]);
  clearTimeout(timer);
}

/** The server answered with a status of SFTP, so the connection is whole. */
function isAnswer(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && ANSWERS.has(thrown.code);
}
const ANSWERS: ReadonlySet<unknown> = new Set([2, 3, 4, 8, 'ERR_BAD_PATH', 'ENOENT', 'EACCES']);

function failureOf(thrown: unknown, where: string): StoreFailure {
  if (thrown instanceof StoreFailure) return thrown;
  const message = messageOf(thrown);
  const code =
    thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : 'SFTP_ERROR';
  const make = (reason: StoreFailure['reason'], name: string): StoreFailure =>
    new StoreFailure(reason, name, `${where}: ${message}`, thrown);
  if (/authentication methods failed/i.test(message)) return make('stop', 'AUTHENTICATION_FAILED');
  if (/passphrase|private key|privateKey/i.test(message)) return make('stop', 'PRIVATE_KEY_UNUSABLE');
  if (/permission denied/i.test(message)) return make('stop', 'PERMISSION_DENIED');
  if (/no such file|bad path/i.test(message)) return make('stop', 'NO_SUCH_FILE');
  return make('later', code);
}

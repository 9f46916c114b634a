// The ZetaSQL server as a child process of ours. Owns its binary, port and life:
// it listens on a random loopback port, is watched, and never outlives this process,
// not even after SIGKILL (a shell waits on a pipe from us and kills it when the pipe closes).
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BINARIES: Readonly<Record<string, string>> = {
  'linux-x64': 'remote_server.so',
  'linux-arm64': 'remote_server_arm.so',
  'darwin-x64': 'remote_server',
  'darwin-arm64': 'remote_server_arm',
};

const START_ATTEMPTS = 5;

/** Directory of the ZetaSQL package's binaries and proto files. */
export function zetasqlDirectory(): string {
  const entry = createRequire(import.meta.url).resolve('@fivetrandevelopers/zetasql/package.json');
  return path.join(path.dirname(entry), 'lib', 'zetasql');
}

/** Path of the analyser's binary for this machine. Throws with the reason where there is none. */
export function zetasqlBinary(platform: string = process.platform, arch: string = process.arch): string {
  const name = BINARIES[`${platform}-${arch}`];
  if (name === undefined) {
    throw new Error(
      `The GoogleSQL analyser has no binary for ${platform} ${arch}; it runs on Linux with glibc and on macOS (x64 and arm64).`,
    );
  }
  if (platform === 'linux' && process.platform === 'linux' && isMusl()) {
    throw new Error(
      'The GoogleSQL analyser needs glibc 2.29 or later; this system uses musl (Alpine). Use a Debian, Ubuntu or similar image.',
    );
  }
  const file = path.join(zetasqlDirectory(), name);
  try {
    accessSync(file, constants.X_OK);
  } catch (cause) {
    throw new Error(
      `The GoogleSQL analyser's binary is missing or not executable: ${file}. Install the dependencies again (npm ci).`,
      { cause },
    );
  }
  return file;
}

function isMusl(): boolean {
  const report = process.report.getReport() as unknown as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime === undefined;
}

export type ZetaSqlProcessOptions = {
  /** How long one start may take, in milliseconds. Default 20,000 (the first start reads 90 MB from disk). */
  readonly startTimeoutMs?: number;
};

/** One running analyser. */
export class ZetaSqlProcess implements AsyncDisposable {
  readonly address: string;
  readonly pid: number;
  /** Settles when the process has ended, for whatever reason. */
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #watcher: ChildProcess;

  private constructor(address: string, child: ChildProcess, pid: number, watcher: ChildProcess, exited: Promise<void>) {
    this.address = address;
    this.#child = child;
    this.pid = pid;
    this.#watcher = watcher;
    this.exited = exited;
  }

  static async start(options: ZetaSqlProcessOptions = {}): Promise<ZetaSqlProcess> {
    const binary = zetasqlBinary();
    const deadline = Date.now() + (options.startTimeoutMs ?? 20_000);
    for (let attempt = 1; ; attempt += 1) {
      // Another program may take the port between our asking and the server's binding: then it exits and we try another.
      const started = await ZetaSqlProcess.#tryStart(binary, await freePort(), deadline);
      if (started !== undefined) return started;
      if (attempt >= START_ATTEMPTS || Date.now() > deadline) throw new Error('The GoogleSQL analyser did not start.');
    }
  }

  static async #tryStart(binary: string, port: number, deadline: number): Promise<ZetaSqlProcess | undefined> {
    // Own process groups: Ctrl-C in a terminal must not take the analyser away from statements that are being finished.
    const child = spawn(binary, ['localhost', String(port)], { stdio: 'ignore', detached: true, env: {} });
    const state = { ended: false };
    const exited = new Promise<void>((resolve) => {
      const end = (): void => {
        state.ended = true;
        resolve();
      };
      child.once('exit', end);
      child.once('error', end);
    });
    if (child.pid === undefined) {
      await exited;
      return undefined;
    }
    const watcher = spawn('/bin/sh', ['-c', 'read -r _; kill -9 "$1"', 'sh', String(child.pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      env: {},
    });
    watcher.on('error', () => undefined);
    watcher.stdin?.on('error', () => undefined);
    void exited.then(() => watcher.kill('SIGKILL'));
    // Neither process nor pipe keeps Node alive.
    child.unref();
    watcher.unref();
    const stdin = watcher.stdin as (NodeJS.WritableStream & { unref?: () => void }) | null;
    stdin?.unref?.();
    while (Date.now() < deadline && !state.ended) {
      if (await accepts(port)) return new ZetaSqlProcess(`127.0.0.1:${port}`, child, child.pid, watcher, exited);
      await sleep(15);
    }
    child.kill('SIGKILL');
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watcher.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.ref();
      this.#child.kill('SIGKILL');
    }
    await this.exited;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('No free port')),
      );
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const finish = (ok: boolean): void => {
      socket.destroy();
      resolve(ok);
    };
    socket.setTimeout(1000, () => finish(false));
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

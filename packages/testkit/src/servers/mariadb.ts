// A real MariaDB from Debian's packages, on a free port, with one database and one user.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { debianTree } from './debian.ts';
import { freePort, serverFolder, startServerProcess } from './process.ts';
import type { ServerProcess } from './process.ts';

const run = promisify(execFile);
const PACKAGES = [
  'mariadb-server-core',
  'mariadb-server',
  'mariadb-client-core',
  'libaio1',
  'liburing2',
  'libmariadb3',
];
const BOOTSTRAP_LIMIT_MS = 120_000;

export interface MariaDbServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly process: ServerProcess;
}

export async function startMariaDb(): Promise<MariaDbServer> {
  const tree = await debianTree(PACKAGES);
  const { folder, remove } = await serverFolder('mariadb');
  // MariaDB runs as root only when it is told to.
  const asRoot = process.getuid?.() === 0 ? ['--user=root'] : [];
  const port = await freePort();
  const data = path.join(folder, 'data');
  const login = { user: 'sluice', password: 'a-password-of-tests', database: 'shop' };
  const start = path.join(folder, 'start.sql');
  await writeFile(
    start,
    `CREATE DATABASE IF NOT EXISTS ${login.database};
     CREATE USER IF NOT EXISTS '${login.user}'@'%' IDENTIFIED BY '${login.password}';
     CREATE USER IF NOT EXISTS '${login.user}'@'localhost' IDENTIFIED BY '${login.password}';
     GRANT ALL ON *.* TO '${login.user}'@'%';
     GRANT ALL ON *.* TO '${login.user}'@'localhost';\n`,
  );
  await run(
    tree.file('usr/bin/mariadb-install-db'),
    [
      '--no-defaults',
      `--basedir=${tree.file('usr')}`,
      `--datadir=${data}`,
      '--auth-root-authentication-method=normal',
      ...asRoot,
    ],
    { env: tree.env, timeout: BOOTSTRAP_LIMIT_MS },
  );
  const server = await startServerProcess({
    program: tree.file('usr/sbin/mariadbd'),
    args: [
      '--no-defaults',
      `--basedir=${tree.file('usr')}`,
      `--datadir=${data}`,
      `--init-file=${start}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${path.join(folder, 's')}`,
      '--skip-log-bin',
      `--lc-messages-dir=${tree.file('usr/share/mysql')}`,
      '--local-infile=1',
      ...asRoot,
    ],
    port,
    env: tree.env,
  });
  return {
    host: '127.0.0.1',
    port,
    ...login,
    process: server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await remove();
    },
  };
}

// A real OpenSSH server with its SFTP subsystem from Debian's packages, on a free port.
// It runs without privileges and lets in one key pair made for the occasion.
import { execFile } from 'node:child_process';
import { chown, copyFile, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { debianTree } from './debian.ts';
import { freePort, serverFolder, startServerProcess } from './process.ts';
import type { ServerProcess } from './process.ts';

const run = promisify(execFile);
/** `nobody`: as root, sshd would want an account of its own. */
const NOBODY = 65_534;
const USERNAME = 'tester';

export interface SftpServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** OpenSSH's own format. */
  readonly privateKey: string;
  /** `SHA256:…`, as ssh prints it. */
  readonly hostKeyFingerprint: string;
  /** A folder that the user may write to. */
  readonly folder: string;
  readonly process: ServerProcess;
}

export async function startSftp(): Promise<SftpServer> {
  const tree = await debianTree(['openssh-server', 'openssh-client', 'libwrap0', 'libnss-wrapper']);
  const { folder, remove } = await serverFolder('sftp');
  const files = path.join(folder, 'files');
  await mkdir(files);
  const keygen = (...args: string[]): Promise<{ stdout: string }> =>
    run(tree.file('usr/bin/ssh-keygen'), args, { env: tree.env });
  const hostKey = path.join(folder, 'host_key');
  const userKey = path.join(folder, 'user_key');
  for (const key of [hostKey, userKey]) await keygen('-q', '-t', 'ed25519', '-N', '', '-f', key);
  await copyFile(`${userKey}.pub`, path.join(folder, 'authorized_keys'));
  const fingerprint = (await keygen('-l', '-f', `${hostKey}.pub`)).stdout.split(' ')[1] ?? '';

  const port = await freePort();
  const config = path.join(folder, 'sshd_config');
  await writeFile(
    config,
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${hostKey}`,
      `AuthorizedKeysFile ${path.join(folder, 'authorized_keys')}`,
      `PidFile ${path.join(folder, 'pid')}`,
      'Subsystem sftp internal-sftp',
      'PasswordAuthentication no',
      'UsePAM no',
      'StrictModes no',
      '',
    ].join('\n'),
  );
  // An account of this server's own: the machine's may be locked, or forbid a log-in.
  const isRoot = process.getuid?.() === 0;
  const [uid, gid] = isRoot ? [NOBODY, NOBODY] : [process.getuid?.() ?? NOBODY, process.getgid?.() ?? NOBODY];
  const passwd = path.join(folder, 'passwd');
  const group = path.join(folder, 'group');
  await writeFile(passwd, `${USERNAME}:x:${uid}:${gid}::${folder}:/bin/sh\n`);
  await writeFile(group, `${USERNAME}:x:${gid}:\n`);
  if (isRoot) {
    for (const file of [folder, ...(await readdir(folder)).map((name) => path.join(folder, name))])
      await chown(file, NOBODY, NOBODY);
  }
  // The other account may not be able to reach the checkout's folder.
  const programs = path.join(folder, 'programs');
  await cp(tree.file(''), programs, { recursive: true, verbatimSymlinks: true });
  const server = await startServerProcess({
    program: path.join(programs, 'usr/sbin/sshd'),
    args: ['-D', '-e', '-f', config],
    port,
    env: {
      ...tree.env,
      LD_LIBRARY_PATH: (tree.env['LD_LIBRARY_PATH'] ?? '').replaceAll(tree.file(''), `${programs}/`),
      LD_PRELOAD: 'libnss_wrapper.so',
      NSS_WRAPPER_PASSWD: passwd,
      NSS_WRAPPER_GROUP: group,
    },
    ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
  });
  return {
    host: '127.0.0.1',
    port,
    username: USERNAME,
    privateKey: await readFile(userKey, 'utf8'),
    hostKeyFingerprint: fingerprint,
    folder: files,
    process: server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await remove();
    },
  };
}

// Server programs out of Debian packages, for tests against the real thing: downloaded
// with apt-get and unpacked beside the other caches of node_modules, without root and
// without starting a service. Promises: two test files that ask at once get one copy.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = path.resolve(import.meta.dirname, '../../../../node_modules/.cache/sluice-servers');
const DOWNLOAD_LIMIT_MS = 300_000;

/** Where the packages were unpacked, and how to run what is in them. */
export type DebianTree = {
  /** Absolute path of a file of the tree: `file('usr/sbin/sshd')`. */
  file(name: string): string;
  /** The environment in which its programs find their libraries. */
  readonly env: NodeJS.ProcessEnv;
};

/** Whether this machine has Debian's package tools; elsewhere such tests cannot run. */
export const hasDebianPackages = existsSync('/usr/bin/apt-get') && existsSync('/usr/bin/dpkg-deb');

/**
 * Downloads and unpacks Debian packages, once per machine and list of packages.
 * @throws Error with apt's own words when a package cannot be had.
 */
export async function debianTree(packages: readonly string[]): Promise<DebianTree> {
  const key = createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 12);
  const root = path.join(CACHE, `${packages[0]}-${key}`);
  if (!existsSync(root)) await unpack(packages, root);
  const libraries = ['usr/lib', 'lib'].flatMap((folder) =>
    ['x86_64-linux-gnu', 'aarch64-linux-gnu', ''].map((triple) => path.join(root, folder, triple)),
  );
  return {
    file: (name) => path.join(root, name),
    env: { ...process.env, LD_LIBRARY_PATH: libraries.filter((folder) => existsSync(folder)).join(':') },
  };
}

async function unpack(packages: readonly string[], root: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(path.join(CACHE, 'download-'));
  try {
    await download(packages, work);
    const tree = path.join(work, 'tree');
    await mkdir(tree);
    for (const file of await readdir(work)) {
      if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', path.join(work, file), tree]);
    }
    // Whoever comes second finds the first one's copy, which is the same.
    await rename(tree, root).catch((error: unknown) => {
      if (!existsSync(root)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(packages: readonly string[], folder: string): Promise<void> {
  const apt = (): Promise<unknown> =>
    run('apt-get', ['download', '-q', ...packages], { cwd: folder, timeout: DOWNLOAD_LIMIT_MS });
  try {
    await apt();
  } catch {
    // The machine's lists are missing or old; only root may renew them.
    await run('apt-get', ['update', '-q'], { timeout: DOWNLOAD_LIMIT_MS }).catch(() => undefined);
    await apt();
  }
}

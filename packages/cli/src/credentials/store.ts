// OAuth tokens on this machine, one file per connection, outside the project's folder. Promise:
// only the user may read them (mode 0600 in a folder of mode 0700); a file is replaced whole or
// not at all; one process at a time renews a connection, and a process that dies holds nobody up.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@sluice/core';
import type { ConnectionStore, StoredConnection } from '@sluice/destinations';
import { z } from 'zod';
import type { Environment } from '../config/environment.ts';

/** Longer than a refresh can take. */
const LOCK_WAIT_MS = 90_000;
const LOCK_POLL_MS = 50;
const MAX_FILE_BYTES = 256 * 1024;

const fileSchema = z.object({
  version: z.literal(1),
  type: z.string(),
  clientId: z.string(),
  connectedAt: z.string(),
  refreshedAt: z.string().optional(),
  grant: z.object({
    accessToken: z.string().min(1),
    refreshToken: z.string().min(1).optional(),
    expiresAt: z.string().optional(),
    refreshTokenExpiresAt: z.string().optional(),
    scopes: z.array(z.string()).optional(),
    settings: z.record(z.string(), z.string()),
  }),
});

/** `$SLUICE_CREDENTIALS_DIR`, or the folder for configuration of the user's account. */
export function credentialsDirectory(environment: Environment, cwd: string): string {
  const own = environment['SLUICE_CREDENTIALS_DIR'] ?? '';
  if (own !== '') return path.resolve(cwd, own);
  const config = environment['XDG_CONFIG_HOME'] ?? '';
  const home = environment['HOME'] ?? '';
  return path.join(
    path.isAbsolute(config) ? config : path.join(home === '' ? homedir() : home, '.config'),
    'sluice',
    'credentials',
  );
}

/** The name of a connection: the project's folder, so that equal names in two projects stay apart, and the destination. */
export async function connectionKey(
  projectDirectory: string,
  destination: string,
  shared: string | undefined,
): Promise<string> {
  if (shared !== undefined) return `shared-${shared}`;
  const real = await realpath(projectDirectory);
  const folder = path
    .basename(real)
    .replaceAll(/[^A-Za-z0-9_-]/g, '_')
    .slice(0, 40);
  return `${folder}-${createHash('sha256').update(real).digest('hex').slice(0, 12)}-${destination}`;
}

/** Throws an AppError `CREDENTIALS_IN_PROJECT` for a folder that could be committed with the project. */
export async function openStore(directory: string, projectDirectory: string): Promise<FileStore> {
  const project = await realpath(projectDirectory);
  const root = repositoryOf(project) ?? project;
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw unusable(directory, error);
  });
  const real = await realpath(directory);
  for (const folder of [root, project]) {
    if (real !== folder && !real.startsWith(`${folder}${path.sep}`)) continue;
    throw new AppError('the folder for OAuth tokens lies inside the project, and could be committed with it', {
      code: 'CREDENTIALS_IN_PROJECT',
      kind: 'invalid',
      where: directory,
      fix: 'Set SLUICE_CREDENTIALS_DIR to a folder outside, or leave it out.',
    });
  }
  await chmod(real, 0o700).catch((error: unknown) => {
    throw unusable(directory, error);
  });
  return new FileStore(real);
}

function repositoryOf(directory: string): string | undefined {
  for (let folder = directory; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, '.git'))) return folder;
    if (path.dirname(folder) === folder) return undefined;
  }
}

export class FileStore implements ConnectionStore {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  fileOf(name: string): string {
    return path.join(this.directory, `${name}.json`);
  }

  async read(name: string): Promise<StoredConnection | undefined> {
    const file = this.fileOf(name);
    const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw unusable(file, error);
    });
    if (found === undefined) return undefined;
    if (process.platform !== 'win32' && (found.mode & 0o077) !== 0) {
      throw new AppError('others can read the file with the OAuth tokens', {
        code: 'CREDENTIALS_EXPOSED',
        kind: 'invalid',
        where: file,
        fix: `Connect the destination again if somebody may have read it; otherwise: chmod 600 ${file}`,
      });
    }
    if (found.size > MAX_FILE_BYTES) throw damaged(file);
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw unusable(file, error);
    });
    return parse(text, file);
  }

  async write(name: string, connection: StoredConnection): Promise<void> {
    const file = this.fileOf(name);
    const fresh = `${file}.${randomUUID()}`;
    try {
      const handle = await open(fresh, 'wx', 0o600);
      try {
        await handle.writeFile(`${JSON.stringify({ version: 1, ...connection }, null, 2)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(fresh, file);
      await syncFolder(this.directory);
    } catch (error) {
      await rm(fresh, { force: true });
      throw unusable(file, error);
    }
  }

  async remove(name: string): Promise<boolean> {
    return rm(this.fileOf(name)).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false;
        throw unusable(this.fileOf(name), error);
      },
    );
  }

  /**
   * The lock is a transaction on an empty SQLite file: the operating system takes it back from a
   * process that dies, so none is ever stale.
   */
  async exclusively<T>(name: string, run: () => Promise<T>, waitMs: number = LOCK_WAIT_MS): Promise<T> {
    const { DatabaseSync } = await import('node:sqlite');
    const file = path.join(this.directory, `${name}.lock`);
    const until = Date.now() + waitMs;
    let lock: InstanceType<typeof DatabaseSync>;
    try {
      lock = new DatabaseSync(file, { timeout: 0 });
      await chmod(file, 0o600);
    } catch (error) {
      throw unusable(file, error);
    }
    try {
      for (;;) {
        try {
          lock.exec('BEGIN EXCLUSIVE');
          break;
        } catch (error) {
          if (!isBusy(error)) throw unusable(file, error);
          if (Date.now() > until) {
            throw new AppError(
              `another process has been renewing this connection for ${Math.round(waitMs / 1000)} seconds`,
              {
                code: 'OAUTH_BUSY',
                kind: 'unavailable',
                where: file,
                fix: 'Try again; when it stays like this, end the process that hangs.',
              },
            );
          }
          await sleep(LOCK_POLL_MS);
        }
      }
      return await run();
    } finally {
      lock.close();
    }
  }
}

function parse(text: string, file: string): StoredConnection {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged(file);
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) throw damaged(file);
  const { version: _version, ...connection } = parsed.data;
  return connection as StoredConnection;
}

function isBusy(error: unknown): boolean {
  // SQLITE_BUSY, and SQLITE_LOCKED for another connection of this process.
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === 'number' && [5, 6].includes(code & 0xff);
}

async function syncFolder(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function damaged(file: string): AppError {
  return new AppError('the file with the OAuth tokens is damaged', {
    code: 'CREDENTIALS_DAMAGED',
    kind: 'invalid',
    where: file,
    fix: 'Connect the destination again: sluice destinations connect NAME',
  });
}

function unusable(file: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
  return new AppError(`the OAuth tokens cannot be kept (${code})`, {
    code: 'CREDENTIALS_UNUSABLE',
    kind: 'unavailable',
    origin: 'platform',
    where: file,
    fix: 'Make the folder writable for you, or set SLUICE_CREDENTIALS_DIR to another one.',
  });
}

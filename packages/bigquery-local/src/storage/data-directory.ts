// The data directory: its layout, and the lock that keeps a second server out.
// The lock is an exclusive transaction on a SQLite file, so the operating system
// releases it when the process dies, however it dies.
import { accessSync, constants, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AppError, messageOf } from '@sluice/core';

/** Files that say which process serves the directory, and where it answers. */
export const SERVER_PID_FILE = 'server.pid';
export const SERVER_URL_FILE = 'server.url';

export class DataDirectory implements Disposable {
  readonly path: string;
  /** SQLite file of the catalog. */
  readonly catalogFile: string;
  /** One DuckDB file per project. */
  readonly projects: string;
  /** Uploads on their way into a table; emptied at start. */
  readonly spool: string;
  /** DuckDB's spill files; emptied at start. */
  readonly temporary: string;
  readonly #lock: DatabaseSync;

  /**
   * Creates the directory when missing. AppError: `DATA_DIRECTORY_IN_USE` when another server
   * holds it, `DATA_DIRECTORY_UNUSABLE` when it cannot be made, written, or is a file.
   */
  constructor(path: string) {
    this.path = path;
    this.catalogFile = join(path, 'catalog.sqlite');
    this.projects = join(path, 'projects');
    this.spool = join(path, 'spool');
    this.temporary = join(path, 'tmp');
    usable(path, () => {
      makeDirectory(path);
      accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    });
    this.#lock = lock(path);
    usable(path, () => {
      rmSync(join(path, SERVER_URL_FILE), { force: true });
      for (const directory of [this.spool, this.temporary]) rmSync(directory, { recursive: true, force: true });
      for (const directory of [this.projects, this.spool, this.temporary]) makeDirectory(directory);
    });
  }

  /** Tells the command line where the server answers, until it stops. */
  publish(restUrl: string): void {
    writeFileSync(join(this.path, SERVER_URL_FILE), restUrl);
  }

  [Symbol.dispose](): void {
    for (const name of [SERVER_URL_FILE, SERVER_PID_FILE]) rmSync(join(this.path, name), { force: true });
    this.#lock.close();
  }
}

/** Throws what `work` throws in words for whoever chose the directory. */
function usable(path: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    const reason = REASONS[String((cause as NodeJS.ErrnoException).code)] ?? messageOf(cause);
    throw new AppError(`The data directory ${path} cannot be used: ${reason}.`, {
      code: 'DATA_DIRECTORY_UNUSABLE',
      kind: 'invalid',
      where: path,
      fix: 'Name a directory that you may create and write, for example --data-dir ./bigquery-data.',
      cause,
    });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'it is a file, not a directory',
  ENOTDIR: 'it is a file, or lies below one',
  EACCES: 'you may not write there',
  EPERM: 'you may not write there',
  EROFS: 'that file system is read-only',
  ENOSPC: 'no space is left on that device',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'the system does not allow a directory there',
};

/** As `mkdir -p`. NOTE: not `recursive: true`, with which Node 24 loops for ever below /proc. */
function makeDirectory(path: string): void {
  const missing: string[] = [];
  for (let at = resolve(path); ; at = dirname(at)) {
    const found = statSync(at, { throwIfNoEntry: false });
    if (found?.isDirectory() === true) break;
    if (found !== undefined) throw Object.assign(new Error(`${at} is a file`), { code: 'ENOTDIR' });
    missing.push(at);
    if (dirname(at) === at) break;
  }
  for (const directory of missing.toReversed()) {
    try {
      mkdirSync(directory, { mode: 0o700 });
    } catch (error) {
      // Another process may have made it meanwhile.
      if (!(statSync(directory, { throwIfNoEntry: false })?.isDirectory() ?? false)) throw error;
    }
  }
}

function lock(path: string): DatabaseSync {
  const database = new DatabaseSync(join(path, 'server.lock'), { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    const pid = holder(path);
    throw new AppError(
      `The data directory ${path} is in use by another server${pid === undefined ? '' : ` (process ${pid})`}.`,
      {
        code: 'DATA_DIRECTORY_IN_USE',
        kind: 'conflict',
        where: path,
        fix: 'Stop that server, or start this one with another --data-dir.',
        cause,
      },
    );
  }
  writeFileSync(join(path, SERVER_PID_FILE), String(process.pid));
  return database;
}

function holder(path: string): string | undefined {
  try {
    return readFileSync(join(path, SERVER_PID_FILE), 'utf8').trim();
  } catch {
    return undefined;
  }
}

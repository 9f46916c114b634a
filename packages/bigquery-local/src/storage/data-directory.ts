// The data directory: its layout, and the lock that keeps a second server out.
// The lock is an exclusive transaction on a SQLite file, so the operating system
// releases it when the process dies, however it dies.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AppError } from '@sluice/core';

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

  /** Creates the directory when missing. Throws an AppError `DATA_DIRECTORY_IN_USE` when another server holds it. */
  constructor(path: string) {
    this.path = path;
    this.catalogFile = join(path, 'catalog.sqlite');
    this.projects = join(path, 'projects');
    this.spool = join(path, 'spool');
    this.temporary = join(path, 'tmp');
    mkdirSync(path, { recursive: true, mode: 0o700 });
    this.#lock = lock(path);
    for (const directory of [this.spool, this.temporary]) rmSync(directory, { recursive: true, force: true });
    for (const directory of [this.projects, this.spool, this.temporary]) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    }
  }

  [Symbol.dispose](): void {
    rmSync(join(this.path, 'server.pid'), { force: true });
    this.#lock.close();
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
  writeFileSync(join(path, 'server.pid'), String(process.pid));
  return database;
}

function holder(path: string): string | undefined {
  try {
    return readFileSync(join(path, 'server.pid'), 'utf8').trim();
  } catch {
    return undefined;
  }
}

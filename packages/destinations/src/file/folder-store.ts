// A local folder as a store: each part is written under another name, made durable, and
// only then gets its own.
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '@sluice/core';
import type { ObjectStore, Part } from '../object-store/object-store.ts';
import { StoreFailure } from '../object-store/object-store.ts';

const UNFINISHED = '.part';

export class FolderStore implements ObjectStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put({ key, body }: Part, signal: AbortSignal): Promise<void> {
    const target = path.join(this.#folder, key);
    const unfinished = target + UNFINISHED;
    try {
      signal.throwIfAborted();
      await using file = await open(unfinished, 'w', 0o600);
      await file.writeFile(body, { signal });
      await file.sync();
      await rename(unfinished, target);
      // The name of a new file is durable only when its folder is.
      await using folder = await open(this.#folder, 'r');
      await folder.sync();
    } catch (error) {
      await rm(unfinished, { force: true });
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'WRITE_FAILED';
      throw new StoreFailure('later', code, `cannot write ${target}: ${messageOf(error)}`, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held open between two parts.
  }
}

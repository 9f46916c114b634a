// The bytes of objects: files with random names in one flat directory. A file belongs to
// an object only once the catalog says so; what no row names is removed at start.
import { randomUUID } from 'node:crypto';
import { constants, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { copyFile, link, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import { Checksums } from './checksums.ts';
import { StorageError } from './storage-error.ts';

export type WrittenFile = {
  readonly file: string;
  readonly size: number;
  readonly md5: string;
  readonly crc32c: string;
};

export class ObjectFiles {
  readonly #directory: string;
  /** Largest object. */
  readonly maxBytes: number;

  constructor(directory: string, maxBytes: number) {
    this.#directory = directory;
    this.maxBytes = maxBytes;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Call at start, before any upload. */
  removeOrphans(known: ReadonlySet<string>): void {
    for (const file of readdirSync(this.#directory))
      if (!known.has(file)) rmSync(join(this.#directory, file), { recursive: true, force: true });
  }

  begin(): ObjectWriter {
    const file = randomUUID();
    return new ObjectWriter(file, this.#path(file), this.maxBytes);
  }

  /** To read. What is open stays readable when the object goes. */
  open(file: string): Promise<FileHandle> {
    return open(this.#path(file), 'r');
  }

  async remove(file: string): Promise<void> {
    await rm(this.#path(file), { force: true });
  }

  /** A second name for the bytes, which stays whatever becomes of the object. */
  async linkTo(file: string, path: string): Promise<void> {
    try {
      await link(this.#path(file), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error;
      await copyFile(this.#path(file), path, constants.COPYFILE_FICLONE);
    }
  }

  /** A file of its own with the same bytes. */
  async copy(file: string): Promise<string> {
    const copy = randomUUID();
    await this.linkTo(file, this.#path(copy));
    return copy;
  }

  #path(file: string): string {
    return join(this.#directory, file);
  }
}

/** One upload on its way to disk, in one piece or in several. */
export class ObjectWriter {
  readonly #file: string;
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #checksums = new Checksums();
  #received = 0;

  constructor(file: string, path: string, maxBytes: number) {
    this.#file = file;
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are safely kept, also after an append that failed. */
  get received(): number {
    return this.#received;
  }

  /** Leaves out the first `skip` bytes. Throws 413 past the limit. */
  async append(data: AsyncIterable<Uint8Array>, signal: AbortSignal, skip = 0): Promise<void> {
    await using file = await open(this.#path, this.#received === 0 ? 'w' : 'r+', 0o600);
    // A stream may wait for ever for what no longer comes: the signal must end it.
    if (data instanceof Readable) addAbortSignal(signal, data);
    let toSkip = skip;
    for await (const chunk of data) {
      signal.throwIfAborted();
      const bytes = toSkip >= chunk.length ? undefined : chunk.subarray(toSkip);
      toSkip = Math.max(toSkip - chunk.length, 0);
      if (bytes === undefined) continue;
      if (this.#received + bytes.length > this.#maxBytes)
        throw new StorageError(
          413,
          'uploadTooLarge',
          `The object is larger than ${this.#maxBytes} bytes, the limit of this server.`,
        );
      for (let at = 0; at < bytes.length;) {
        const { bytesWritten } = await file.write(bytes, at, bytes.length - at, this.#received);
        this.#checksums.update(bytes.subarray(at, at + bytesWritten));
        this.#received += bytesWritten;
        at += bytesWritten;
      }
    }
    signal.throwIfAborted();
  }

  /** Makes the bytes durable. Call once. */
  async finish(): Promise<WrittenFile> {
    // Opened to write: an object of no bytes has had no append that made the file.
    await using file = await open(this.#path, 'a', 0o600);
    await file.sync();
    return { file: this.#file, size: this.#received, ...this.#checksums.digest() };
  }

  async discard(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

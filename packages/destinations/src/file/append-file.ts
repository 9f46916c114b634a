// A file that only grows by whole batches. Opening it cuts off a line that a crash left
// unfinished; a write that fails is taken back; `sync` makes everything durable.
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

const READ_BYTES = 1 << 20;
const NEWLINE = 0x0a;
const QUOTE = 0x22;

export class AppendFile implements AsyncDisposable {
  readonly path: string;
  readonly #handle: FileHandle;
  #size: number;

  private constructor(path: string, handle: FileHandle, size: number) {
    this.path = path;
    this.#handle = handle;
    this.#size = size;
  }

  /** Creates the file when it does not exist. `quoted`: a newline inside double quotes ends no line (CSV). */
  static async open(path: string, quoted: boolean): Promise<AppendFile> {
    // 'a+' would write at the end whatever the position; 'r+' needs the file to exist.
    await (await open(path, 'a', 0o600)).close();
    const handle = await open(path, 'r+');
    try {
      const size = await endOfLastLine(handle, quoted);
      await handle.truncate(size);
      await handle.sync();
      await syncDirectory(dirname(path));
      return new AppendFile(path, handle, size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** In bytes, whole lines only. */
  get size(): number {
    return this.#size;
  }

  /** The text before the first newline; undefined when the file is empty or that line is longer than the bound. */
  async firstLine(): Promise<string | undefined> {
    const buffer = Buffer.alloc(Math.min(READ_BYTES, this.#size));
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, 0);
    const end = buffer.subarray(0, bytesRead).indexOf(NEWLINE);
    return end === -1 ? undefined : buffer.toString('utf8', 0, end);
  }

  /** All or nothing, as far as the file system lets it. */
  async append(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    let written = 0;
    try {
      while (written < bytes.length) {
        const { bytesWritten } = await this.#handle.write(bytes, written, bytes.length - written, this.#size + written);
        written += bytesWritten;
      }
    } catch (error) {
      // If this fails too, the next write goes to the same place, and `open` cuts the rest.
      await this.#handle.truncate(this.#size).catch(() => undefined);
      throw error;
    }
    this.#size += bytes.length;
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

async function endOfLastLine(handle: FileHandle, quoted: boolean): Promise<number> {
  const buffer = Buffer.alloc(READ_BYTES);
  let end = 0;
  let inQuotes = false;
  for (let position = 0; ;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return end;
    for (let index = 0; index < bytesRead; index += 1) {
      const byte = buffer[index];
      if (quoted && byte === QUOTE) inQuotes = !inQuotes;
      else if (byte === NEWLINE && !inQuotes) end = position + index + 1;
    }
    position += bytesRead;
  }
}

// The name of a new file is durable only when its directory is.
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

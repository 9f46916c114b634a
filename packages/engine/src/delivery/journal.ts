// The local journal: what the destination acknowledged, on disk before the next batch
// is sent. An append-only file of JSON lines per sync; a torn last line (power cut,
// kill) counts as not written. Batches that end together share one fsync.
import { mkdir, open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '@sluice/core';
import type { OutcomeRange } from './outcome-book.ts';

type Line = readonly [first: number, last: number, outcome: OutcomeRange['outcome'], code?: string, message?: string];

export class Journal implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #path: string;
  #pending: { text: string; done: () => void; failed: (reason: unknown) => void }[] = [];
  #writing: Promise<void> | undefined;

  private constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** Opens the journal of a sync and yields what it holds to `restore`, in order. */
  static async open(
    dir: string,
    mappingId: string,
    syncId: string,
    restore: (range: OutcomeRange) => void,
  ): Promise<Journal> {
    const path = join(dir, `${mappingId}.${syncId}.journal`);
    try {
      await mkdir(dir, { recursive: true });
      const file = await open(path, 'a+', 0o600);
      const intact = await replay(file, restore);
      await file.truncate(intact);
      return new Journal(file, path);
    } catch (thrown) {
      throw journalError(path, thrown);
    }
  }

  /** Settles when the ranges are on disk. */
  append(ranges: readonly OutcomeRange[]): Promise<void> {
    if (ranges.length === 0) return Promise.resolve();
    const text = ranges.map((range) => `${JSON.stringify(lineOf(range))}\n`).join('');
    return new Promise((done, failed) => {
      this.#pending.push({ text, done, failed });
      this.#writing ??= this.#write();
    });
  }

  /** Removes the file: the warehouse knows everything that it held. */
  async remove(): Promise<void> {
    await this[Symbol.asyncDispose]();
    await rm(this.#path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      const group = this.#pending;
      this.#pending = [];
      try {
        await this.#file.appendFile(group.map((entry) => entry.text).join(''));
        await this.#file.datasync();
        for (const entry of group) entry.done();
      } catch (thrown) {
        for (const entry of group) entry.failed(journalError(this.#path, thrown));
      }
    }
    this.#writing = undefined;
  }
}

/** Reads line by line with a bounded buffer; returns the length of the intact part in bytes. */
async function replay(file: FileHandle, restore: (range: OutcomeRange) => void): Promise<number> {
  let intact = 0;
  let rest: Buffer = Buffer.alloc(0);
  const chunk = Buffer.alloc(256 * 1024);
  for (let position = 0; ;) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
    if (bytesRead === 0) return intact;
    position += bytesRead;
    const data = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    let start = 0;
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, start)) {
      const range = parseLine(data.toString('utf8', start, end));
      if (range === undefined) return intact;
      restore(range);
      intact += end + 1 - start;
      start = end + 1;
    }
    rest = data.subarray(start);
  }
}

function lineOf(range: OutcomeRange): Line {
  return range.code === null
    ? [range.first, range.last, range.outcome]
    : [range.first, range.last, range.outcome, range.code, range.message ?? ''];
}

function parseLine(text: string): OutcomeRange | undefined {
  try {
    const [first, last, outcome, code, message] = JSON.parse(text) as Line;
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) return undefined;
    return { first, last, outcome, code: code ?? null, message: message ?? null };
  } catch {
    return undefined;
  }
}

function journalError(path: string, thrown: unknown): AppError {
  return new AppError(`The journal cannot be written: ${messageOf(thrown)}`, {
    code: 'JOURNAL_UNUSABLE',
    kind: 'unavailable',
    origin: 'platform',
    where: path,
    fix: 'Check that the folder exists, is writable and has space left.',
    cause: thrown,
  });
}

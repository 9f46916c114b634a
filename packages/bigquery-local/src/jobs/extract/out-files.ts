// The files that an extract makes beside the spooled uploads, before they become objects: for
// each URI one, or with a `*` in it as many as its rows need.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { BigQueryError } from '../../bigquery-error.ts';
import type { GsUri } from '../../cloud-storage/job-files.ts';

/** "You can export up to 1 GB of table data to a single file." */
export const MAX_FILE_BYTES = 1_000_000_000;

/** A finished file and the object that it becomes. */
export type OutFile = { readonly path: string; readonly destination: GsUri };

export type OutOptions = {
  readonly directory: string;
  readonly gzip: boolean;
  readonly maxFileBytes: number;
  /** Of the table, for the error of a table that does not fit into one file. */
  readonly table: string;
};

/** What rows become: a file's beginning, then its parts. */
export type Encoder<Rows> = {
  begin(): { readonly header: Uint8Array; readonly part: (rows: Rows) => Uint8Array };
};

type Open<Rows> = {
  readonly file: Writer;
  readonly part: (rows: Rows) => Uint8Array;
};

export class OutFiles implements AsyncDisposable {
  readonly #uris: readonly GsUri[];
  readonly #options: OutOptions;
  readonly #files: OutFile[] = [];
  readonly #counts: number[];
  readonly #open = new Set<Writer>();

  constructor(uris: readonly GsUri[], options: OutOptions) {
    this.#uris = uris;
    this.#options = options;
    this.#counts = uris.map(() => 0);
  }

  get files(): readonly OutFile[] {
    return this.#files;
  }

  /** Files of each URI, in their order. */
  get counts(): readonly number[] {
    return this.#counts;
  }

  /** A path for the next file of the URI at this place. */
  next(uri: number): string {
    const { directory } = this.#options;
    const path = join(directory, `extract-${randomUUID()}`);
    this.#files.push({ path, destination: shardOf(this.#uris[uri]!, this.#counts[uri]!) });
    this.#counts[uri]!++;
    return path;
  }

  /** Throws `invalid` for what is too large for a file that is not one of several. */
  checkSize(uri: number, bytes: number): void {
    if (bytes <= this.#options.maxFileBytes || this.isSharded(uri)) return;
    throw new BigQueryError(
      'invalid',
      `Table ${this.#options.table} too large to be exported to a single file. Specify a uri including a * to shard export. See 'Exporting data into one or more files' in https://cloud.google.com/bigquery/docs/exporting-data.`,
    );
  }

  isSharded(uri: number): boolean {
    return this.#uris[uri]!.name.includes('*');
  }

  /** Spreads the rows over the URIs; each has at least one file. */
  async write<Rows>(rows: AsyncIterable<Rows>, encoder: Encoder<Rows>): Promise<void> {
    const open: Open<Rows>[] = [];
    for (let i = 0; i < this.#uris.length; i++) open.push(await this.#begin(i, encoder));
    let turn = 0;
    for await (const some of rows) {
      const uri = turn++ % this.#uris.length;
      let current = open[uri]!;
      if (current.file.bytes >= this.#options.maxFileBytes && this.isSharded(uri)) {
        await this.#end(current.file);
        current = open[uri] = await this.#begin(uri, encoder);
      }
      await current.file.write(current.part(some));
      this.checkSize(uri, current.file.bytes);
    }
    for (const { file } of open) await this.#end(file);
  }

  async #begin<Rows>(uri: number, encoder: Encoder<Rows>): Promise<Open<Rows>> {
    const file = new Writer(this.next(uri), this.#options.gzip);
    this.#open.add(file);
    const { header, part } = encoder.begin();
    await file.write(header);
    return { file, part };
  }

  async #end(file: Writer): Promise<void> {
    await file.end();
    this.#open.delete(file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#open) await file.abandon();
    for (const { path } of this.#files) await rm(path, { force: true });
  }
}

class Writer {
  readonly #head: Writable;
  readonly #done: Promise<void>;
  /** Before they are packed. */
  bytes = 0;

  constructor(path: string, gzip: boolean) {
    const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
    if (gzip) {
      const packer = createGzip();
      this.#head = packer;
      this.#done = pipeline(packer, file);
    } else {
      this.#head = file;
      this.#done = finished(file);
    }
    this.#done.catch(() => undefined);
  }

  async write(data: Uint8Array): Promise<void> {
    this.bytes += data.length;
    if (data.length === 0 || this.#head.write(data)) return;
    // A disk that is full ends the wait, too.
    await Promise.race([once(this.#head, 'drain'), this.#done]);
  }

  async end(): Promise<void> {
    this.#head.end();
    await this.#done;
  }

  async abandon(): Promise<void> {
    this.#head.destroy();
    await this.#done.catch(() => undefined);
  }
}

function shardOf(destination: GsUri, shard: number): GsUri {
  const name = destination.name.replace('*', String(shard).padStart(12, '0'));
  return { ...destination, name, uri: `gs://${destination.bucket}/${name}` };
}

// The file destination of one sync: one writer, one file, batches appended in order and
// made durable by `flush`.
import type { Change, JsonObject } from '@sluice/core';
import { AppError, messageOf } from '@sluice/core';
import type {
  BatchPolicy,
  BatchResult,
  DeliverOptions,
  DestinationSpec,
  EventContext,
  OpenDestination,
  Prepared,
  Rejection,
  RowOutcome,
} from '@sluice/destination-kit';
import { compileMapping, eventOf } from '@sluice/destination-kit';
import { AppendFile } from './append-file.ts';
import { csvHeader, csvLine, ndjsonLine } from './encode.ts';
import type { FileRow } from './encode.ts';
import type { FileFormat } from './shape.ts';
import { fileShape } from './shape.ts';

const BATCHING: BatchPolicy = { maxRows: 5000, maxBytes: 4_000_000, concurrency: 1 };

/** The mapping of the row, with the default filled in. */
export function rowMapping(fields: JsonObject): JsonObject {
  const row = fields['row'] ?? fileShape.actions['append']?.fields['row']?.default ?? null;
  return { row };
}

export async function openFile(spec: DestinationSpec, path: string, format: FileFormat): Promise<OpenDestination> {
  let file: AppendFile;
  try {
    file = await AppendFile.open(path, format === 'csv');
  } catch (error) {
    throw new AppError(`cannot write ${path}: ${messageOf(error)}`, {
      code: 'FILE_NOT_WRITABLE',
      kind: 'invalid',
      origin: 'destination',
      where: 'settings.directory',
      fix: 'check that the directory exists and that this user may write into it',
      cause: error,
    });
  }
  return new FileDestination(spec, file, format, await headerOf(file, format));
}

class FileDestination implements OpenDestination {
  readonly batching = BATCHING;
  readonly #file: AppendFile;
  readonly #format: FileFormat;
  readonly #events: EventContext;
  readonly #map: (event: unknown) => JsonObject;
  /** Of a CSV file: known from its header or its first row. */
  #header: readonly string[] | undefined;

  constructor(spec: DestinationSpec, file: AppendFile, format: FileFormat, header: readonly string[] | undefined) {
    const mapping = rowMapping(spec.fields);
    this.#file = file;
    this.#format = format;
    this.#header = header;
    this.#events = { mappingId: spec.mappingId, syncId: spec.syncId, timestamp: new Date().toISOString() };
    this.#map = compileMapping(mapping);
  }

  prepare(change: Change): Prepared | Rejection {
    let row: unknown;
    try {
      row = this.#map(eventOf(change, this.#events))['row'];
    } catch (error) {
      return { outcome: 'rejected', code: 'MAPPING_FAILED', message: messageOf(error) };
    }
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      return { outcome: 'rejected', code: 'PAYLOAD_VALIDATION_FAILED', message: 'Row must be an object.' };
    }
    const payload = row as JsonObject;
    return { change, payload, batchKey: '', bytes: Buffer.byteLength(JSON.stringify(payload)) };
  }

  async deliver(batch: readonly Prepared[], { signal }: DeliverOptions): Promise<BatchResult> {
    if (signal.aborted)
      return { kind: 'failed', cause: 'later', code: 'CANCELLED', message: 'the delivery was cancelled' };
    const { text, outcomes, header } = this.#encode(batch);
    try {
      await this.#file.append(text);
    } catch (error) {
      return {
        kind: 'failed',
        cause: 'later',
        code: codeOf(error),
        message: `cannot write ${this.#file.path}: ${messageOf(error)}`,
      };
    }
    this.#header = header;
    return { kind: 'rows', outcomes };
  }

  async flush(): Promise<void> {
    await this.#file.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  #encode(batch: readonly Prepared[]): { text: string; outcomes: RowOutcome[]; header: readonly string[] | undefined } {
    const lines: string[] = [];
    const outcomes: RowOutcome[] = [];
    let header = this.#header;
    for (const { change, payload } of batch) {
      const row: FileRow = { operation: change.operation, recordId: change.recordId, row: payload };
      if (this.#format === 'ndjson') {
        lines.push(ndjsonLine(row));
        outcomes.push({ outcome: 'delivered' });
        continue;
      }
      if (header === undefined) {
        header = Object.keys(payload);
        lines.push(csvHeader(header));
      }
      const known = header;
      const extra = Object.keys(payload).find((column) => !known.includes(column));
      if (extra === undefined) lines.push(csvLine(row, known));
      outcomes.push(extra === undefined ? { outcome: 'delivered' } : unknownColumn(extra));
    }
    return { text: lines.join(''), outcomes, header };
  }
}

function unknownColumn(column: string): Rejection {
  return { outcome: 'rejected', code: 'UNKNOWN_COLUMN', message: `the CSV file's header has no column "${column}"` };
}

/** The columns after the two of ours, from the header that this program wrote. */
async function headerOf(file: AppendFile, format: FileFormat): Promise<readonly string[] | undefined> {
  if (format === 'ndjson' || file.size === 0) return undefined;
  const line = await file.firstLine();
  const names = [...(line ?? '').matchAll(/"((?:[^"]|"")*)"/g)].map((match) => (match[1] ?? '').replaceAll('""', '"'));
  return names.slice(2);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'WRITE_FAILED';
}

// Writes the changes of a plan as NDJSON or CSV (RFC 4180), row by row: memory does not grow
// with the plan. A file appears under its name only when it is complete.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { AppError, messageOf } from '@sluice/core';
import type { JsonValue } from '@sluice/core';
import type { PlannedChange } from '@sluice/engine';
import type { Io } from '../io.ts';

export const EXPORT_FORMATS = ['ndjson', 'csv'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export type PlanExport = {
  readonly changes: AsyncIterable<PlannedChange>;
  /** The model's columns, in their order. */
  readonly columns: readonly string[];
  /** Default: by the file's extension, otherwise NDJSON. */
  readonly format: ExportFormat | undefined;
};

/** Returns the number of changes written. `-` is standard output. */
export async function exportPlan(io: Io, target: string, plan: PlanExport): Promise<number> {
  const format = plan.format ?? (target.toLowerCase().endsWith('.csv') ? 'csv' : 'ndjson');
  const lines = linesOf(plan, format);
  let written = format === 'csv' ? -1 : 0;
  if (target === '-') {
    for await (const line of lines) {
      io.out(line);
      written += 1;
    }
    return written;
  }
  const file = path.resolve(io.cwd, target);
  const part = `${file}.part`;
  const stream = createWriteStream(part, { mode: 0o600 });
  const failed = once(stream, 'error').then(([error]) => Promise.reject(error as Error));
  failed.catch(() => undefined);
  try {
    for await (const line of lines) {
      if (!stream.write(line)) await Promise.race([once(stream, 'drain'), failed]);
      written += 1;
    }
    stream.end();
    await Promise.race([once(stream, 'close'), failed]);
    await rename(part, file);
    return written;
  } catch (thrown) {
    stream.destroy();
    await rm(part, { force: true });
    if (thrown instanceof AppError || io.signal.aborted) throw thrown;
    throw new AppError(`The plan cannot be written: ${messageOf(thrown)}`, {
      code: 'EXPORT_FAILED',
      kind: 'invalid',
      where: target,
      fix: 'Check that the folder exists and is writable.',
      cause: thrown,
    });
  }
}

async function* linesOf({ changes, columns }: PlanExport, format: ExportFormat): AsyncGenerator<string> {
  if (format === 'csv') yield csvLine(['operation', 'record_id', 'sent', ...columns, 'previous', 'changed']);
  for await (const change of changes) {
    if (format === 'ndjson') {
      const { recordId: record_id, ...rest } = change;
      yield `${JSON.stringify({ record_id, ...rest })}\n`;
      continue;
    }
    yield csvLine([
      change.operation,
      change.recordId,
      change.sent,
      ...columns.map((name) => change.columns[name] ?? null),
      change.previous ?? null,
      change.changed === undefined ? null : [...change.changed],
    ]);
  }
}

/** NULL is an empty field, an empty text a quoted one: they can be told apart. */
export function csvLine(values: readonly JsonValue[]): string {
  const fields = values.map((value) => {
    if (value === null) return '';
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${fields.join(',')}\r\n`;
}

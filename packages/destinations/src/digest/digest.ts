// What a digest tells of a sync: how many changes of each kind, and the first few rows.
import type { JsonObject, Operation } from '@sluice/core';
import type { Prepared } from '@sluice/destination-kit';

export type DigestRow = { readonly operation: Operation; readonly recordId: string; readonly payload: JsonObject };

export class Digest {
  readonly counts: Record<Operation, number> = { added: 0, updated: 0, deleted: 0 };
  readonly rows: DigestRow[] = [];
  readonly #maxRows: number;

  /** Keeps at most `maxRows` rows; all are counted. */
  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  add(batch: readonly Prepared[]): void {
    for (const { change, payload } of batch) {
      this.counts[change.operation] += 1;
      if (this.rows.length < this.#maxRows)
        this.rows.push({ operation: change.operation, recordId: change.recordId, payload });
    }
  }

  get total(): number {
    return this.counts.added + this.counts.updated + this.counts.deleted;
  }

  /** Rows that are counted and not kept. */
  get more(): number {
    return this.total - this.rows.length;
  }
}

/** A text with places such as `{total}` filled in; what is no place stays. */
export function filledText(
  template: string,
  digest: Digest,
  { mappingId, syncId }: { readonly mappingId: string; readonly syncId: string },
): string {
  const { added, updated, deleted } = digest.counts;
  const values: Readonly<Record<string, string | number>> = {
    mapping: mappingId,
    sync: syncId,
    total: digest.total,
    added,
    updated,
    deleted,
  };
  return template.replaceAll(/\{([a-z]+)\}/g, (text, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : text,
  );
}

// The zero-scan skip: when no table behind a model has changed since the last committed
// sync, a new plan would be empty. When in doubt, a plan is made.
import { createHash } from 'node:crypto';
import { canonicalJson } from '../plan/mapping-version.ts';
import type { ValidModel } from '../model/model.ts';
import type { Source } from '../source/source.ts';
import type { MappingConfig } from './api.ts';

/** More tables than this are not worth one metadata call each. */
const MAX_TABLES = 20;
/** A table that changed just now may change again within the same tick of its clock. */
const SETTLED_MS = 10_000;

/**
 * Text that stays equal exactly while neither the query, the mapping nor any table behind
 * it changed. Undefined when that cannot be told: changing functions, views, external or
 * streaming tables, missing `bigquery.tables.get`. Read it before the plan runs.
 */
export async function fingerprint(
  source: Source,
  model: ValidModel,
  mapping: MappingConfig,
  version: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (!model.deterministic || model.referencedTables.length === 0 || model.referencedTables.length > MAX_TABLES)
    return undefined;
  const times: Record<string, string> = {};
  try {
    const infos = await Promise.all(
      model.referencedTables.map(async (ref) => {
        // A table that the text does not name stands behind a view or a function, whose own change would not show.
        return model.sql.includes(ref.tableId)
          ? { ref, info: await source.table(ref, signal) }
          : { ref, info: undefined };
      }),
    );
    for (const { ref, info } of infos) {
      if (info === undefined || info.type !== 'TABLE' || info.streaming || info.lastModified === '') return undefined;
      if (Date.now() - Number(info.lastModified) < SETTLED_MS) return undefined;
      times[`${ref.projectId}.${ref.datasetId}.${ref.tableId}`] = info.lastModified;
    }
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
  const rest = [
    version,
    model.sql,
    model.key.name,
    [...mapping.operations].toSorted(),
    mapping.keepValues === true,
    model.timestamp?.name ?? null,
  ];
  return createHash('sha256')
    .update(canonicalJson([...rest, times]))
    .digest('hex');
}

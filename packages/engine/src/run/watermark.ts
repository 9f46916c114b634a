// How far an incremental model has been dealt with, as `checkpoints_<m>.watermark` keeps it.
// It counts only for the query and the mapping that it was made with: after a change of
// either, all rows are looked at once more, and only those that differ are sent.
import { createHash } from 'node:crypto';
import type { ValidModel } from '../model/model.ts';

type Stored = { readonly key: string; readonly at: string };

function keyOf(model: ValidModel, version: string): string {
  return createHash('sha256')
    .update(JSON.stringify([version, model.sql, model.timestamp?.name]))
    .digest('hex')
    .slice(0, 16);
}

/** Where the next plan starts; undefined for a model that is not incremental, or has no usable mark. */
export function sinceOf(stored: string | undefined, model: ValidModel, version: string): string | undefined {
  if (stored === undefined || model.timestamp === undefined) return undefined;
  const { key, at } = JSON.parse(stored) as Stored;
  return key === keyOf(model, version) ? at : undefined;
}

/** The text to store once everything up to `at` has been dealt with. */
export function watermarkText(at: string, model: ValidModel, version: string): string {
  return JSON.stringify({ key: keyOf(model, version), at } satisfies Stored);
}

/** For people: the moment itself. */
export function watermarkOf(stored: string | undefined): string | undefined {
  return stored === undefined ? undefined : (JSON.parse(stored) as Stored).at;
}

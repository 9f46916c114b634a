// The names of parts: a template with the mapping, the sync, its date and the batch. The
// same batch gets the same name however often it is sent, also by a sync that is resumed on
// another day: the date is the one that the sync's id begins with.
import { createHash } from 'node:crypto';
import type { Diagnostic, Prepared } from '@sluice/destination-kit';
import { error } from '@sluice/destination-kit';

export const DEFAULT_KEY = '{mapping}/{date}/{sync}-{batch}';

const PLACES = ['mapping', 'sync', 'batch', 'date', 'year', 'month', 'day', 'hour'] as const;
type Place = (typeof PLACES)[number];

/** Amazon S3 and Cloud Storage take 1024 bytes; what is filled in and the ending need some. */
const MAX_TEMPLATE_BYTES = 500;
const EXTENSION = /\.(ndjson|jsonl|json|csv|parquet|gz)$/i;
// What every store and every file system takes, beside `/` and the places.
const TEXT = /^[A-Za-z0-9 _.=+@()-]*$/;

export type SyncPlace = { readonly mappingId: string; readonly syncId: string; readonly openedAt: Date };

/** Problems of the template; `path` is where it stands. */
export function keyProblems(template: unknown, path: string): Diagnostic[] {
  if (template === undefined || template === null || template === '') return [];
  if (typeof template !== 'string')
    return [
      error(path, 'the key must be a fixed text with places such as {mapping} and {batch}, the same for every row'),
    ];
  const problems: Diagnostic[] = [];
  const refuse = (message: string, fix?: string): void => void problems.push(error(path, message, fix));
  const known = `there are: ${PLACES.map((each) => `{${each}}`).join(', ')}`;
  const named = [...template.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1] ?? '');
  for (const name of named) if (!isPlace(name)) refuse(`the key has no place "{${name}}"`, known);
  if (!named.includes('batch'))
    refuse('the key needs {batch}, or each batch would take the place of the one before', `for example ${DEFAULT_KEY}`);
  const rest = template.replaceAll(/\{[^{}]*\}/g, 'x');
  if (Buffer.byteLength(template) > MAX_TEMPLATE_BYTES) refuse(`the key is longer than ${MAX_TEMPLATE_BYTES} bytes`);
  if (EXTENSION.test(template))
    refuse('the key ends in a file name extension, which the format adds by itself', 'take it off');
  for (const segment of rest.split('/')) {
    if (segment === '') refuse('the key has an empty folder name', 'no / at the beginning or the end, and no //');
    else if (segment.startsWith('.'))
      refuse(`the part "${segment}" of the key begins with a dot: many readers skip such names`);
    else if (segment.trim() !== segment) refuse(`the part "${segment}" of the key begins or ends with a space`);
    else if (!TEXT.test(segment))
      refuse(
        `the part "${segment}" of the key has characters that not every store takes`,
        'use letters, digits and _ . = + @ ( ) -',
      );
  }
  return problems;
}

/** The key of one batch, without its ending. The template must be without problems. */
export function keyOf(template: string, place: SyncPlace, batch: readonly Prepared[], idempotencyKey: string): string {
  const { mappingId, syncId, openedAt } = place;
  const [, year = '', month = '', day = '', hour = ''] =
    /^(\d{4})(\d{2})(\d{2})(\d{2})\d{4}_/.exec(syncId) ??
    /^(\d{4})-(\d{2})-(\d{2})T(\d{2})/.exec(openedAt.toISOString()) ??
    [];
  const values: Readonly<Record<Place, string>> = {
    mapping: plainName(mappingId),
    sync: plainName(syncId),
    batch: batchName(batch, idempotencyKey),
    date: `${year}-${month}-${day}`,
    year,
    month,
    day,
    hour,
  };
  return template.replaceAll(/\{([^{}]*)\}/g, (text, name: string) => (isPlace(name) ? values[name] : text));
}

/** What is left of an id when it is part of a name. */
export function plainName(id: string): string {
  return id.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 100);
}

// The place of its first row sorts the parts in the plan's order; the hash tells apart
// batches that begin alike, as those do that a refused batch is split into.
function batchName(batch: readonly Prepared[], idempotencyKey: string): string {
  const first = String(batch[0]?.change.ordinal ?? 0).padStart(12, '0');
  return `${first}-${createHash('sha256').update(idempotencyKey).digest('hex').slice(0, 16)}`;
}

function isPlace(name: string): name is Place {
  return (PLACES as readonly string[]).includes(name);
}

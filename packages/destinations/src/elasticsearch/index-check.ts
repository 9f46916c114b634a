// Whether a mapping can be kept in the index, before anything is sent.
import type { JsonValue } from '@sluice/core';
import { AppError } from '@sluice/core';
import type { SearchClient } from './client.ts';
import { SearchError } from './client.ts';
import type { Target } from './settings.ts';

type Mappings = { readonly dynamic?: string | boolean; readonly properties?: Readonly<Record<string, unknown>> };

/**
 * `rowFields`: the fields that the mapping writes, where they are known before the first row.
 * @throws AppError that names the index or field that does not fit. @throws SearchError
 */
export async function checkIndex(client: SearchClient, target: Target, rowFields: readonly string[]): Promise<void> {
  const { index } = target;
  let answer: JsonValue;
  try {
    answer = await client.request({ method: 'GET', path: `/${encodeURIComponent(index)}/_mapping` });
  } catch (error) {
    if (!(error instanceof SearchError)) throw error;
    // The key may write without the right to look.
    if (error.status === 403) return;
    if (error.status !== 404) throw error;
    if (target.createIndex) return;
    throw new AppError(`the index "${index}" does not exist`, {
      code: 'INDEX_NOT_FOUND',
      kind: 'invalid',
      origin: 'destination',
      where: 'fields.index',
      fix: 'make the index with its mapping, correct the name, or set create_index',
      cause: error,
    });
  }
  const wanted = [...rowFields, target.operationField, target.recordIdField].filter((each) => each !== undefined);
  for (const [name, { mappings }] of Object.entries((answer ?? {}) as Record<string, { mappings?: Mappings }>)) {
    if (String(mappings?.dynamic) !== 'strict') continue;
    const known = Object.keys(mappings?.properties ?? {});
    // `a.b` is a field inside `a`.
    const unknown = wanted.find((each) => !known.includes(each) && !known.includes(each.split('.')[0] ?? ''));
    if (unknown !== undefined)
      throw new AppError(
        `the index "${name}" has a strict mapping without a field "${unknown}"; it has ${known.join(', ')}`,
        {
          code: 'UNKNOWN_FIELD',
          kind: 'invalid',
          origin: 'destination',
          where: `fields.row.${unknown}`,
          fix: "add the field to the index's mapping, or leave it out of the row",
        },
      );
  }
}

// Finds where the configuration names the address that answered: a 404 of such an address
// may be about the address, a 404 of one that a definition puts together (`/contacts/17`)
// is about the record.
import type { DestinationSpec } from '../destination.ts';
import { isPlainObject } from '../mapping/compile.ts';

/** Answers after which a configured address may be the wrong one. */
const DOUBTFUL: ReadonlySet<number> = new Set([403, 404, 405, 410]);

/** Gives `fields.url` or `settings.endpoint` for the answer of an address that stands there. */
export function addressFinder(
  spec: Pick<DestinationSpec, 'settings' | 'fields'>,
): (status: number, url: string) => string | undefined {
  const places = new Map<string, string>();
  for (const root of ['settings', 'fields'] as const) {
    for (const [name, value] of Object.entries(spec[root])) {
      const text: unknown = isPlainObject(value) ? value['@literal'] : value;
      const key = typeof text === 'string' ? keyOf(text) : undefined;
      if (key !== undefined) places.set(key, `${root}.${name}`);
    }
  }
  return (status, url) => {
    const key = DOUBTFUL.has(status) ? keyOf(url) : undefined;
    return key === undefined ? undefined : places.get(key);
  };
}

/** An address without its query, in one spelling. */
function keyOf(text: string): string | undefined {
  const url = URL.parse(text);
  return url === null || !/^https?:$/.test(url.protocol) ? undefined : `${url.origin}${url.pathname}`;
}

import { optionalNumber } from '../../cloud-storage/preconditions.ts';

/** `maxResults` of a list: at most 1,000, and so many when it is left out. */
export function pageSize(query: Readonly<Record<string, string | undefined>>): number {
  const asked = optionalNumber(query, 'maxResults');
  return asked === undefined || asked === 0 ? 1_000 : Math.min(asked, 1_000);
}

import { BigQueryError } from '../../bigquery-error.ts';
import type { RequestContext } from '../route.ts';

/** 412 when the request was made for another state of the resource than the current one. */
export function checkIfMatch(context: RequestContext, etag: string, name: string): void {
  const wanted = context.headers['if-match'];
  if (wanted === undefined || wanted === '*') return;
  const plain = wanted.replace(/^W\//, '').replace(/^"(.*)"$/, '$1');
  if (plain === etag) return;
  throw new BigQueryError('conditionNotMet', `Resource ${name} did not meet condition IF_MATCH`, {
    location: 'If-Match',
    locationType: 'header',
  });
}

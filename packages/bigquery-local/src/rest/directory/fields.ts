// What the methods of the Directory API share: the decision, pages, and its own texts.
import { BigQueryError } from '../../bigquery-error.ts';
import { pageOf, type Page } from '../iam/body.ts';
import type { RequestContext } from '../route.ts';

/** The one customer of the local directory: an id of Google's form. */
export const CUSTOMER_ID = 'C00000000';
const MY_CUSTOMER = 'my_customer';

type Verb = 'get' | 'list' | 'create' | 'update' | 'delete';

/** Only administrators of the directory may do anything with it. */
export function authorizeDirectory(
  context: RequestContext,
  collection: 'users' | 'groups' | 'members',
  verb: Verb,
): void {
  context.authorize(`admin.directory.${collection}.${verb}`, { kind: 'directory', projectId: '' });
}

/** 400 unless the request names the whole directory or a domain, as Google's lists want it. */
export function requireCustomerOrDomain(context: RequestContext): (email: string) => boolean {
  const { customer, domain } = context.query;
  if (domain !== undefined && domain !== '') {
    const suffix = `@${domain.toLowerCase()}`;
    return (email) => email.endsWith(suffix);
  }
  if (customer === MY_CUSTOMER || customer === CUSTOMER_ID) return () => true;
  if (customer === undefined || customer === '') throw new BigQueryError('badRequest', 'Bad Request');
  throw new BigQueryError('notFound', 'Resource Not Found: customer');
}

export function directoryPage<T>(
  context: RequestContext,
  all: readonly T[],
  keyOf: (item: T) => string,
  defaultSize: number,
  maxSize: number,
): Page<T> {
  const pageSize = context.query['maxResults'];
  return pageOf({ ...context, query: { ...context.query, pageSize } }, all, keyOf, defaultSize, maxSize);
}

/** Refuses the parameters that this server would have to ignore. */
export function refuseParameters(context: RequestContext, ...names: readonly string[]): void {
  const given = names.find((name) => (context.query[name] ?? '') !== '');
  if (given !== undefined)
    throw new BigQueryError('invalid', `The parameter ${given} is not supported by the local directory.`);
}

export function missing(field: string): BigQueryError {
  return new BigQueryError('required', `Missing required field: ${field}`, { httpStatus: 400 });
}

export function invalidInput(field: string): BigQueryError {
  return new BigQueryError('invalid', `Invalid Input: ${field}`);
}

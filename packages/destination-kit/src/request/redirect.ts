// Which redirects are followed. A read may be sent anywhere, without its credentials
// when the host changes. A write is repeated only where the server says so with 307 or
// 308 and on the same origin: 301 and 302 would make it a read, and another origin would
// get data that the user did not send there. What is not followed stays a 3xx answer,
// which the retry table reports with the place it points to.
import type { Exchange } from './exchange.ts';
import { isRead } from './exchange.ts';
import type { ClientResponse } from './response.ts';

const CARRIED_ELSEWHERE = new Set(['accept', 'user-agent']);

/** The request that follows the redirect, or undefined when the answer is final. */
export function redirectTarget(from: Exchange, response: ClientResponse): Exchange | undefined {
  const location = response.headers.get('location');
  if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return undefined;
  const url = URL.parse(location, from.url.href);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return undefined;
  const sameOrigin = url.origin === from.url.origin;
  url.username = '';
  url.password = '';
  if (isRead(from.method)) return { ...from, url, headers: sameOrigin ? from.headers : publicHeaders(from.headers) };
  if (response.status === 303 && sameOrigin) {
    // The write was done; the answer is to be read elsewhere.
    return { url, method: 'GET', headers: withoutBody(from.headers), body: null };
  }
  return (response.status === 307 || response.status === 308) && sameOrigin ? { ...from, url } : undefined;
}

function publicHeaders(headers: Headers): Headers {
  return new Headers([...headers].filter(([name]) => CARRIED_ELSEWHERE.has(name)));
}

function withoutBody(headers: Headers): Headers {
  return new Headers([...headers].filter(([name]) => !name.startsWith('content-') && name !== 'idempotency-key'));
}

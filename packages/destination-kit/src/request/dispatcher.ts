// The connections of a pool: straight to the destination, or through a proxy. Proxies are
// named as every HTTP client names them: by HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the
// environment (also in lower case), or by an option.
import type { Dispatcher, buildConnector } from 'undici';
import { Agent, EnvHttpProxyAgent } from 'undici';
import { RequestError } from './errors.ts';

/** How undici opens a connection; see its documentation of `Client`, option `connect`. */
export type Connector = buildConnector.connector;

export type ProxyOption =
  /** HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the process. */
  | 'environment'
  | 'none'
  /** One proxy for all, but for the hosts in `noProxy` (comma-separated, as in NO_PROXY). */
  | { readonly url: string; readonly noProxy?: string };

export type ConnectionOptions = {
  /** Connections per origin. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  readonly proxy: ProxyOption;
  /** Opens all connections, also those to https: origins, instead of the network. */
  readonly connector?: Connector;
};

/** Throws a RequestError when the proxy's address is not a URL. */
export function createDispatcher({ connections, connectTimeoutMs, proxy, connector }: ConnectionOptions): Dispatcher {
  const options: Agent.Options = {
    connections,
    pipelining: 1,
    maxOrigins: 256,
    connect: connector ?? { timeout: connectTimeoutMs },
    // The client's own timer bounds the whole exchange, so undici's finer ones only get in the way.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  const addresses = connector === undefined ? proxyAddresses(proxy) : undefined;
  if (addresses === undefined) return new Agent(options);
  const { connect: _, ...rest } = options;
  try {
    return new EnvHttpProxyAgent({
      ...rest,
      ...addresses,
      proxyTls: { timeout: connectTimeoutMs },
      requestTls: { timeout: connectTimeoutMs },
    });
  } catch {
    // The address may hold a password, so it is not repeated.
    throw new RequestError('bad_request', 'the address of the HTTP proxy is not a valid URL');
  }
}

function proxyAddresses(
  proxy: ProxyOption,
): { readonly httpProxy?: string; readonly httpsProxy?: string; readonly noProxy?: string } | undefined {
  if (proxy === 'none') return undefined;
  if (proxy !== 'environment') {
    return { httpProxy: proxy.url, httpsProxy: proxy.url, noProxy: proxy.noProxy ?? '' };
  }
  const { env } = process;
  const http = env['http_proxy'] ?? env['HTTP_PROXY'] ?? '';
  const https = env['https_proxy'] ?? env['HTTPS_PROXY'] ?? '';
  if (http === '' && https === '') return undefined;
  return {
    ...(http === '' ? {} : { httpProxy: http }),
    ...(https === '' ? {} : { httpsProxy: https }),
    noProxy: env['no_proxy'] ?? env['NO_PROXY'] ?? '',
  };
}

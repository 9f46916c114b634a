// NET.*: hosts and addresses. Source: "Net functions" of the GoogleSQL reference; the list of public suffixes is tldts's.
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { getPublicSuffix } from 'tldts';

/** The host of a URL, as written; null when there is none. */
export function host(url: string): string | null {
  const trimmed = url.trim();
  const authority =
    /^(?:[A-Za-z][A-Za-z0-9+.-]*:)?\/\/([^/?#\\]*)/.exec(trimmed)?.[1] ??
    (/^[A-Za-z][A-Za-z0-9+.-]*:(?!\d|\/)/.test(trimmed) ? undefined : /^[^/?#\\]*/.exec(trimmed)?.[0]);
  if (authority === undefined) return /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(trimmed)?.[1] ?? null;
  const withoutUser = authority.slice(authority.lastIndexOf('@') + 1);
  const result = withoutUser.startsWith('[')
    ? withoutUser.replace(/\](:\d*)?$/, ']')
    : withoutUser.replace(/:[^:]*$/, '');
  return result === '' ? null : result;
}

/** The last `labels` labels of a host, as written. */
function tail(name: string, labels: number): string {
  return name.split('.').slice(-labels).join('.');
}

export function publicSuffix(url: string): string | null {
  const name = host(url)?.replace(/\.+$/, '');
  if (name === undefined || name === '' || !name.includes('.') || isIPv4(name)) return null;
  const suffix = getPublicSuffix(name.toLowerCase(), { allowPrivateDomains: true, extractHostname: false });
  return suffix === null ? null : tail(name, suffix.split('.').length);
}

export function regDomain(url: string): string | null {
  const suffix = publicSuffix(url);
  const name = host(url)?.replace(/\.+$/, '');
  if (suffix === null || name === undefined) return null;
  const labels = suffix.split('.').length + 1;
  return name.split('.').length < labels ? null : tail(name, labels);
}

/** Address bytes in network order, as hexadecimal text. */
export function ipFromString(text: string): string {
  if (isIPv4(text))
    return text
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join('');
  if (!isIPv6(text) || text.includes('%')) throw new Error(`IP string is not valid: ${text.slice(0, 100)}`);
  const embedded = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a, b, c, d] = parts.slice(0, 4).map(Number) as [number, number, number, number];
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = '', rest] = embedded.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = rest === undefined || rest === '' ? [] : rest.split(':');
  const zeros = rest === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].map((group) => group.padStart(4, '0')).join('');
}

export function ipToString(hex: string): string {
  if (hex.length === 8)
    return Array.from({ length: 4 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)).join('.');
  if (hex.length !== 32) throw new Error('NET.IP_TO_STRING() encountered an invalid address length');
  const groups = Array.from({ length: 8 }, (_, i) => hex.slice(4 * i, 4 * i + 4)).join(':');
  // The platform's own canonical form (RFC 5952).
  const list = new BlockList();
  list.addAddress(groups, 'ipv6');
  return /IPv6 (\S+)/.exec(list.rules[0] ?? '')?.[1] ?? groups;
}

// NET.*: hosts and addresses. Source: "Net functions" of the GoogleSQL reference; the list of public suffixes is tldts's.
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { parse } from 'tldts';

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
  if (name === undefined || name === '' || isIPv4(name)) return null;
  // Private entries of the list (github.io) do not count.
  const { publicSuffix: suffix, isIcann } = parse(name.toLowerCase(), { extractHostname: false });
  if (suffix === null || isIcann !== true) return null;
  return tail(name, suffix.split('.').length);
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
  if (!isIPv6(text) || text.includes('%'))
    throw new Error(`NET.IP_FROM_STRING() encountered an unparseable IP-address: ${text.slice(0, 100)}`);
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
  if (hex.length !== 32)
    throw new Error(
      `NET.IP_TO_STRING() encountered an invalid IP address. Expected 4 (for IPv4) or 16 (for IPv6) bytes but got ${hex.length / 2}`,
    );
  const groups = Array.from({ length: 8 }, (_, i) => hex.slice(4 * i, 4 * i + 4)).join(':');
  // The platform's own canonical form (RFC 5952).
  const list = new BlockList();
  list.addAddress(groups, 'ipv6');
  return /IPv6 (\S+)/.exec(list.rules[0] ?? '')?.[1] ?? groups;
}

/** The netmask with that many ones, of 4 or 16 bytes. */
export function ipNetMask(length: bigint, prefix: bigint): Uint8Array {
  if (length !== 4n && length !== 16n)
    throw new Error(
      `The first argument of NET.IP_NET_MASK() must be either 4 (for IPv4) or 16 (for IPv6); got ${length}`,
    );
  if (prefix < 0n || prefix > 8n * length)
    throw new Error(
      `The second argument of NET.IP_NET_MASK() must be between 0 and the first argument * 8; got ${prefix}`,
    );
  return Uint8Array.from({ length: Number(length) }, (_, i) => maskByte(Number(prefix) - 8 * i));
}

function maskByte(ones: number): number {
  if (ones >= 8) return 255;
  return ones <= 0 ? 0 : (0xff << (8 - ones)) & 0xff;
}

export function ipTrunc(address: Uint8Array, prefix: bigint): Uint8Array {
  if (address.length !== 4 && address.length !== 16)
    throw new Error(
      `The first argument of NET.IP_TRUNC() must have length 4 (for IPv4) or 16 (for IPv6); got ${address.length}`,
    );
  if (prefix < 0n || prefix > BigInt(8 * address.length))
    throw new Error(
      `The second argument of NET.IP_TRUNC() must be between 0 and 8 * LENGTH(first argument); got ${prefix}`,
    );
  return Uint8Array.from(address, (byte, i) => byte & maskByte(Number(prefix) - 8 * i));
}

/** Numbers from -2^31 to 2^32 - 1. */
export function ipv4FromInt64(value: bigint): Uint8Array {
  if (value < -(2n ** 31n) || value >= 2n ** 32n)
    throw new Error(
      `NET.IPV4_FROM_INT64() encountered an invalid integer IP. Expected range: [-0x80000000, 0xFFFFFFFF]; got ${value}`,
    );
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(Number(BigInt.asUintN(32, value)));
  return bytes;
}

export function ipv4ToInt64(address: Uint8Array): bigint {
  if (address.length !== 4)
    throw new Error(`NET.IPV4_TO_INT64() encountered a non-IPv4 address. Expected 4 bytes but got ${address.length}`);
  return BigInt(Buffer.from(address).readUInt32BE());
}

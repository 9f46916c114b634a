// Hashes and encodings on bytes, which travel as hexadecimal text.
import { createHash } from 'node:crypto';
import { fingerprint64 } from 'farmhash-modern';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function sha512(hex: string): string {
  return createHash('sha512').update(Buffer.from(hex, 'hex')).digest('hex');
}

/** FARM_FINGERPRINT: FarmHash Fingerprint64, read as a signed number. */
export function farmFingerprint(hex: string): string {
  return BigInt.asIntN(64, fingerprint64(Buffer.from(hex, 'hex'))).toString();
}

export function toBase32(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  const text = (bits.match(/.{1,5}/g) ?? []).map((group) => BASE32[Number.parseInt(group.padEnd(5, '0'), 2)]).join('');
  return text.padEnd(Math.ceil(text.length / 8) * 8, '=');
}

export function fromBase32(text: string): string {
  const body = text.replace(/=+$/, '');
  if (text.length % 8 !== 0 || !/^[A-Z2-7]*$/.test(body)) throw new Error(`Failed to decode invalid base32 string`);
  const bits = Array.from(body, (c) => BASE32.indexOf(c).toString(2).padStart(5, '0')).join('');
  return (bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2).toString(16).padStart(2, '0')).join('');
}

/** Each invalid byte becomes U+FFFD. */
export function safeConvertBytesToString(hex: string): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.from(hex, 'hex'));
}

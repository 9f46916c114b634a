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

/** Each byte that is no part of a valid character becomes U+FFFD. */
export function safeConvertBytesToString(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
  let result = '';
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at]!;
    const length = byte < 0x80 ? 1 : byte < 0xc2 ? 0 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 0;
    const piece = bytes.subarray(at, at + length);
    let text = '\ufffd';
    try {
      if (length > 0 && piece.length === length) text = decoder.decode(piece);
    } catch {
      // An incomplete or overlong character: its first byte alone is replaced.
    }
    result += text;
    at += text === '\ufffd' && !isReplacementCharacter(piece) ? 1 : length;
  }
  return result;
}

function isReplacementCharacter(bytes: Uint8Array): boolean {
  return bytes.length === 3 && bytes[0] === 0xef && bytes[1] === 0xbf && bytes[2] === 0xbd;
}

/** Padding may be missing and white space stand anywhere. */
export function fromBase64(text: string): Uint8Array {
  const compact = text.replaceAll(/[\t\n\v\f\r ]/g, '');
  const body = compact.replace(/=+$/, '');
  const padding = compact.length - body.length;
  if (
    !/^[A-Za-z0-9+/]*$/.test(body) ||
    body.length % 4 === 1 ||
    (padding > 0 && compact.length % 4 !== 0) ||
    padding > 2
  )
    throw new Error('Failed to decode invalid base64 string');
  return Buffer.from(body, 'base64');
}

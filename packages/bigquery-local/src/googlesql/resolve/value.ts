// The analyser's literals (ValueWithTypeProto) → typed values.
// Encodings: zetasql/public/value.proto and the civil-time and interval headers of ZetaSQL.
import { unsupported } from '../analyzer/analyzer-error.ts';
import { typeFromProto } from '../analyzer/type-proto.ts';
import { datePartName } from '../functions/index.ts';
import type { GType, TypedValue, Value } from '../types.ts';
import type { Message } from './message.ts';

const NORMALIZE_MODES = ['NFC', 'NFKC', 'NFD', 'NFKD'];
const ROUNDING_MODES = ['ROUNDING_MODE_UNSPECIFIED', 'ROUND_HALF_AWAY_FROM_ZERO', 'ROUND_HALF_EVEN'];

export function literalOf(valueWithType: Message): TypedValue {
  const typeProto = valueWithType['type'] as Message;
  const type = typeFromProto(typeProto);
  const proto = (valueWithType['value'] ?? {}) as Message;
  if (typeProto['typeKind'] === 'TYPE_ENUM') return { type, value: enumName(typeProto, proto) };
  return { type, value: valueOf(type, proto) };
}

function enumName(type: Message, proto: Message): string | null {
  if (typeof proto['value'] !== 'string') return null;
  const number = Number(proto['enumValue']);
  const name = ((type['enumType'] as Message | undefined)?.['enumName'] as string | undefined) ?? '';
  const names = name.endsWith('NormalizeMode') ? NORMALIZE_MODES : name.endsWith('RoundingMode') ? ROUNDING_MODES : [];
  const found = name.endsWith('DateTimestampPart') ? datePartName(number) : names[number];
  if (found === undefined) throw unsupported(`Enum ${name}`);
  return found;
}

function valueOf(type: GType, proto: Message): Value {
  const variant = proto['value'];
  // NULL is a value without a variant.
  if (typeof variant !== 'string') return null;
  const raw = proto[variant];
  switch (type.kind) {
    case 'INT64':
      return BigInt(raw as string);
    case 'FLOAT64':
      return Number(raw);
    case 'BOOL':
      return raw === true;
    case 'STRING':
    case 'JSON':
      return raw as string;
    case 'BYTES':
      return raw as Uint8Array;
    case 'DATE':
      return new Date(Number(raw) * 86_400_000).toISOString().slice(0, 10).padStart(10, '0');
    case 'TIMESTAMP': {
      const { seconds, nanos } = raw as { seconds?: string; nanos?: number };
      return BigInt(seconds ?? 0) * 1_000_000n + BigInt(Math.floor((nanos ?? 0) / 1000));
    }
    case 'DATETIME': {
      const { bitFieldDatetimeSeconds, nanos } = raw as { bitFieldDatetimeSeconds?: string; nanos?: number };
      const bits = BigInt(bitFieldDatetimeSeconds ?? 0);
      const date = `${digits(bits >> 26n, 4)}-${digits((bits >> 22n) & 15n, 2)}-${digits((bits >> 17n) & 31n, 2)}`;
      return `${date} ${clock(bits & 0x1ffffn, nanos ?? 0)}`;
    }
    case 'TIME': {
      const bits = BigInt(raw as string);
      return clock(bits >> 30n, Number(bits & 0x3fffffffn));
    }
    case 'NUMERIC':
      return decimal(raw as Uint8Array, 9);
    case 'BIGNUMERIC':
      return decimal(raw as Uint8Array, 38);
    case 'INTERVAL':
      return interval(raw as Uint8Array);
    case 'ARRAY': {
      const list = ((raw as Message)['element'] ?? []) as readonly Message[];
      return list.map((item) => valueOf(type.element, item));
    }
    case 'STRUCT': {
      const list = ((raw as Message)['field'] ?? []) as readonly Message[];
      return list.map((item, i) => valueOf(type.fields[i]!.type, item));
    }
    case 'RANGE': {
      const { start, end } = raw as { start?: Message; end?: Message };
      return [valueOf(type.element, start ?? {}), valueOf(type.element, end ?? {})];
    }
    case 'GEOGRAPHY':
      throw unsupported('A GEOGRAPHY constant');
  }
}

function digits(n: bigint, width: number): string {
  return n.toString().padStart(width, '0');
}

/** `bits`: hour << 12, minute << 6, second. */
function clock(bits: bigint, nanos: number): string {
  const micros = Math.floor(nanos / 1000);
  const fraction = micros === 0 ? '' : `.${String(micros).padStart(6, '0')}`;
  return `${digits(bits >> 12n, 2)}:${digits((bits >> 6n) & 63n, 2)}:${digits(bits & 63n, 2)}${fraction}`;
}

/** Little-endian two's complement, scaled by 10^scale. */
function decimal(bytes: Uint8Array, scale: number): string {
  let n = 0n;
  for (let i = bytes.length - 1; i >= 0; i -= 1) n = (n << 8n) | BigInt(bytes[i]!);
  n = BigInt.asIntN(bytes.length * 8, n);
  const sign = n < 0n ? '-' : '';
  const all = (n < 0n ? -n : n).toString().padStart(scale + 1, '0');
  const fraction = all.slice(-scale).replace(/0+$/, '');
  return `${sign}${all.slice(0, -scale)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** int64 micros, int32 days, then one word: bit 31 the sign of the months, bits 13–30 the months, bits 0–9 nanoseconds. */
function interval(bytes: Uint8Array): Value {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = view.getUint32(12, true);
  const months = BigInt((word >>> 13) & 0x3ffff);
  return {
    micros: view.getBigInt64(0, true),
    days: BigInt(view.getInt32(8, true)),
    months: word >>> 31 === 1 ? -months : months,
  };
}

// GoogleSQL types ↔ the analyser's TypeProto.
import type { GType, ScalarKind } from '../types.ts';
import { unsupported } from './analyzer-error.ts';
import type { Message } from './client.ts';

const KINDS: Readonly<Record<string, ScalarKind>> = {
  TYPE_INT64: 'INT64',
  TYPE_DOUBLE: 'FLOAT64',
  TYPE_BOOL: 'BOOL',
  TYPE_STRING: 'STRING',
  TYPE_BYTES: 'BYTES',
  TYPE_DATE: 'DATE',
  TYPE_DATETIME: 'DATETIME',
  TYPE_TIME: 'TIME',
  TYPE_TIMESTAMP: 'TIMESTAMP',
  TYPE_NUMERIC: 'NUMERIC',
  TYPE_BIGNUMERIC: 'BIGNUMERIC',
  TYPE_JSON: 'JSON',
  TYPE_INTERVAL: 'INTERVAL',
  TYPE_GEOGRAPHY: 'GEOGRAPHY',
};

const PROTO_KINDS = Object.fromEntries(Object.entries(KINDS).map(([proto, kind]) => [kind, proto])) as Readonly<
  Record<ScalarKind, string>
>;

/** Enums (date parts and modes) become STRING: their values are given by name. */
export function typeFromProto(proto: unknown): GType {
  const message = proto as Message;
  const kind = message['typeKind'] as string;
  if (kind === 'TYPE_ARRAY')
    return { kind: 'ARRAY', element: typeFromProto((message['arrayType'] as Message)['elementType']) };
  if (kind === 'TYPE_STRUCT') {
    const fields = ((message['structType'] as Message)['field'] ?? []) as readonly Message[];
    return {
      kind: 'STRUCT',
      fields: fields.map((f) => ({
        name: (f['fieldName'] as string | undefined) ?? '',
        type: typeFromProto(f['fieldType']),
      })),
    };
  }
  if (kind === 'TYPE_RANGE')
    return { kind: 'RANGE', element: typeFromProto((message['rangeType'] as Message)['elementType']) };
  if (kind === 'TYPE_ENUM') return { kind: 'STRING' };
  const scalar = KINDS[kind];
  if (scalar === undefined) throw unsupported(`Type ${kind.replace('TYPE_', '')}`);
  return { kind: scalar };
}

export function typeToProto(type: GType): Message {
  switch (type.kind) {
    case 'ARRAY':
      return { typeKind: 'TYPE_ARRAY', arrayType: { elementType: typeToProto(type.element) } };
    case 'STRUCT':
      return {
        typeKind: 'TYPE_STRUCT',
        structType: { field: type.fields.map((f) => ({ fieldName: f.name, fieldType: typeToProto(f.type) })) },
      };
    case 'RANGE':
      return { typeKind: 'TYPE_RANGE', rangeType: { elementType: typeToProto(type.element) } };
    default:
      return { typeKind: PROTO_KINDS[type.kind] };
  }
}

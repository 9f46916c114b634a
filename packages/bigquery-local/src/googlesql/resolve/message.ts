// Reading the analyser's messages as proto-loader decodes them: one-of wrappers are
// unwrapped, the `parent` chains of base classes are laid flat.
import type { Message } from '../analyzer/client.ts';

export type { Message };

/** A node of the resolved tree: its variant (`resolvedFilterScanNode`) and the fields of it and its base classes. */
export type Node = { readonly kind: string; readonly fields: Message };

export function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** The variant of an `Any…Proto`, through abstract classes down to the concrete one. */
export function nodeOf(value: unknown): Node {
  let kind = '';
  let current: unknown = value;
  while (isMessage(current) && typeof current['node'] === 'string') {
    kind = current['node'];
    current = current[kind];
  }
  if (!isMessage(current)) throw new Error(`The analyser's answer lacks a node (${kind}).`);
  return { kind, fields: flat(current) };
}

/** Fields of a message and of its base classes; the derived class wins. */
function flat(message: Message): Message {
  const parent = message['parent'];
  if (!isMessage(parent)) return message;
  return { ...flat(parent), ...message };
}

export function text(message: Message, key: string): string {
  const value = message[key];
  return typeof value === 'string' ? value : '';
}

export function flag(message: Message, key: string): boolean {
  return message[key] === true;
}

export function has(message: Message, key: string): boolean {
  return isMessage(message[key]);
}

/** A member that is a message, flattened. */
export function part(message: Message, key: string): Message {
  const value = message[key];
  if (!isMessage(value)) throw new Error(`The analyser's answer lacks ${key}.`);
  return flat(value);
}

/** A repeated member, each item flattened. */
export function parts(message: Message, key: string): Message[] {
  const value = message[key];
  return Array.isArray(value) ? value.filter(isMessage).map(flat) : [];
}

/** A repeated member of `Any…Proto`s or scalars, as it is. */
export function items(message: Message, key: string): readonly unknown[] {
  const value = message[key];
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

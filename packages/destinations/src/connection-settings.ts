// What the connections of native destinations have in common: their settings as texts, and
// the settings with which they ask for encryption, as Node's TLS takes them
// (https://nodejs.org/api/tls.html#tlsconnectoptions-callback).
import type { JsonObject, JsonValue } from '@sluice/core';
import type { InputField } from '@sluice/destination-kit';

/** Settings `ssl` and `ca`, the same in every destination that has them. */
export const tlsFields: Readonly<Record<'ssl' | 'ca', InputField>> = {
  ssl: {
    label: 'TLS',
    description:
      'verify-full: encrypted, and the certificate must be for this host. require: encrypted, certificate not checked. disable: not encrypted.',
    type: 'string',
    choices: ['verify-full', 'require', 'disable'],
    default: 'verify-full',
  },
  ca: {
    label: 'CA certificate',
    description: "PEM text of the authority that signed the server's certificate, when it is no public one.",
    type: 'text',
  },
};

export type TlsOptions = { readonly rejectUnauthorized: boolean; readonly ca?: string };

/** Undefined for a connection that is not encrypted. */
export function tlsOptions({ ssl, ca }: JsonObject): TlsOptions | undefined {
  if (ssl === 'disable') return undefined;
  return { rejectUnauthorized: ssl !== 'require', ...(typeof ca === 'string' && ca !== '' ? { ca } : {}) };
}

/** A setting or fixed field that passed validation, as text; empty when it is not set. */
export function settingText(value: JsonValue | undefined): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** The names that a mapping's `row` spells out; none when the row is made by a directive. */
export function fixedRowColumns({ row }: JsonObject): readonly string[] {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return [];
  const names = Object.keys(row);
  return names.some((name) => name.startsWith('@')) ? [] : names;
}

// Reads the JSON key of a service account. Says what is wrong with a key without ever
// repeating any of its text.
import { createPrivateKey } from 'node:crypto';
import type { ServiceAccountKey } from '@sluice/engine';
import { z } from 'zod';

const keySchema = z.object({
  type: z.literal('service_account'),
  project_id: z.string().min(1),
  private_key_id: z.string().min(1),
  private_key: z.string().min(1),
  client_email: z.string().min(1),
  client_id: z.string().optional(),
  token_uri: z.string().optional(),
  universe_domain: z.string().optional(),
});

export type KeyProblem = { readonly message: string; readonly fix: string };

const newKey =
  'Paste the whole content of the JSON key file that IAM & Admin > Service Accounts > Manage keys > Add key > JSON downloads.';

/** The key, or what is wrong with its text. `what` names the text: `key file keys/sluice.json`. */
export function parseKey(text: string, what: string): ServiceAccountKey | KeyProblem {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { message: `${what} is not valid JSON (${jsonFault(text, error)})`, fix: newKey };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { message: `${what} is JSON but not an object`, fix: newKey };
  const type = (value as Record<string, unknown>)['type'];
  if (type !== 'service_account') {
    const found = type === 'authorized_user' || type === 'external_account' ? `"${type}"` : 'something else';
    return {
      message: `${what} is not the key of a service account: "type" must be "service_account", found ${type === undefined ? 'nothing' : found}`,
      fix: newKey,
    };
  }
  const parsed = keySchema.safeParse(value);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => issue.path.join('.'));
    return { message: `${what} lacks ${fields.join(', ')}`, fix: newKey };
  }
  const { client_id, token_uri, universe_domain, ...required } = parsed.data;
  try {
    createPrivateKey(required.private_key);
  } catch {
    return {
      message: `${what} holds a private_key that cannot be read as PEM`,
      fix: 'Line breaks inside private_key must stay "\\n"; a shell or an .env file may have changed them. Use credentials: { keyFile: … } to read the file itself.',
    };
  }
  return {
    ...required,
    ...(client_id === undefined ? {} : { client_id }),
    ...(token_uri === undefined ? {} : { token_uri }),
    ...(universe_domain === undefined ? {} : { universe_domain }),
  };
}

/** Where JSON.parse stopped, without its excerpt of the text, which may be part of the key. */
function jsonFault(text: string, error: unknown): string {
  if (text.trim() === '') return 'it is empty';
  const position = error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined;
  if (position === undefined)
    return error instanceof Error && /end of JSON/i.test(error.message)
      ? 'it ends too early'
      : 'something in it is not JSON';
  const before = text.slice(0, Number(position));
  const line = before.split('\n').length;
  return `line ${line}, column ${before.length - before.lastIndexOf('\n')}`;
}

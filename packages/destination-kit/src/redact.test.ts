import { expect, it } from 'vitest';
import { createRedactor } from './redact.ts';

it('hides password settings in every form in which they travel', () => {
  const secret = 'p@ss "word" ü';
  const redact = createRedactor({ key: secret }, new Set(['key']), {});
  const forms = [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64'),
  ];
  for (const form of forms) expect(redact(`before ${form} after`)).toBe('before [redacted] after');
});

it('hides literals of the mapping whose name or place says that they are secret', () => {
  const redact = createRedactor({ apiToken: 'token-1234', region: 'europe' }, new Set(), {
    url: 'https://user:pass-word@example.com/?api_key=query-key&page=first',
    headers: { Authorization: 'Bearer abcdef', 'X-Team': 'analytics' },
  });
  const text = 'token-1234 europe pass-word query-key first Bearer abcdef, abcdef, analytics example.com';
  expect(redact(text)).toBe(
    '[redacted] europe [redacted] [redacted] first [redacted], [redacted], analytics example.com',
  );
});

it('leaves no rest of a secret that contains another', () => {
  const redact = createRedactor({ token: 'abcd', secret: 'abcdefgh' }, new Set(), {});
  expect(redact('x abcdefgh y')).toBe('x [redacted] y');
});

it('does not black out words for the sake of very short values', () => {
  expect(createRedactor({ token: 'a' }, new Set(), {})('a banana')).toBe('a banana');
});

import { expect, it } from 'vitest';
import { run } from '../program.ts';

async function sluice(...args: string[]) {
  let out = '';
  let err = '';
  const code = await run(args, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    environment: {},
    cwd: '/',
    outIsTerminal: false,
    errIsTerminal: false,
    columns: 100,
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

it('lists what can be sent to', async () => {
  const { code, out } = await sluice('destinations', 'list');
  expect(code).toBe(0);
  expect(out).toContain('actions-webhook ');
  expect(out).toMatch(/\n\d{3} destinations; more about one/);
  const found = await sluice('destinations', 'list', '--search', 'HubSpot', '--json');
  expect(JSON.parse(found.out)).toEqual({
    destinations: [{ type: 'actions-hubspot-cloud', name: 'HubSpot Cloud Mode (Actions)' }],
  });
});

it('says what is not offered, and why', async () => {
  const { out } = await sluice('destinations', 'list', '--excluded', '--search', 'kinesis', '--json');
  expect(JSON.parse(out)).toMatchObject({
    excluded: [{ type: 'actions-aws-kinesis', reason: expect.stringContaining('role of Segment') }],
  });
});

it('shows a destination with its settings and actions', async () => {
  const { code, out } = await sluice('destinations', 'show', 'actions-braze-cloud');
  expect(code).toBe(0);
  for (const part of [
    'Braze Cloud Mode',
    'api_key',
    'updateUserProfile',
    'keys in the settings; the destination cannot',
  ])
    expect(out).toContain(part);
  const json = await sluice('destinations', 'show', 'actions-braze-cloud', '--json');
  expect(JSON.parse(json.out)).toMatchObject({
    destination: { type: 'actions-braze-cloud', authentication: { scheme: 'custom', canTest: false } },
  });
});

it('shows the fields of an action', async () => {
  const { code, out } = await sluice('destinations', 'show', 'actions-webhook', 'send');
  expect(code).toBe(0);
  expect(out).toContain('One of POST, PUT, PATCH.');
  expect(out).not.toContain('batch_keys');
});

it.each([
  [['actions-webhok'], 'did you mean "actions-webhook"'],
  [['actions-segment'], 'is not offered: it sends nothing by itself'],
  [['actions-webhook', 'sent'], 'has no action "sent"'],
])('refuses %j and says what there is', async (names, text) => {
  const { code, out, err } = await sluice('destinations', 'show', ...names, '--json');
  expect(code).toBe(2);
  expect(err).toContain(text);
  expect(JSON.parse(out)).toMatchObject({ error: { code: 'UNKNOWN_DESTINATION', kind: 'invalid' } });
});

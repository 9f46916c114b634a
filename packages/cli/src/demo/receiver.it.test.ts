import { expect, it } from 'vitest';
import { startReceiver } from './receiver.ts';

async function post(url: string, body: unknown): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

it('takes a batch whole or not at all, and forgets deleted records', async () => {
  await using receiver = await startReceiver();
  const url = `${receiver.url}/airports`;
  const batch = ['A', 'B'].map((id) => ({ id, change: 'new', name: id }));
  receiver.refuse('airports', 'B');
  expect(await post(url, batch)).toEqual({ status: 400, body: { error: 'record B is locked for editing' } });
  expect(receiver.records('airports').size).toBe(0);

  receiver.acceptAll();
  expect(await post(url, batch)).toEqual({ status: 200, body: { accepted: 2 } });
  expect(await post(url, { id: 'A', change: 'deleted', name: null })).toMatchObject({ status: 200 });
  expect([...receiver.records('airports')]).toEqual([['B', { name: 'B' }]]);
  expect([receiver.requests, receiver.refusals]).toEqual([3, 1]);
});

it('refuses what is not a list of records', async () => {
  await using receiver = await startReceiver();
  expect((await post(`${receiver.url}/airports`, [{ name: 'x' }])).status).toBe(400);
  expect((await fetch(receiver.url, { method: 'POST', body: 'not json' })).status).toBe(400);
});

import { expect, test } from 'vitest';
import { FakeDestination } from './fake-destination.ts';
import { openDestination } from './open-destination.ts';

const never = new AbortController().signal;

class Closing extends FakeDestination {
  closed = 0;
  override async [Symbol.asyncDispose](): Promise<void> {
    this.closed += 1;
  }
}

test('a destination that does not open in time is an error, and is closed when it opens late', async () => {
  const destination = new Closing();
  const { promise, resolve } = Promise.withResolvers<Closing>();
  await expect(openDestination(() => promise, 'crm', never, { openMs: 10, closeMs: 10 })).rejects.toMatchObject({
    code: 'DESTINATION_UNAVAILABLE',
    where: 'destination crm',
  });
  resolve(destination);
  await new Promise((settled) => setImmediate(settled));
  expect(destination.closed).toBe(1);
});

test('a destination that does not close in time is left to itself', async () => {
  const destination = new FakeDestination();
  destination[Symbol.asyncDispose] = () => new Promise(() => undefined);
  const opened = await openDestination(async () => destination, 'crm', never, { openMs: 1000, closeMs: 10 });
  await opened[Symbol.asyncDispose]();
  expect(opened.destination).toBe(destination);
});

test('a cancel ends the wait for a destination to open', async () => {
  const cancel = new AbortController();
  const opening = openDestination(() => new Promise(() => undefined), 'crm', cancel.signal);
  cancel.abort(new Error('canceled'));
  await expect(opening).rejects.toThrow('canceled');
});

import { describe, expect, it } from 'vitest';
import { Slots } from './slots.ts';
import { TableLock } from './table-lock.ts';

describe('Slots', () => {
  it('lets in as many as there are slots, the others in order', async () => {
    const slots = new Slots(1);
    const order: number[] = [];
    await slots.acquire();
    const rest = [1, 2, 3].map(async (n) => {
      await slots.acquire();
      order.push(n);
      slots.release();
    });
    expect(slots.waiting).toBe(3);
    slots.release();
    await Promise.all(rest);
    expect(order).toEqual([1, 2, 3]);
  });

  it('gives the slot to the next in line when one has left it', async () => {
    const slots = new Slots(1);
    await slots.acquire();
    const gone = new AbortController();
    const impatient = slots.acquire(gone.signal);
    const patient = slots.acquire();
    gone.abort(new Error('no more time'));
    await expect(impatient).rejects.toThrow('no more time');
    slots.release();
    await patient;
    expect(slots.waiting).toBe(0);
  });
});

describe('TableLock', () => {
  it('runs one body at a time per key, also after a waiter gave up', async () => {
    const lock = new TableLock();
    const never = new AbortController().signal;
    const gone = new AbortController();
    let inside = 0;
    let most = 0;
    const body = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside--;
    };
    const first = lock.hold('t', never, body);
    const impatient = lock.hold('t', gone.signal, body);
    gone.abort(new Error('cancelled'));
    await expect(impatient).rejects.toThrow('cancelled');
    await Promise.all([first, lock.hold('t', never, body), lock.hold('t', never, body)]);
    expect(most).toBe(1);
  });

  it('lets different keys run side by side', async () => {
    const lock = new TableLock();
    const { signal } = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    const a = lock.hold('a', signal, () => promise);
    await lock.hold('b', signal, async () => resolve());
    await expect(a).resolves.toBeUndefined();
  });
});
